import { readFileSync, writeFileSync } from "node:fs";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { InformerFactory } from "../../engine/client/informer-factory.ts";
import { aborted } from "../../engine/lib/abort.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import { serviceResource } from "../../engine/resources/core/service.ts";
import { endpointSliceResource } from "../../engine/resources/discovery/endpoint-slice.ts";
import { computeDnsRecords, type DnsRecords } from "./dns-records.ts";
import { DnsServer } from "./dns-server.ts";
import { removeAllRules } from "./iptables.ts";
import { applyRoutes, computeRoutes, removeAllRoutes } from "./routes.ts";
import { createPolicyEnforcer } from "./policy-enforcer.ts";
import { createServiceProxy } from "./service-proxy.ts";

const run = promisify(execFile);

export interface NetworkOptions {
  readonly informers: InformerFactory;
  readonly nodeName: string;
  readonly clusterCidr: string;
  /** Where this node answers the cluster's names; put on the loopback device. */
  readonly clusterDns: string;
  readonly clusterDomain: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const RETRY_MS = 5_000;

/** The network side of a node: Services, network policies, routes to other nodes' pods, cluster DNS. */
export function createNetworkServices(options: NetworkOptions): Service[] {
  return [...createServiceProxy(options), createPolicyEnforcer(options), createRouteService(options), createDnsService(options)];
}

/** Kernel settings that forwarding for pods needs. Fails with the file's name where the machine forbids it. */
export function enableForwarding(): void {
  // route_localnet lets node ports answer on 127.0.0.1; MAINSTAY-FIREWALL keeps other machines from using it.
  for (const setting of ["net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet"]) {
    const file = `/proc/sys/${setting}`;
    if (readFileSync(file, "utf8").trim() !== "1") writeFileSync(file, "1");
  }
}

/** Takes everything the network side ever put on this machine away. Safe to repeat. */
export async function resetNetwork(clusterDns: string): Promise<void> {
  await removeAllRules();
  await removeAllRoutes();
  await run("ip", ["addr", "del", `${clusterDns}/32`, "dev", "lo"]).catch(() => {}); // not there is what we want
}

function createRouteService({ informers, nodeName, clock, logger }: NetworkOptions): Service {
  return service("routes", async (signal) => {
    const nodes = informers.informer(nodeResource);
    let wake = () => {};
    const onChange = () => wake();
    const remove = nodes.addHandler({ add: onChange, update: onChange, delete: onChange });
    try {
      await nodes.waitForSync(signal);
      let applied = "";
      while (!signal.aborted) {
        const changed = new Promise<void>((resolve) => (wake = resolve));
        const desired = computeRoutes(nodes.list(), nodeName);
        const text = JSON.stringify([...desired]);
        if (text !== applied) {
          try {
            await applyRoutes(desired);
            applied = text;
          } catch (error) {
            logger.warn("routes not applied, will retry", { error: describeError(error) });
            await sleep(clock, RETRY_MS, signal);
            continue;
          }
        }
        await Promise.race([changed, aborted(signal)]);
      }
    } finally {
      remove();
    }
  });
}

function createDnsService(options: NetworkOptions): Service {
  const { informers, clusterDns, clusterDomain, clock, logger } = options;
  return service("dns", async (signal) => {
    const services = informers.informer(serviceResource);
    const slices = informers.informer(endpointSliceResource);
    // Names are computed at most once per change, and only when somebody asks.
    let records: DnsRecords | undefined;
    const onChange = () => (records = undefined);
    const handlers = { add: onChange, update: onChange, delete: onChange };
    const removeHandlers = [services.addHandler(handlers), slices.addHandler(handlers)];
    try {
      await Promise.all([services.waitForSync(signal), slices.waitForSync(signal)]);
      await run("ip", ["addr", "replace", `${clusterDns}/32`, "dev", "lo"]);
      const server = new DnsServer({ address: clusterDns, port: 53, domain: clusterDomain, upstreams: readResolvers(clusterDns), clock, logger }, () => (records ??= computeDnsRecords(services.list(), slices.list(), clusterDomain)));
      await server.run(signal);
    } finally {
      for (const remove of removeHandlers) remove();
    }
  });
}

/** The machine's own resolvers, without the one we are. */
function readResolvers(own: string): string[] {
  try {
    const found = [...readFileSync("/etc/resolv.conf", "utf8").matchAll(/^\s*nameserver\s+(\d+\.\d+\.\d+\.\d+)/gm)].map((match) => match[1] ?? "");
    return found.filter((address) => address !== own);
  } catch {
    return [];
  }
}
