import { duplicateField, invalidField, requiredField, unsupportedValue, thenErrors, type FieldError } from "../../apimachinery/field-error.ts";
import { FAMILIES, familyOf } from "../../lib/net/ip-address.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import type { ServiceSpec } from "../types.ts";
import { addressErrors } from "./ip.ts";

const AT_ADDRESSES = "spec.clusterIPs";
const AT_FAMILIES = "spec.ipFamilies";
const AT_POLICY = "spec.ipFamilyPolicy";
const UNCHANGEABLE = "may not change once set";

/** Whether it has no address of its own, and names lead to its endpoints. */
export function isHeadless({ clusterIPs = [] }: ServiceSpec): boolean {
  return clusterIPs.length === 1 && clusterIPs[0] === "None";
}

/** How addresses and families of a Service go together, whatever the cluster has. */
export function serviceFamilyErrors(spec: ServiceSpec, before: ServiceSpec | undefined): FieldError[] {
  if (spec.type === "ExternalName") return [];
  const { clusterIPs = [], ipFamilies = [] } = spec;
  const repeats = repeatsOf(ipFamilies);
  const errors = [...pairErrors(spec), ...ipFamilies.flatMap((family, index) => familyErrors(family, repeats[index] === true, index))];
  const misplaced =
    clusterIPs[0] === "None" && clusterIPs.length > 1 ? [invalidField(AT_ADDRESSES, clusterIPs, "'None' must be the first and only value")] : [];
  const known = before?.clusterIPs ?? [];
  const wrong = clusterIPs.flatMap((address, index) => (index === 0 && address === "None" ? [] : addressErrors(address, `${AT_ADDRESSES}[${index}]`, known)));
  const tooMany = clusterIPs.length > 2 ? [invalidField(AT_ADDRESSES, clusterIPs, "may only hold up to 2 values")] : [];
  if (misplaced.length > 0) return [...errors, ...misplaced, ...wrong, ...tooMany];
  if (wrong.length === 0) return [...errors, ...tooMany, ...addressFamilyErrors(spec)];
  return [...errors, ...thenErrors(wrong, () => addressFamilyErrors(spec)), ...tooMany];
}

/** Of addresses that are all right each by itself. */
function addressFamilyErrors(spec: ServiceSpec): FieldError[] {
  const { clusterIPs = [], ipFamilies = [] } = spec;
  const errors: FieldError[] = [];
  if (clusterIPs.length > 1 && new Set(clusterIPs.map(familyOf)).size < clusterIPs.length)
    errors.push(invalidField(AT_ADDRESSES, clusterIPs, "may specify no more than one IP for each IP family"));
  if (isHeadless(spec)) return errors;
  for (const [index, address] of clusterIPs.entries()) {
    const family = ipFamilies[index];
    if (family !== undefined && family !== familyOf(address))
      errors.push(invalidField(`${AT_ADDRESSES}[${index}]`, address, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``));
  }
  return errors;
}

/** The first address is also the field of its own. */
function pairErrors({ clusterIP = "", clusterIPs = [] }: ServiceSpec): FieldError[] {
  if (clusterIP === "") return clusterIPs.length === 0 ? [] : [invalidField(AT_ADDRESSES, clusterIPs, "must be empty when `clusterIP` is not specified")];
  if (clusterIPs.length === 0) return [requiredField(AT_ADDRESSES)];
  return clusterIPs[0] === clusterIP ? [] : [invalidField(AT_ADDRESSES, clusterIPs, "first value must match `clusterIP`")];
}

function familyErrors(family: string, isRepeated: boolean, index: number): FieldError[] {
  const at = `${AT_FAMILIES}[${index}]`;
  return [
    ...((FAMILIES as readonly string[]).includes(family) ? [] : [unsupportedValue(at, family, FAMILIES)]),
    ...(isRepeated ? [duplicateField(at, family)] : []),
  ];
}

/**
 * Clients hold on to the first address and family, so that they stay for as long as the type has them; a second may come, and goes only
 * when the writer says that one is enough.
 */
export function serviceFamilyChangeErrors(spec: ServiceSpec, before: ServiceSpec): FieldError[] {
  if (spec.type === "ExternalName" || before.type === "ExternalName") return [];
  return [...addressChangeErrors(spec, before), ...familyChangeErrors(spec, before)];
}

function addressChangeErrors(spec: ServiceSpec, before: ServiceSpec): FieldError[] {
  if (isHeadless(spec) && isHeadless(before)) return [];
  const [now, old] = [spec.clusterIPs ?? [], before.clusterIPs ?? []];
  const changed = (index: number) => invalidField(`${AT_ADDRESSES}[${index}]`, now, UNCHANGEABLE);
  if (now.length === old.length) return old.flatMap((address, index) => (now[index] === address ? [] : [changed(index)]));
  if (now.length === 0) return [invalidField(`${AT_ADDRESSES}[0]`, now, "primary clusterIP can not be unset")];
  const errors = old.length > 0 && now[0] !== old[0] ? [changed(0)] : [];
  const isReleased = now.length === 1 && old.length > 1 && spec.ipFamilyPolicy !== "SingleStack";
  return isReleased
    ? [...errors, invalidField(AT_POLICY, spec.ipFamilyPolicy ?? null, "must be set to 'SingleStack' when releasing the secondary clusterIP")]
    : errors;
}

function familyChangeErrors(spec: ServiceSpec, before: ServiceSpec): FieldError[] {
  if (isHeadless(spec) || isHeadless(before)) return [];
  const [now, old] = [spec.ipFamilies ?? [], before.ipFamilies ?? []];
  const at = `${AT_FAMILIES}[0]`;
  if (now.length === old.length) return old.flatMap((family, index) => (now[index] === family ? [] : [invalidField(at, now, UNCHANGEABLE)]));
  const errors = now.length > 0 && old.length > 0 && now[0] !== old[0] ? [invalidField(at, now, UNCHANGEABLE)] : [];
  const isReleased = now.length === 1 && old.length > 1 && spec.ipFamilyPolicy !== "SingleStack";
  return isReleased
    ? [...errors, invalidField(AT_POLICY, spec.ipFamilyPolicy ?? null, "must be set to 'SingleStack' when releasing the secondary ipFamily")]
    : errors;
}
