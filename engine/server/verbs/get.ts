import { notFound } from "../../apimachinery/status-error.ts";
import { isPartOfObject } from "../../registry/before-update.ts";
import { scaleAccessOf, scaleOf } from "../../registry/scale.ts";
import { readComputed } from "../virtual-resources/computed-resources.ts";
import { madeUp, namespaceOf, objectResult, unsupportedMethod, type VerbHandler } from "../exchange.ts";

export const get: VerbHandler<"get"> = async (exchange) => {
  const { request, definition, parts } = exchange;
  const computed = readComputed(exchange);
  if (computed !== undefined) return computed;
  const options = request.resourceVersion === undefined ? {} : { resourceVersion: request.resourceVersion };
  const found = await parts.store.get(definition, namespaceOf(exchange), request.name, options);
  if (found === undefined) throw notFound(definition, request.name);
  if (request.subresource === undefined || isPartOfObject(definition, request.subresource)) return objectResult(200, found);
  const access = request.subresource === "scale" ? scaleAccessOf(definition) : undefined;
  if (access === undefined) throw unsupportedMethod();
  return objectResult(200, madeUp(scaleOf(access, found.object)));
};
