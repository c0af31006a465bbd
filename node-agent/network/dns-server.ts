import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { createServer, createConnection, type Server, type Socket as TcpSocket } from "node:net";
import packet, { type Answer, type Packet } from "dns-packet";
import { aborted } from "../../engine/lib/abort.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import { canonicalAddress, familyOf, hostAndPort } from "../../engine/lib/net/ip-address.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { Counts } from "../../engine/lib/counts.ts";
import { answerPacket, decideAnswer, type DnsDecision } from "./dns-answer.ts";
import type { DnsRecords } from "./dns-records.ts";

export interface DnsServerOptions {
  readonly address: string;
  readonly port: number;
  readonly domain: string;
  /** Resolvers for names outside of the cluster, each `ip`, `ip:port` or `[ip]:port`; tried in turn, until one answers. */
  readonly upstreams: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

const UPSTREAM_TIMEOUT_MS = 2_000;
/** Questions under way to upstream resolvers at once, of all and of one client; beyond it the answer is a server failure. */
const FORWARDED_MAX = 1_000;
const FORWARDED_OF_ONE_MAX = 200;
/** Answers longer than this are cut over UDP, so that the client asks again over TCP. */
const UDP_BYTES_DEFAULT = 512;
const TCP_IDLE_MS = 10_000;
/** Connections of one client and of all, and questions of one connection that are being answered; the rest waits in the network. */
const CONNECTIONS_OF_ONE_MAX = 100;
const CONNECTIONS_MAX = 4_000;
const QUESTIONS_OF_CONNECTION_MAX = 100;
/** What a length of two bytes can say. */
const MESSAGE_BYTES_MAX = 65_535;
const RCODE_FORMAT_ERROR = 1;
const RCODE_SERVER_FAILURE = 2;
const RCODE_MASK = 15;
const FLAG_TRUNCATED = 1 << 9;

/** The cluster's name server over UDP and TCP; `records` is asked anew for every question. */
export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #records: () => DnsRecords;
  #turn = 0;
  #forwarded = 0;
  readonly #forwardedOf = new Counts();
  readonly #connectionsOf = new Counts();
  /** The resolver that answered last. */
  #answering: string | undefined;

  constructor(options: DnsServerOptions, records: () => DnsRecords) {
    this.#options = options;
    this.#records = records;
  }

  /** Listens until the signal fires. Rejects when the address cannot be used. */
  async run(signal: AbortSignal): Promise<void> {
    const udp = createSocket(socketType(this.#options.address));
    const tcp = createServer((socket) => this.#serveTcp(socket));
    tcp.maxConnections = CONNECTIONS_MAX;
    const open = new Set<TcpSocket>();
    tcp.on("connection", (socket) => {
      open.add(socket);
      socket.on("close", () => open.delete(socket));
    });
    for (const socket of [udp, tcp])
      socket.on("error", (error: Error) => this.#options.logger.warn("a name server's socket failed", { error: describeError(error) }));
    udp.on("message", (message, from) => void this.#serveUdp(udp, message, from));
    try {
      await listen(udp, tcp, this.#options);
      await aborted(signal);
    } finally {
      udp.close();
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => tcp.close(() => resolve()));
    }
  }

  async #serveUdp(socket: Socket, message: Buffer, from: RemoteInfo): Promise<void> {
    const query = decodeQuery(message);
    if (query === undefined) return;
    const answer = await this.#resolve(query, message, { transport: "udp", address: from.address });
    if (answer === undefined) return;
    const limit = advertisedSize(query);
    const bytes =
      answer.length <= limit
        ? answer
        : packet.encode({ type: "response", id: query.id ?? 0, flags: (query.flags ?? 0) | FLAG_TRUNCATED, questions: query.questions ?? [] });
    sendAnswer(socket, bytes, from);
  }

  #serveTcp(socket: TcpSocket): void {
    const address = socket.remoteAddress ?? "";
    let pending = Buffer.alloc(0);
    let open = 0;
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    if (this.#connectionsOf.add(address) > CONNECTIONS_OF_ONE_MAX) socket.destroy();
    socket.on("close", () => this.#connectionsOf.remove(address));
    const isWhole = () => pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0);
    // Who asks faster than he is answered, or reads no answers, is not listened to meanwhile.
    const read = (): void => {
      while (isWhole() && open < QUESTIONS_OF_CONNECTION_MAX && !socket.writableNeedDrain) {
        const message = pending.subarray(2, 2 + pending.readUInt16BE(0));
        pending = pending.subarray(2 + message.length);
        const query = decodeQuery(message);
        if (query === undefined) return void socket.destroy();
        open++;
        void this.#resolve(query, message, { transport: "tcp", address }).then((answer) => {
          open--;
          if (socket.destroyed) return;
          if (answer !== undefined) socket.write(framed(answer));
          read();
        });
      }
      if (isWhole()) socket.pause();
      else socket.resume();
    };
    socket.on("drain", read);
    socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      read();
    });
  }

  /** The answer's bytes; undefined when nothing sensible can be said. Never rejects. */
  async #resolve(query: Packet, raw: Buffer, client: DnsClient): Promise<Buffer | undefined> {
    try {
      return await this.#answer(query, raw, client);
    } catch (error) {
      // Records can be read that cannot be written, and anybody may send them.
      this.#options.logger.debug("a question cannot be answered", { error });
      return undefined;
    }
  }

  async #answer(query: Packet, raw: Buffer, client: DnsClient): Promise<Buffer | undefined> {
    const [question, ...others] = query.questions ?? [];
    if (question === undefined) return undefined;
    // A message asks one thing. Names that are shortened in the question would be written out in the answer, which could be too long for any message.
    if (others.length > 0) return failure({ ...query, questions: [] }, RCODE_FORMAT_ERROR);
    const decision = decideAnswer(question, this.#records(), this.#options.domain, this.#turn++);
    if (decision.do === "answer") return encodeFitting(answerPacket(query, decision));
    if (decision.aliases.length === 0) return (await this.#forward(raw, client)) ?? failure(query, RCODE_SERVER_FAILURE);
    const answer = await this.#forward(packet.encode({ ...query, questions: [{ ...question, name: decision.name }] }), client);
    return encodeFitting(answerPacket(query, behindAliases(decision.aliases, answer)));
  }

  /** The answer of the first resolver that has one, beginning with who had the last: one that is dead is waited for once. */
  async #forward(raw: Buffer, { transport, address }: DnsClient): Promise<Buffer | undefined> {
    if (this.#forwarded >= FORWARDED_MAX || this.#forwardedOf.of(address) >= FORWARDED_OF_ONE_MAX) return undefined;
    this.#forwarded++;
    this.#forwardedOf.add(address);
    try {
      const { upstreams, clock } = this.#options;
      const first = this.#answering;
      for (const upstream of first === undefined ? upstreams : [first, ...upstreams.filter((other) => other !== first)]) {
        const answer = await askUpstream(upstream, raw, transport, clock);
        if (answer === undefined) continue;
        this.#answering = upstream;
        return answer;
      }
      return undefined;
    } finally {
      this.#forwarded--;
      this.#forwardedOf.remove(address);
    }
  }
}

/**
 * Sends to a client that can be answered: one may come from port 0, which leads nowhere, or the socket may have been closed while its
 * answer was looked for.
 */
export function sendAnswer(socket: Socket, bytes: Buffer, { port, address }: Pick<RemoteInfo, "port" | "address">): void {
  if (port === 0) return;
  try {
    socket.send(bytes, port, address, () => {}); // the client may be gone; it will ask again
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_SOCKET_DGRAM_NOT_RUNNING") throw error;
  }
}

/** Who asks, and how. */
interface DnsClient {
  readonly transport: "udp" | "tcp";
  readonly address: string;
}

/** The answer to one question, with as many of its records as fit into a message; what is said beside them goes first. */
function encodeFitting(answer: Packet): Buffer {
  const { answers = [], authorities = [] } = answer;
  const bytes = packet.encodingLength(answer);
  if (bytes <= MESSAGE_BYTES_MAX) return packet.encode(answer);
  if (authorities.length > 0) return encodeFitting({ ...answer, authorities: [], flags: (answer.flags ?? 0) | FLAG_TRUNCATED });
  return encodeFitting({
    ...answer,
    answers: answers.slice(0, Math.min(answers.length - 1, Math.floor((answers.length * MESSAGE_BYTES_MAX) / bytes))),
    flags: (answer.flags ?? 0) | FLAG_TRUNCATED,
  });
}

/** Aliases of the cluster and what the outside says of the name they lead to; without that they are still true. */
function behindAliases(aliases: readonly Answer[], raw: Buffer | undefined): Extract<DnsDecision, { do: "answer" }> {
  const outside = raw === undefined ? undefined : decodePacket(raw);
  return {
    do: "answer",
    answers: [...aliases, ...(outside?.answers ?? [])],
    authorities: outside?.authorities ?? [],
    rcode: (outside?.flags ?? 0) & RCODE_MASK,
  };
}

function failure(query: Packet, rcode: number): Buffer {
  return packet.encode({ type: "response", id: query.id ?? 0, flags: rcode, questions: query.questions ?? [] });
}

/** One question to one resolver; undefined when it does not answer in time. */
function askUpstream(upstream: string, raw: Buffer, transport: "udp" | "tcp", clock: Clock): Promise<Buffer | undefined> {
  const { host, port } = parseUpstream(upstream);
  return new Promise((resolve) => {
    const socket = transport === "udp" ? createSocket(socketType(host)) : createConnection(port, host);
    const cancel = clock.after(UPSTREAM_TIMEOUT_MS, () => finish(undefined));
    let isDone = false;
    const finish = (answer: Buffer | undefined) => {
      if (isDone) return;
      isDone = true;
      cancel();
      if ("destroy" in socket) socket.destroy();
      else socket.close();
      resolve(answer);
    };
    socket.on("error", () => finish(undefined));
    if ("destroy" in socket) {
      let received = Buffer.alloc(0);
      socket.on("data", (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) finish(received.subarray(2, 2 + received.readUInt16BE(0)));
      });
      socket.write(framed(raw));
    } else {
      // Only the resolver's answer to this very question counts; the port is fresh, and the id is the client's.
      socket.on("message", (message, from) => {
        if (canonicalAddress(from.address) === canonicalAddress(host) && message.length >= 2 && message.readUInt16BE(0) === raw.readUInt16BE(0))
          finish(message);
      });
      socket.send(raw, port, host, (error) => error && finish(undefined));
    }
  });
}

/** An address of IPv6 has brackets where there is a port behind it. */
function parseUpstream(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port = "53"] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  return { host: bracketed ?? plain ?? text, port: Number(port) };
}

function socketType(address: string): "udp4" | "udp6" {
  return familyOf(address) === "IPv6" ? "udp6" : "udp4";
}

function listen(udp: Socket, tcp: Server, { address, port }: DnsServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) => reject(new Error(`serve DNS on ${hostAndPort(address, port)}`, { cause: error }));
    udp.once("error", refuse);
    tcp.once("error", refuse);
    udp.bind(port, address, () => tcp.listen(port, address, () => resolve()));
  });
}

function decodeQuery(message: Buffer): Packet | undefined {
  const query = decodePacket(message);
  return query?.type === "query" ? query : undefined;
}

function decodePacket(message: Buffer): Packet | undefined {
  try {
    return packet.decode(message);
  } catch {
    return undefined; // not DNS: silence is the only safe answer
  }
}

/** EDNS lets a client announce that it takes longer answers. */
function advertisedSize(query: Packet): number {
  const option = query.additionals?.find((extra) => extra.type === "OPT");
  const size = option !== undefined && "udpPayloadSize" in option ? Number(option.udpPayloadSize) : UDP_BYTES_DEFAULT;
  return Math.max(UDP_BYTES_DEFAULT, Math.min(size, 4096));
}

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}
