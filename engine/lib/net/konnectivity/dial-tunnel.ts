import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { ProxyRefusal, type Dial } from "../dial.ts";
import { GrpcError } from "../../grpc/grpc-error.ts";
import { openGrpcChannel } from "../../grpc/grpc.ts";
import { hostAndPort } from "../ip-address.ts";
import { ProxyService, type Packet } from "./konnectivity_pb.ts";
import { NOBODY, packetOf, typeName, type TunnelWatcher } from "./packets.ts";
import { TunnelSocket } from "./tunnel-socket.ts";

/** How long a proxy may take until a connection is there. */
const DIAL_TIMEOUT_MS = 30_000;
/** How long it may take until a connection that comes too late is called off. */
const CALL_OFF_TIMEOUT_MS = 10_000;
/** As upstream's client takes; a proxy's pieces are far smaller. */
const MESSAGE_BYTES_MAX = 4 << 20;
/** Of what a proxy says of a failure; it is passed on to users, and logged. */
const REASON_MAX = 1_024;

/**
 * Connects through a konnectivity proxy at a socket of this machine, by gRPC. Each connection has a stream, and a channel, of its own, as
 * upstream's client has it. Rejects with a ProxyRefusal when the proxy does not connect, and with the channel's error when it cannot be reached.
 */
export function dialThroughTunnel(socketPath: string, watcher: TunnelWatcher = NOBODY): Dial {
  return (host, port) => new Promise((resolve, reject) => void new Dialing(socketPath, hostAndPort(host, port), watcher, resolve, reject));
}

/** One connection on its way. */
class Dialing {
  readonly #watcher: TunnelWatcher;
  readonly #channel;
  readonly #call;
  /** By which the proxy's answer is known. */
  readonly #random = randomBytes(8).readBigUInt64BE() >> 1n;
  readonly #timer: NodeJS.Timeout;
  readonly #resolve: (socket: Duplex) => void;
  readonly #reject: (error: Error) => void;
  #socket: TunnelSocket | undefined;
  /** Whether the caller has his answer. */
  #isOver = false;
  #isClosed = false;

  constructor(socketPath: string, address: string, watcher: TunnelWatcher, resolve: (socket: Duplex) => void, reject: (error: Error) => void) {
    this.#watcher = watcher;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#channel = openGrpcChannel(`unix:${socketPath}`, undefined, MESSAGE_BYTES_MAX);
    this.#call = this.#channel.duplex(ProxyService.method.proxy, { message: (packet) => this.#take(packet), end: (error) => this.#ended(error) });
    this.#timer = setTimeout(() => {
      this.#call.send(packetOf({ case: "closeDial", value: { random: this.#random } }, watcher), () => this.#close());
      // A proxy that takes nothing does not take this either.
      setTimeout(() => this.#close(), CALL_OFF_TIMEOUT_MS).unref();
      this.#refuse("dial timeout, backstop", "timeout");
    }, DIAL_TIMEOUT_MS);
    watcher.became(undefined, "dialing");
    this.#call.send(packetOf({ case: "dialRequest", value: { protocol: "tcp", address, random: this.#random } }, watcher));
  }

  #take(packet: Packet): void {
    this.#watcher.packet("to_client", typeName(packet.type));
    if (this.#socket !== undefined) return this.#socket.receive(packet);
    const { payload } = packet;
    if (payload.case === "closeDial" && payload.value.random === this.#random) this.#refuse("dial closed", "dialclosed");
    else if (payload.case === "dialResponse" && payload.value.random === this.#random) this.#answered(payload.value.error, payload.value.connectID);
    else return;
    if (this.#socket === undefined) this.#close();
  }

  #answered(error: string, connectID: bigint): void {
    if (error !== "") return this.#refuse(error.slice(0, REASON_MAX), "endpoint");
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#watcher.became("dialing", "ok");
    this.#socket = new TunnelSocket(connectID, this.#call, () => this.#close(), this.#watcher);
    this.#resolve(this.#socket);
  }

  /** The stream is over, and not by our own doing. */
  #ended(error: GrpcError | undefined): void {
    if (this.#isClosed) return;
    if (error !== undefined) this.#watcher.streamFailed(error);
    if (this.#socket !== undefined) this.#socket.cut(error);
    else if (error?.isUnsent === true) this.#fail(error, "unknown");
    else this.#refuse("tunnel closed", "tunnelclosed");
    this.#close();
  }

  #close(): void {
    this.#isClosed = true;
    this.#channel.close();
  }

  #refuse(why: string, reason: string): void {
    this.#fail(new ProxyRefusal(why), reason);
  }

  #fail(error: Error, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#watcher.dialFailed(reason);
    this.#watcher.became("dialing", undefined);
    this.#reject(error);
  }
}
