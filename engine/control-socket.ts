import { chmod, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import path from "node:path";
import type { BackupSummary } from "./backup/backup-file.ts";
import { outliveAcceptErrors } from "./lib/net/lasting-server.ts";
import { aborted } from "./lib/abort.ts";
import { nodeJs } from "./lib/late-modules.ts";
import { describeError, type Logger } from "./lib/log.ts";
import { service, type Service } from "./lib/service.ts";

const FILE = "server/control.sock";
const BODY_BYTES_MAX = 64 << 10;

/**
 * The running server's ear for commands of the same machine: whoever may open the socket, which is its owner, may ask.
 * `POST /backup` with `{"file": …}` writes a backup and answers what it holds.
 */
export function createControlSocket(dataDir: string, backup: (file: string) => Promise<BackupSummary>, logger: Logger): Service {
  const socket = path.join(dataDir, FILE);
  return service("control socket", async (signal) => {
    await rm(socket, { force: true });
    const server = nodeJs.http.createServer((incoming, outgoing) => {
      const answer = (status: number, body: unknown) => void outgoing.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      handle(incoming, backup).then(
        (result) => (result === undefined ? answer(404, { error: "there is only POST /backup here" }) : answer(200, result)),
        (error: unknown) => {
          logger.warn("a command failed", { command: incoming.url, error: describeError(error) });
          answer(500, { error: describeError(error) });
        },
      );
    });
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(socket, resolve));
    outliveAcceptErrors(server, logger);
    await chmod(socket, 0o600);
    await aborted(signal);
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
}

/** Asks the running server for a backup; undefined when none runs on this data directory. */
export async function requestBackup(dataDir: string, file: string): Promise<BackupSummary | undefined> {
  const answer = Promise.withResolvers<BackupSummary | undefined>();
  const outgoing = nodeJs.http.request(
    { socketPath: path.join(dataDir, FILE), method: "POST", path: "/backup", headers: { "content-type": "application/json" } },
    (incoming) => {
      readBody(incoming).then((text) => {
        const body = JSON.parse(text) as BackupSummary & { readonly error?: string }; // our own server's answer
        if (incoming.statusCode === 200) answer.resolve(body);
        else answer.reject(new Error(`the server could not do it: ${body.error ?? text}`));
      }, answer.reject);
    },
  );
  outgoing.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ECONNREFUSED") answer.resolve(undefined);
    else answer.reject(new Error(`ask the server at ${path.join(dataDir, FILE)}`, { cause: error }));
  });
  outgoing.end(JSON.stringify({ file }));
  return answer.promise;
}

async function handle(incoming: IncomingMessage, backup: (file: string) => Promise<BackupSummary>): Promise<BackupSummary | undefined> {
  if (incoming.method !== "POST" || incoming.url !== "/backup") return undefined;
  const { file } = JSON.parse(await readBody(incoming)) as { readonly file?: unknown };
  if (typeof file !== "string" || !path.isAbsolute(file)) throw new Error("file must be an absolute path");
  return backup(file);
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of incoming.setEncoding("utf8")) {
    text += chunk as string; // the encoding makes them strings
    if (text.length > BODY_BYTES_MAX) throw new Error("the request is too long");
  }
  return text;
}
