import type { FeatureGates } from "../apimachinery/feature-gates.ts";
import { invalid, invalidField } from "../apimachinery/field-error.ts";
import { objectKey } from "../apimachinery/object-meta.ts";
import { internalError } from "../apimachinery/status-error.ts";
import type { Clock } from "../lib/clock.ts";
import type { IpFamily } from "../lib/net/ip-address.ts";
import { randomInteger, type Random } from "../lib/random.ts";
import { serviceResource } from "../resources/core/service.ts";
import { ipAddressResource } from "../resources/networking/ip-address.ts";
import type { Service } from "../resources/types.ts";
import { resourcePrefix } from "../storage/keys.ts";
import type { ExtraWrites } from "../storage/object-store.ts";
import type { Condition, Operation, Storage } from "../storage/storage.ts";
import { ipAddressClaim, ipAddressKey } from "./ip-address-claim.ts";
import { findFreeAddress, guessAddress } from "./free-address.ts";
import type { IpRange } from "./ip-range.ts";
import type { PortRange } from "./port-range.ts";
import {
  claimsOf,
  hasSameClaims,
  missingFamilies,
  needsHealthCheckPort,
  needsNodePorts,
  serviceNumberErrors,
  settleService,
  withAllocation,
  type ServiceClaims,
} from "./service-plan.ts";

/**
 * Claims lie beside the objects, one key per number, written in the same commit as the Service that holds it: two Services can never hold
 * one number, and none is lost when a server dies. Addresses are also shown as IPAddress objects; deleting one of these frees nothing.
 */
const ADDRESS_CLAIMS = "/registry/claims/clusterips/";
const PORT_CLAIMS = "/registry/claims/nodeports/";
/** Guesses before the whole table of claims is read: in a half-empty range almost every first guess is free. */
const GUESSES = 3;

export interface AllocatedService {
  readonly service: Service;
  /** To be committed with it; absent when no claim changes. */
  readonly extra?: ExtraWrites;
}

export interface ServiceRanges {
  /** The families that Services may have here; the first is that of Services which do not say. */
  readonly families: readonly IpFamily[];
  /** The ranges that addresses may be given from now, in the order in which they are used up. */
  current(): readonly IpRange[];
}

/** Gives Services their cluster addresses and node ports. */
export class ServiceAddresses {
  readonly #storage: Storage;
  readonly #ranges: ServiceRanges;
  readonly #nodePorts: PortRange;
  readonly #random: Random;
  readonly #clock: Clock;

  constructor(storage: Storage, ranges: ServiceRanges, nodePorts: PortRange, random: Random, clock: Clock) {
    this.#storage = storage;
    this.#ranges = ranges;
    this.#nodePorts = nodePorts;
    this.#random = random;
    this.#clock = clock;
  }

  /** Carries numbers over from the old state and chooses the families; allocates nothing. Throws a 422 for what cannot be had here. */
  settle(service: Service, old: Service | undefined, disabled?: FeatureGates): Service {
    const settled = settleService(service, old, this.#ranges.families, disabled);
    if (settled.is === "refused") throw invalid("", serviceResource.kind, service.metadata.name ?? "", settled.errors);
    return settled.service;
  }

  /**
   * The settled Service with numbers in every place that needs one, and the claims to commit with it.
   * A dry run is given ports that stand for those that it would get, as upstream's. `tries` counts the commits that failed because a guess
   * was taken. Throws a 422 for a number that was asked for and cannot be had.
   */
  async allocate(service: Service, old: Service | undefined, tries: number, isDryRun = false): Promise<AllocatedService> {
    const before = claimsOf(old);
    await this.#requireFree(service, old, isDryRun);
    const spec = service.spec ?? {};
    const addresses: string[] = [];
    for (const family of missingFamilies(service)) addresses.push(await this.#freeAddress(family, service.metadata.name ?? "", tries));
    const missing = needsNodePorts(spec) ? (spec.ports ?? []).filter((port) => !port.nodePort).length : 0;
    const count = missing + (needsHealthCheckPort(spec) && !spec.healthCheckNodePort ? 1 : 0);
    const asked = claimsOf(service).nodePorts;
    const ports = isDryRun
      ? placeholderPorts(
          count,
          asked.filter((port) => !before.nodePorts.includes(port)),
        )
      : await this.#freePorts(count, asked, tries);
    const allocated = withAllocation(service, addresses, ports);
    const after = claimsOf(allocated);
    return hasSameClaims(before, after) ? { service: allocated } : { service: allocated, extra: this.#claimWrites(before, after, allocated) };
  }

  /** What claims the numbers that a new Service says, where it is given no others. Throws a 422 for one that cannot be had. */
  async claim(service: Service, isDryRun = false): Promise<ExtraWrites | undefined> {
    await this.#requireFree(service, undefined, isDryRun);
    const claims = claimsOf(service);
    return hasSameClaims(claims, claimsOf(undefined)) ? undefined : this.#claimWrites(claimsOf(undefined), claims, service);
  }

  /** What frees a deleted Service's numbers. */
  release(service: Service): ExtraWrites | undefined {
    const before = claimsOf(service);
    return before.addresses.length + before.nodePorts.length === 0 ? undefined : this.#claimWrites(before, { addresses: [], nodePorts: [] }, service);
  }

  async #requireFree(service: Service, old: Service | undefined, isDryRun: boolean): Promise<void> {
    const errors = serviceNumberErrors(service, old, this.#ranges.current(), this.#nodePorts, isDryRun);
    if (errors.length > 0) throw invalid("", "Service", service.metadata.name ?? "", errors);
    await this.#refuseTaken(service, claimsOf(old));
  }

  async #refuseTaken(service: Service, before: ServiceClaims): Promise<void> {
    const refuse = (field: string, value: unknown, why: string): never => {
      throw invalid("", serviceResource.kind, service.metadata.name ?? "", [invalidField(field, value, why)]);
    };
    for (const address of claimsOf(service).addresses) {
      if (before.addresses.includes(address) || !((await this.#storage.get(ADDRESS_CLAIMS + address)) ?? (await this.#storage.get(ipAddressKey(address)))))
        continue;
      refuse("spec.clusterIPs", service.spec?.clusterIPs ?? [address], `failed to allocate IP ${address}: provided IP is already allocated`);
    }
    for (const [index, { nodePort }] of (service.spec?.ports ?? []).entries()) {
      if (!nodePort || before.nodePorts.includes(nodePort) || (await this.#storage.get(PORT_CLAIMS + nodePort)) === undefined) continue;
      refuse(`spec.ports[${index}].nodePort`, nodePort, "provided port is already allocated");
    }
    const { healthCheckNodePort: check = 0 } = service.spec ?? {};
    if (check !== 0 && !before.nodePorts.includes(check) && (await this.#storage.get(PORT_CLAIMS + check)) !== undefined)
      throw internalError(`failed to allocate requested HealthCheck NodePort ${check}: provided port is already allocated`);
  }

  async #freeAddress(family: IpFamily, name: string, tries: number): Promise<string> {
    const ranges = this.#ranges.current().filter((range) => range.family === family);
    if (tries < GUESSES && ranges[0] !== undefined && ranges[0].first <= ranges[0].last) return guessAddress(ranges[0], this.#random);
    const taken = new Set([...(await this.#taken(ADDRESS_CLAIMS)), ...(await this.#taken(resourcePrefix(ipAddressResource)))]);
    const free = findFreeAddress(ranges, taken, this.#random);
    if (free === undefined) throw internalError(`failed to allocate a serviceIP for Service ${JSON.stringify(name)}: range is full`);
    return free;
  }

  async #freePorts(count: number, own: readonly number[], tries: number): Promise<readonly number[]> {
    if (count === 0) return [];
    const { first, last } = this.#nodePorts;
    const size = last - first + 1;
    const taken = tries < GUESSES ? new Set<string>() : await this.#taken(PORT_CLAIMS);
    const start = randomInteger(this.#random, size);
    const ports: number[] = [];
    for (let step = 0; step < size && ports.length < count; step++) {
      const port = first + ((start + step) % size);
      if (!taken.has(String(port)) && !own.includes(port)) ports.push(port);
    }
    if (ports.length < count) throw internalError("failed to allocate a nodePort: range is full");
    return ports;
  }

  async #taken(prefix: string): Promise<ReadonlySet<string>> {
    const page = await this.#storage.list(prefix);
    return new Set(page.entries.map((entry) => entry.key.slice(prefix.length)));
  }

  /** What is held and shown from now on, and what no more. */
  #claimWrites(before: ServiceClaims, after: ServiceClaims, service: Service): ExtraWrites {
    const { namespace = "", name = "" } = service.metadata;
    const held = new Set(keysOf(before));
    const wanted = new Set(keysOf(after));
    const added = [...wanted].filter((key) => !held.has(key));
    const shown = after.addresses
      .filter((address) => !before.addresses.includes(address))
      .map((address) => ipAddressClaim(address, { namespace, name }, this.#clock, this.#random));
    const hidden = before.addresses.filter((address) => !after.addresses.includes(address)).map(ipAddressKey);
    return {
      conditions: [...added.map((key): Condition => ({ key, modRevision: 0 })), ...shown.flatMap(({ conditions }) => conditions)],
      operations: [
        ...added.map((key): Operation => ({ do: "put", key, value: Buffer.from(objectKey(service)) })),
        ...shown.flatMap(({ operations }) => operations),
        ...[...[...held].filter((key) => !wanted.has(key)), ...hidden].map((key): Operation => ({ do: "delete", key })),
      ],
    };
  }
}

function keysOf({ addresses, nodePorts }: ServiceClaims): readonly string[] {
  return [...addresses.map((address) => ADDRESS_CLAIMS + address), ...nodePorts.map((port) => PORT_CLAIMS + String(port))];
}

/** Upstream's: beyond the usual range, or after the largest that was asked for. */
function placeholderPorts(count: number, asked: readonly number[]): number[] {
  const last = asked.length === 0 ? 32_768 : Math.max(...asked);
  return Array.from({ length: count }, (_, index) => last + 1 + index);
}
