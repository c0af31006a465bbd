import { isNodeWanted, tolerates } from "../../resources/node-selection.ts";
import type { DaemonSet, Node, NodeSelectorTerm, Pod, PodSpec, Toleration } from "../../resources/types.ts";
import { podFromTemplate } from "../pods.ts";

/** A DaemonSet's pods stay, and come, whatever their node suffers from: they are what may help it. */
const TOLERATED: readonly Toleration[] = [
  { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/disk-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/pid-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" },
];
const NETWORK_UNAVAILABLE: Toleration = { key: "node.kubernetes.io/network-unavailable", operator: "Exists", effect: "NoSchedule" };
const NAME_FIELD = "metadata.name";
const TEMPLATE_GENERATION = "deprecated.daemonset.template.generation";

export const REVISION_HASH_LABEL = "controller-revision-hash";

/** Whether a node should get a pod of the set, and whether one that is there may stay. */
export interface NodeFit {
  readonly shouldRun: boolean;
  readonly mayStay: boolean;
}

/** By node name, affinity and taints alone: resources are the scheduler's matter, which may make room. Pure. */
export function computeNodeFit(set: DaemonSet, node: Node): NodeFit {
  const spec = set.spec.template.spec ?? { containers: [] };
  const isMeant = (!spec.nodeName || spec.nodeName === node.metadata.name) && isNodeWanted(spec, node);
  if (!isMeant) return { shouldRun: false, mayStay: false };
  const tolerations = tolerationsOf(spec);
  const repelling = (node.spec?.taints ?? []).filter((taint) => taint.effect !== "PreferNoSchedule" && !tolerates(tolerations, taint));
  return { shouldRun: repelling.length === 0, mayStay: !repelling.some(({ effect }) => effect === "NoExecute") };
}

/** The pod for a node. It is pinned by affinity, so that the scheduler places it like any other. */
export function newDaemonPod(set: DaemonSet, nodeName: string, hash: string): Pod {
  const pod = podFromTemplate(set, set.spec.template);
  const { metadata, spec } = pod;
  const generation = set.metadata.annotations?.[TEMPLATE_GENERATION];
  return {
    ...pod,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, [REVISION_HASH_LABEL]: hash, ...(generation === undefined ? {} : { "pod-template-generation": generation }) },
    },
    spec: { ...spec, tolerations: tolerationsOf(spec), affinity: pinned(spec.affinity, nodeName) },
  };
}

/** The node that a pod runs on or is meant for; undefined when nothing says so. */
export function targetNode({ spec }: Pod): string | undefined {
  if (spec.nodeName) return spec.nodeName;
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  for (const { matchFields = [] } of terms) {
    const pin = matchFields.find(({ key, operator, values = [] }) => key === NAME_FIELD && operator === "In" && values.length === 1);
    if (pin !== undefined) return pin.values?.[0];
  }
  return undefined;
}

function tolerationsOf(spec: PodSpec): readonly Toleration[] {
  const own = spec.tolerations ?? [];
  const added = [...TOLERATED, ...(spec.hostNetwork === true ? [NETWORK_UNAVAILABLE] : [])];
  const isKnown = ({ key, effect, operator }: Toleration) =>
    own.some(
      (toleration) => toleration.key === key && toleration.effect === effect && toleration.operator === operator && toleration.tolerationSeconds === undefined,
    );
  return [...own, ...added.filter((toleration) => !isKnown(toleration))];
}

/** Each way in which nodes may match is narrowed to the one node. */
function pinned(affinity: PodSpec["affinity"], nodeName: string): NonNullable<PodSpec["affinity"]> {
  const pin = [{ key: NAME_FIELD, operator: "In", values: [nodeName] }];
  const terms: readonly NodeSelectorTerm[] = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [{}];
  const nodeSelectorTerms = terms.map((term) => ({ ...term, matchFields: pin }));
  return { ...affinity, nodeAffinity: { ...affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
}
