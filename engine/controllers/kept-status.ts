import type { KubeObject } from "../apimachinery/object-meta.ts";
import { conform } from "../apimachinery/structural-schema.ts";
import { jsonEqual } from "../lib/freeze.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";

/** Whether the object has this status already, as the API keeps it: without the zeros that count the same as nothing. */
export function hasStatus<T extends KubeObject>({ schema }: Pick<ResourceDefinition<T>, "schema">, object: T, status: unknown): boolean {
  const { status: kept = {} } = object as { readonly status?: unknown };
  if (jsonEqual(status, kept)) return true;
  const rules = schema.properties?.["status"];
  return rules !== undefined && jsonEqual(conform(rules, status, { defaults: false, prune: true }).value, kept);
}
