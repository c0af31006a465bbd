import type { Clock } from "../../engine/lib/clock.ts";
import { GrpcCode, grpcCode } from "../../engine/lib/grpc/grpc-error.ts";
import { methodPath, type GrpcChannel } from "../../engine/lib/grpc/grpc.ts";
import { isAbort } from "../../engine/lib/abort.ts";

/** One call that is over, in the words of upstream's metrics. */
export interface CallEnd {
  /** `/package.Service/Method`. */
  readonly method_name: string;
  /** `OK`, or the code that it failed with, such as `DeadlineExceeded`. */
  readonly grpc_status_code: string;
}

/** A channel whose calls are timed: `observe` hears how long each took, in seconds, and how it ended. Streams are not calls. */
export function withCallTimes(channel: GrpcChannel, clock: Clock, observe: (seconds: number, end: CallEnd) => void): GrpcChannel {
  return {
    ...channel,
    async unary(method, request, options) {
      const startMs = clock.monotonic();
      const ended = (error?: unknown) =>
        observe((clock.monotonic() - startMs) / 1000, { method_name: methodPath(method), grpc_status_code: error === undefined ? "OK" : codeName(error) });
      try {
        const answer = await channel.unary(method, request, options);
        ended();
        return answer;
      } catch (error) {
        ended(error);
        throw error;
      }
    },
  };
}

const NAMES = new Map<number, string>(Object.entries(GrpcCode).map(([name, code]) => [code, `${name.charAt(0).toUpperCase()}${name.slice(1)}`]));
/** Spelled otherwise there than by gRPC. */
const CANCELED = "Canceled";

function codeName(error: unknown): string {
  const code = grpcCode(error);
  if (isAbort(error) || code === GrpcCode.cancelled) return CANCELED;
  return NAMES.get(code ?? GrpcCode.unknown) ?? "Unknown";
}
