import { promises as fs } from "node:fs";
import net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { outliveAcceptErrors } from "../../lib/net/lasting-server.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { aborted, isAbort } from "../../lib/abort.ts";
import { withoutControls } from "../../lib/without-controls.ts";
import { LOCAL_IDENTITY, type GitIdentity } from "./git-access.ts";
import type { RefUpdate } from "./git-rights.ts";
import type { PushGate, PushSession } from "./push-gate.ts";

const HOOKS = ["pre-receive", "post-receive"] as const;
/** Some hundred thousand refs, as of a repository that moves here with all its tags. */
const REQUEST_LENGTH_MAX = 64 << 20;
const SOCKET_PATH_MAX = 104;

interface HookRequest {
  readonly hook: (typeof HOOKS)[number];
  /** The folder that was pushed to, such as `cluster.git`. */
  readonly repository: string;
  /** The Git server's id of the push; empty when it came over the file system. */
  readonly push: string;
  readonly updates: readonly RefUpdate[];
  readonly options: readonly string[];
  readonly overlay?: { readonly objectDir: string; readonly alternates: readonly string[] };
}

export interface HookServerOptions {
  readonly socketPath: string;
  /** The gate of a repository; undefined: pushes to it are not taken. */
  readonly gateOf: (repository: string) => PushGate | undefined;
  /** Who is behind a push over the Git server. */
  readonly identityOf: (push: string) => GitIdentity | undefined;
  readonly logger: Logger;
}

/** Writes the hooks of a repository: they connect to the socket and do what the engine says. Without the engine they refuse. */
export async function installHooks(gitDir: string, socketPath: string): Promise<void> {
  const client = path.join(path.dirname(fileURLToPath(import.meta.url)), "hook-client.mjs");
  await fs.mkdir(path.join(gitDir, "hooks"), { recursive: true });
  for (const hook of HOOKS) {
    // Git is bounded while it unpacks a push (git-server.ts); what is run here needs more addresses than that.
    const script = `#!/bin/sh\nulimit -S -v "$(ulimit -H -v)"\nexec ${quote(process.execPath)} ${quote(client)} ${hook} ${quote(socketPath)} ${quote(path.basename(gitDir))}\n`;
    await fs.writeFile(path.join(gitDir, "hooks", hook), script, { mode: 0o755 });
    await fs.chmod(path.join(gitDir, "hooks", hook), 0o755);
  }
}

/** Answers hooks on a Unix socket until the signal fires. Resolves when every connection has ended. */
export async function runHookServer(options: HookServerOptions, signal: AbortSignal): Promise<void> {
  const { socketPath } = options;
  if (Buffer.byteLength(socketPath) > SOCKET_PATH_MAX)
    throw new Error(`listen for pushes: the path ${socketPath} is longer than Unix sockets allow; choose a shorter --data-dir`);
  await fs.rm(socketPath, { force: true });
  const sessions = new Set<Promise<void>>();
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    const session = answer(socket, options, signal).finally(() => {
      sessions.delete(session);
      sockets.delete(socket);
    });
    sessions.add(session);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(new Error(`listen on ${socketPath}`, { cause: error })));
    server.listen(socketPath, resolve);
  });
  outliveAcceptErrors(server, options.logger);
  await fs.chmod(socketPath, 0o600);
  await aborted(signal);
  server.close();
  await Promise.all(sessions);
  for (const socket of sockets) socket.destroy();
  await fs.rm(socketPath, { force: true });
}

async function answer(socket: net.Socket, { gateOf, identityOf, logger }: HookServerOptions, stop: AbortSignal): Promise<void> {
  const gone = new AbortController();
  socket.on("close", () => gone.abort());
  socket.on("error", () => gone.abort());
  const signal = AbortSignal.any([gone.signal, stop]);
  const send = (message: object) => void (socket.writable && socket.write(`${JSON.stringify(message)}\n`));
  const print = (text: string) => {
    // What a file holds may end up in a message.
    for (const line of text.split("\n")) send({ line: withoutControls(line) });
  };
  try {
    const request = await readRequest(socket, signal);
    if (request === "too long") {
      print("refused: these are too many branches and tags for one push; push some of them at a time, such as git push origin 'refs/tags/v1*:refs/tags/v1*'");
      return send({ exit: 1 });
    }
    // Whoever writes the files of the repository himself owns the machine.
    const pusher = request.push === "" ? LOCAL_IDENTITY : identityOf(request.push);
    const gate = gateOf(request.repository);
    if (gate === undefined || pusher === undefined) {
      print("refused: this cluster does not take pushes to this repository any more");
      return send({ exit: 1 });
    }
    const session: PushSession = { updates: request.updates, options: request.options, overlay: request.overlay, pusher, print, signal };
    if (request.hook === "pre-receive") send({ exit: (await gate.decide(session)) ? 0 : 1 });
    else {
      await gate.follow(session);
      send({ exit: 0 });
    }
  } catch (error) {
    if (!isAbort(error)) logger.warn("hook not answered", { error: describeError(error) });
  } finally {
    socket.end();
  }
}

async function readRequest(socket: net.Socket, signal: AbortSignal): Promise<HookRequest | "too long"> {
  socket.setEncoding("utf8");
  const text = await new Promise<string | undefined>((resolve, reject) => {
    const chunks: string[] = [];
    let length = 0;
    signal.addEventListener("abort", () => reject(new DOMException("the hook is gone", "AbortError")), { once: true });
    socket.on("data", (chunk: string) => {
      // What is too long is read to its end, or the hook would not hear of it.
      if ((length += chunk.length) <= REQUEST_LENGTH_MAX) chunks.push(chunk);
      if (chunk.includes("\n")) resolve(length <= REQUEST_LENGTH_MAX ? chunks.join("").split("\n", 1)[0] : undefined);
    });
  });
  if (text === undefined) return "too long";
  // Only our own hook, run by the same user, can reach the socket; what it sends is checked for shape all the same.
  const request = JSON.parse(text) as Partial<HookRequest>;
  if (
    !HOOKS.some((hook) => hook === request.hook) ||
    typeof request.repository !== "string" ||
    typeof request.push !== "string" ||
    !Array.isArray(request.updates) ||
    !Array.isArray(request.options)
  )
    throw new Error("read hook request: not understood");
  return request as HookRequest;
}

function quote(text: string): string {
  return `'${text.replace(/'/g, "'\\''")}'`;
}
