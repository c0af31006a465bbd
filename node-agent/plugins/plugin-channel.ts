import { openGrpcChannel, type GrpcChannel } from "../../engine/lib/grpc/grpc.ts";

/** What a driver may answer at once: gRPC's own bound, unless somebody asks for another. */
const ANSWER_BYTES_MAX = 4 << 20;

/** A channel to a driver's socket, named by its path or as `unix:///path`. Connecting is lazy. */
export function openPluginChannel(endpoint: string, answerBytesMax = ANSWER_BYTES_MAX): GrpcChannel {
  return openGrpcChannel(`unix:${endpoint.replace(/^unix:\/\//, "")}`, undefined, answerBytesMax);
}
