import { invalid, invalidField } from "../apimachinery/field-error.ts";
import { objectKey } from "../apimachinery/object-meta.ts";
import { internalError } from "../apimachinery/status-error.ts";
import type { Clock } from "../lib/clock.ts";
import { randomInteger, type Random } from "../lib/random.ts";
import { serviceResource } from "../resources/core/service.ts";
import { ipAddressResource } from "../resources/networking/ip-address.ts";
import type { Service } from "../resources/types.ts";
import { resourcePrefix } from "../storage/keys.ts";
import type { ExtraWrites } from "../storage/object-store.ts";
import type { Condition, Operation, Storage } from "../storage/storage.ts";
import { ipAddressClaim, ipAddressKey } from "./ip-address-claim.ts";
import { formatIp, isAssignable, type IpRange } from "./ip-range.ts";
import {
  claimsOf, hasSameClaims, needsClusterIp, needsHealthCheckPort, needsNodePorts, NODE_PORT_FIRST, NODE_PORT_LAST,
  serviceNumberErrors, settleService, withAllocation, type ServiceClaims,
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

/** Gives Services their cluster addresses and node ports. */
export class ServiceAddresses {
  readonly #storage: Storage;
  readonly #ranges: () => readonly IpRange[];
  readonly #random: Random;
  readonly #clock: Clock;

  /** `ranges` are those that addresses may be given from now, in the order in which they are used up. */
  constructor(storage: Storage, ranges: () => readonly IpRange[], random: Random, clock: Clock) {
    this.#storage = storage;
    this.#ranges = ranges;
    this.#random = random;
    this.#clock = clock;
  }

  /** Carries numbers over from the old state and drops those the type has no use for; allocates nothing. */
  settle(service: Service, old: Service | undefined): Service {
    return settleService(service, old);
  }

  /**
   * The settled Service with numbers in every place that needs one, and the claims to commit with it.
   * `tries` counts the commits that failed because a guess was taken. Throws a 422 for a number that was asked for and cannot be had.
   */
  async allocate(service: Service, old: Service | undefined, tries: number): Promise<AllocatedService> {
    const errors = serviceNumberErrors(service, old, this.#ranges());
    if (errors.length > 0) throw invalid("", "Service", service.metadata.name ?? "", errors);
    const before = claimsOf(old);
    await this.#refuseTaken(service, before);
    const spec = service.spec ?? {};
    const address = needsClusterIp(spec) && !spec.clusterIP ? await this.#freeAddress(tries) : undefined;
    const missing = needsNodePorts(spec) ? (spec.ports ?? []).filter((port) => !port.nodePort).length : 0;
    const ports = await this.#freePorts(missing + (needsHealthCheckPort(spec) && !spec.healthCheckNodePort ? 1 : 0), claimsOf(service).nodePorts, tries);
    const allocated = withAllocation(service, address, ports);
    const after = claimsOf(allocated);
    return hasSameClaims(before, after) ? { service: allocated } : { service: allocated, extra: this.#claimWrites(before, after, allocated) };
  }

  /** What frees a deleted Service's numbers. */
  release(service: Service): ExtraWrites | undefined {
    const before = claimsOf(service);
    return before.addresses.length + before.nodePorts.length === 0 ? undefined : this.#claimWrites(before, { addresses: [], nodePorts: [] }, service);
  }

  async #refuseTaken(service: Service, before: ServiceClaims): Promise<void> {
    const refuse = (field: string, value: unknown, why: string): never => {
      throw invalid("", serviceResource.kind, service.metadata.name ?? "", [invalidField(field, value, why)]);
    };
    for (const address of claimsOf(service).addresses) {
      if (before.addresses.includes(address) || !((await this.#storage.get(ADDRESS_CLAIMS + address)) ?? (await this.#storage.get(ipAddressKey(address))))) continue;
      refuse("spec.clusterIPs", [address], `failed to allocate IP ${address}: provided IP is already allocated`);
    }
    for (const [index, { nodePort }] of (service.spec?.ports ?? []).entries()) {
      if (!nodePort || before.nodePorts.includes(nodePort) || (await this.#storage.get(PORT_CLAIMS + nodePort)) === undefined) continue;
      refuse(`spec.ports[${index}].nodePort`, nodePort, "provided port is already allocated");
    }
  }

  async #freeAddress(tries: number): Promise<string> {
    const ranges = this.#ranges();
    if (tries < GUESSES && ranges[0] !== undefined) return this.#guess(ranges[0]);
    const taken = new Set([...(await this.#taken(ADDRESS_CLAIMS)), ...(await this.#taken(resourcePrefix(ipAddressResource)))]);
    for (const range of ranges) {
      const start = randomInteger(this.#random, range.size);
      for (let step = 0; step < range.size; step++) {
        const value = range.base + ((start + step) % range.size);
        if (isAssignable(range, value) && !taken.has(formatIp(value))) return formatIp(value);
      }
    }
    throw internalError("failed to allocate a serviceIP: range is full");
  }

  /** The lowest part is left for people to choose from, as upstream does: the first 16 to 256 addresses. */
  #guess({ base, size }: IpRange): string {
    const reserved = Math.min(Math.max(16, Math.floor(size / 16)), 256);
    const first = size > reserved * 2 ? base + reserved : base + 1;
    return formatIp(first + randomInteger(this.#random, Math.max(1, base + size - 1 - first)));
  }

  async #freePorts(count: number, own: readonly number[], tries: number): Promise<readonly number[]> {
    if (count === 0) return [];
    const size = NODE_PORT_LAST - NODE_PORT_FIRST + 1;
    const taken = tries < GUESSES ? new Set<string>() : await this.#taken(PORT_CLAIMS);
    const start = randomInteger(this.#random, size);
    const ports: number[] = [];
    for (let step = 0; step < size && ports.length < count; step++) {
      const port = NODE_PORT_FIRST + ((start + step) % size);
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
    const shown = after.addresses.filter((address) => !before.addresses.includes(address)).map((address) => ipAddressClaim(address, { namespace, name }, this.#clock, this.#random));
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
