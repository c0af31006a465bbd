import { describeObject, type KubeObject } from "../../apimachinery/object-meta.ts";
import { applicationResource } from "../../resources/mainstay/application.ts";
import type { Application } from "../../resources/types.ts";
import { APPLICATION_LABEL, PREVIEW_LABEL, type DesiredObject, type DesiredState } from "../manifests/desired-state.ts";
import { objectsByUnit } from "../manifests/objects-by-unit.ts";
import type { ClusterView } from "./cluster-view.ts";
import { staleEntries } from "./inventory.ts";

const SHOWN_MAX = 20;

/**
 * Objects of the cluster that carry our label and that no commit wants, kept up to date by what is told of each change; and those of them
 * that no repository holds.
 */
export class Orphans {
  readonly #objects = new Map<string, KubeObject>();
  #described: readonly string[] = [];
  #describedFor = "";

  /** As a commit that was looked at has left them, for people. */
  get described(): readonly string[] {
    return this.#described;
  }

  observe(object: KubeObject, identity: string, isStranger: boolean): void {
    if (isStranger && object.metadata.labels?.[APPLICATION_LABEL] !== undefined) this.#objects.set(identity, object);
    else this.#objects.delete(identity);
  }

  /** What leaves the repository is a stranger until it is gone, and what comes into it no longer is one. */
  follow(before: ReadonlyMap<string, DesiredObject>, now: ReadonlyMap<string, DesiredObject>, units: Iterable<string>, view: Pick<ClusterView, "get">): void {
    const lists = [objectsByUnit(before), objectsByUnit(now)];
    for (const unit of units)
      for (const { resource, identity, object } of lists.flatMap((list) => list.get(unit) ?? [])) {
        const live = view.get(resource, object.metadata.namespace, object.metadata.name ?? "");
        if (live !== undefined) this.observe(live, identity, !now.has(identity));
      }
  }

  /** Describes those that are left once a commit is applied, once for each commit. */
  look({ commit, objects }: Pick<DesiredState, "commit" | "objects">, view: Pick<ClusterView, "list">): void {
    if (this.#describedFor === commit.id) return;
    this.#describedFor = commit.id;
    for (const identity of this.#objects.keys()) if (objects.has(identity)) this.#objects.delete(identity);
    const held = new Set(staleEntries(view.list(applicationResource) as readonly Application[], objects).map(({ identity }) => identity));
    this.#described = describeOrphans(
      [...this.#objects].map(([identity, object]) => ({ object, identity })),
      (identity) => held.has(identity) || objects.has(identity),
    );
  }
}

/**
 * Objects that say they belong to an application and that no inventory holds: copies by hand, remains of a repository that was left. They
 * are never touched, so somebody should know of them. What a controller made, with labels of its owner, is that controller's.
 */
function describeOrphans(
  labelled: Iterable<{ readonly object: KubeObject; readonly identity: string }>,
  isKnown: (identity: string) => boolean,
): readonly string[] {
  const orphans: string[] = [];
  for (const { object, identity } of labelled) {
    if (
      isKnown(identity) ||
      object.metadata.labels?.[PREVIEW_LABEL] !== undefined ||
      object.metadata.ownerReferences?.some((owner) => owner.controller === true) === true ||
      object.metadata.deletionTimestamp !== undefined
    )
      continue;
    orphans.push(
      `${describeObject(object)} carries the label of ${object.metadata.labels?.[APPLICATION_LABEL] ?? ""}, but no repository holds it: delete it, or take its label ${APPLICATION_LABEL} away`,
    );
  }
  const sorted = orphans.sort();
  return sorted.length <= SHOWN_MAX ? sorted : [...sorted.slice(0, SHOWN_MAX), `… and ${sorted.length - SHOWN_MAX} more objects that no repository holds`];
}
