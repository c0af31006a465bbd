import { StatusError } from "../../engine/apimachinery/status-error.ts";

/** The failure that a call ends with. Throws when it succeeds, or ends with anything else. */
export async function failure(promise: Promise<unknown>): Promise<StatusError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StatusError)) throw new Error(`expected a failure, got ${String(error)}`);
  return error;
}
