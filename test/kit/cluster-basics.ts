import { ConsistencyStore } from "../../engine/client/consistency-store.ts";
import { EventRecorder } from "../../engine/client/event-recorder.ts";
import { InformerFactory } from "../../engine/client/informer-factory.ts";
import { CONTROLLER_USER } from "../../engine/apimachinery/known-users.ts";
import { clusterRoleAggregation } from "../../engine/controllers/cluster-role-aggregation.ts";
import { namespaceController } from "../../engine/controllers/namespace.ts";
import { runController } from "../../engine/controllers/run-controller.ts";
import { DEFAULT_TIMINGS } from "../../engine/controllers/timings.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { systemRandom } from "../../engine/lib/random.ts";
import { runServices } from "../../engine/lib/service.ts";
import type { TestApi } from "./test-api.ts";

/** Two controllers alone: namespaces that are deleted are emptied and go, and roles such as `admin` are what others add to them. */
export async function runClusterBasics(api: TestApi): Promise<AsyncDisposable> {
  const client = api.as(CONTROLLER_USER, [], "kube-controller-manager");
  const parts = { client, clock: systemClock, random: systemRandom, logger: silentLogger };
  const informers = new InformerFactory(parts);
  const context = {
    ...parts,
    informers,
    events: new EventRecorder({ ...parts, component: "controller-manager" }),
    consistency: new ConsistencyStore(),
    metrics: new MetricsRegistry(),
    timings: DEFAULT_TIMINGS,
  };
  const running = new AbortController();
  const ended = runServices([runController(namespaceController(context), context), runController(clusterRoleAggregation(context), context), informers.asService()], running.signal);
  return {
    async [Symbol.asyncDispose]() {
      running.abort();
      await ended;
    },
  };
}
