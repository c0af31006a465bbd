import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { openGrpcChannel } from "./grpc.ts";
import { GrpcCode, GrpcError } from "./grpc-error.ts";
import { frameMessage } from "./grpc-message.ts";
import { hostAndPort } from "../net/ip-address.ts";

const METHOD = "/grpc.health.v1.Health/Check";
const STATUS_NAMES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;

/** Upstream's: a status has few bytes, and whoever is asked is anybody's program. */
const ANSWER_BYTES_MAX = 4 << 20;

export type ServingStatus = (typeof STATUS_NAMES)[number];

/**
 * Asks a server for its health by the standard protocol (https://github.com/grpc/grpc/blob/master/doc/health-checking.md): the request's field 1
 * is the service's name, the answer's field 1 the status. Without TLS. Rejects with what the server or the network said.
 */
export async function checkGrpcHealth(host: string, port: number, service: string, timeoutMs: number): Promise<ServingStatus> {
  const channel = openGrpcChannel(hostAndPort(host, port), undefined, ANSWER_BYTES_MAX);
  try {
    return decodeAnswer(await channel.unaryBytes(METHOD, frameMessage(encodeRequest(service)), { timeoutMs }));
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    if (error.code === GrpcCode.unimplemented) throw new Error("the server does not implement the gRPC health protocol (grpc.health.v1.Health)");
    throw new Error(error.code === GrpcCode.deadlineExceeded ? `no answer within ${timeoutMs / 1000} s` : error.details);
  } finally {
    channel.close();
  }
}

function encodeRequest(service: string): Uint8Array {
  const writer = new BinaryWriter();
  if (service !== "") writer.tag(1, 2).string(service);
  return writer.finish();
}

function decodeAnswer(bytes: Buffer): ServingStatus {
  const reader = new BinaryReader(bytes);
  let answer: ServingStatus = "UNKNOWN";
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) answer = STATUS_NAMES[reader.int32()] ?? "UNKNOWN";
    else reader.skip(wireType);
  }
  return answer;
}
