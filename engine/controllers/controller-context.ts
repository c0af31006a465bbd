import type { Client } from "../client/client.ts";
import type { ConsistencyStore } from "../client/consistency-store.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { InformerFactory } from "../client/informer-factory.ts";
import type { WorkqueueMetrics } from "../client/workqueue-metrics.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";
import type { Random } from "../lib/random.ts";
import type { ControllerTimings } from "./timings.ts";

/** What every controller gets. Controllers hold no truth: all they know is in informers and the API. */
export interface ControllerContext {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly consistency: ConsistencyStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  /** Told how the queues of all of them are doing; absent where nobody looks. */
  readonly workqueues?: WorkqueueMetrics;
  readonly timings: ControllerTimings;
}
