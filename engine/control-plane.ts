import type { ServerConfig } from "./config.ts";
import type { EngineParts } from "./engine-parts.ts";
import { CONTROLLER_USER, GITOPS_USER, SCHEDULER_USER } from "./auth/known-users.ts";
import type { Client } from "./client/client.ts";
import { ConsistencyStore } from "./client/consistency-store.ts";
import { EventRecorder } from "./client/event-recorder.ts";
import { InformerFactory } from "./client/informer-factory.ts";
import { leaderElection } from "./client/leader-election.ts";
import { createControllers, type ClusterKeys } from "./controllers/controllers.ts";
import { DEFAULT_TIMINGS } from "./controllers/timings.ts";
import type { Clock } from "./lib/clock.ts";
import type { Logger } from "./lib/log.ts";
import type { MetricsRegistry } from "./lib/metrics.ts";
import type { Random } from "./lib/random.ts";
import { runServices, type Service } from "./lib/service.ts";
import { createScheduler } from "./scheduler/scheduler.ts";

export interface ControlPlaneOptions {
  /** A client of the API under a component's own name. */
  readonly as: (username: string) => Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  /** PEM; handed to pods as the authority to trust. */
  readonly rootCa: string;
  readonly clusterCidr: string;
  /** Without them nobody answers signing requests or fills Secrets with tokens. */
  readonly keys?: ClusterKeys;
}

/** Controllers and scheduler share informers; each acts under its own name. */
export function createControlPlane({ as, clock, random, logger, metrics, rootCa, clusterCidr, keys }: ControlPlaneOptions): readonly Service[] {
  const client = as(CONTROLLER_USER);
  const informers = new InformerFactory({ client, clock, random, logger });
  const recorder = (username: string, component: string) => new EventRecorder({ client: as(username), clock, random, logger, component });
  const context = { client, informers, events: recorder(CONTROLLER_USER, "controller-manager"), consistency: new ConsistencyStore(), clock, random, logger, timings: DEFAULT_TIMINGS };
  return [
    ...createControllers(context, { rootCa, clusterCidr, ...(keys === undefined ? {} : { keys }) }),
    createScheduler({ client: as(SCHEDULER_USER), informers, events: recorder(SCHEDULER_USER, "default-scheduler"), clock, logger, metrics }),
    informers.asService(),
  ];
}

export interface ElectedOptions extends Pick<ControlPlaneOptions, "as" | "clock" | "random" | "logger"> {
  /** Tells this server from the others of the cluster; a new one at every start. */
  readonly identity: string;
}

/**
 * Work that one server of several does at a time, under a Lease in kube-system. What runs is made anew for each term, so that nothing of
 * an earlier one is believed.
 */
export function elected(lease: "mainstay-control-plane" | "mainstay-gitops" | "mainstay-backups", begin: (signal: AbortSignal) => Promise<readonly Service[]>, options: ElectedOptions): Service {
  const { as, clock, random, logger, identity } = options;
  const client = as(lease === "mainstay-gitops" ? GITOPS_USER : CONTROLLER_USER);
  return leaderElection({ client, clock, random, logger, name: lease, identity }, async (signal) => runServices(await begin(signal), signal));
}

/** Who this server is in an election. */
export function electedOptions({ nodeName }: Pick<ServerConfig, "nodeName">, { clock, random, logger }: EngineParts, as: (username: string) => Client): ElectedOptions {
  return { as, clock, random, logger, identity: `${nodeName}_${random.uuid()}` };
}
