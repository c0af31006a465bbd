import { updateField, type NameReference } from "./field-spec.ts";
import { isMap, textOf, type JsonMap } from "./json-value.ts";
import { BuildFault } from "./kustomize-error.ts";
import { referablePredicate, type ResourceMap } from "./resource-map.ts";
import type { Resource } from "./resource.ts";
import { describeId, effectiveNamespace, isClusterScoped, isSelected, type Gvk } from "./resource-id.ts";

/** Rewrites every field that names another object whose name has changed since it was written. */
export function fixNameReferences(map: ResourceMap, references: readonly NameReference[]): void {
  const byName = formerNames(map.resources);
  if (byName.size === 0) return;
  for (const referrer of map.resources) {
    const original = referrer.originalId;
    const isReferable = referablePredicate(referrer);
    for (const target of references) {
      for (const spec of target.fieldSpecs) {
        if (!isSelected(original, spec)) continue;
        const search: Search = { referrer, target, isReferable, byName, path: spec.path };
        // Fields are looked up by path alone from here: the kind was just compared, by the original id.
        updateField(referrer, { ...spec, group: "", version: "", kind: "" }, undefined, (current) => rewrite(search, current));
      }
    }
  }
}

interface Search {
  readonly referrer: Resource;
  readonly target: Gvk;
  readonly isReferable: (other: Resource) => boolean;
  /** Objects by every name that they had. */
  readonly byName: ReadonlyMap<string, readonly Resource[]>;
  readonly path: string;
}

function formerNames(resources: readonly Resource[]): ReadonlyMap<string, readonly Resource[]> {
  const byName = new Map<string, Resource[]>();
  for (const resource of resources) {
    for (const name of new Set(resource.previous.map((id) => id.name))) {
      const known = byName.get(name);
      if (known === undefined) byName.set(name, [resource]);
      else known.push(resource);
    }
  }
  return byName;
}

function rewrite(search: Search, current: unknown): unknown {
  if (current === null || current === undefined) return current;
  if (Array.isArray(current)) return current.map((item: unknown) => rewriteOne(search, item));
  return rewriteOne(search, current);
}

function rewriteOne(search: Search, current: unknown): unknown {
  if (current === null) return current;
  if (isMap(current)) return rewriteMap(search, current);
  return (
    select(
      search,
      textOf(current),
      (candidates) => candidates,
      (resource) => resource.name,
    )?.name ?? current
  );
}

/** A reference with a namespace of its own, such as a subject of a binding. */
function rewriteMap(search: Search, current: JsonMap): JsonMap {
  if (current["name"] === undefined) throw new BuildFault(`${search.path} of ${describeId(search.referrer.id)} has no field name`);
  const stated = current["namespace"];
  const referral = select(
    search,
    textOf(current["name"]),
    (candidates) => (stated === undefined ? candidates : inNamespace(candidates, textOf(stated))),
    (resource) => `${resource.namespace}/${resource.name}`,
  );
  if (referral === undefined) return current;
  return { ...current, name: referral.name, ...(referral.namespace === "" ? {} : { namespace: referral.namespace }) };
}

function inNamespace(candidates: readonly Resource[], namespace: string): readonly Resource[] {
  const isNamed = (resource: Resource) => !isClusterScoped(resource.id);
  const before = candidates.filter((resource) => isNamed(resource) && effectiveNamespace(resource.originalId) === namespace);
  return before.length > 0 ? before : candidates.filter((resource) => isNamed(resource) && effectiveNamespace(resource.id) === namespace);
}

/** The object that a name means: by what it was called, its kind, its namespace, and where that leaves several, by the same prefixes and suffixes. */
function select(
  search: Search,
  name: string,
  narrow: (candidates: readonly Resource[]) => readonly Resource[],
  sameness: (resource: Resource) => string,
): Resource | undefined {
  const { referrer, target } = search;
  const all = narrow((search.byName.get(name) ?? []).filter(search.isReferable));
  let candidates = all.filter(
    (resource) => resource.previousIds.some((id) => isSelected(id, target)) && fitsRole(search, resource) && sharesNamespace(referrer, resource),
  );
  if (candidates.length > 1) candidates = candidates.filter((resource) => sameAffixes(referrer, resource, true));
  else return candidates[0];
  if (candidates.length > 1) candidates = candidates.filter((resource) => sameAffixes(referrer, resource, false));
  const [first] = candidates;
  if (first === undefined || candidates.every((resource) => sameness(resource) === sameness(first))) return first;
  throw new BuildFault(`${search.path} of ${describeId(referrer.id)} could mean ${candidates.map((resource) => describeId(resource.id)).join(" or ")}`);
}

/** A roleRef names the kind it means; without that, a Role and a ClusterRole of one name would be mixed up. */
function fitsRole({ referrer, path }: Search, resource: Resource): boolean {
  const role = referrer.value["roleRef"];
  if (!path.endsWith("roleRef/name") || !isMap(role) || role["apiGroup"] === undefined || role["kind"] === undefined) return true;
  const wanted = { group: textOf(role["apiGroup"]), kind: textOf(role["kind"]) };
  return resource.previousIds.some((id) => isSelected(id, wanted));
}

function sharesNamespace(referrer: Resource, resource: Resource): boolean {
  if (isClusterScoped(referrer.id) || isClusterScoped(resource.id) || resource.kind === "ServiceAccount") return true;
  return effectiveNamespace(referrer.id) === effectiveNamespace(resource.id);
}

function sameAffixes(a: Resource, b: Resource, mayBeEmpty: boolean): boolean {
  return sameEnding(a.prefixes, b.prefixes, mayBeEmpty) && sameEnding(a.suffixes, b.suffixes, mayBeEmpty);
}

/** Whether the shorter list is the end of the longer one. */
function sameEnding(a: readonly string[], b: readonly string[], mayBeEmpty: boolean): boolean {
  if (a.length === 0 || b.length === 0) return mayBeEmpty || a.length === b.length;
  const length = Math.min(a.length, b.length);
  return a.slice(-length).every((item, index) => item === b.slice(-length)[index]);
}
