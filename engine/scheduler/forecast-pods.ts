import { labelSelectorPredicate, type LabelSelector } from "../apimachinery/selectors.ts";
import { podContainers } from "../resources/pod-containers.ts";
import type { Node, Pod } from "../resources/types.ts";
import { podInfo, type NamespaceLabels, type NodeInfo, type PodInfo } from "./node-info.ts";
import { createProfile, type Profile } from "./profile.ts";
import { FilterCache, schedulePod } from "./schedule-pod.ts";
import { SCHEDULER_NAME } from "./scheduler-name.ts";
import { DEFAULT_SETTINGS, type SchedulerSettings } from "./scheduler-settings.ts";
import { ClusterSnapshot } from "./snapshot.ts";
import { isHugePages } from "../resources/huge-pages.ts";

/** Pods that a change would bring, all alike. */
export interface PlannedPods {
  /** For people: `Deployment shop/web`. */
  readonly workload: string;
  readonly count: number;
  /** As each of them would be. */
  readonly pod: Pod;
}

/** Pods that a change would take away, and with them their room. */
export interface LeavingPods {
  readonly namespace: string;
  readonly selector: LabelSelector;
}

/** How the pods of one workload would fare. */
export interface PodForecast {
  readonly workload: string;
  readonly count: number;
  readonly fits: number;
  /** Why the next one fits nowhere, one sentence per node: `n2 lacks 212Mi of memory`. */
  readonly reasons: readonly string[];
  /** Images that a node chosen for a pod does not hold yet, so that they would be pulled. */
  readonly pulls: readonly { readonly image: string; readonly nodes: readonly string[] }[];
}

/** More pods of one workload say nothing that these do not. */
const PODS_MAX = 1_000;
const REASONS_MAX = 8;

/**
 * Where the real scheduler would put pods that do not exist yet: the same filters and scores, on a copy of the cluster in which the
 * leaving pods are gone and each placed pod counts for the next. Pure; the order of `planned` is the order of arrival.
 */
export function forecastPods(
  nodes: readonly Node[],
  pods: readonly Pod[],
  planned: readonly PlannedPods[],
  leaving: readonly LeavingPods[] = [],
  namespaceLabels?: NamespaceLabels,
  settings: SchedulerSettings = DEFAULT_SETTINGS,
): readonly PodForecast[] {
  const snapshot = new ClusterSnapshot();
  for (const node of nodes) snapshot.setNode(node);
  const gone = leaving.map(({ namespace, selector }) => ({ namespace, matches: labelSelectorPredicate(selector) }));
  for (const pod of pods)
    if (!gone.some(({ namespace, matches }) => namespace === pod.metadata.namespace && matches(pod.metadata.labels))) snapshot.setPod(podInfo(pod));
  const deciding = new Map(settings.profiles.map((each) => [each.schedulerName, { profile: createProfile(each), cache: new FilterCache() }]));
  const [first = { profile: createProfile(), cache: new FilterCache() }] = deciding.values();
  let start = 0;
  return planned.map((group): PodForecast => {
    const chosen: string[] = [];
    const wanted = Math.min(group.count, PODS_MAX);
    let reasons: readonly string[] = [];
    // Where somebody else's scheduler decides, what ours would say is the best guess.
    const { profile, cache } = deciding.get(group.pod.spec.schedulerName ?? SCHEDULER_NAME) ?? first;
    for (let index = 0; index < wanted; index++) {
      const info: PodInfo = {
        ...podInfo({ ...group.pod, metadata: { ...group.pod.metadata, name: `${group.pod.metadata.name ?? "pod"}-${index}-planned` } }),
        namespaceLabels,
      };
      const decision = schedulePod(info, snapshot.nodes(), profile, start, cache);
      if (decision.is === "unschedulable") {
        reasons = explainNodes(info, snapshot.nodes(), profile);
        break;
      }
      start = decision.nextStart;
      chosen.push(decision.nodeName);
      snapshot.assume(info, decision.nodeName);
    }
    const fits = chosen.length === wanted ? group.count : chosen.length;
    return { workload: group.workload, count: group.count, fits, reasons, pulls: missingImages(group.pod, chosen, snapshot) };
  });
}

function explainNodes(pod: PodInfo, nodes: readonly NodeInfo[], profile: Profile): readonly string[] {
  if (nodes.length === 0) return ["there is no node"];
  const reasons = nodes.map((node) => `${node.name} ${explainNode(pod, node, nodes, profile)}`);
  return reasons.length <= REASONS_MAX ? reasons : [...reasons.slice(0, REASONS_MAX), `and ${reasons.length - REASONS_MAX} more nodes do not fit`];
}

function explainNode(pod: PodInfo, node: NodeInfo, nodes: readonly NodeInfo[], { filters }: Profile): string {
  for (const filter of filters) {
    const unfit = filter.test(pod, node, filter.prepare?.(pod, nodes));
    if (unfit === undefined) continue;
    const short = filter.name === "NodeResourcesFit" ? shortages(pod, node) : [];
    return short.length > 0 ? `lacks ${short.join(" and ")}` : `does not fit: ${unfit.join(", ")}`;
  }
  return "fits";
}

function shortages(pod: PodInfo, node: NodeInfo): readonly string[] {
  return Object.entries(pod.requests).flatMap(([resource, amount]) => {
    const missing = amount - ((node.allocatable[resource] ?? 0) - (node.requested[resource] ?? 0));
    return amount > 0 && missing > 0 ? [`${formatAmount(resource, missing)} of ${resource}`] : [];
  });
}

function formatAmount(resource: string, amount: number): string {
  if (resource === "cpu") return `${Math.ceil(amount)}m`;
  if (resource === "memory" || isHugePages(resource) || resource === "ephemeral-storage") return `${Math.ceil(amount / (1 << 20))}Mi`;
  return String(amount);
}

function missingImages(pod: Pod, chosen: readonly string[], snapshot: ClusterSnapshot): PodForecast["pulls"] {
  const images = [...new Set(podContainers(pod.spec).map((container) => container.image ?? ""))].filter((image) => image !== "");
  return images.flatMap((image) => {
    const nodes = [...new Set(chosen)].filter((name) => !holds(snapshot.node(name)?.node, image)).sort();
    return nodes.length === 0 ? [] : [{ image, nodes }];
  });
}

/** Nodes list images by full names; manifests often leave registry, folder and tag out. */
function holds(node: Node | undefined, image: string): boolean {
  const wanted = fullName(image);
  return (node?.status?.images ?? []).some((entry) => (entry.names ?? []).some((name) => name === image || fullName(name) === wanted));
}

function fullName(image: string): string {
  const [first = "", ...rest] = image.split("/");
  const hasRegistry = rest.length > 0 && (first.includes(".") || first.includes(":") || first === "localhost");
  const path = hasRegistry ? image : rest.length > 0 ? `docker.io/${image}` : `docker.io/library/${image}`;
  return /[:@][^/]*$/.test(path) ? path : `${path}:latest`;
}
