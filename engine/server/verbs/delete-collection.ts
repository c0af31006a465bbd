import { hasReason } from "../../apimachinery/status-error.ts";
import { namespaceOf, type VerbHandler } from "../exchange.ts";
import { deleteNamed } from "./delete.ts";

/** Deletes what a selection finds now; what appears later stays. Answers with what was found. Preconditions are those of each object. */
export const deleteCollection: VerbHandler<"deletecollection"> = async (exchange) => {
  const { request, definition, parts } = exchange;
  const found = await parts.store.list(definition, namespaceOf(exchange), request.selection);
  for (const { object } of found.items) {
    // The very object that was selected, not one that has taken its name since.
    const preconditions = { uid: object.metadata.uid ?? "", ...request.options.preconditions };
    try {
      await deleteNamed(exchange, object.metadata.name ?? "", { ...request.options, preconditions }, "one of many");
    } catch (error) {
      if (!hasReason(error, "NotFound") && (request.options.preconditions !== undefined || !hasReason(error, "Conflict"))) throw error;
    }
  }
  return { is: "list", list: found, warnings: [] };
};
