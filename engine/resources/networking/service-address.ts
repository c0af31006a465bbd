import { isIPv6 } from "node:net";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { IPAddress } from "../types.ts";

const MANAGER_LABEL = "ipaddress.kubernetes.io/managed-by";
const MANAGER = "ipallocator.k8s.io";
const FAMILY_LABEL = "ipaddress.kubernetes.io/ip-family";

/** The object that says which Service an address belongs to. */
export function serviceAddressObject(address: string, { namespace, name }: { readonly namespace: string; readonly name: string }): IPAddress & KubeObject {
  const labels = { [FAMILY_LABEL]: isIPv6(address) ? "IPv6" : "IPv4", [MANAGER_LABEL]: MANAGER };
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "IPAddress",
    metadata: { name: address, labels },
    spec: { parentRef: { resource: "services", namespace, name } },
  };
}

/** Whether it was made for a Service; people may make others, for addresses that nobody else is to have. */
export function isServiceAddress({ metadata }: IPAddress): boolean {
  return metadata.labels?.[MANAGER_LABEL] === MANAGER;
}
