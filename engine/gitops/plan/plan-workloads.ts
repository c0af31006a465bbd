import type { LabelSelector } from "../../apimachinery/selectors.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { withPodLevelRequests } from "../../resources/pod-level-resources.ts";
import { withContainersOfPod } from "../../resources/pod-template.ts";
import type { Pod } from "../../resources/types.ts";
import { describeDesired } from "../manifests/desired-state.ts";
import type { QuotaObject } from "./plan-quota.ts";
import { actionsOf, type Action, type SyncPlan } from "./plan-sync.ts";

/** Pods that a plan would bring, all alike. */
export interface PlannedPods {
  readonly workload: string;
  readonly count: number;
  readonly pod: Pod;
  /** How they come: all at once, or a few at a time. */
  readonly rollout: string;
}

/** Pods that a plan would take away. */
export interface LeavingPods {
  readonly namespace: string;
  readonly selector: LabelSelector;
}

export interface PodForecast {
  readonly workload: string;
  readonly count: number;
  readonly fits: number;
  readonly reasons: readonly string[];
  readonly pulls: readonly { readonly image: string; readonly nodes: readonly string[] }[];
}

/** The cluster's answer to planned pods. */
export interface PodOutlook {
  readonly pods: readonly PodForecast[];
  /** The pods that leave, as they are now. */
  readonly leaving: readonly Pod[];
  readonly quotas: readonly QuotaObject[];
}

/** Asks the scheduler where pods would go; composed where the parts meet, for the scheduler is no neighbour of ours. */
export type ForecastPods = (planned: readonly PlannedPods[], leaving: readonly LeavingPods[]) => Promise<PodOutlook>;

/** The parts of workloads that say which pods they want; the same in all their kinds. */
interface WorkloadSpec {
  readonly replicas?: number;
  readonly parallelism?: number;
  readonly suspend?: boolean;
  readonly selector?: LabelSelector;
  readonly template?: { readonly metadata?: { readonly labels?: Readonly<Record<string, string>> }; readonly spec?: Pod["spec"] };
  readonly strategy?: { readonly type?: string; readonly rollingUpdate?: { readonly maxSurge?: number | string; readonly maxUnavailable?: number | string } };
}

const REPLICATED: ReadonlySet<string> = new Set(["apps/Deployment", "apps/StatefulSet", "apps/ReplicaSet", "/ReplicationController"]);

/** The pods that a plan brings and takes away. DaemonSets are left out: each of their pods is meant for one node. */
export function planPods(plan: Pick<SyncPlan, "waves">): { readonly planned: readonly PlannedPods[]; readonly leaving: readonly LeavingPods[] } {
  const planned: PlannedPods[] = [];
  const leaving: LeavingPods[] = [];
  for (const action of actionsOf(plan)) {
    const [before, after] = formsOf(action);
    const [old, next] = [before === undefined ? undefined : podsOf(before), after === undefined ? undefined : podsOf(after)];
    if (action.do === "prune" || after === undefined || next === undefined) {
      if (old !== undefined && before !== undefined) leaving.push(...leavingOf(before));
      continue;
    }
    const isSame = old !== undefined && jsonEqual(old.pod, next.pod);
    const count = isSame ? Math.max(0, next.count - old.count) : next.count;
    // A changed template replaces every pod; what fits in the end is asked, not how tight it is meanwhile.
    if (old !== undefined && !isSame && before !== undefined) leaving.push(...leavingOf(before));
    if (count > 0)
      planned.push({
        workload: action.do === "update" || action.do === "create" || action.do === "replace" ? describeDesired(action.desired) : "",
        count,
        pod: next.pod,
        rollout: old === undefined || isSame ? "at once" : rolloutOf(after),
      });
  }
  return { planned, leaving };
}

function formsOf(action: Action): readonly [KubeObject | undefined, KubeObject | undefined] {
  if (action.do === "prune") return [action.live, undefined];
  const { outcome } = action.candidate;
  if (action.do === "create") return [undefined, outcome.is === "create" ? outcome.result : action.desired.object];
  if (action.do === "update") return [action.live, outcome.is === "update" ? outcome.result : action.intent];
  return [action.live, action.desired.object];
}

function podsOf(object: KubeObject): { readonly count: number; readonly pod: Pod } | undefined {
  const group = object.apiVersion.includes("/") ? (object.apiVersion.split("/")[0] ?? "") : "";
  const { namespace = "default", name = "" } = object.metadata;
  if (group === "" && object.kind === "Pod") return { count: 1, pod: withoutPlacement(object as Pod) }; // its kind says so
  const spec = (object as KubeObject & { readonly spec?: WorkloadSpec }).spec; // checked against its schema by the dry run
  const template = spec?.template;
  if (spec === undefined || template?.spec === undefined) return undefined;
  const isJob = group === "batch" && object.kind === "Job";
  if (!isJob && !REPLICATED.has(`${group}/${object.kind}`)) return undefined;
  const count = isJob ? (spec.suspend === true ? 0 : (spec.parallelism ?? 1)) : (spec.replicas ?? 1);
  return {
    count,
    pod: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace, ...(template.metadata?.labels === undefined ? {} : { labels: template.metadata.labels }) },
      spec: withPodLevelRequests(withContainersOfPod(template.spec)),
    },
  };
}

function withoutPlacement(pod: Pod): Pod {
  const { nodeName: _nodeName, ...spec } = pod.spec;
  return { apiVersion: "v1", kind: "Pod", metadata: pod.metadata, spec };
}

function leavingOf(object: KubeObject): readonly LeavingPods[] {
  const { namespace = "default" } = object.metadata;
  const { selector, template } = (object as KubeObject & { readonly spec?: WorkloadSpec }).spec ?? {}; // as above
  const labels = object.kind === "Pod" ? object.metadata.labels : template?.metadata?.labels;
  const chosen = selector ?? (labels === undefined ? undefined : { matchLabels: labels });
  // A selector that fits everything would make room that is not there.
  return chosen === undefined || Object.keys(chosen.matchLabels ?? {}).length + (chosen.matchExpressions ?? []).length === 0
    ? []
    : [{ namespace, selector: chosen }];
}

function rolloutOf(object: KubeObject): string {
  const { strategy } = (object as KubeObject & { readonly spec?: WorkloadSpec }).spec ?? {}; // as above
  if (strategy?.type === "Recreate") return "all stopped first, then started";
  if (strategy?.rollingUpdate === undefined) return "one after the other";
  return `rolling, surge ${strategy.rollingUpdate.maxSurge ?? "25%"}, unavailable ${strategy.rollingUpdate.maxUnavailable ?? "25%"}`;
}
