import type { Random } from "../../lib/random.ts";
import { matchesSelector } from "../../resources/device/device-selector.ts";
import { isEffective, toleratesTaint } from "../../resources/device/device-taints.ts";
import type { AllocationResult, Device, Node, ResourceSlice } from "../../resources/types.ts";
import { describeError } from "../../lib/log.ts";
import { writeAllocation, type GivenDevice } from "./allocation-result.ts";
import { computeShare, hasRoomFor, type Amounts } from "./device-capacity.ts";
import { AttributeConstraint } from "./device-constraint.ts";
import { gatherPools, isPlaceOf, type DevicePool, type SliceIndex } from "./device-pools.ts";
import type { ClaimWishes, DeviceWish } from "./device-wish.ts";
import { deviceId, type DevicesInUse } from "./devices-in-use.ts";
import { SharedCounters } from "./shared-counters.ts";

/** Devices that one claim can have. */
const RESULTS_MAX = 32;
/**
 * Devices tried for a pod on one node before its claims count as too hard. Upstream gives each node ten seconds; this thread has other
 * work, and a number makes the answer the same every time.
 */
const TRIES_MAX = 100_000;

export interface AllocationInputs {
  readonly claims: readonly ClaimWishes[];
  readonly slices: SliceIndex;
  readonly inUse: DevicesInUse;
  readonly random: Random;
  readonly triesMax?: number;
}

/** What a device could be given for. */
export interface Candidate {
  readonly id: string;
  readonly device: Device;
  readonly slice: ResourceSlice;
  readonly pool: DevicePool;
}

/** An allocation that fails on every node, for what is in a claim, a class or a pool. */
export class AllocationError extends Error {}

/**
 * Devices for all claims on one node, in the order of the claims; the first that fit, by the order of pools, slices and devices, with
 * as much going back and trying others as it takes. A text says why there are none. Throws an AllocationError.
 */
export function allocateDevices(inputs: AllocationInputs, node: Node): readonly AllocationResult[] | string {
  const search = new Search(inputs, node);
  if (search.run()) return inputs.claims.map((claim, index) => writeAllocation(claim, search.given[index] ?? [], node.metadata.name ?? ""));
  return search.pools.some(({ state }) => state === "invalid") ? "invalid resource pools were encountered" : "cannot allocate all claims";
}

/** `too-many`: with this alternative the claim would have more devices than it can. */
type Found = "yes" | "no" | "too-many";

class Search {
  readonly pools: readonly DevicePool[];
  /** What each claim has so far. */
  readonly given: GivenDevice[][];
  readonly #inputs: AllocationInputs;
  readonly #node: Node;
  readonly #candidates: readonly Candidate[];
  readonly #constraints: readonly (readonly AttributeConstraint[])[];
  readonly #counters: SharedCounters;
  readonly #fitting = new Map<DeviceWish, Map<Candidate, boolean>>();
  readonly #all = new Map<DeviceWish, readonly Candidate[]>();
  /** Claims that hold a device for themselves, or look on at it. */
  readonly #holders = new Map<string, number[]>();
  readonly #consumed = new Map<string, Map<string, bigint>>();
  #tries = 0;

  constructor(inputs: AllocationInputs, node: Node) {
    this.#inputs = inputs;
    this.#node = node;
    this.pools = gatherPools(inputs.slices, node);
    this.#candidates = this.pools.flatMap((pool) =>
      pool.slices.flatMap((slice) => (slice.spec.devices ?? []).map((device) => ({ id: deviceId(pool.driver, pool.name, device.name), device, slice, pool }))),
    );
    this.#constraints = inputs.claims.map(({ devices }) => (devices.constraints ?? []).map((constraint) => new AttributeConstraint(constraint)));
    this.#counters = new SharedCounters(inputs.inUse);
    this.given = inputs.claims.map(() => []);
  }

  run(): boolean {
    for (const { claim, requests } of this.#inputs.claims) {
      const least = requests.reduce(
        (sum, { alternatives }) => sum + Math.min(...alternatives.map((wish) => this.#countOf(wish, claim.metadata.name ?? ""))),
        0,
      );
      if (least > RESULTS_MAX)
        throw new AllocationError(
          `claim ${claim.metadata.namespace}/${claim.metadata.name}: number of requested devices ${least} exceeds the claim limit of ${RESULTS_MAX}`,
        );
    }
    return this.#nextRequest(0, 0) === "yes";
  }

  #countOf(wish: DeviceWish, claimName: string): number {
    if (wish.count !== "all") return wish.count;
    const unready = this.pools.find(({ state }) => state !== "usable");
    if (unready !== undefined)
      throw new AllocationError(
        `claim ${claimName}, request ${wish.reference}: asks for all devices, but resource pool ${unready.driver}/${unready.name} is currently ${unready.state === "invalid" ? "invalid" : "being updated"}`,
      );
    const all = this.#candidates.filter((candidate) => this.#fits(wish, candidate) && computeShare(wish.capacity, candidate.device) !== undefined);
    this.#all.set(wish, all);
    return all.length;
  }

  #nextRequest(claimIndex: number, requestIndex: number): Found {
    const claim = this.#inputs.claims[claimIndex];
    if (claim === undefined) return "yes";
    const request = claim.requests[requestIndex];
    // What is too much for a later claim is no reason to look for less here.
    if (request === undefined) return this.#nextRequest(claimIndex + 1, 0) === "yes" ? "yes" : "no";
    let found: Found = "too-many";
    for (const wish of request.alternatives) {
      const next = this.#nextDevice(wish, claimIndex, requestIndex, 0, 0);
      if (next === "yes") return next;
      if (next === "no") found = next;
    }
    return found;
  }

  /** The rest of a wish, from the candidate of that number on, and everything after it. */
  #nextDevice(wish: DeviceWish, claimIndex: number, requestIndex: number, had: number, from: number): Found {
    const all = this.#all.get(wish);
    const wanted = all?.length ?? (wish.count as number); // only wishes for all have none
    if (wanted === 0) return "no";
    if (had >= wanted) return this.#nextRequest(claimIndex, requestIndex + 1);
    if ((this.given[claimIndex]?.length ?? 0) + wanted - had > RESULTS_MAX) return "too-many";
    const last = all === undefined ? this.#candidates.length : had + 1;
    for (let index = all === undefined ? from : had; index < last; index++) {
      const candidate = (all ?? this.#candidates)[index] as Candidate; // the index is within bounds
      const undo = this.#give(wish, candidate, claimIndex, all !== undefined);
      if (undo === undefined) continue;
      const found = this.#nextDevice(wish, claimIndex, requestIndex, had + 1, index + 1);
      if (found === "yes") return found;
      undo();
      if (found === "too-many") return found;
    }
    return "no";
  }

  /** Gives the claim the device if that may be; the result takes it back. */
  #give(wish: DeviceWish, candidate: Candidate, claimIndex: number, isMust: boolean): (() => void) | undefined {
    const { id, device, pool } = candidate;
    const { inUse, random, triesMax = TRIES_MAX } = this.#inputs;
    if (++this.#tries > triesMax) throw new AllocationError(`node ${this.#node.metadata.name}: timed out trying to allocate devices`);
    const isShared = device.allowMultipleAllocations === true;
    const holders = this.#holders.get(id) ?? [];
    if (wish.isAdmin ? !isShared && holders.includes(claimIndex) : holders.length > 0 || inUse.isTaken(id)) return undefined;
    if (!this.#fits(wish, candidate)) return undefined;
    const share = computeShare(wish.capacity, device);
    if (share === undefined || !hasRoomFor(share, device, [inUse.consumed(id), this.#consumed.get(id)])) return undefined;
    if ((device.taints ?? []).some((taint) => isEffective(taint) && !wish.tolerations.some((toleration) => toleratesTaint(toleration, taint))))
      return undefined;
    // The counters of a shared device are drawn by whoever comes first.
    const draws = (device.consumesCounters?.length ?? 0) > 0 && !(isShared && (inUse.consumed(id) !== undefined || this.#consumed.has(id)));
    if (draws && !this.#counters.draw(pool, device)) return undefined;
    const constraints = this.#constrain(wish, candidate, claimIndex);
    if (constraints === undefined) {
      if (draws) this.#counters.giveBack(pool, device);
      if (isMust)
        throw new AllocationError(
          `claim ${this.#inputs.claims[claimIndex]?.claim.metadata.name}, request ${wish.reference}: cannot add device ${id} because a claim constraint would not be satisfied`,
        );
      return undefined;
    }
    const before = this.#consumed.get(id);
    if (isShared) this.#consumed.set(id, addedTo(before, share));
    else this.#holders.set(id, [...holders, claimIndex]);
    this.given[claimIndex]?.push({ wish, candidate, ...(isShared ? { shareId: random.uuid(), consumed: share } : {}) });
    return () => {
      this.given[claimIndex]?.pop();
      this.#holders.set(id, holders);
      if (before === undefined) this.#consumed.delete(id);
      else this.#consumed.set(id, before);
      for (const constraint of constraints) constraint.takeBack();
      if (draws) this.#counters.giveBack(pool, device);
    };
  }

  /** The constraints that now count the device; undefined when one of them does not allow it. */
  #constrain(wish: DeviceWish, { device, pool }: Candidate, claimIndex: number): readonly AttributeConstraint[] | undefined {
    const added: AttributeConstraint[] = [];
    for (const constraint of this.#constraints[claimIndex] ?? []) {
      if (!constraint.concerns(wish.request, wish.alternative)) continue;
      if (!constraint.add(pool.driver, device)) {
        for (const other of added) other.takeBack();
        return undefined;
      }
      added.push(constraint);
    }
    return added;
  }

  #fits(wish: DeviceWish, candidate: Candidate): boolean {
    let known = this.#fitting.get(wish);
    if (known === undefined) this.#fitting.set(wish, (known = new Map()));
    let fits = known.get(candidate);
    if (fits === undefined) known.set(candidate, (fits = this.#isSelected(wish, candidate)));
    return fits;
  }

  #isSelected({ deviceClass, selectors, reference }: DeviceWish, { device, pool, slice }: Candidate): boolean {
    const rules = [
      ...(deviceClass.spec.selectors ?? []).map((rule) => ({ rule, of: `class ${deviceClass.metadata.name}` })),
      ...selectors.map((rule) => ({ rule, of: `request ${reference}` })),
    ];
    for (const [index, { rule, of }] of rules.entries()) {
      try {
        if (rule.cel === undefined || !matchesSelector(rule.cel.expression, pool.driver, device)) return false;
      } catch (error) {
        throw new AllocationError(`${of}: selector #${index}: CEL runtime error: ${describeError(error)}`);
      }
    }
    return slice.spec.perDeviceNodeSelection !== true || isPlaceOf(this.#node, device);
  }
}

function addedTo(before: ReadonlyMap<string, bigint> | undefined, share: Amounts): Map<string, bigint> {
  const sums = new Map(before);
  for (const [name, { nanos }] of share) sums.set(name, (sums.get(name) ?? 0n) + nanos);
  return sums;
}
