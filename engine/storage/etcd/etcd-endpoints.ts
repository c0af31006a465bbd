import { sleep, type Clock } from "../../lib/clock.ts";
import { openBytesChannel, type GrpcBytesChannel } from "../../lib/grpc/grpc-channel.ts";

/** PEM texts: who to trust, and who we are. */
export interface EtcdTls {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/**
 * A member that is down or cut off must not cost a second: its answer comes within milliseconds or not at all.
 * Later rounds over all members wait longer, in case all of them are slow.
 */
const TRY_TIMEOUT_MS = 900;
/** A call gives up after this long; longer than an election takes. */
const CALL_TIMEOUT_MS = 6_000;
const ROUND_PAUSE_MS = 100;
const MESSAGE_BYTES_MAX = 2 ** 31 - 1;

/** The members of one etcd cluster: calls go to one of them until it fails, then to the next. */
export class EtcdEndpoints {
  #tls: EtcdTls | undefined;
  readonly #clock: Clock;
  #urls: readonly string[] = [];
  #channels: readonly GrpcBytesChannel[] = [];
  #preferred: GrpcBytesChannel | undefined;

  constructor(urls: readonly string[], tls: EtcdTls | undefined, clock: Clock) {
    this.#tls = tls;
    this.#clock = clock;
    this.follow(urls);
  }

  /** The members there are from now on. What runs on one that is gone fails, and goes on at another. */
  follow(urls: readonly string[]): void {
    if (urls.length === 0) throw new Error("an etcd store needs at least one endpoint");
    const before = new Map(this.#urls.map((url, index) => [url, this.#channels[index]]));
    const channels = urls.map((url) => before.get(url) ?? this.#open(url));
    for (const [url, channel] of before) if (!urls.includes(url)) channel?.close();
    this.#urls = urls;
    this.#channels = channels;
    if (this.#preferred === undefined || !channels.includes(this.#preferred)) this.#preferred = channels[0];
  }

  /** Another certificate from now on. What runs fails, and goes on over new connections. */
  present(tls: EtcdTls): void {
    this.#tls = tls;
    const [urls, before] = [this.#urls, this.#channels];
    this.#urls = [];
    this.follow(urls);
    for (const channel of before) channel.close();
  }

  /** The member that new streams should use. */
  pick(): GrpcBytesChannel {
    if (this.#preferred === undefined) throw new Error("invariant broken: there is a preferred endpoint");
    return this.#preferred;
  }

  /** Says that a member does not serve; who already went on to another stays there. */
  leave(channel: GrpcBytesChannel): void {
    if (this.#preferred === channel) this.#preferred = this.#channels[(this.#channels.indexOf(channel) + 1) % this.#channels.length];
  }

  /**
   * Tries one member after the other until one answers, `mayRepeat` refuses another try, or time is up; then rejects with the last failure.
   */
  async call<R>(work: (channel: GrpcBytesChannel, timeoutMs: number) => Promise<R>, mayRepeat: (error: unknown) => boolean, signal: AbortSignal): Promise<R> {
    const deadline = this.#clock.monotonic() + CALL_TIMEOUT_MS;
    for (let tries = 0; ; tries++) {
      const channel = this.pick();
      const round = Math.floor(tries / this.#channels.length);
      try {
        return await work(channel, TRY_TIMEOUT_MS * 2 ** Math.min(round, 2));
      } catch (error) {
        if (signal.aborted || !mayRepeat(error)) throw error;
        this.leave(channel);
        if (this.#clock.monotonic() > deadline) throw error;
        if ((tries + 1) % this.#channels.length === 0) await sleep(this.#clock, ROUND_PAUSE_MS, signal);
      }
    }
  }

  close(): void {
    for (const channel of this.#channels) channel.close();
  }

  #open(url: string): GrpcBytesChannel {
    const { target, isSecure } = parseEndpoint(url);
    return openBytesChannel(target, isSecure ? (this.#tls ?? {}) : undefined, MESSAGE_BYTES_MAX);
  }
}

function parseEndpoint(text: string): { readonly target: string; readonly isSecure: boolean } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:") || url.hostname === "") {
    throw new Error(`${JSON.stringify(text)} is no etcd endpoint; write it as http://host:2379 or https://host:2379`);
  }
  // 80 and 443 are what the URL class leaves out; they are still what was written.
  const port = url.port !== "" ? url.port : /:\d+\/?$/.test(text) ? (url.protocol === "http:" ? "80" : "443") : "2379";
  return { target: `${url.hostname}:${port}`, isSecure: url.protocol === "https:" };
}
