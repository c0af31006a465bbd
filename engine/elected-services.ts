import { CONTROLLER_USER, GITOPS_USER } from "./apimachinery/known-users.ts";
import type { Client } from "./client/client.ts";
import { leaderElection } from "./client/leader-election.ts";
import type { ServerConfig } from "./options/config.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { Clock } from "./lib/clock.ts";
import { runServices, type Service } from "./lib/service.ts";
import { leaseResource } from "./resources/coordination/lease.ts";
import type { ComponentCheck } from "./server/virtual-resources/component-statuses.ts";
import type { ObjectStore } from "./storage/object-store.ts";

const CONTROL_PLANE_LEASE = "mainstay-control-plane";

export interface ElectedOptions extends Pick<EngineParts, "clock" | "random" | "logger"> {
  /** A client of the API under a component's own name. */
  readonly as: (username: string) => Client;
  /** Tells this server from the others of the cluster; a new one at every start. */
  readonly identity: string;
}

/**
 * Work that one server of several does at a time, under a Lease in kube-system. What runs is made anew for each term, so that nothing of
 * an earlier one is believed.
 */
export function elected(
  lease: typeof CONTROL_PLANE_LEASE | "mainstay-gitops" | "mainstay-backups",
  begin: (signal: AbortSignal) => Promise<readonly Service[]>,
  options: ElectedOptions,
): Service {
  const { as, clock, random, logger, identity } = options;
  const client = as(lease === "mainstay-gitops" ? GITOPS_USER : CONTROLLER_USER);
  return leaderElection({ client, clock, random, logger, name: lease, identity }, async (signal) => runServices(await begin(signal), signal));
}

/** Who this server is in an election. */
export function electedOptions(
  { nodeName }: Pick<ServerConfig, "nodeName">,
  { clock, random, logger }: EngineParts,
  as: (username: string) => Client,
): ElectedOptions {
  return { as, clock, random, logger, identity: `${nodeName}_${random.uuid()}` };
}

/** A lease that was not renewed for so many times its duration has no holder, whatever the clocks of two machines say. */
const PATIENCE = 4;

/**
 * Whether controllers and scheduler are at work: those of this process are, or it would have ended; of several servers, the one that leads
 * renews its Lease.
 */
export function controlPlaneChecks(isShared: boolean, store: ObjectStore, clock: Clock): Readonly<Record<string, ComponentCheck>> {
  const check = async () => {
    if (!isShared) return;
    const lease = (await store.get(leaseResource, "kube-system", CONTROL_PLANE_LEASE))?.object;
    const { renewTime, leaseDurationSeconds = 0, holderIdentity } = lease?.spec ?? {};
    if (renewTime === undefined) throw new Error("no server leads");
    const silentSeconds = (clock.now() - Date.parse(renewTime)) / 1000;
    if (silentSeconds > leaseDurationSeconds * PATIENCE)
      throw new Error(`${holderIdentity ?? "the leader"} has been silent for ${Math.round(silentSeconds)} s`);
  };
  return { scheduler: check, "controller-manager": check };
}
