import { canonicalAddress, FAMILIES, familyOf, type IpFamily } from "../../lib/net/ip-address.ts";
import type { Pod, Service } from "../../resources/types.ts";

/** The families of a Service, its own first. One that was stored before there were families tells them by its address, or may have both. */
export function serviceFamilies({ spec }: Service): readonly IpFamily[] {
  const named = (spec?.ipFamilies ?? []) as readonly IpFamily[]; // validated
  const own = familyOf(spec?.clusterIP ?? "");
  return named.length > 0 ? named : own === undefined ? FAMILIES : [own];
}

/** The pod's address of one family, canonical. */
export function podAddress({ status }: Pod, family: IpFamily): string | undefined {
  const addresses = status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP ? [status.podIP] : []);
  const found = addresses.find((address) => familyOf(address) === family);
  return found === undefined ? undefined : canonicalAddress(found);
}
