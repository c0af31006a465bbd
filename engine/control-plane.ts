import { CONTROLLER_USER, SCHEDULER_USER } from "./apimachinery/known-users.ts";
import type { Client } from "./client/client.ts";
import { ConsistencyStore } from "./client/consistency-store.ts";
import { EventRecorder } from "./client/event-recorder.ts";
import { InformerFactory } from "./client/informer-factory.ts";
import { WorkqueueMetrics } from "./client/workqueue-metrics.ts";
import { USUAL_CONTROLLERS, type ControllerChoice } from "./controllers/choose-controllers.ts";
import { createControllers, type ClusterKeys } from "./controllers/controllers.ts";
import type { PodRange } from "./controllers/nodes/pod-ranges.ts";
import { DEFAULT_TIMINGS } from "./controllers/timings.ts";
import type { Following } from "./lib/changing-value.ts";
import type { Clock } from "./lib/clock.ts";
import type { Logger } from "./lib/log.ts";
import type { MetricsRegistry } from "./lib/metrics.ts";
import type { Random } from "./lib/random.ts";
import type { Service } from "./lib/service.ts";
import type { Pod } from "./resources/types.ts";
import { DEFAULT_SETTINGS, type SchedulerSettings } from "./scheduler/scheduler-settings.ts";
import { createScheduler } from "./scheduler/scheduler.ts";

export interface ControlPlaneOptions {
  /** A client of the API under a component's own name. */
  readonly as: (username: string) => Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  /** PEM; handed to pods as the authority to trust. */
  readonly rootCa: Following<string>;
  /** Of which every node gets a range for its pods; without it somebody else gives them. */
  readonly podRanges?: readonly PodRange[];
  /** Without them nobody answers signing requests or fills Secrets with tokens. */
  readonly keys?: ClusterKeys;
  /** How long Events stay; the usual hour when absent. */
  readonly eventTtlMs?: number;
  /** Which of them run; all by default. */
  readonly wanted?: ControllerChoice;
  /** Where pods go; as upstream's scheduler does by itself where not said. */
  readonly scheduling?: SchedulerSettings;
}

/** Controllers and scheduler share informers; each acts under its own name. */
export function createControlPlane({
  as,
  clock,
  random,
  logger,
  metrics,
  rootCa,
  podRanges,
  keys,
  eventTtlMs = DEFAULT_TIMINGS.eventTtlMs,
  wanted = USUAL_CONTROLLERS,
  scheduling = DEFAULT_SETTINGS,
}: ControlPlaneOptions): readonly Service[] {
  const client = as(CONTROLLER_USER);
  const informers = new InformerFactory({ client, clock, random, logger });
  const recorder = (username: string, component: string) => new EventRecorder({ client: as(username), clock, random, logger, component });
  const context = {
    client,
    informers,
    events: recorder(CONTROLLER_USER, "controller-manager"),
    consistency: new ConsistencyStore(),
    clock,
    random,
    logger,
    metrics,
    workqueues: new WorkqueueMetrics(metrics),
    timings: { ...DEFAULT_TIMINGS, eventTtlMs },
  };
  return [
    ...createControllers(context, { rootCa, wanted, ...(podRanges === undefined ? {} : { podRanges }), ...(keys === undefined ? {} : { keys }) }),
    ...(wanted.has("scheduler")
      ? [
          createScheduler({
            client: as(SCHEDULER_USER),
            informers,
            events: schedulerEvents(scheduling, (name) => recorder(SCHEDULER_USER, name)),
            clock,
            random,
            logger,
            metrics,
            settings: scheduling,
          }),
        ]
      : []),
    informers.asService(),
  ];
}

/** Each profile speaks under its own name, as a scheduler of its own; about pods of no profile the first does. */
function schedulerEvents({ profiles }: SchedulerSettings, recorder: (name: string) => EventRecorder): Pick<EventRecorder, "record"> {
  const recorders = new Map(profiles.map(({ schedulerName }) => [schedulerName, recorder(schedulerName)]));
  const [first] = recorders.values();
  return { record: (about, content) => (recorders.get((about as Pod).spec?.schedulerName ?? "") ?? first)?.record(about, content) }; // of any other kind there is no such field
}
