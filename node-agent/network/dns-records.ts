import { canonicalAddress, familyOf, parseAddress, standardAddress } from "../../engine/lib/net/ip-address.ts";
import type { EndpointSlice, Service } from "../../engine/resources/types.ts";

/** What a name has to answer; names are lower-case, absolute, without the final dot. */
export interface DnsRecords {
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** Names above those that have addresses, such as namespaces: they exist, and have nothing. */
  readonly parents: ReadonlySet<string>;
  readonly services: ReadonlyMap<string, readonly SrvTarget[]>;
  readonly aliases: ReadonlyMap<string, string>;
  /** `4.3.2.1.in-addr.arpa`, and of IPv6 the digits under `ip6.arpa` → name. */
  readonly pointers: ReadonlyMap<string, string>;
}

export interface SrvTarget {
  readonly port: number;
  readonly target: string;
}

/**
 * The names of a cluster, after the DNS-based service discovery specification of Kubernetes (version 1.1):
 * `web.shop.svc.<domain>`, headless Services by their endpoints, `_http._tcp.web.shop.svc.<domain>`, ExternalName as alias,
 * and pointers back. Pure.
 */
export function computeDnsRecords(services: readonly Service[], slices: readonly EndpointSlice[], domain: string): DnsRecords {
  const records = {
    addresses: new ListsByName<string>(),
    services: new ListsByName<SrvTarget>(),
    aliases: new Map<string, string>(),
    pointers: new Map<string, string>(),
  };
  const slicesOf = Map.groupBy(slices, (slice) => `${slice.metadata.namespace}/${slice.metadata.labels?.["kubernetes.io/service-name"] ?? ""}`);
  for (const service of services) {
    const { name, namespace } = service.metadata;
    const host = `${name}.${namespace}.svc.${domain}`;
    if (service.spec?.type === "ExternalName") records.aliases.set(host, (service.spec.externalName ?? "").replace(/\.$/, "").toLowerCase());
    else if (service.spec?.clusterIP === "None") addHeadless(records, service, host, slicesOf.get(`${namespace}/${name}`) ?? []);
    else addClusterIp(records, service, host);
  }
  const addresses = records.addresses.lists();
  return { ...records, addresses, parents: parentsOf(addresses.keys()), services: records.services.lists() };
}

/** Known beforehand: pods ask for what does not exist at each step of their search lists, and each such question would be a walk over all names. */
function parentsOf(names: Iterable<string>): ReadonlySet<string> {
  const parents = new Set<string>();
  for (const name of names) {
    // Above a known parent are known ones only.
    for (let dot = name.indexOf("."); dot >= 0 && !parents.has(name.slice(dot + 1)); dot = name.indexOf(".", dot + 1)) parents.add(name.slice(dot + 1));
  }
  return parents;
}

/** The name under which an address is looked up backwards. */
function reverseName(ip: string): string {
  const address = familyOf(ip) === "IPv6" ? parseAddress(ip) : undefined;
  if (address === undefined) return `${ip.split(".").reverse().join(".")}.in-addr.arpa`;
  return `${[...address.value.toString(16).padStart(32, "0")].reverse().join(".")}.ip6.arpa`;
}

/** `10-42-0-7.shop.pod.<domain>` answers 10.42.0.7, and `fd00--7` fd00::7, without a look at any pod, as upstream's "insecure" mode does. */
export function podAddress(name: string, domain: string): string | undefined {
  const [, digits = "", within] = /^([0-9a-f-]+)\.[a-z0-9-]+\.pod\.(.+)$/.exec(name) ?? [];
  if (within !== domain) return undefined;
  return [digits.replaceAll("-", "."), digits.replaceAll("-", ":")].find((text) => parseAddress(text) !== undefined);
}

interface MutableRecords {
  readonly addresses: ListsByName<string>;
  readonly services: ListsByName<SrvTarget>;
  readonly pointers: Map<string, string>;
}

function addClusterIp(records: MutableRecords, service: Service, host: string): void {
  const ips = (service.spec?.clusterIPs ?? [service.spec?.clusterIP ?? ""]).filter((ip) => familyOf(ip) !== undefined).map(canonicalAddress);
  if (ips.length === 0) return;
  records.addresses.set(host, ips);
  for (const ip of ips) records.pointers.set(reverseName(ip), host);
  for (const port of service.spec?.ports ?? []) addSrv(records, port.name, port.protocol, host, { port: port.port, target: host });
}

function addHeadless(records: MutableRecords, service: Service, host: string, slices: readonly EndpointSlice[]): void {
  const publishUnready = service.spec?.publishNotReadyAddresses === true;
  const all = new Set<string>();
  for (const slice of slices) {
    if (slice.addressType !== "IPv4" && slice.addressType !== "IPv6") continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false && !publishUnready) continue;
      for (const ip of endpoint.addresses.map(standardAddress)) {
        const name = `${(endpoint.hostname ?? ip.replaceAll(/[.:]/g, "-")).toLowerCase()}.${host}`;
        all.add(ip);
        records.addresses.push(name, ip);
        records.pointers.set(reverseName(ip), name);
        for (const port of slice.ports ?? []) if (port.port !== undefined) addSrv(records, port.name, port.protocol, host, { port: port.port, target: name });
      }
    }
  }
  if (all.size > 0) records.addresses.set(host, [...all]);
}

function addSrv(records: MutableRecords, portName: string | undefined, protocol: string | undefined, host: string, target: SrvTarget): void {
  if (!portName) return;
  records.services.push(`_${portName}._${(protocol ?? "TCP").toLowerCase()}.${host}`, target);
}

/** Each value once, by its text. */
class ListsByName<V> {
  readonly #lists = new Map<string, Map<string, V>>();

  push(name: string, value: V): void {
    const known = this.#lists.get(name) ?? new Map<string, V>();
    this.#lists.set(name, known.set(JSON.stringify(value), value));
  }

  set(name: string, values: readonly V[]): void {
    this.#lists.set(name, new Map(values.map((value) => [JSON.stringify(value), value])));
  }

  /** What was put in, in that order. */
  lists(): ReadonlyMap<string, readonly V[]> {
    return new Map([...this.#lists].map(([name, values]) => [name, [...values.values()]]));
  }
}
