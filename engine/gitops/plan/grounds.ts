import { customResourceDefinitionResource } from "../../resources/apiextensions/custom-resource-definition.ts";
import { namespaceResource } from "../../resources/core/namespace.ts";
import type { DesiredObject } from "../manifests/desired-state.ts";
import { objectsByUnit, perUnit } from "../manifests/objects-by-unit.ts";
import { identityOf } from "../manifests/served-kinds.ts";

const GROUNDS = [namespaceResource, customResourceDefinitionResource];

/** What an object cannot be without, by identity: its namespace, and the definition of its kind. */
export function groundsOf({ resource, object }: DesiredObject): readonly string[] {
  const names = [object.metadata.namespace ?? "", `${resource.resource}.${resource.group}`];
  return GROUNDS.map(({ group, kind }, index) => identityOf(group, kind, undefined, names[index] ?? ""));
}

/** One of the objects that cannot be without this one, which would take them with it. */
export function findStandingOn(identity: string, objects: ReadonlyMap<string, DesiredObject>): DesiredObject | undefined {
  if (!GROUNDS.some(({ group, kind }) => identity.startsWith(identityOf(group, kind, undefined, "")))) return undefined;
  for (const list of objectsByUnit(objects).values()) {
    const found = standingIn(list).get(identity);
    if (found !== undefined) return found;
  }
  return undefined;
}

const standingIn = perUnit((objects) => new Map(objects.flatMap((desired) => groundsOf(desired).map((ground) => [ground, desired]))));
