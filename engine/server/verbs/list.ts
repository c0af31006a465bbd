import { readComputed } from "../virtual-resources/computed-resources.ts";
import { namespaceOf, type VerbHandler } from "../exchange.ts";

export const list: VerbHandler<"list"> = async (exchange) => {
  const { request, definition, parts } = exchange;
  const computed = readComputed(exchange);
  if (computed !== undefined) return computed;
  return { is: "list", list: await parts.store.list(definition, namespaceOf(exchange), request.options), warnings: [] };
};
