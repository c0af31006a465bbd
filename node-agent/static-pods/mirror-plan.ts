import { MIRROR_ANNOTATION } from "../../engine/apimachinery/known-labels.ts";
import type { Node, Pod } from "../../engine/resources/types.ts";
import { hasSameName, HASH_ANNOTATION, isMirrorOf } from "./static-pod.ts";

export type MirrorAction = { readonly do: "delete"; readonly pod: Pod } | { readonly do: "create"; readonly pod: Pod };

export interface MirrorInputs {
  /** Pods of files, as they are to run. */
  readonly statics: readonly Pod[];
  /** Those that still end; what shows them stays until they have. */
  readonly ending: readonly Pod[];
  /** Mirrors that the API has of this node. */
  readonly mirrors: readonly Pod[];
  /** Their owner; without it none is made. */
  readonly node: Node | undefined;
}

/** What has to be done so that each static pod has its mirror, and no other pod has one; deletions come first. Pure. */
export function planMirrors({ statics, ending, mirrors, node }: MirrorInputs): readonly MirrorAction[] {
  const wrong = mirrors.filter((mirror) => ![...statics, ...ending].some((pod) => isMirrorOf(mirror, pod)));
  const missing = statics.filter((pod) => !ending.some((other) => hasSameName(other, pod)) && !mirrors.some((mirror) => isMirrorOf(mirror, pod)));
  return [
    ...wrong.map((pod) => ({ do: "delete", pod }) as const),
    ...(node?.metadata.uid === undefined ? [] : missing.map((pod) => ({ do: "create", pod: mirrorFor(pod, node) }) as const)),
  ];
}

/** The pod that shows a static pod in the API. It belongs to the Node, as the API server demands of what a node makes. */
function mirrorFor({ metadata, spec, ...pod }: Pod, node: Node): Pod {
  const { uid: _uid, annotations = {}, ...about } = metadata;
  const { status: _status, ...rest } = pod;
  const owner = { apiVersion: "v1", kind: "Node", name: node.metadata.name ?? "", uid: node.metadata.uid ?? "", controller: true };
  return {
    ...rest,
    metadata: { ...about, annotations: { ...annotations, [MIRROR_ANNOTATION]: annotations[HASH_ANNOTATION] ?? "" }, ownerReferences: [owner] },
    spec,
  };
}
