import fastJsonPatch, { type Operation } from "fast-json-patch";
import { badRequest, StatusError } from "./status-error.ts";

const OPERATIONS_MAX = 10_000;

/** What makes a patch malformed, as opposed to one that does not fit the object. */
const MALFORMED = /^OPERATION_(NOT_AN_OBJECT|OP_INVALID|PATH_INVALID|FROM_REQUIRED|VALUE_REQUIRED|VALUE_CANNOT_CONTAIN_UNDEFINED)$/;

/**
 * JSON patch (RFC 6902): all operations or none; neither argument is changed. Malformed patches are a 400; a failed test and
 * a path that does not exist are upstream's 422; too many operations are a 413.
 */
export function applyJsonPatch(target: unknown, operations: unknown): unknown {
  const outcome = tryJsonPatch(target, operations);
  if (outcome.is === "patched") return outcome.value;
  throw new StatusError("Invalid", "the server rejected our request due to an error in our request", {});
}

export type JsonPatchOutcome = { readonly is: "patched"; readonly value: unknown } | { readonly is: "test failed" } | { readonly is: "failed"; readonly why: string };

/** The same, for those who tell a failed test from a patch that does not fit. Malformed patches and too many operations are thrown. */
export function tryJsonPatch(target: unknown, operations: unknown): JsonPatchOutcome {
  if (!Array.isArray(operations)) throw badRequest("error decoding patch: json: a JSON patch must be a list of operations");
  if (operations.length > OPERATIONS_MAX) throw new StatusError("RequestEntityTooLarge", `Request entity too large: The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${operations.length}`);
  try {
    // Later operations may write into values that earlier ones inserted, so those have to be copies as well.
    return { is: "patched", value: fastJsonPatch.applyPatch(structuredClone(target), structuredClone(operations) as Operation[], true, true, true).newDocument }; // the library validates each operation
  } catch (error) {
    if (error instanceof fastJsonPatch.JsonPatchError && MALFORMED.test(error.name)) throw badRequest(`error decoding patch: ${error.message.split("\n")[0]}`);
    if (error instanceof fastJsonPatch.JsonPatchError && error.name === "TEST_OPERATION_FAILED") return { is: "test failed" };
    return { is: "failed", why: error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error) };
  }
}
