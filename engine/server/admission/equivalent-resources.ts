import type { EquivalentResources } from "../../admission/request-matching.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { ResourceIndex } from "../resource-index.ts";

/** Versions of one resource are what is stored as the same kind, under the same name: events of both groups, autoscalers of all versions. */
export function equivalentResources(resources: ResourceIndex): EquivalentResources {
  // Most kinds have one version; what is known of them holds until custom kinds change.
  let known = new Map<ResourceDefinition, readonly ResourceDefinition[]>();
  let generation = resources.generation;
  const find = (definition: ResourceDefinition) =>
    resources.all.filter((other) => other !== definition && other.resource === definition.resource && storedKind(other) === storedKind(definition));
  return {
    of(definition) {
      if (generation !== resources.generation) [known, generation] = [new Map(), resources.generation];
      let others = known.get(definition);
      if (others === undefined) known.set(definition, (others = find(definition)));
      return others;
    },
    async convert(object, from, to) {
      const stored = await toStored(object, from);
      const { storedAs } = to;
      if (storedAs === undefined) return stored;
      if (storedAs.later === undefined) return storedAs.fromStored(stored);
      const [converted] = await storedAs.later.fromStored([stored]);
      if (converted === undefined) throw new Error(`the conversion of a ${from.kind} to ${to.version} gave nothing`);
      return converted;
    },
  };
}

async function toStored(object: KubeObject, { storedAs }: ResourceDefinition): Promise<KubeObject> {
  if (storedAs === undefined) return object;
  return storedAs.later === undefined ? storedAs.toStored(object) : storedAs.later.toStored(object);
}

function storedKind(definition: ResourceDefinition): ResourceDefinition {
  return definition.storedAs?.definition ?? definition;
}
