import type { ClientHttp2Session } from "node:http2";
import net from "node:net";
import type { Duplex } from "node:stream";
import type { Dial } from "../net/dial.ts";
import { GrpcCode, GrpcError } from "./grpc-error.ts";
import { bareHost, tlsServerName } from "../net/ip-address.ts";
import { nodeJs } from "../late-modules.ts";
import { connectTls } from "../net/tls-connection.ts";

/** PEM texts: who to trust, and who we are. What is left out is the machine's own trust, and nobody. */
export interface GrpcTls {
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
}

export interface GrpcTarget {
  /** `host:port`, `unix:/path`, or `unix-abstract:name` for a socket without a file. */
  readonly address: string;
  /** Without it, the connection is not encrypted. */
  readonly tls?: GrpcTls | undefined;
  /** How a host is reached that is asked without TLS; directly when absent. */
  readonly dial?: Dial | undefined;
}

const CONNECT_MAX_MS = 10_000;
/** After a failure, calls fail at once for a while before one tries again. */
const BACKOFF = { initialMs: 50, maxMs: 200 };
/** How much may be on its way to us unread, on a stream and in all: long lists should not wait for leave to go on. */
const WINDOW_BYTES = 4 << 20;
/**
 * The longest list of headers that we take, an error's text among them. HTTP/2's library would end the connection over a longer one, and with
 * it the calls of all others; servers who know the bound end that one call.
 */
export const HEADER_BYTES_MAX = 60_000;

/** The one HTTP/2 session to a server, made when it is first needed and made anew when it is gone. */
export class GrpcConnection {
  readonly authority: string;
  readonly scheme: "http" | "https";
  readonly #target: GrpcTarget;
  #session: ClientHttp2Session | undefined;
  #connecting: Promise<ClientHttp2Session> | undefined;
  /** How many calls run on each session, those that take no new ones included. */
  readonly #calls = new Map<ClientHttp2Session, number>();
  #failure: { readonly error: GrpcError; readonly retryAtMs: number } | undefined;
  #backoffMs = BACKOFF.initialMs;
  #isClosed = false;

  constructor(target: GrpcTarget) {
    this.#target = target;
    this.authority = target.address.startsWith("unix") ? "localhost" : target.address;
    this.scheme = target.tls === undefined ? "http" : "https";
  }

  /** The session, if it is there to be used at once. */
  get session(): ClientHttp2Session | undefined {
    return this.#session;
  }

  /** The session once it is there. Rejects with a GrpcError that says `isUnsent` when the server cannot be reached. */
  connect(): Promise<ClientHttp2Session> {
    if (this.#isClosed) return Promise.reject(closedError());
    if (this.#session !== undefined) return Promise.resolve(this.#session);
    if (this.#failure !== undefined && performance.now() < this.#failure.retryAtMs) return Promise.reject(this.#failure.error);
    this.#connecting ??= this.#open().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  /** A call begins. It keeps the process alive, an idle connection does not. */
  began(session: ClientHttp2Session): void {
    const calls = this.#calls.get(session) ?? 0;
    if (calls === 0) session.ref();
    this.#calls.set(session, calls + 1);
  }

  ended(session: ClientHttp2Session): void {
    const calls = this.#calls.get(session);
    if (calls === undefined) return; // the session is gone
    if (calls === 1) session.unref();
    this.#calls.set(session, calls - 1);
  }

  /** No new calls go over this session; those that run on it end as they may. */
  retire(session: ClientHttp2Session): void {
    if (this.#session === session) this.#session = undefined;
  }

  /**
   * Ends all calls, in a turn of its own: who has just heard of an answer is still within Node's reading of it, and Node 24 goes on to read from
   * streams that it has freed meanwhile (https://github.com/nodejs/node/issues/64841), which ends the process, or spoils its memory.
   */
  close(): void {
    this.#isClosed = true;
    this.#session = undefined;
    setImmediate(() => {
      for (const session of [...this.#calls.keys()]) session.destroy();
    });
  }

  async #open(): Promise<ClientHttp2Session> {
    try {
      const session = await this.#connectSession();
      session.setLocalWindowSize(WINDOW_BYTES);
      session.unref();
      this.#session = session;
      this.#failure = undefined;
      this.#backoffMs = BACKOFF.initialMs;
      return session;
    } catch (cause) {
      if (this.#isClosed) throw closedError();
      const why = cause instanceof Error ? cause.message || ("code" in cause ? String(cause.code) : cause.name) : String(cause);
      const error = new GrpcError(GrpcCode.unavailable, `No connection established. Last error: ${why}`, { isUnsent: true, cause });
      this.#failure = { error, retryAtMs: performance.now() + this.#backoffMs };
      this.#backoffMs = Math.min(BACKOFF.maxMs, this.#backoffMs * 2);
      throw error;
    }
  }

  /** Resolves when the server has said how it wants to be spoken to: a socket alone may be that of a process which hangs. */
  async #connectSession(): Promise<ClientHttp2Session> {
    const opened = openSocket(this.#target);
    const socket = opened instanceof Promise ? await opened : opened; // what is opened here may fail in the next moment
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${CONNECT_MAX_MS / 1000} s`)), CONNECT_MAX_MS);
    try {
      if (this.#target.tls !== undefined) await secured(socket);
      if (this.#isClosed) throw closedError();
      return await this.#sessionOn(socket);
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #sessionOn(socket: Duplex): Promise<ClientHttp2Session> {
    const session = nodeJs.http2.connect(`${this.scheme}://${this.authority}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES, maxHeaderListSize: HEADER_BYTES_MAX },
      maxSessionMemory: Number.MAX_SAFE_INTEGER, // messages have a bound, and calls have callers
    });
    this.#calls.set(session, 0);
    return new Promise((resolve, reject) => {
      // An alert of TLS behind the handshake, as the one for a missing certificate, would leave the session waiting for the socket's end.
      socket.on("error", (error) => {
        reject(error);
        socket.destroy();
      });
      session.once("remoteSettings", () => resolve(session));
      session.on("error", reject); // once there is a session, its calls tell what happened to it
      session.on("goaway", () => this.retire(session));
      session.on("close", () => {
        this.retire(session);
        this.#calls.delete(session);
        reject(new Error("the server closed the connection"));
      });
    });
  }
}

function openSocket({ address, tls, dial }: GrpcTarget): Duplex | Promise<Duplex> {
  if (address.startsWith("unix")) return net.connect({ path: address.replace(/^unix-abstract:/, "\0").replace(/^unix:/, "") });
  const place = new URL(`grpc://${address}`);
  const [host, port] = [bareHost(place), Number(place.port)];
  if (tls === undefined && dial !== undefined) return dial(host, port, true);
  if (tls === undefined) return net.connect({ host, port });
  const identity = tls.certificate === undefined || tls.key === undefined ? {} : { cert: tls.certificate, key: tls.key };
  return connectTls({ host, port, servername: tlsServerName(host), ALPNProtocols: ["h2"], ...(tls.ca === undefined ? {} : { ca: tls.ca }), ...identity });
}

/** Resolves when the other end is trusted: a session must not begin on a socket that is refused in the same moment. */
function secured(socket: Duplex): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", () => void (socket.destroyed || resolve()));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the server closed the connection")));
  });
}

function closedError(): GrpcError {
  return new GrpcError(GrpcCode.unavailable, "Channel closed", { isUnsent: true });
}
