/** The status codes of gRPC (https://grpc.io/docs/guides/status-codes/). */
export const GrpcCode = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

/**
 * A call that failed: by the server's word, or because its answer cannot come. Worded as by Go's library: events and statuses show it, and
 * people look for it.
 */
export class GrpcError extends Error {
  override readonly name = "GrpcError";
  readonly code: number;
  /** What the server said, or what happened on the way. */
  readonly details: string;
  /** The request certainly was not worked on: it never left, or the server turned the stream away unread. */
  readonly isUnsent: boolean;

  constructor(code: number, details: string, { isUnsent = false, cause }: { readonly isUnsent?: boolean; readonly cause?: unknown } = {}) {
    super(`rpc error: code = ${grpcCodeName(code)} desc = ${details}`, cause === undefined ? {} : { cause });
    this.code = code;
    this.details = details;
    this.isUnsent = isUnsent;
  }
}

/** The status code of a failed call; undefined for other errors. */
export function grpcCode(error: unknown): number | undefined {
  return error instanceof GrpcError ? error.code : undefined;
}

/** A status code by its name in Go's library, which metrics have. */
export function grpcCodeName(code: number): string {
  if (code === GrpcCode.cancelled) return "Canceled";
  const name = Object.entries(GrpcCode).find(([, known]) => known === code)?.[0] ?? "unknown";
  return name[0]?.toUpperCase() + name.slice(1);
}
