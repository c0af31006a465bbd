import { controllerOf, type KubeObject } from "../../apimachinery/object-meta.ts";
import { isControlledBy, newControllerRef } from "../../apimachinery/owner-references.ts";
import { labelSelectorPredicate, type LabelSelector } from "../../apimachinery/selectors.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { controllerRevisionResource } from "../../resources/apps/controller-revision.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import type { ControllerRevision, PodTemplateSpec } from "../../resources/types.ts";
import { create, isBeingDeleted, update, type Action } from "../define-controller.ts";
import { comparableTemplate, stableText, templateHash } from "./deployment-template.ts";

/** Names the revision in its own labels, as both owners write it. */
const HASH_LABELS = { StatefulSet: "controller.kubernetes.io/hash", DaemonSet: "controller-revision-hash" } as const;
const NAME_MAX = 253;
const HASH_LENGTH = 10;

/** What has templates whose versions are kept as ControllerRevisions: a StatefulSet or a DaemonSet. */
export interface RevisedSet extends KubeObject {
  readonly spec: { readonly selector: LabelSelector; readonly template: PodTemplateSpec; readonly revisionHistoryLimit?: number };
  readonly status?: { readonly collisionCount?: number };
}

export interface RevisionPlan {
  /** The revisions the set owns, oldest first. */
  readonly revisions: readonly ControllerRevision[];
  /** The one of the current template; undefined until it has been made. */
  readonly update: ControllerRevision | undefined;
  /** What has to be done, and seen, before pods can be planned. */
  readonly actions: readonly Action[];
}

/**
 * The versions of a set's template: adopts revisions that nobody owns, makes the one of the current template, or makes an old one the
 * newest again when the template went back to it. Pure.
 */
export function planRevisions(set: RevisedSet, resource: ResourceReference, known: readonly ControllerRevision[]): RevisionPlan {
  const revisions = known.filter((revision) => isControlledBy(revision, set)).sort(compareRevisions);
  if (isBeingDeleted(set)) return { revisions, update: findEqual(set, revisions), actions: [] };
  const matches = labelSelectorPredicate(set.spec.selector);
  const orphans = known.filter((revision) => controllerOf(revision) === undefined && !isBeingDeleted(revision) && matches(revision.metadata.labels));
  if (orphans.length > 0)
    return {
      revisions,
      update: undefined,
      actions: orphans.map((object): Action => ({ do: "adopt", resource: controllerRevisionResource, object, owner: set, ownerResource: resource })),
    };
  const found = findEqual(set, revisions);
  const newest = revisions.at(-1)?.revision ?? 0;
  if (found === undefined) return { revisions, update: undefined, actions: [create(controllerRevisionResource, newRevision(set, newest + 1))] };
  if (found !== revisions.at(-1)) return { revisions, update: undefined, actions: [update(controllerRevisionResource, { ...found, revision: newest + 1 })] };
  return { revisions, update: found, actions: [] };
}

/** The oldest revisions beyond the limit that nothing is made from any more. Pure. */
export function planRevisionHistory(
  set: RevisedSet,
  revisions: readonly ControllerRevision[],
  isLive: (revision: ControllerRevision) => boolean,
): readonly Action[] {
  const past = revisions.filter((revision) => !isLive(revision));
  return past
    .slice(0, Math.max(0, past.length - (set.spec.revisionHistoryLimit ?? 10)))
    .map((object): Action => ({ do: "delete", resource: controllerRevisionResource, object }));
}

/** Whether a revision that was found under the name of a new one is that very one; if not, two templates have one hash. */
export function isRevisionOf(set: RevisedSet, revision: ControllerRevision): boolean {
  return isControlledBy(revision, set) && jsonEqual(comparable(revision.data), comparable(revisionData(set.spec.template)));
}

/** The template that a revision keeps. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const data = revision.data as ReturnType<typeof revisionData> | undefined; // only sets' own revisions come here
  const { $patch: _directive, ...template } = data?.spec.template ?? { $patch: "replace" as const };
  return template;
}

/** The hash in a revision's name, which pods of a DaemonSet carry. */
export function hashOf(revision: ControllerRevision): string {
  return revision.metadata.labels?.[HASH_LABELS.DaemonSet] ?? "";
}

/** The newest of those with this template, should there be several. */
function findEqual(set: RevisedSet, revisions: readonly ControllerRevision[]): ControllerRevision | undefined {
  const data = comparable(revisionData(set.spec.template));
  return revisions.findLast((revision) => jsonEqual(comparable(revision.data), data));
}

/** Whoever made it: its template as it is compared. */
function comparable(data: unknown): unknown {
  const template = (data as Partial<ReturnType<typeof revisionData>> | undefined)?.spec?.template;
  return template === undefined ? data : { ...(data as object), spec: { template: comparableTemplate(template) } };
}

function newRevision(set: RevisedSet, revision: number): ControllerRevision {
  const hash = templateHash(set.spec.template, set.status?.collisionCount ?? 0);
  const label = set.kind === "DaemonSet" ? HASH_LABELS.DaemonSet : HASH_LABELS.StatefulSet;
  return {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: {
      name: `${(set.metadata.name ?? "").slice(0, NAME_MAX - HASH_LENGTH - 1)}-${hash}`,
      namespace: set.metadata.namespace ?? "",
      labels: { ...set.spec.template.metadata?.labels, [label]: hash },
      ...(set.metadata.annotations === undefined ? {} : { annotations: { ...set.metadata.annotations } }),
      ownerReferences: [newControllerRef(set)],
    },
    data: revisionData(set.spec.template),
    revision,
  };
}

/** A patch that brings the template back: what `kubectl rollout undo` sends. Its keys are sorted, for kubectl compares text. */
function revisionData(template: PodTemplateSpec): { spec: { template: PodTemplateSpec & { $patch: "replace" } } } {
  return JSON.parse(stableText({ spec: { template: { ...template, $patch: "replace" } } })) as ReturnType<typeof revisionData>; // its own text
}

function compareRevisions(a: ControllerRevision, b: ControllerRevision): number {
  return (
    a.revision - b.revision ||
    Date.parse(a.metadata.creationTimestamp ?? "") - Date.parse(b.metadata.creationTimestamp ?? "") ||
    ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1)
  );
}
