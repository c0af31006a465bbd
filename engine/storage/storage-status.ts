import { resourceVersionTooLarge } from "../apimachinery/list-options.ts";
import { internalError, StatusError } from "../apimachinery/status-error.ts";
import { describeError } from "../lib/log.ts";
import { CommitTooLargeError, CompactedError, FutureRevisionError, StorageUnavailableError, UnreadableValueError, UnsealedValueError } from "./storage.ts";

/** Does the work, and puts the store's failures into the API's words. */
export async function withStatusErrors<R>(work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CompactedError) throw new StatusError("Expired", "The resourceVersion for the provided list is too old.");
    if (error instanceof FutureRevisionError) throw resourceVersionTooLarge(error.asked, error.current);
    if (error instanceof CommitTooLargeError) throw new StatusError("RequestEntityTooLarge", error.message);
    if (error instanceof StorageUnavailableError) {
      if (error.outcome === "unknown") throw new StatusError("Timeout", `the store did not say whether the write took effect: ${describeError(error)}`);
      throw new StatusError("ServiceUnavailable", `the store is not available: ${describeError(error)}`, { retryAfterSeconds: 1 });
    }
    if (error instanceof UnreadableValueError || error instanceof UnsealedValueError) throw internalError(describeError(error));
    throw error;
  }
}
