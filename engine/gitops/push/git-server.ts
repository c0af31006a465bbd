import { spawn, type ChildProcess } from "node:child_process";
import type { IncomingMessage, ServerResponse } from "node:http";
import path from "node:path";
import Fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { aborted } from "../../lib/abort.ts";
import { explainListenError } from "../../lib/listen-error.ts";
import type { Logger } from "../../lib/log.ts";
import { parseRequestUrl } from "../../lib/request-url.ts";
import { GIT_ENVIRONMENT, gitText, inheritedEnvironment } from "../git/native-git.ts";

export interface GitServerOptions {
  /** The folder that holds the repositories; each `<name>.git` in it is served as `/<name>.git`. */
  readonly root: string;
  readonly address: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly logger: Logger;
}

export interface GitServer {
  readonly port: number;
  /** Resolves when the signal has fired and no request and no Git process is left. */
  run(signal: AbortSignal): Promise<void>;
}

/** What smart HTTP needs, and nothing else: no dumb-protocol paths, no other files of the repository. */
const SERVED_PATH = /^\/([A-Za-z0-9][A-Za-z0-9._-]*\.git)\/(info\/refs|git-upload-pack|git-receive-pack)$/;
/** How long pushes and clones under way may take to end when the server stops. */
const DRAIN_MS = 5_000;

/** Serves repositories over smart HTTP with Git's own `http-backend`. It has no authentication: listen on loopback only. */
export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const backend = path.join((await gitText({ args: ["--exec-path"] })).trim(), "git-http-backend");
  const children = new Set<ChildProcess>();
  const app = Fastify({ bodyLimit: Number.MAX_SAFE_INTEGER, forceCloseConnections: true });
  // Packs are streamed to Git; nothing of them is kept here.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(/^application\/x-git-/, (_request, payload, done) => done(null, payload));
  app.route({ method: ["GET", "POST"], url: "/*", handler: (request, reply) => serve(request, reply, backend, options, children) });
  try {
    await app.listen({ host: options.address, port: options.port });
  } catch (error) {
    throw explainListenError(error, { address: options.address, port: options.port, option: "--git-port" });
  }
  const address = app.server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    async run(signal) {
      await aborted(signal);
      const drain = AbortSignal.timeout(DRAIN_MS);
      await Promise.race([Promise.all([...children].map((child) => new Promise((resolve) => child.once("close", resolve)))), aborted(drain)]);
      for (const child of children) child.kill("SIGTERM");
      await app.close();
    },
  };
}

function serve(request: FastifyRequest, reply: FastifyReply, backend: string, options: GitServerOptions, children: Set<ChildProcess>): unknown {
  const url = parseRequestUrl(request.url);
  if (url === undefined || !SERVED_PATH.test(url.pathname)) return reply.code(404).type("text/plain").send("There is only Git here: git clone this address.\n");
  // A page in someone's browser must not push: Git never sends an Origin, browsers always do when they post elsewhere.
  if (request.headers.origin !== undefined) return reply.code(403).type("text/plain").send("Git clients only.\n");
  reply.hijack();
  const child = spawn(backend, [], { env: cgiEnvironment(request, url, options), stdio: ["pipe", "pipe", "pipe"] });
  children.add(child);
  child.on("close", () => children.delete(child));
  child.on("error", (error) => {
    options.logger.error("git http-backend not started", { error });
    if (!reply.raw.headersSent) reply.raw.writeHead(500);
    reply.raw.end();
  });
  child.stderr.on("data", (chunk: Buffer) => options.logger.debug("git http-backend", { text: chunk.toString("utf8").trim() }));
  // Git may stop reading early, when it refuses; its answer says so.
  child.stdin.on("error", () => {});
  request.raw.pipe(child.stdin);
  reply.raw.on("close", () => child.stdout.destroy());
  pipeAnswer(child, request.raw, reply.raw);
  return reply;
}

function cgiEnvironment(request: FastifyRequest, url: URL, options: GitServerOptions): Record<string, string> {
  const header = (name: string) => {
    const value = request.headers[name];
    return typeof value === "string" ? value : undefined;
  };
  const optional: Record<string, string | undefined> = {
    CONTENT_TYPE: header("content-type"), CONTENT_LENGTH: header("content-length"), HTTP_CONTENT_ENCODING: header("content-encoding"), HTTP_ACCEPT_ENCODING: header("accept-encoding"),
    GIT_PROTOCOL: header("git-protocol"), HTTP_USER_AGENT: header("user-agent"),
  };
  return {
    ...inheritedEnvironment(), ...GIT_ENVIRONMENT,
    GIT_PROJECT_ROOT: options.root, GIT_HTTP_EXPORT_ALL: "1",
    PATH_INFO: url.pathname, QUERY_STRING: url.search.slice(1), REQUEST_METHOD: request.method, REMOTE_ADDR: request.ip, REMOTE_USER: "local", SERVER_PROTOCOL: "HTTP/1.1",
    ...Object.fromEntries(Object.entries(optional).filter((entry): entry is [string, string] => entry[1] !== undefined)),
  };
}

/** A CGI answer: header lines, a blank line, then the body, passed on as it comes. */
function pipeAnswer(child: ChildProcess, request: IncomingMessage, response: ServerResponse): void {
  let head = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    child.stdout?.off("data", onData);
    let status = 200;
    for (const line of head.toString("latin1", 0, end).split("\r\n")) {
      const colon = line.indexOf(":");
      const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
      if (name.toLowerCase() === "status") status = Number(value.split(" ")[0]);
      else if (colon > 0) response.setHeader(name, value);
    }
    response.writeHead(status);
    response.write(head.subarray(end + 4));
    child.stdout?.pipe(response);
  };
  child.stdout?.on("data", onData);
  child.on("close", () => {
    if (!response.headersSent) response.writeHead(500);
    if (!response.writableEnded) response.end();
    request.unpipe();
  });
}
