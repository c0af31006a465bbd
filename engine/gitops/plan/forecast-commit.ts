import type { DesiredState } from "../manifests/desired-state.ts";
import type { CommitForecast } from "./plan-page.ts";
import { computeQuotaAfter } from "./plan-quota.ts";
import { actionsOf, type SyncPlan } from "./plan-sync.ts";
import { planPods, type ForecastPods } from "./plan-workloads.ts";
import type { Problem } from "../manifests/problem.ts";

/** A planned commit with how its pods would fare. Without a scheduler to ask, or when the commit would be refused, nothing is said about pods. */
export async function forecastCommit(
  prepared: { readonly state: DesiredState; readonly plan: SyncPlan; readonly problems: readonly Problem[] },
  forecastPods: ForecastPods | undefined,
): Promise<CommitForecast> {
  const { state, plan, problems } = prepared;
  if (problems.length > 0 || forecastPods === undefined) return { state, plan, problems, planned: [], pods: [], quotas: [] };
  const { planned, leaving } = planPods(plan);
  if (actionsOf(plan).length === 0) return { state, plan, problems, planned, pods: [], quotas: [] };
  const outlook = await forecastPods(planned, leaving);
  return { state, plan, problems, planned, pods: outlook.pods, quotas: computeQuotaAfter(outlook.quotas, plan, planned, outlook.leaving) };
}
