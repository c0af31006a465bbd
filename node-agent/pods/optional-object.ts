import { hasReason } from "../../engine/apimachinery/status-error.ts";

/** What a pod takes from another object; undefined when that is not there and need not be. Rejects with `missing()` when it must. */
export async function readOptional<T>(read: () => Promise<T>, optional: boolean | undefined, missing: () => Error): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!hasReason(error, "NotFound")) throw error;
    if (optional === true) return undefined;
    throw missing();
  }
}
