import { isConditionTrue } from "../apimachinery/conditions.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { ResourceReference } from "../resources/define-resource.ts";
import type { CustomResourceDefinition } from "../resources/types.ts";

/** How the objects of a custom kind are addressed; undefined as long as the API does not serve them. */
export function customReference({ spec, status }: CustomResourceDefinition): ResourceReference<KubeObject> | undefined {
  const version = spec.versions.find((candidate) => candidate.served && candidate.storage) ?? spec.versions.find((candidate) => candidate.served);
  if (version === undefined || !isConditionTrue(status?.conditions, "Established")) return undefined;
  const { plural, kind } = status?.acceptedNames ?? spec.names;
  return { group: spec.group, version: version.name, resource: plural, kind, namespaced: spec.scope === "Namespaced" };
}

export function customReferences(definitions: readonly CustomResourceDefinition[]): readonly ResourceReference<KubeObject>[] {
  return definitions.flatMap((definition) => customReference(definition) ?? []);
}
