import type { Client } from "../../client/client.ts";
import type { ServedKinds } from "../manifests/served-kinds.ts";
import { computeQuotaAfter, formatQuota, type QuotaObject } from "./plan-quota.ts";
import { actionsOf, type Refusal, type SyncPlan } from "./plan-sync.ts";

/**
 * Objects of the commit that would go beyond a ResourceQuota once all of them are there; one by one they might pass. Pods of workloads
 * are not among them: those wait for room, which the forecast tells.
 */
export async function checkQuota(client: Client, kinds: ServedKinds, plan: SyncPlan): Promise<readonly Refusal[]> {
  const resource = kinds.ofGroupKind("", "ResourceQuota");
  const created = actionsOf(plan).flatMap((action) => (action.do === "create" ? [action.desired] : []));
  if (resource === undefined || created.length === 0) return [];
  // Loosened by the same commit, a quota counts as it will be.
  const coming = new Map(
    actionsOf(plan).flatMap((action) =>
      action.do !== "prune" && action.desired.object.kind === "ResourceQuota"
        ? [[`${action.desired.object.metadata.namespace ?? ""}/${action.desired.object.metadata.name ?? ""}`, action.desired.object as QuotaObject] as const]
        : [],
    ),
  );
  const live = (await client.for(resource).list("")).items as readonly QuotaObject[]; // the kind says so
  const quotas = live.map((quota) => ({
    ...quota,
    spec: coming.get(`${quota.metadata.namespace ?? ""}/${quota.metadata.name ?? ""}`)?.spec ?? quota.spec ?? {},
  }));
  return computeQuotaAfter(quotas, plan, [], []).flatMap((forecast): readonly Refusal[] => {
    if (forecast.after <= forecast.hard || forecast.after <= forecast.used) return [];
    const [namespace] = forecast.quota.split("/");
    const counted = created.filter((desired) => desired.object.metadata.namespace === namespace && isCounted(forecast.resource, desired.resource));
    const last = counted.at(-1);
    return last === undefined
      ? []
      : [
          {
            desired: last,
            complaint: {
              message: formatQuota(forecast)
                .replace(/^! /, "")
                .replace(/, so some.*$/, "; raise the quota, or create fewer"),
              isImmutable: false,
            },
          },
        ];
  });
}

function isCounted(counter: string, { resource, group }: { readonly resource: string; readonly group: string }): boolean {
  return counter === resource || counter === `count/${resource}${group === "" ? "" : `.${group}`}` || (resource === "pods" && !counter.startsWith("count/"));
}
