import { labelSelectorPredicate } from "./apimachinery/selectors.ts";
import type { Client } from "./client/client.ts";
import type { QuotaObject } from "./gitops/plan/plan-quota.ts";
import type { ForecastPods } from "./gitops/plan/plan-workloads.ts";
import { catalog } from "./resources/catalog.ts";
import { namespaceResource } from "./resources/core/namespace.ts";
import { nodeResource } from "./resources/core/node.ts";
import { podResource } from "./resources/core/pod.ts";
import { forecastPods } from "./scheduler/forecast-pods.ts";
import type { SchedulerSettings } from "./scheduler/scheduler-settings.ts";

/** Plans and scheduler meet here: where pods would go, by the scheduler's own filters and scores on the cluster as it is now. */
export function createPodForecast(client: Client, scheduling?: SchedulerSettings): ForecastPods {
  return async (planned, leaving) => {
    const [nodes, pods, namespaces, quotas] = await Promise.all([
      client.for(nodeResource).list(""),
      client.for(podResource).list(""),
      client.for(namespaceResource).list(""),
      listQuotas(client),
    ]);
    const labels = new Map(namespaces.items.map(({ metadata }) => [metadata.name ?? "", metadata.labels]));
    const gone = leaving.map(({ namespace, selector }) => ({ namespace, matches: labelSelectorPredicate(selector) }));
    return {
      pods: planned.length === 0 ? [] : forecastPods(nodes.items, pods.items, planned, leaving, (namespace) => labels.get(namespace), scheduling),
      leaving: pods.items.filter((pod) => gone.some(({ namespace, matches }) => namespace === pod.metadata.namespace && matches(pod.metadata.labels))),
      quotas,
    };
  };
}

/** None where the kind is not served. */
async function listQuotas(client: Client): Promise<readonly QuotaObject[]> {
  const resource = catalog.find((candidate) => candidate.group === "" && candidate.kind === "ResourceQuota");
  return resource === undefined ? [] : (await client.for(resource).list("")).items;
}
