import { GrpcCode, GrpcError, grpcCode } from "../../lib/grpc/grpc-error.ts";

/**
 * What a failed call to etcd means for its caller.
 * - `unsent`: it never reached etcd, or etcd turned it away unread; another try is always safe.
 * - `lost`: nobody knows whether it took effect.
 * - `compacted`, `future`: the revision cannot be read.
 * - `refused`: etcd will not do it; `why` says what to change where that is known.
 */
export type EtcdFailure =
  { readonly is: "unsent" | "lost" | "compacted" | "future" } | { readonly is: "refused"; readonly why: string; readonly isTooLarge?: true };

/** Texts are those of etcd's api/v3rpc/rpctypes; they are part of its interface, for clients see nothing else. */
export function classifyEtcdError(error: unknown): EtcdFailure {
  const code = grpcCode(error);
  const text = errorText(error);
  if ((error instanceof GrpcError && error.isUnsent) || text.startsWith("etcdserver: too many requests")) return { is: "unsent" };
  if (text.includes("required revision has been compacted")) return { is: "compacted" };
  if (text.includes("required revision is a future revision")) return { is: "future" };
  if (text.includes("too many operations in txn request")) {
    return {
      is: "refused",
      why: "etcd allows fewer operations in one transaction; start its members with a larger --max-txn-ops (its default is 128, 4096 is a good value)",
      isTooLarge: true,
    };
  }
  if (text.includes("request is too large") || (code === GrpcCode.resourceExhausted && text.includes("larger than max"))) {
    return {
      is: "refused",
      why: "etcd allows only smaller requests; start its members with a larger --max-request-bytes (its default is 1572864)",
      isTooLarge: true,
    };
  }
  if (text.includes("database space exceeded"))
    return { is: "refused", why: "etcd's database is full; compact and defragment it, or start its members with a larger --quota-backend-bytes" };
  switch (code) {
    case GrpcCode.invalidArgument:
    case GrpcCode.notFound:
    case GrpcCode.alreadyExists:
    case GrpcCode.permissionDenied:
    case GrpcCode.unauthenticated:
    case GrpcCode.unimplemented:
    case GrpcCode.resourceExhausted:
    case GrpcCode.failedPrecondition:
    case GrpcCode.outOfRange:
      return { is: "refused", why: text };
    default:
      return { is: "lost" };
  }
}

/** What etcd said. */
export function errorText(error: unknown): string {
  if (error instanceof GrpcError) return error.details;
  return error instanceof Error ? error.message : String(error);
}
