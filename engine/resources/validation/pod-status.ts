import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { familyOf } from "../../lib/ip-address.ts";
import type { Pod, PodStatus } from "../types.ts";
import { addressErrors } from "./ip.ts";

/**
 * Addresses of a pod and of its machine, which other nodes write into their rules: a node that is taken over may not say anything else.
 * What was there before stays good.
 */
export function validatePodStatusUpdate({ status = {} }: Pod, { status: before = {} }: Pod): FieldError[] {
  const { hostIP = "", hostIPs = [] } = status;
  const isHostKnown = hostIPs[0] === undefined || hostIPs[0].ip === hostIP;
  return [
    ...addressListErrors("status.podIPs", status.podIPs, before.podIPs),
    ...(isHostKnown ? [] : [invalidField("status.hostIPs[0].ip", hostIPs[0]?.ip ?? "", "must be equal to `hostIP`")]),
    ...addressListErrors("status.hostIPs", hostIPs, before.hostIPs),
    ...(status.qosClass === before.qosClass ? [] : [invalidField("status.qosClass", status.qosClass ?? "", "field is immutable")]),
  ];
}

/** With one word on the pod's addresses: of clients that know only the older field it is the only one, and where they differ the older one counts. */
export function withPodAddresses(status: PodStatus): PodStatus {
  const { podIP = "", podIPs = [] } = status;
  if (podIP === (podIPs[0]?.ip ?? "")) return status;
  return podIP === "" ? { ...status, podIP: podIPs[0]?.ip ?? "" } : { ...status, podIPs: [{ ip: podIP }] };
}

type Addresses = readonly { readonly ip: string }[];

function addressListErrors(field: string, addresses: Addresses = [], known: Addresses = []): FieldError[] {
  const errors = addresses.flatMap(({ ip }, index) =>
    addressErrors(
      ip,
      `${field}[${index}]`,
      known.map((one) => one.ip),
    ),
  );
  if (addresses.length < 2) return errors;
  const families = addresses.map(({ ip }) => familyOf(ip));
  const isPair = addresses.length === 2 && families[0] !== undefined && families[1] !== undefined && families[0] !== families[1];
  return isPair ? errors : [...errors, invalidField(field, addresses, "may specify no more than one IP for each IP family")];
}
