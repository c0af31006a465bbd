import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GrpcError } from "../../grpc/grpc-error.ts";
import { PacketType, type PacketSchema } from "./konnectivity_pb.ts";

/** How a connection stands. */
export type TunnelState = "dialing" | "ok" | "closing";

/** Who counts what happens in tunnels. */
export interface TunnelWatcher {
  packet(segment: "from_client" | "to_client", type: string): void;
  /** `undefined` before it is there and when it is gone. */
  became(before: TunnelState | undefined, state: TunnelState | undefined): void;
  dialFailed(reason: string): void;
  streamFailed(error: GrpcError): void;
}

export const NOBODY: TunnelWatcher = { packet() {}, became() {}, dialFailed() {}, streamFailed() {} };

type PacketInit = MessageInitShape<typeof PacketSchema>;
type Payload = NonNullable<PacketInit["payload"]>;
type OwnPayload = Extract<Payload, { readonly case: "dialRequest" | "data" | "closeRequest" | "closeDial" }>;

const TYPES: Readonly<Record<OwnPayload["case"], PacketType>> = {
  dialRequest: PacketType.DIAL_REQ,
  data: PacketType.DATA,
  closeRequest: PacketType.CLOSE_REQ,
  closeDial: PacketType.DIAL_CLS,
};
const NAMES = new Map<number, string>(Object.entries(PacketType).map(([name, number]) => [number, name]));

/** What a client sends. */
export function packetOf(payload: OwnPayload, watcher: TunnelWatcher): PacketInit {
  const type = TYPES[payload.case];
  watcher.packet("from_client", typeName(type));
  return { type, payload };
}

/** Numbers that the protocol does not have are one name: what is counted by it must not grow with what a proxy sends. */
export function typeName(type: number): string {
  return NAMES.get(type) ?? "UNKNOWN";
}
