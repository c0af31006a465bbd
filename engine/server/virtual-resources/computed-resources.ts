import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { notFound, StatusError } from "../../apimachinery/status-error.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import { componentStatusResource } from "../../resources/core/component-status.ts";
import { nodeMetricsResource, podMetricsResource } from "../../resources/metrics/usage.ts";
import { compileSelection } from "../../storage/selection.ts";
import type { ApiResult } from "../../apimachinery/api-request.ts";
import { madeUp, namespaceOf, objectResult, type Exchange, type RequestOf, type ServerParts } from "../exchange.ts";
import { readComponentStatuses } from "./component-statuses.ts";
import type { UsageReader } from "../metrics/usage-reader.ts";

/** A kind that is made up whenever it is read, and never stored. */
interface ComputedResource {
  readonly definition: ResourceDefinition;
  /** All of a namespace (all namespaces when empty), or the one of that name. */
  readonly read: (parts: ServerParts, namespace: string, name: string | undefined) => Promise<readonly KubeObject[]>;
}

export const computedResources: readonly ComputedResource[] = [
  {
    definition: nodeMetricsResource as unknown as ResourceDefinition,
    read: (parts, _namespace, name) => usageOf(parts).nodes(name) as Promise<readonly KubeObject[]>,
  },
  {
    definition: podMetricsResource as unknown as ResourceDefinition,
    read: (parts, namespace, name) => usageOf(parts).pods(namespace, name) as Promise<readonly KubeObject[]>,
  },
  { definition: componentStatusResource as unknown as ResourceDefinition, read: (parts, _namespace, name) => readComponentStatuses(parts, name) },
];

const byDefinition = new Map(computedResources.map((computed) => [computed.definition, computed]));

/** The answer for a kind that is computed; undefined for all others. */
export function readComputed(exchange: Exchange<RequestOf<"get"> | RequestOf<"list">>): Promise<ApiResult> | undefined {
  const computed = byDefinition.get(exchange.definition);
  return computed && read(computed, exchange);
}

async function read(computed: ComputedResource, exchange: Exchange<RequestOf<"get"> | RequestOf<"list">>): Promise<ApiResult> {
  const { definition, request, parts } = exchange;
  const name = request.verb === "get" ? request.name : undefined;
  const objects = await computed.read(parts, namespaceOf(exchange), name);
  if (request.verb === "get") {
    const [object] = objects;
    if (object === undefined) throw notFound(definition, request.name);
    return objectResult(200, madeUp(object));
  }
  const { matches } = compileSelection(definition, request.options);
  return { is: "list", list: { resourceVersion: "", items: objects.filter(matches).map((object) => madeUp(object)) }, warnings: [] };
}

function usageOf({ usage }: ServerParts): UsageReader {
  if (usage === undefined)
    throw new StatusError("ServiceUnavailable", "this server asks no nodes for their usage: it was started without credentials for them");
  return usage;
}
