import type { InformerFactory } from "../../engine/client/informer-factory.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import { canonicalAddress, familyOf } from "../../engine/lib/net/ip-address.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { serviceResource } from "../../engine/resources/core/service.ts";
import { endpointSliceResource } from "../../engine/resources/discovery/endpoint-slice.ts";
import { addDnsAddress } from "./dns-addresses.ts";
import { computeDnsRecords, type DnsRecords } from "./dns-records.ts";
import { DnsServer } from "./dns-server.ts";
import { readHostDns } from "./resolv-conf.ts";

export interface DnsServiceOptions {
  readonly informers: InformerFactory;
  /** Where this node answers the cluster's names; put on the loopback device. */
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** What the machine's own resolver is told: a resolv.conf, or the empty text for nothing. */
  readonly resolvConf: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Answers the cluster's names, and asks the machine's resolvers for all others. */
export function createDnsServices({ informers, clusterDns, clusterDomain, resolvConf, clock, logger }: DnsServiceOptions): readonly Service[] {
  const services = informers.informer(serviceResource);
  const slices = informers.informer(endpointSliceResource);
  const upstreams = readUpstreams(resolvConf, clusterDns, logger);
  // Names are computed at most once per change, and only when somebody asks.
  let known: DnsRecords | undefined;
  const records = () => (known ??= computeDnsRecords(services.list(), slices.list(), clusterDomain));
  const onChange = () => (known = undefined);
  const handlers = { add: onChange, update: onChange, delete: onChange };
  return clusterDns.map((address) =>
    service(`dns ${address}`, async (signal) => {
      const removeHandlers = [services.addHandler(handlers), slices.addHandler(handlers)];
      try {
        await Promise.all([services.waitForSync(signal), slices.waitForSync(signal)]);
        await addDnsAddress(address);
        await new DnsServer({ address, port: 53, domain: clusterDomain, upstreams, clock, logger }, records).run(signal);
      } finally {
        for (const remove of removeHandlers) remove();
      }
    }),
  );
}

/** The machine's own resolvers, without those that we are. */
function readUpstreams(file: string, own: readonly string[], logger: Logger): readonly string[] {
  try {
    return (readHostDns(file)?.servers ?? []).filter((address) => familyOf(address) !== undefined && !own.includes(canonicalAddress(address)));
  } catch (error) {
    logger.warn("names outside of the cluster are answered by nobody", { file, error: describeError(error) });
    return [];
  }
}
