import type { Client } from "./client/client.ts";
import type { ForecastPods } from "./gitops/plan-workloads.ts";
import { nodeResource } from "./resources/core/node.ts";
import { podResource } from "./resources/core/pod.ts";
import { forecastPods } from "./scheduler/forecast-pods.ts";

/** Plans and scheduler meet here: where pods would go, by the scheduler's own filters and scores on the cluster as it is now. */
export function createPodForecast(client: Client): ForecastPods {
  return async (planned, leaving) => {
    const [nodes, pods] = await Promise.all([client.for(nodeResource).list(""), client.for(podResource).list("")]);
    return forecastPods(nodes.items, pods.items, planned, leaving);
  };
}
