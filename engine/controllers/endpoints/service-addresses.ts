import { jsonEqual } from "../../lib/freeze.ts";
import { canonicalAddress } from "../../lib/net/ip-address.ts";
import { serviceResource } from "../../resources/core/service.ts";
import { ipAddressResource } from "../../resources/networking/ip-address.ts";
import { isServiceAddress, serviceAddressObject } from "../../resources/networking/service-address.ts";
import type { IPAddress, Service } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { create, isBeingDeleted, watch, type Action, type ControllerDefinition } from "../define-controller.ts";

const ADDRESS_INDEX = "address";
export interface ServiceAddressInputs {
  readonly address: string;
  /** The Service that has it. */
  readonly service: Service | undefined;
  readonly existing: IPAddress | undefined;
}

/** The write that makes an address's object say whose it is, where somebody has changed or deleted the one that came with the Service. Pure. */
function planServiceAddress({ address, service, existing }: ServiceAddressInputs): readonly Action[] {
  const isOurs = existing !== undefined && isServiceAddress(existing);
  if (service === undefined) return isOurs ? [{ do: "delete", resource: ipAddressResource, object: existing, ifUnchanged: true }] : [];
  const { name = "", namespace = "" } = service.metadata;
  const wanted = serviceAddressObject(address, { namespace, name });
  if (existing === undefined) return [create(ipAddressResource, wanted)];
  // Its parent cannot be changed: it goes, and the next look makes it anew.
  return jsonEqual(existing.spec?.parentRef, wanted.spec?.parentRef) || !isOurs
    ? []
    : [{ do: "delete", resource: ipAddressResource, object: existing, ifUnchanged: true }];
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
      return service === undefined && existing === undefined
        ? undefined
        : { address, service, existing: existing !== undefined && isBeingDeleted(existing) ? undefined : existing };
    },
    plan: planServiceAddress,
  };
}

function addressesOf({ spec }: Service): readonly string[] {
  return (spec?.clusterIPs ?? [spec?.clusterIP ?? ""]).filter((address) => address !== "" && address !== "None").map(canonicalAddress);
}
