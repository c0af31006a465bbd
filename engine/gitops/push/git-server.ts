import { spawn, type ChildProcess } from "node:child_process";
import type { IncomingMessage, ServerResponse } from "node:http";
import os from "node:os";
import path from "node:path";
import Fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { keepClientsAlive } from "../../lib/net/keep-alive.ts";
import { outliveAcceptErrors } from "../../lib/net/lasting-server.ts";
import { aborted } from "../../lib/abort.ts";
import type { Following } from "../../lib/changing-value.ts";
import { nodeJs } from "../../lib/late-modules.ts";
import { explainListenError } from "../../lib/net/listen-error.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { answerPlainHttp, logTlsClients } from "../../lib/net/other-protocol.ts";
import type { Random } from "../../lib/random.ts";
import { parseRequestUrl } from "../../lib/net/request-url.ts";
import { ANONYMOUS } from "../git/hosted-repository.ts";
import { GIT_ENVIRONMENT, gitText, inheritedEnvironment, limited, UNPACK_BYTES_MAX } from "../git/native-git.ts";
import type { PageAnswer, PageRequest } from "../pages/pages.ts";
import { LOG_OUT_PATH } from "../pages/render-page.ts";
import { LOCAL_IDENTITY, type GitAccess, type GitIdentity } from "./git-access.ts";
import { isOwnName } from "./own-name.ts";

/** PEM texts. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface GitServerOptions {
  /** The folder that holds the repositories; each `<name>.git` in it is served as `/<name>.git`. */
  readonly root: string;
  /** The Repository object behind a folder of the root; undefined: it is not served. Without it every folder is, under its own name. */
  readonly repositoryOf?: (folder: string) => string | undefined;
  /** What browsers are shown of them; without it nothing is. */
  readonly pages?: (request: PageRequest) => Promise<PageAnswer>;
  /** Without it everyone may do everything: listen on loopback only. */
  readonly access?: { readonly users: GitAccess; readonly random: Random };
  /** The certificate to serve HTTPS with; without it HTTP is served. */
  readonly certificate?: Following<KeyPair>;
  readonly address: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly logger: Logger;
}

export interface GitServer {
  readonly port: number;
  /** Who is behind a push under way, by the id that its hooks know from their environment. */
  identityOf(push: string): GitIdentity | undefined;
  /** Resolves when the signal has fired and no request and no Git process is left. */
  run(signal: AbortSignal): Promise<void>;
}

/** What smart HTTP needs, and nothing else: no dumb-protocol paths, no other files of the repository. */
const SERVED_PATH = /^\/([A-Za-z0-9][A-Za-z0-9._-]*\.git)\/(info\/refs|git-upload-pack|git-receive-pack)$/;
/** What Git asks first of who takes the address of a page for that of the repository. */
const PAGE_PATH = /^\/([A-Za-z0-9][A-Za-z0-9._-]*)\/info\/refs$/;
/** How long pushes and clones under way may take to end when the server stops. */
const DRAIN_MS = 5_000;

/** By which variable a push's hooks know its id. */
const PUSH_VARIABLE = "MAINSTAY_PUSH";

interface Serving extends GitServerOptions {
  readonly backend: string;
  readonly children: Set<ChildProcess>;
  readonly pushers: Map<string, GitIdentity>;
}

/** Serves repositories over smart HTTP with Git's own `http-backend`. */
export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const backend = path.join((await gitText({ args: ["--exec-path"] })).trim(), "git-http-backend");
  const children = new Set<ChildProcess>();
  const pushers = new Map<string, GitIdentity>();
  const { certificate } = options;
  const secure = certificate === undefined ? undefined : nodeJs.https.createServer(tlsOptions(certificate));
  const app = Fastify({
    bodyLimit: Number.MAX_SAFE_INTEGER,
    forceCloseConnections: true,
    // A pack takes as long as it takes.
    serverFactory: (handler) => Object.assign((secure ?? nodeJs.http.createServer()).on("request", handler), { requestTimeout: 0 }),
  });
  // Packs are streamed to Git; nothing of them is kept here.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(/^application\/x-git-/, (_request, payload, done) => done(null, payload));
  // A page elsewhere must not learn by what it can load which repositories and files there are.
  app.addHook("onRequest", async (_, reply) => void reply.raw.setHeader("cross-origin-resource-policy", "same-origin"));
  app.route({ method: ["GET", "POST"], url: "/*", handler: (request, reply) => serve(request, reply, { ...options, backend, children, pushers }) });
  try {
    await app.listen({ host: options.address, port: options.port });
  } catch (error) {
    throw explainListenError(error, { address: options.address, port: options.port, option: "--git-port", addressOption: "--git-address" });
  }
  outliveAcceptErrors(app.server, options.logger);
  keepClientsAlive(app.server);
  if (secure === undefined) logTlsClients(app.server, options.logger);
  else answerPlainHttp(secure);
  const address = app.server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    identityOf: (push) => pushers.get(push),
    async run(signal) {
      if (secure !== undefined) certificate?.onChange(() => secure.setSecureContext(tlsOptions(certificate)), signal);
      await aborted(signal);
      const drain = AbortSignal.timeout(DRAIN_MS);
      await Promise.race([Promise.all([...children].map((child) => new Promise((resolve) => child.once("close", resolve)))), aborted(drain)]);
      for (const child of children) child.kill("SIGTERM");
      await app.close();
    },
  };
}

function tlsOptions({ current }: Following<KeyPair>) {
  return { cert: current.certificate, key: current.key, minVersion: "TLSv1.2" } as const;
}

async function serve(request: FastifyRequest, reply: FastifyReply, serving: Serving): Promise<unknown> {
  const { access, backend, children, pushers, logger } = serving;
  const url = parseRequestUrl(request.url);
  const [, folder, service = ""] = SERVED_PATH.exec(url?.pathname ?? "") ?? [];
  if (url === undefined || folder === undefined) return servePage(request, reply, serving, url);
  const admitted = await admit(request, reply, serving, folder, service, url);
  if (admitted === undefined) return reply;
  const { identity } = admitted;
  reply.hijack();
  if (request.raw.socket.destroyed) return reply;
  const push = access?.random.uuid() ?? "";
  if (identity !== undefined) pushers.set(push, identity);
  // Its hooks raise the bound again.
  const [program, args] = service === "git-receive-pack" ? limited({ memoryBytes: UNPACK_BYTES_MAX }, backend) : [backend, []];
  const child = spawn(program, args, {
    env: { ...cgiEnvironment(request, url, serving), REMOTE_USER: identity?.name ?? ANONYMOUS, [PUSH_VARIABLE]: push },
    stdio: ["pipe", "pipe", "pipe"],
  });
  children.add(child);
  child.on("close", () => {
    children.delete(child);
    pushers.delete(push);
  });
  child.on("error", (error) => {
    logger.error("git http-backend not started", { error });
    if (!reply.raw.headersSent) reply.raw.writeHead(500);
    reply.raw.end();
  });
  child.stderr.on("data", (chunk: Buffer) => logger.debug("git http-backend", { text: chunk.toString("utf8").trim() }));
  // Git may stop reading early, when it refuses; its answer says so, to a client that has been let send the rest.
  child.stdin.on("error", () => request.raw.resume());
  request.raw.pipe(child.stdin);
  // A pipe does not say that nothing more will come: Git would wait for the rest of what has been broken off.
  request.raw.on("close", () => request.raw.complete || child.stdin.destroy());
  reply.raw.on("close", () => child.stdout.destroy());
  pipeAnswer(child, request.raw, reply.raw);
  return reply;
}

/** Answers what cannot be served, and gives back who may go on. Texts reach the person as `remote:` lines. */
async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  serving: Serving,
  folder: string,
  service: string,
  url: URL,
): Promise<{ readonly identity: GitIdentity | undefined } | undefined> {
  const { access, repositoryOf = (name: string) => name.replace(/\.git$/, ""), logger } = serving;
  const repository = repositoryOf(folder);
  // A page in someone's browser must not push: Git never sends an Origin, browsers always do when they post elsewhere.
  if (request.headers.origin !== undefined) return refuse(reply, 403, "Git clients only.");
  if (access === undefined) return repository === undefined ? refuse(reply, 404, `no repository ${folder} here`) : { identity: undefined };
  return decided(request, reply, serving, access.users, async (identity) => {
    const right = service === "git-receive-pack" || url.searchParams.get("service") === "git-receive-pack" ? "propose" : "fetch";
    // Who may not read a repository does not learn either whether it is there.
    if (repository !== undefined && (await identity.may(right, repository))) return { identity };
    logger.warn("git request refused", { from: request.ip, user: identity.name, repository: repository ?? folder, right });
    const isReader = right === "propose" && repository !== undefined && (await identity.may("fetch", repository));
    return refuse(
      reply,
      403,
      isReader
        ? `${identity.name} may read repository ${repository}, but not push to it; that takes the verb propose or push on repositories.mainstay.dev, or a deploy key with access: push`
        : `${identity.name} may not ${right === "fetch" ? "read" : "push to"} repository ${repository ?? folder.replace(/\.git$/, "")}, or there is none; that takes the verb ${right} on repositories.mainstay.dev`,
    );
  });
}

/** What is no request of Git's may be one for a page. */
async function servePage(request: FastifyRequest, reply: FastifyReply, serving: Serving, url: URL | undefined): Promise<unknown> {
  const { access, pages } = serving;
  const [, name] = PAGE_PATH.exec(url?.pathname ?? "") ?? [];
  if (name !== undefined && url?.searchParams.has("service") === true) return reply.redirect(`/${name}.git/info/refs${url.search}`);
  if (url === undefined || pages === undefined || access === undefined || request.method === "POST")
    return refuse(reply, 404, "There is only Git here: git clone this address.") ?? reply;
  // A browser keeps what its user has logged in with until that is refused.
  if (url.pathname === LOG_OUT_PATH) return challenge(reply, "You are logged out.") ?? reply;
  const answer = await decided(request, reply, serving, access.users, (identity) => {
    const { accept = "", "if-none-match": ifNoneMatch, authorization } = request.headers;
    const mayRead = (repository: string) => identity.may("fetch", repository);
    return pages({ path: url.pathname, accept, ifNoneMatch, isLoggedIn: authorization !== undefined, mayRead });
  });
  return answer === undefined ? reply : reply.code(answer.code).headers(answer.headers).send(answer.body);
}

/** What is decided for who asks; undefined when the request has been answered, as it is where it cannot be told who that is. */
async function decided<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  { logger }: Serving,
  users: GitAccess,
  decide: (identity: GitIdentity) => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    const answer = await users.authenticate(request.headers.authorization);
    if (answer.is === "refused") {
      if (request.headers.authorization !== undefined) logger.warn("git login refused", { from: request.ip });
      return challenge(reply, answer.why);
    }
    if (answer.identity !== LOCAL_IDENTITY || isOwnName(request.headers.host, os.hostname())) return await decide(answer.identity);
    logger.warn("git request refused", { from: request.ip, host: request.headers.host ?? "" });
    return refuse(reply, 403, "without a token this server is reached by its address or as localhost, not by another name");
  } catch (error) {
    logger.warn("git request not decided", { from: request.ip, error: describeError(error) });
    return refuse(reply, 503, "the API cannot be asked who you are and what you may; try again in a moment");
  }
}

function challenge(reply: FastifyReply, text: string): undefined {
  void reply.header("www-authenticate", 'Basic realm="Mainstay Git", charset="UTF-8"');
  return refuse(reply, 401, text);
}

function refuse(reply: FastifyReply, code: number, text: string): undefined {
  void reply.code(code).type("text/plain").send(`${text}\n`);
}

function cgiEnvironment(request: FastifyRequest, url: URL, options: GitServerOptions): Record<string, string> {
  const header = (name: string) => {
    const value = request.headers[name];
    return typeof value === "string" ? value : undefined;
  };
  // Without a length, Git reads to the end. With one it would ask for the rest for ever where that comes early, as after our death (2.39).
  const optional: Record<string, string | undefined> = {
    CONTENT_TYPE: header("content-type"),
    HTTP_CONTENT_ENCODING: header("content-encoding"),
    HTTP_ACCEPT_ENCODING: header("accept-encoding"),
    GIT_PROTOCOL: header("git-protocol"),
    HTTP_USER_AGENT: header("user-agent"),
  };
  return {
    ...inheritedEnvironment(),
    ...GIT_ENVIRONMENT,
    GIT_PROJECT_ROOT: options.root,
    GIT_HTTP_EXPORT_ALL: "1",
    PATH_INFO: url.pathname,
    QUERY_STRING: url.search.slice(1),
    REQUEST_METHOD: request.method,
    REMOTE_ADDR: request.ip,
    SERVER_PROTOCOL: "HTTP/1.1",
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
