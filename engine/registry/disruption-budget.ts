import { findCondition } from "../apimachinery/conditions.ts";
import { labelSelectorPredicate } from "../apimachinery/selectors.ts";
import { forbidden, StatusError } from "../apimachinery/status-error.ts";
import { withDisruptionAllowed } from "../resources/policy/disruption-allowed.ts";
import type { Pod, PodDisruptionBudget } from "../resources/types.ts";

/** So many evictions may be granted before the disruption controller has seen one of them. */
const DISRUPTED_PODS_MAX = 2_000;
const RETRY_SECONDS = 10;

export type EvictionPlan =
  /** Nobody needs the pod; with `ifUnchanged` only as long as it stays as it was seen. */
  | { readonly do: "delete"; readonly ifUnchanged: boolean }
  /** The budget must allow it. */
  | { readonly do: "spend"; readonly budget: PodDisruptionBudget };

/**
 * What stands between a pod and its eviction, by upstream's rules. Pods that do not run, or are not ready and their budget's healthy
 * ones suffice (or their budget lets them go always), cost nothing. Pure; throws the Status of a pod with several budgets.
 */
export function planEviction(pod: Pod, budgets: readonly PodDisruptionBudget[]): EvictionPlan {
  const phase = pod.status?.phase ?? "Pending";
  const isEnding = phase === "Succeeded" || phase === "Failed" || pod.metadata.deletionTimestamp !== undefined;
  if (isEnding) return { do: "delete", ifUnchanged: false };
  if (phase === "Pending") return { do: "delete", ifUnchanged: true };
  const own = budgets.filter((budget) => covers(budget, pod));
  const [budget] = own;
  if (budget === undefined) return { do: "delete", ifUnchanged: false };
  if (own.length > 1) throw tooManyBudgets();
  const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  const isReady = findCondition(pod.status?.conditions, "Ready")?.status === "True";
  const mayGo = budget.spec?.unhealthyPodEvictionPolicy === "AlwaysAllow" || (currentHealthy >= desiredHealthy && desiredHealthy > 0);
  return !isReady && mayGo ? { do: "delete", ifUnchanged: true } : { do: "spend", budget };
}

/** Whether the budget selects the pod. One without a selector, or with an empty one that an old client stored, selects none for an eviction. */
function covers({ spec, metadata }: PodDisruptionBudget, pod: Pod): boolean {
  const { matchLabels = {}, matchExpressions = [] } = spec?.selector ?? {};
  const isEmpty = Object.keys(matchLabels).length + matchExpressions.length === 0;
  return metadata.namespace === pod.metadata.namespace && !isEmpty && labelSelectorPredicate(spec?.selector)(pod.metadata.labels);
}

/** Why no disruption is left; how many pods are healthy says nothing where they could not be counted. */
function whySpent({ conditions = [], desiredHealthy, currentHealthy }: NonNullable<PodDisruptionBudget["status"]>): string {
  const refused = conditions.find(({ type, status, message }) => type === "DisruptionAllowed" && status === "False" && message !== "");
  const refuses = "does not allow evicting pods currently";
  if (refused?.reason === "SyncFailed") return `${refuses} because it failed sync: ${refused.message}`;
  if (currentHealthy <= desiredHealthy) return `needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  return refused === undefined ? refuses : `${refuses} (${refused.reason}): ${refused.message}`;
}

/** The budget with one disruption less, which names the pod so that it no longer counts as healthy. Throws the Status of a budget that is spent. */
export function spendDisruption(budget: PodDisruptionBudget, podName: string, nowText: string): PodDisruptionBudget {
  const { metadata, status } = budget;
  const name = metadata.name ?? "";
  const allowed = status?.disruptionsAllowed ?? 0;
  if (status === undefined || (status.observedGeneration ?? 0) < (metadata.generation ?? 0))
    throw tooManyRequests(`The disruption budget ${name} is still being processed by the server.`, RETRY_SECONDS);
  if (allowed < 0) throw forbidden({ group: "policy", resource: "poddisruptionbudget" }, name, "pdb disruptions allowed is negative");
  if (Object.keys(status.disruptedPods ?? {}).length > DISRUPTED_PODS_MAX)
    throw forbidden(
      { group: "policy", resource: "poddisruptionbudget" },
      name,
      "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
    );
  if (allowed === 0) throw tooManyRequests(`The disruption budget ${name} ${whySpent(status)}`, 0);
  const left = { ...status, disruptionsAllowed: allowed - 1, disruptedPods: { ...status.disruptedPods, [podName]: nowText } };
  return { ...budget, status: left.disruptionsAllowed === 0 ? withDisruptionAllowed(left, nowText) : left };
}

function tooManyRequests(why: string, retryAfterSeconds: number): StatusError {
  return new StatusError("TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.", {
    ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }),
    causes: [{ reason: "DisruptionBudget", message: why }],
  });
}

function tooManyBudgets(): StatusError {
  return StatusError.from({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
    code: 500,
  });
}
