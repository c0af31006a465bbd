import { controllerOf, objectKey, type KubeObject } from "../apimachinery/object-meta.ts";
import { labelSelectorPredicate, type LabelSelector } from "../apimachinery/selectors.ts";
import type { Informer } from "../client/informer.ts";

/** The keys of the owners that an object concerns: of the one that manages it, or where nobody does, of those whose selector fits, for they may want it. */
export function ownerKeys<T extends KubeObject>(owners: Informer<T>, selectorOf: (owner: T) => LabelSelector | undefined): (object: KubeObject) => string[] {
  return (object) => {
    const { namespace, labels } = object.metadata;
    const manager = controllerOf(object);
    if (manager !== undefined) return manager.kind === owners.resource.kind ? [`${namespace}/${manager.name}`] : [];
    return owners
      .list(namespace)
      .filter((owner) => labelSelectorPredicate(selectorOf(owner))(labels))
      .map(objectKey);
  };
}
