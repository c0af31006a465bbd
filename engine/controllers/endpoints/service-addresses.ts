import { isIPv6 } from "node:net";
import { jsonEqual } from "../../lib/freeze.ts";
import { serviceResource } from "../../resources/core/service.ts";
import { ipAddressResource } from "../../resources/networking/ip-address.ts";
import type { IPAddress, Service } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { create, isBeingDeleted, watch, type Action, type ControllerDefinition } from "../define-controller.ts";

const ADDRESS_INDEX = "address";
const MANAGER_LABEL = "ipaddress.kubernetes.io/managed-by";
const MANAGER = "ipallocator.k8s.io";
const FAMILY_LABEL = "ipaddress.kubernetes.io/ip-family";

export interface ServiceAddressInputs {
  readonly address: string;
  /** The Service that has it. */
  readonly service: Service | undefined;
  readonly existing: IPAddress | undefined;
}

/** The write that makes an address's object say whose it is. Addresses are given out by the API, atomically; these objects only show them. Pure. */
export function planServiceAddress({ address, service, existing }: ServiceAddressInputs): readonly Action[] {
  const isOurs = existing?.metadata.labels?.[MANAGER_LABEL] === MANAGER;
  if (service === undefined) return existing !== undefined && isOurs ? [{ do: "delete", resource: ipAddressResource, object: existing, ifUnchanged: true }] : [];
  const { name = "", namespace = "" } = service.metadata;
  const parentRef = { resource: "services", namespace, name };
  if (existing === undefined) {
    const labels = { [FAMILY_LABEL]: isIPv6(address) ? "IPv6" : "IPv4", [MANAGER_LABEL]: MANAGER };
    return [create(ipAddressResource, { apiVersion: "networking.k8s.io/v1", kind: "IPAddress", metadata: { name: address, labels }, spec: { parentRef } })];
  }
  // Its parent cannot be changed: it goes, and the next look makes it anew.
  return jsonEqual(existing.spec?.parentRef, parentRef) || !isOurs ? [] : [{ do: "delete", resource: ipAddressResource, object: existing, ifUnchanged: true }];
}

/** Keeps an IPAddress for every address of a Service, as people and tools expect to find them. */
export function serviceAddressController({ informers }: ControllerContext): ControllerDefinition<ServiceAddressInputs> {
  const services = informers.informer(serviceResource);
  const addresses = informers.informer(ipAddressResource);
  services.addIndex(ADDRESS_INDEX, addressesOf);
  return {
    name: "service-address-controller",
    watches: [watch(services, addressesOf), watch(addresses, ({ metadata }) => [metadata.name ?? ""])],
    observe(address) {
      const service = services.byIndex(ADDRESS_INDEX, address).find((candidate) => !isBeingDeleted(candidate));
      const existing = addresses.get("", address);
      return service === undefined && existing === undefined ? undefined : { address, service, existing: existing !== undefined && isBeingDeleted(existing) ? undefined : existing };
    },
    plan: planServiceAddress,
  };
}

function addressesOf({ spec }: Service): readonly string[] {
  return (spec?.clusterIPs ?? [spec?.clusterIP ?? ""]).filter((address) => address !== "" && address !== "None");
}
