import { connect, type Socket } from "node:net";
import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import type { ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { PacketSchema, PacketType, type Packet } from "../../engine/lib/net/konnectivity/konnectivity_pb.ts";
import { serveGrpc } from "./grpc-server.ts";

type Payload = NonNullable<MessageInitShape<typeof PacketSchema>["payload"]>;
type Stream = ServerDuplexStream<Packet, Packet>;

const TYPES: Readonly<Partial<Record<string, PacketType>>> = { dialResponse: PacketType.DIAL_RSP, data: PacketType.DATA, closeResponse: PacketType.CLOSE_RSP, closeDial: PacketType.DIAL_CLS };

/**
 * A proxy of the konnectivity kind at a socket, of another make than our client: grpc-js. Whatever it is asked for is at that port of this machine,
 * so that names and addresses that nobody has can be asked for.
 */
export class KonnectivityServer implements AsyncDisposable {
  /** What was asked for, such as `10.9.9.9:443`. */
  readonly asked: string[] = [];
  /** Packets that came, by type. */
  readonly came: PacketType[] = [];
  /** Connections to the other ends. */
  readonly others: Socket[] = [];
  /** What is answered in place of a connection; undefined answers nothing. */
  refusal: ((random: bigint, stream: Pick<Stream, "end" | "write">) => Payload | undefined) | undefined;
  #close = () => {};

  static async start(socket: string): Promise<KonnectivityServer> {
    const server = new KonnectivityServer();
    const encode = (packet: Packet) => Buffer.from(toBinary(PacketSchema, packet));
    const decode = (bytes: Buffer) => fromBinary(PacketSchema, bytes);
    const definition = {
      Proxy: { path: "/ProxyService/Proxy", requestStream: true, responseStream: true, requestSerialize: encode, requestDeserialize: decode, responseSerialize: encode, responseDeserialize: decode },
    };
    const implementation = { Proxy: (stream: Stream) => server.#serve(stream) };
    // Its only method is a stream both ways.
    server.#close = await serveGrpc(socket, { definition: definition as unknown as ServiceDefinition, implementation: implementation as unknown as UntypedServiceImplementation });
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const other of this.others) other.destroy();
    this.#close();
  }

  #serve(stream: Stream): void {
    const id = BigInt(this.asked.length + 1);
    let other: Socket | undefined;
    const send = (payload: Payload) => stream.write(create(PacketSchema, { type: TYPES[payload.case ?? ""] ?? PacketType.DRAIN, payload }));
    stream
      .on("error", () => other?.destroy())
      .on("end", () => stream.end())
      .on("close", () => other?.destroy());
    stream.on("data", ({ type, payload }: Packet) => {
      this.came.push(type);
      if (payload.case === "dialRequest") {
        const { address, random } = payload.value;
        this.asked.push(address);
        if (this.refusal !== undefined) {
          const answer = this.refusal(random, stream);
          return void (answer && send(answer));
        }
        other = connect(Number(/\d+$/.exec(address)?.[0]), "127.0.0.1", () => send({ case: "dialResponse", value: { error: "", connectID: id, random } }));
        this.others.push(other);
        other.on("error", (error) => send({ case: "dialResponse", value: { error: error.message, connectID: 0n, random } }));
        other.on("data", (data: Buffer) => {
          if (send({ case: "data", value: { connectID: id, error: "", data } })) return;
          other?.pause();
          stream.once("drain", () => other?.resume());
        });
        other.on("end", () => send({ case: "closeResponse", value: { error: "", connectID: id } }));
      } else if (payload.case === "data") {
        if (other?.write(payload.value.data) !== false) return;
        stream.pause();
        other.once("drain", () => stream.resume());
      } else if (payload.case === "closeRequest") {
        other?.removeAllListeners("end").destroy();
        send({ case: "closeResponse", value: { error: "", connectID: id } });
      }
    });
  }
}
