import type { Deployment, ReplicaSet } from "../../resources/types.ts";

export const HASH_LABEL = "pod-template-hash";
export const REVISION_ANNOTATION = "deployment.kubernetes.io/revision";
const HISTORY_ANNOTATION = "deployment.kubernetes.io/revision-history";
export const DESIRED_ANNOTATION = "deployment.kubernetes.io/desired-replicas";
export const MAX_ANNOTATION = "deployment.kubernetes.io/max-replicas";

/** Annotations of a Deployment that its ReplicaSets do not inherit. */
const OWN_ANNOTATIONS = new Set([
  REVISION_ANNOTATION,
  HISTORY_ANNOTATION,
  DESIRED_ANNOTATION,
  MAX_ANNOTATION,
  "kubectl.kubernetes.io/last-applied-configuration",
  "deprecated.deployment.rollback.to",
]);
const HISTORY_LENGTH_MAX = 2_000;

/** A 64-bit number, as upstream has it: more than a double holds exactly. What is no number counts as none. */
export function revisionOf(set: ReplicaSet): bigint {
  return parseRevision(set.metadata.annotations?.[REVISION_ANNOTATION]);
}

function parseRevision(text: string | undefined): bigint {
  return text !== undefined && /^\d{1,18}$|^[1-8]\d{18}$/.test(text) ? BigInt(text) : 0n;
}

export function inheritedAnnotations(deployment: Deployment): Record<string, string> {
  return Object.fromEntries(Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !OWN_ANNOTATIONS.has(key)));
}

/** The set's annotations as the set of the current template at this revision; an older revision it had goes into its history. */
export function currentAnnotations(deployment: Deployment, set: ReplicaSet, revision: string): Readonly<Record<string, string>> {
  const known = set.metadata.annotations ?? {};
  const before = known[REVISION_ANNOTATION];
  const isOlder = parseRevision(before) < parseRevision(revision);
  return {
    ...known,
    ...inheritedAnnotations(deployment),
    ...(isOlder ? { [REVISION_ANNOTATION]: revision } : {}),
    ...(isOlder && before !== undefined ? { [HISTORY_ANNOTATION]: withHistory(known[HISTORY_ANNOTATION], before) } : {}),
  };
}

/** The newest entries that fit. */
function withHistory(history: string | undefined, revision: string): string {
  const entries = [...(history ? history.split(",") : []), revision];
  while (entries.length > 1 && entries.join(",").length > HISTORY_LENGTH_MAX) entries.shift();
  return entries.join(",");
}
