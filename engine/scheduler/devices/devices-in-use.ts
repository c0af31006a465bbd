import { exactQuantity } from "../../apimachinery/quantity.ts";
import type { AllocationResult } from "../../resources/types.ts";

export const deviceId = (driver: string, pool: string, device: string): string => `${driver}/${pool}/${device}`;

/** What the allocations of all claims leave of the devices; kept up claim by claim. */
export class DevicesInUse {
  readonly #allocations = new Map<string, AllocationResult>();
  /** How many claims have a device for themselves; more than one only by somebody's mistake. */
  readonly #dedicated = new Map<string, number>();
  readonly #shares = new Map<string, { count: number; readonly consumed: Map<string, bigint> }>();

  /** The claim has these devices from now on, or none. */
  set(claimUid: string, allocation: AllocationResult | undefined): void {
    const known = this.#allocations.get(claimUid);
    if (known === allocation) return;
    if (known !== undefined) this.#count(known, -1);
    if (allocation === undefined) this.#allocations.delete(claimUid);
    else {
      this.#allocations.set(claimUid, allocation);
      this.#count(allocation, 1);
    }
  }

  /** Whether a claim has the device for itself. */
  isTaken(id: string): boolean {
    return this.#dedicated.has(id);
  }

  /** What shares take of the device's capacities, in billionths; undefined when nobody has a share. */
  consumed(id: string): ReadonlyMap<string, bigint> | undefined {
    return this.#shares.get(id)?.consumed;
  }

  isAllocated(id: string): boolean {
    return this.#dedicated.has(id) || this.#shares.has(id);
  }

  #count({ devices }: AllocationResult, sign: 1 | -1): void {
    for (const { driver, pool, device, adminAccess, shareID, consumedCapacity = {} } of devices?.results ?? []) {
      if (adminAccess === true) continue; // looks on, and takes nothing
      const id = deviceId(driver, pool, device);
      if (shareID === undefined) {
        const count = (this.#dedicated.get(id) ?? 0) + sign;
        if (count > 0) this.#dedicated.set(id, count);
        else this.#dedicated.delete(id);
        continue;
      }
      const share = this.#shares.get(id) ?? { count: 0, consumed: new Map<string, bigint>() };
      share.count += sign;
      for (const [name, amount] of Object.entries(consumedCapacity))
        share.consumed.set(name, (share.consumed.get(name) ?? 0n) + BigInt(sign) * exactQuantity(amount).nanos);
      if (share.count > 0) this.#shares.set(id, share);
      else this.#shares.delete(id);
    }
  }
}
