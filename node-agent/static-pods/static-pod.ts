import { createHash } from "node:crypto";
import { MIRROR_ANNOTATION } from "../../engine/apimachinery/known-labels.ts";
import { withSortedKeys } from "../../engine/lib/sorted-keys.ts";
import { qosClass } from "../../engine/resources/core/pod.ts";
import type { Pod, Toleration } from "../../engine/resources/types.ts";

/** By which upstream's tools know where a pod comes from, what it was, and since when it was seen. */
const SOURCE_ANNOTATION = "kubernetes.io/config.source";
export const HASH_ANNOTATION = "kubernetes.io/config.hash";
const SEEN_ANNOTATION = "kubernetes.io/config.seen";

/** What the node itself is short of ends no static pod. */
const TOLERATES_ALL: Toleration = { operator: "Exists", effect: "NoExecute" };

/**
 * A file's pod as it runs on this node. Its uid is made of what the file says and of where it is, so that the same file is the same pod for
 * every agent. Pure.
 */
export function asStaticPod(pod: Pod, file: string, nodeName: string, nowText: string): Pod {
  const { metadata, spec } = pod;
  const uid = metadata.uid || hashOf(pod, file, nodeName);
  const tolerations = spec.tolerations ?? [];
  const isTolerant = tolerations.some(({ operator, effect, key }) => operator === "Exists" && effect === "NoExecute" && !key);
  return {
    ...pod,
    metadata: {
      ...metadata,
      name: `${metadata.name}-${nodeName.toLowerCase()}`,
      namespace: metadata.namespace || "default",
      uid,
      annotations: { ...metadata.annotations, [HASH_ANNOTATION]: uid, [SEEN_ANNOTATION]: nowText, [SOURCE_ANNOTATION]: "file" },
    },
    spec: { ...spec, nodeName, tolerations: isTolerant ? tolerations : [...tolerations, TOLERATES_ALL] },
    status: { phase: "Pending", qosClass: qosClass(spec) },
  };
}

/** Whether the pod comes from this machine rather than from the API. */
export function isStatic({ metadata }: Pod): boolean {
  const source = metadata.annotations?.[SOURCE_ANNOTATION];
  return source !== undefined && source !== "api" && !isMirror({ metadata });
}

/** Whether the pod only shows what a node runs from a file of its own. */
export function isMirror({ metadata }: Pick<Pod, "metadata">): boolean {
  return metadata.annotations?.[MIRROR_ANNOTATION] !== undefined;
}

/** Whether it is a mirror that shows this very pod; one that is being deleted shows nothing any more. */
export function isMirrorOf(mirror: Pod, pod: Pod): boolean {
  return (
    isMirror(mirror) &&
    mirror.metadata.deletionTimestamp === undefined &&
    hasSameName(mirror, pod) &&
    mirror.metadata.annotations?.[MIRROR_ANNOTATION] === pod.metadata.annotations?.[HASH_ANNOTATION]
  );
}

export function hasSameName(one: Pod, other: Pod): boolean {
  return one.metadata.name === other.metadata.name && one.metadata.namespace === other.metadata.namespace;
}

/** Of a pod with the order of its fields settled; 32 hexadecimal digits, as upstream's are. */
function hashOf(pod: Pod, file: string, nodeName: string): string {
  return createHash("sha256")
    .update(`${JSON.stringify(withSortedKeys(pod))}\nhost:${nodeName}\nfile:${file}`)
    .digest("hex")
    .slice(0, 32);
}
