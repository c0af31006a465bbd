import { namespaceOf, type VerbHandler } from "../exchange.ts";

export const list: VerbHandler<"list"> = async (exchange) => {
  const { request, definition, parts } = exchange;
  return { is: "list", list: await parts.store.list(definition, namespaceOf(exchange), request.options), warnings: [] };
};
