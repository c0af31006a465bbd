import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";

const METHOD = "/grpc.health.v1.Health/Check";
const STATUS_NAMES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;

export type ServingStatus = (typeof STATUS_NAMES)[number];

/**
 * Asks a server for its health by the standard protocol (https://github.com/grpc/grpc/blob/master/doc/health-checking.md): the request's field 1
 * is the service's name, the answer's field 1 the status. Without TLS. Rejects with what the server or the network said.
 */
export function checkGrpcHealth(host: string, port: number, service: string, timeoutMs: number): Promise<ServingStatus> {
  const client = new Client(`${host.includes(":") ? `[${host}]` : host}:${port}`, credentials.createInsecure());
  return new Promise((resolve, reject) => {
    const deadline = { deadline: Date.now() + timeoutMs };
    client.makeUnaryRequest(METHOD, encodeRequest, decodeAnswer, service, deadline, (error: ServiceError | null, answer?: ServingStatus) => {
      client.close();
      if (error === null) resolve(answer ?? "UNKNOWN");
      else if (error.code === status.UNIMPLEMENTED) reject(new Error("the server does not implement the gRPC health protocol (grpc.health.v1.Health)"));
      else reject(new Error(error.code === status.DEADLINE_EXCEEDED ? `no answer within ${timeoutMs / 1000} s` : error.details));
    });
  });
}

function encodeRequest(service: string): Buffer {
  const writer = new BinaryWriter();
  if (service !== "") writer.tag(1, 2).string(service);
  return Buffer.from(writer.finish());
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
