import { describeObject, type KubeObject } from "../../apimachinery/object-meta.ts";
import { APPLICATION_LABEL, PREVIEW_LABEL } from "../manifests/desired-state.ts";

const SHOWN_MAX = 20;

/**
 * Objects that say they belong to an application and that no inventory holds: copies by hand, remains of a repository that was left. They
 * are never touched, so somebody should know of them. What a controller made, with labels of its owner, is that controller's.
 */
export function describeOrphans(labelled: Iterable<{ readonly object: KubeObject; readonly identity: string }>, isKnown: (identity: string) => boolean): readonly string[] {
  const orphans: string[] = [];
  for (const { object, identity } of labelled) {
    if (isKnown(identity) || object.metadata.labels?.[PREVIEW_LABEL] !== undefined || object.metadata.ownerReferences?.some((owner) => owner.controller === true) === true || object.metadata.deletionTimestamp !== undefined) continue;
    orphans.push(`${describeObject(object)} carries the label of ${object.metadata.labels?.[APPLICATION_LABEL] ?? ""}, but no repository holds it: delete it, or take its label ${APPLICATION_LABEL} away`);
  }
  const sorted = orphans.sort();
  return sorted.length <= SHOWN_MAX ? sorted : [...sorted.slice(0, SHOWN_MAX), `… and ${sorted.length - SHOWN_MAX} more objects that no repository holds`];
}
