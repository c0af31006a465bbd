import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import type { InformerFactory } from "../../engine/client/informer-factory.ts";
import { aborted } from "../../engine/lib/abort.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import type { Node } from "../../engine/resources/types.ts";
import { removeDnsAddress } from "./dns-addresses.ts";
import { createDnsServices, type DnsServiceOptions } from "./dns-service.ts";
import { familiesIn, type FamilyRanges } from "./families.ts";
import { removeAllRules } from "./iptables.ts";
import { applyRoutes, computeRoutes, removeAllRoutes } from "./routes.ts";
import { createPolicyEnforcer } from "./policy-enforcer.ts";
import { createServiceProxy } from "./service-proxy.ts";

export interface NetworkOptions extends DnsServiceOptions {
  readonly informers: InformerFactory;
  readonly nodeName: string;
  /** The pods' ranges by family. */
  readonly clusterCidrs: FamilyRanges;
  /** Tells of Services and policies that this machine cannot express. */
  readonly events: Pick<EventRecorder, "record">;
  readonly clock: Clock;
  readonly logger: Logger;
}

const RETRY_MS = 5_000;

/** The network side of a node: Services, network policies, routes to other nodes' pods, cluster DNS. */
export function createNetworkServices(options: NetworkOptions): Service[] {
  return [...createServiceProxy(options), createPolicyEnforcer(options), createRouteService(options), ...createDnsServices(options)];
}

/** Kernel settings that forwarding for pods needs. Fails with the file's name where the machine forbids it. */
export function enableForwarding(families: FamilyRanges): void {
  // route_localnet lets node ports answer on 127.0.0.1; MAINSTAY-FIREWALL keeps other machines from using it.
  for (const setting of ["net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet"]) switchOn(setting);
  if (families.IPv6 === undefined) return;
  // A machine that forwards takes no routes from its routers any more, unless it is told to go on with it.
  for (const device of readdirSync("/proc/sys/net/ipv6/conf")) {
    const file = `/proc/sys/net/ipv6/conf/${device}/accept_ra`;
    if (device !== "all" && device !== "default" && readFileSync(file, "utf8").trim() === "1") writeFileSync(file, "2");
  }
  switchOn("net/ipv6/conf/all/forwarding");
}

function switchOn(setting: string): void {
  const file = `/proc/sys/${setting}`;
  if (readFileSync(file, "utf8").trim() !== "1") writeFileSync(file, "1");
}

/** Takes everything the network side ever put on this machine away. Safe to repeat. */
export async function resetNetwork(clusterDns: readonly string[]): Promise<void> {
  await removeAllRoutes();
  for (const address of clusterDns) await removeDnsAddress(address);
  await removeAllRules();
}

function createRouteService({ informers, nodeName, clusterCidrs, clock, logger }: NetworkOptions): Service {
  const families = familiesIn(clusterCidrs);
  let applied = "";
  /** Whether the machine's routes are as they should be. */
  const keepRoutes = async (nodes: readonly Node[]): Promise<boolean> => {
    const desired = computeRoutes(nodes, nodeName);
    const text = JSON.stringify([...desired]);
    if (text === applied) return true;
    try {
      await applyRoutes(desired, families);
      applied = text;
      return true;
    } catch (error) {
      logger.warn("routes not applied, will retry", { error: describeError(error) });
      return false;
    }
  };

  return service("routes", async (signal) => {
    const nodes = informers.informer(nodeResource);
    let wake = () => {};
    const onChange = () => wake();
    const remove = nodes.addHandler({ add: onChange, update: onChange, delete: onChange });
    try {
      await nodes.waitForSync(signal);
      while (!signal.aborted) {
        const changed = new Promise<void>((resolve) => (wake = resolve));
        if (await keepRoutes(nodes.list())) await Promise.race([changed, aborted(signal)]);
        else await sleep(clock, RETRY_MS, signal);
      }
    } finally {
      remove();
    }
  });
}
