import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { CustomResourceDefinition } from "../../resources/types.ts";
import type { DesiredState } from "./desired-state.ts";
import { ofAllUnits, perUnit } from "./objects-by-unit.ts";

/** The definitions of kinds that a commit brings. */
export function definitionsIn(state: Pick<DesiredState, "objects">): Iterable<CustomResourceDefinition> {
  return ofAllUnits(state.objects, definitionsOf);
}

const definitionsOf = perUnit((objects) => objects.map(({ object }) => object).filter(isDefinition));

function isDefinition(object: KubeObject): object is CustomResourceDefinition & KubeObject {
  return object.kind === "CustomResourceDefinition" && object.apiVersion === "apiextensions.k8s.io/v1";
}
