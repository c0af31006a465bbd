import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { formatApiVersion } from "../../apimachinery/group-version.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { catalog } from "../../resources/catalog.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from "../../resources/types.ts";

const NONE: ReadonlySet<string> = new Set();

/**
 * How the objects of a custom kind are addressed; undefined as long as the API does not serve them. Not by a version of those in `taken`
 * (`group/version`), for which other servers answer.
 */
export function customReference(definition: CustomResourceDefinition, taken = NONE): ResourceReference<KubeObject> | undefined {
  const served = definition.spec.versions.filter(({ name, served: isServed }) => isServed && !taken.has(formatApiVersion(definition.spec.group, name)));
  return referenceBy(served.find(({ storage }) => storage) ?? served[0], definition);
}

export function customReferences(definitions: readonly CustomResourceDefinition[], taken = NONE): readonly ResourceReference<KubeObject>[] {
  return definitions.flatMap((definition) => customReference(definition, taken) ?? []);
}

/** The same for its objects as they are stored, whether or not any version of it can be asked for; undefined before it is established. */
export function storedReference(definition: CustomResourceDefinition): ResourceReference<KubeObject> | undefined {
  const reference = referenceBy(
    definition.spec.versions.find(({ storage }) => storage),
    definition,
  );
  return reference && { ...reference, isStored: true };
}

/** Its objects would lie where those of a built-in kind do: it is not served, and nothing is looked for or deleted under its name. */
export function isAmongBuiltIn({ spec }: CustomResourceDefinition): boolean {
  return catalog.some(({ group, resource }) => group === spec.group && resource === spec.names.plural);
}

function referenceBy(version: CustomResourceDefinitionVersion | undefined, definition: CustomResourceDefinition): ResourceReference<KubeObject> | undefined {
  const { spec, status } = definition;
  if (version === undefined || isAmongBuiltIn(definition) || !isConditionTrue(status?.conditions, "Established")) return undefined;
  const { plural, kind } = status?.acceptedNames ?? spec.names;
  return { group: spec.group, version: version.name, resource: plural, kind, namespaced: spec.scope === "Namespaced" };
}
