import { exactQuantity } from "../../apimachinery/quantity.ts";
import type { Device } from "../../resources/types.ts";
import type { DevicePool } from "./device-pools.ts";
import { deviceId, type DevicesInUse } from "./devices-in-use.ts";

/** What is left of the counters that a pool's devices draw from, while devices are tried out. */
export class SharedCounters {
  readonly #inUse: DevicesInUse;
  readonly #left = new Map<DevicePool, Map<string, bigint>>();

  constructor(inUse: DevicesInUse) {
    this.#inUse = inUse;
  }

  /** Draws what the device needs; false, and nothing is drawn, when there is too little. */
  draw(pool: DevicePool, device: Device): boolean {
    const left = this.#leftOf(pool);
    const needs = needsOf(device);
    if (needs.some(([key, amount]) => (left.get(key) ?? 0n) < amount)) return false;
    for (const [key, amount] of needs) left.set(key, (left.get(key) ?? 0n) - amount);
    return true;
  }

  giveBack(pool: DevicePool, device: Device): void {
    const left = this.#leftOf(pool);
    for (const [key, amount] of needsOf(device)) left.set(key, (left.get(key) ?? 0n) + amount);
  }

  #leftOf(pool: DevicePool): Map<string, bigint> {
    let left = this.#left.get(pool);
    if (left === undefined) {
      left = new Map();
      for (const [set, { counters }] of pool.counterSets)
        for (const [name, { value }] of Object.entries(counters)) left.set(`${set}/${name}`, exactQuantity(value).nanos);
      for (const { spec } of [...pool.slices, ...pool.elsewhere]) {
        for (const device of spec.devices ?? []) {
          if (!this.#inUse.isAllocated(deviceId(pool.driver, pool.name, device.name))) continue;
          for (const [key, amount] of needsOf(device)) left.set(key, (left.get(key) ?? 0n) - amount);
        }
      }
      this.#left.set(pool, left);
    }
    return left;
  }
}

function needsOf({ consumesCounters = [] }: Device): readonly (readonly [string, bigint])[] {
  return consumesCounters.flatMap(({ counterSet, counters }) =>
    Object.entries(counters).map(([name, { value }]) => [`${counterSet}/${name}`, exactQuantity(value).nanos] as const),
  );
}
