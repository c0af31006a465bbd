import { exactQuantity, formatExactQuantity, type ExactQuantity } from "../../apimachinery/quantity.ts";
import type { CapacityRequestPolicy, CapacityRequirements, Device, DeviceCapacity } from "../../resources/types.ts";

const UNIT = 1_000_000_000n;

/** What a share takes of each of a device's capacities, in billionths. */
export type Amounts = ReadonlyMap<string, ExactQuantity>;

/**
 * What a request comes to on a device: as asked, rounded up to what can be had; by default what the policy says, or all of it. Undefined
 * when it cannot be had there at all. Pure.
 */
export function computeShare(requirements: CapacityRequirements | undefined, { capacity = {} }: Device): Amounts | undefined {
  const requests = requirements?.requests ?? {};
  if (Object.keys(requests).some((name) => capacity[name] === undefined)) return undefined;
  const share = new Map<string, ExactQuantity>();
  for (const [name, offered] of Object.entries(capacity)) {
    const amount = amountOf(requests[name], offered);
    if (violates(amount, offered.requestPolicy)) return undefined;
    share.set(name, amount);
  }
  return share;
}

/** Whether the share fits beside what others have of the device. */
export function hasRoomFor(share: Amounts, { capacity = {} }: Device, taken: readonly (ReadonlyMap<string, bigint> | undefined)[]): boolean {
  return [...share].every(
    ([name, { nanos }]) => taken.reduce((sum, others) => sum + (others?.get(name) ?? 0n), nanos) <= exactQuantity(capacity[name]?.value ?? "0").nanos,
  );
}

export function formatAmounts(amounts: Amounts): Readonly<Record<string, string>> {
  return Object.fromEntries([...amounts].map(([name, amount]) => [name, formatExactQuantity(amount)]));
}

function amountOf(requested: string | undefined, { value, requestPolicy: policy }: DeviceCapacity): ExactQuantity {
  if (requested === undefined) return exactQuantity(policy?.default ?? value);
  const wanted = exactQuantity(requested);
  if (policy?.validRange !== undefined) return roundedUp(wanted, policy.validRange);
  const fitting = (policy?.validValues ?? []).map(exactQuantity).find(({ nanos }) => wanted.nanos <= nanos);
  return fitting ?? wanted;
}

function roundedUp(wanted: ExactQuantity, { min, step }: NonNullable<CapacityRequestPolicy["validRange"]>): ExactQuantity {
  const least = exactQuantity(min);
  if (wanted.nanos < least.nanos) return least;
  if (step === undefined) return wanted;
  const width = unitsOf(exactQuantity(step).nanos);
  const steps = (unitsOf(wanted.nanos) - unitsOf(least.nanos) + width - 1n) / width;
  return { nanos: (unitsOf(least.nanos) + steps * width) * UNIT, format: "BinarySI" };
}

function violates({ nanos }: ExactQuantity, policy: CapacityRequestPolicy | undefined): boolean {
  if (policy === undefined || (policy.default !== undefined && exactQuantity(policy.default).nanos === nanos)) return false;
  const { validRange, validValues = [] } = policy;
  if (validRange === undefined) return validValues.length > 0 && !validValues.some((value) => exactQuantity(value).nanos === nanos);
  if (validRange.max !== undefined && nanos > exactQuantity(validRange.max).nanos) return true;
  return (
    validRange.step !== undefined && (unitsOf(nanos) - unitsOf(exactQuantity(validRange.min).nanos)) % unitsOf(exactQuantity(validRange.step).nanos) !== 0n
  );
}

/** Steps are counted in whole units. */
function unitsOf(nanos: bigint): bigint {
  return nanos / UNIT + (nanos % UNIT > 0n ? 1n : 0n);
}
