import { namespaceOf, type VerbHandler } from "../exchange.ts";

export const watch: VerbHandler<"watch"> = async (exchange) => {
  const { request, definition, parts } = exchange;
  const options = request.name === undefined ? request.options : { ...request.options, name: request.name };
  return { is: "watch", stream: await parts.store.watch(definition, namespaceOf(exchange), options, request.signal) };
};
