import fastJsonPatch, { type Operation } from "fast-json-patch";
import { badRequest, StatusError } from "./status-error.ts";

const OPERATIONS_MAX = 10_000;

/** JSON patch (RFC 6902), all operations or none. Malformed patches are a 400, those that do not fit the object a 422. */
export function applyJsonPatch(target: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations)) throw badRequest("error decoding patch: json: a JSON patch must be a list of operations");
  if (operations.length > OPERATIONS_MAX) throw new StatusError("RequestEntityTooLarge", `Request entity too large: The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${operations.length}`);
  try {
    // The library validates each operation against the document and leaves the input alone.
    return fastJsonPatch.applyPatch(structuredClone(target), operations as Operation[], true, true, true).newDocument;
  } catch (error) {
    if (error instanceof fastJsonPatch.JsonPatchError && /OPERATION_(NOT_AN_OBJECT|OP_INVALID|PATH_INVALID|FROM_REQUIRED|VALUE_REQUIRED)/.test(error.name)) {
      throw badRequest(`error decoding patch: ${error.message.split("\n")[0]}`);
    }
    throw new StatusError("Invalid", "the server rejected our request due to an error in our request", {});
  }
}
