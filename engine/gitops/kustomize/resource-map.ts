import { parseLabelSelector, type LabelPredicate } from "../../apimachinery/selectors.ts";
import { isMap, stringMap, textOf } from "./json-value.ts";
import { BuildFault } from "./kustomize-error.ts";
import { Pattern } from "./pattern.ts";
import type { Resource } from "./resource.ts";
import { describeId, effectiveNamespace, equalIds, idKey, isClusterScoped, type Gvk, type ResourceId } from "./resource-id.ts";

/** Which objects a patch or replacement means. Names and kinds are patterns (RE2) that must fit whole. */
export interface Selector {
  readonly group?: string;
  readonly version?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly annotationSelector?: string;
}

/** The objects of a build, in order. No two have the same present id. */
export class ResourceMap {
  #resources: Resource[] = [];
  /** Present ids while objects are only added; whoever is given objects may change theirs. */
  #taken: Set<string> | undefined;

  get resources(): readonly Resource[] {
    this.#taken = undefined;
    return this.#resources;
  }

  append(resource: Resource): void {
    this.appendAll([resource]);
  }

  appendAll(resources: readonly Resource[]): void {
    const taken = (this.#taken ??= new Set(this.#resources.map((other) => idKey(other.id))));
    for (const resource of resources) {
      const key = idKey(resource.id);
      if (taken.has(key)) throw new BuildFault(`${describeId(resource.id)} is there twice; each object may come from one place only`);
      taken.add(key);
      this.#resources.push(resource);
    }
  }

  /** An object that shares its present id with another one; undefined when there is none. */
  collision(): Resource | undefined {
    const taken = new Set<string>();
    return this.#resources.find((resource) => {
      const key = idKey(resource.id);
      return taken.has(key) || !taken.add(key);
    });
  }

  /** Adds what a generator made: a new object, or a change of the one it names. */
  absorb(made: Resource): void {
    const matches = this.matchingAny((id) => equalIds(made.id, id));
    const [old] = matches;
    if (matches.length > 1) throw new BuildFault(`${describeId(made.id)} could be merged into several objects`);
    if (old === undefined) {
      if (made.behavior === "merge" || made.behavior === "replace")
        throw new BuildFault(`${describeId(made.id)} does not exist, so there is nothing to ${made.behavior}`);
      return this.append(made);
    }
    if (made.behavior !== "merge" && made.behavior !== "replace")
      throw new BuildFault(`${describeId(made.id)} exists already; its behavior must be merge or replace`);
    const isMerge = made.behavior === "merge";
    inheritFrom(made, old);
    if (isMerge) {
      mergeData(made, old);
      made.origin = old.origin ?? made.origin;
    }
    this.#taken = undefined;
    this.#resources = this.#resources.map((resource) => (resource === old ? made : resource));
  }

  dropDeleted(): void {
    this.#taken = undefined;
    this.#resources = this.#resources.filter((resource) => !resource.isDeleted);
  }

  keep(predicate: (resource: Resource) => boolean): void {
    this.#taken = undefined;
    this.#resources = this.#resources.filter(predicate);
  }

  sort(compare: (a: Resource, b: Resource) => number): void {
    this.#resources.sort(compare);
  }

  /** Objects that have, or had, an id that fits. */
  matchingAny(matches: (id: ResourceId) => boolean): readonly Resource[] {
    this.#taken = undefined;
    return this.#resources.filter((resource) => !resource.isDeleted && resource.allIds.some(matches));
  }

  /** The one object an id names, by its present or an earlier name. */
  target(id: ResourceId): Resource {
    const matches = this.matchingAny((other) => equalIds(id, other));
    const [first] = matches;
    if (first === undefined) throw new BuildFault(`no ${describeId(id)} is here to be patched`);
    if (matches.length > 1) throw new BuildFault(`${describeId(id)} names several objects; add a target that tells them apart`);
    return first;
  }

  select(selector: Selector): readonly Resource[] {
    this.#taken = undefined;
    const patterns = selectorPatterns(selector);
    const labels = marksPredicate(selector.labelSelector);
    const annotations = marksPredicate(selector.annotationSelector);
    return this.#resources.filter((resource) => {
      const [now, then] = [resource.id, resource.originalId];
      if (!patterns.namespace.fits(effectiveNamespace(then)) && !patterns.namespace.fits(effectiveNamespace(now))) return false;
      return (
        (patterns.name.fits(then.name) || patterns.name.fits(now.name)) &&
        patterns.fitsKind(now) &&
        labels(resource.labels) &&
        annotations(resource.annotations)
      );
    });
  }
}

/** Whether a field of `referrer` can name an object: one of its namespace, of none, or of where a RoleBinding's subjects live. */
export function referablePredicate(referrer: Resource): (other: Resource) => boolean {
  const { id } = referrer;
  if (isClusterScoped(id)) return () => true;
  const foreign = subjectNamespaces(referrer);
  const own = effectiveNamespace(id);
  return (other) => isClusterScoped(other.id) || effectiveNamespace(other.id) === own || foreign.has(other.namespace);
}

/** Whether labels or annotations fit a selector in its text form. */
export function marksPredicate(selector: string | undefined): LabelPredicate {
  try {
    return parseLabelSelector(selector ?? "");
  } catch (error) {
    throw new BuildFault(`${selector ?? ""} is no selector: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export interface SelectorPatterns {
  readonly name: Pattern;
  readonly namespace: Pattern;
  fitsKind(gvk: Gvk): boolean;
}

export function selectorPatterns(selector: Selector): SelectorPatterns {
  const [group, version, kind] = [new Pattern(selector.group), new Pattern(selector.version), new Pattern(selector.kind)];
  return {
    name: new Pattern(selector.name),
    namespace: new Pattern(selector.namespace),
    fitsKind: (gvk) => group.fits(gvk.group) && version.fits(gvk.version) && kind.fits(gvk.kind),
  };
}

/** What a generated object takes over from the one it changes: everything that makes it that object. */
function inheritFrom(made: Resource, old: Resource): void {
  made.setMetadata("labels", { ...old.labels, ...made.labels });
  made.setMetadata("annotations", { ...old.annotations, ...made.annotations });
  made.setMetadata("name", old.name);
  made.setMetadata("namespace", old.namespace);
  made.previous = old.previous;
  made.prefixes = old.prefixes;
  made.suffixes = old.suffixes;
  made.varNames = old.varNames;
  made.needsHash &&= old.needsHash;
  made.behavior = old.behavior;
  made.documents = [...old.documents, ...made.documents];
  made.touches = [...old.touches, ...made.touches];
}

function mergeData(made: Resource, old: Resource): void {
  for (const field of ["data", "binaryData"]) {
    const merged = { ...stringMap(old.value[field]), ...stringMap(made.value[field]) };
    delete made.value[field];
    if (Object.keys(merged).length > 0) made.value[field] = merged;
  }
}

function subjectNamespaces(referrer: Resource): ReadonlySet<string> {
  const subjects = referrer.kind === "RoleBinding" ? referrer.value["subjects"] : undefined;
  if (!Array.isArray(subjects)) return new Set();
  return new Set(
    subjects
      .filter((subject) => isMap(subject) && subject["kind"] === "ServiceAccount" && subject["namespace"] !== undefined)
      .map((subject) => textOf((subject as Record<string, unknown>)["namespace"])),
  ); // filtered to maps
}
