import { withMetadata } from "../apimachinery/object-copy.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { compareQuantities } from "../apimachinery/quantity.ts";
import { labelSelectorPredicate } from "../apimachinery/selectors.ts";
import type { Client } from "../client/client.ts";
import { persistentVolumeClaimResource } from "../resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../resources/core/persistent-volume.ts";
import { SELECTED_NODE_ANNOTATION } from "../resources/storage/local-path.ts";
import { BOUND_BY_CONTROLLER_ANNOTATION, chooseVolume } from "../resources/storage/volume-matching.ts";
import type { Node, NodeSelectorTerm, PersistentVolume, PersistentVolumeClaim, StorageClass } from "../resources/types.ts";
import { matchesTerm } from "../resources/node-selector.ts";
import type { DelayedClaim } from "./pod-storage.ts";

/** How a claim gets its volume on a node. */
export type VolumeChoice =
  | { readonly do: "take"; readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }
  | { readonly do: "provision"; readonly claim: PersistentVolumeClaim };

/** A volume for each claim that waits for a node, none twice; undefined when one of them can have none there. Pure. */
export function chooseVolumes(delayed: readonly DelayedClaim[], node: Node): readonly VolumeChoice[] | undefined {
  const choices: VolumeChoice[] = [];
  const taken = new Set<PersistentVolume>();
  for (const { claim, storageClass, candidates, capacities } of delayed) {
    const volume = chooseVolume(
      claim,
      candidates.filter((candidate) => !taken.has(candidate)),
      node,
    );
    if (volume !== undefined) {
      taken.add(volume);
      choices.push({ do: "take", claim, volume });
    } else if (canProvision(claim, storageClass, node) && hasRoom(claim, capacities, node)) choices.push({ do: "provision", claim });
    else return undefined;
  }
  return choices;
}

function canProvision(claim: PersistentVolumeClaim, { provisioner, allowedTopologies = [] }: StorageClass, node: Node): boolean {
  const selected = claim.metadata.annotations?.[SELECTED_NODE_ANNOTATION];
  if (selected !== undefined && selected !== node.metadata.name) return false;
  if (provisioner === "kubernetes.io/no-provisioner") return false;
  const terms = allowedTopologies.map((term): NodeSelectorTerm => ({
    matchExpressions: (term.matchLabelExpressions ?? []).map(({ key, values }) => ({ key, operator: "In", values })),
  }));
  return terms.length === 0 || terms.some((term) => matchesTerm(term, node));
}

/** Whether one of the places that the node reaches has room for the whole volume. A driver that does not tell has room everywhere. */
function hasRoom({ spec }: PersistentVolumeClaim, capacities: DelayedClaim["capacities"], node: Node): boolean {
  const wanted = spec?.resources?.requests?.["storage"];
  if (capacities === undefined || wanted === undefined) return true;
  return capacities.some(({ capacity, maximumVolumeSize, nodeTopology }) => {
    const limit = maximumVolumeSize ?? capacity;
    return (
      limit !== undefined &&
      nodeTopology !== undefined &&
      compareQuantities(limit, wanted) >= 0 &&
      labelSelectorPredicate(nodeTopology)(node.metadata.labels ?? {})
    );
  });
}

/** Writes the choices down; the volume binder does the rest. A choice that was overtaken fails with Conflict. */
export async function writeVolumeChoices(client: Client, choices: readonly VolumeChoice[], nodeName: string): Promise<void> {
  for (const choice of choices) {
    const claim = choice.claim as PersistentVolumeClaim & KubeObject; // stored, so it has its names
    if (choice.do === "provision") {
      if (claim.metadata.annotations?.[SELECTED_NODE_ANNOTATION] === nodeName) continue;
      await client
        .for(persistentVolumeClaimResource)
        .update(withMetadata(claim, { annotations: { ...claim.metadata.annotations, [SELECTED_NODE_ANNOTATION]: nodeName } }));
      continue;
    }
    const volume = choice.volume as PersistentVolume & KubeObject; // likewise
    if (volume.spec?.claimRef?.uid === claim.metadata.uid) continue;
    const { namespace = "", name = "", uid = "", resourceVersion = "" } = claim.metadata;
    const annotations =
      volume.spec?.claimRef === undefined ? { ...volume.metadata.annotations, [BOUND_BY_CONTROLLER_ANNOTATION]: "yes" } : volume.metadata.annotations;
    await client.for(persistentVolumeResource).update({
      ...withMetadata(volume, { annotations }),
      spec: { ...volume.spec, claimRef: { kind: "PersistentVolumeClaim", apiVersion: "v1", namespace, name, uid, resourceVersion } },
    });
  }
}
