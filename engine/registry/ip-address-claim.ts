import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { Clock } from "../lib/clock.ts";
import { formatTime } from "../lib/clock.ts";
import type { Random } from "../lib/random.ts";
import { ipAddressResource } from "../resources/networking/ip-address.ts";
import { serviceAddressObject } from "../resources/networking/service-address.ts";
import { encodeForStorage } from "../storage/encoded-object.ts";
import type { ExtraWrites } from "../storage/object-store.ts";
import { objectStorageKey } from "../storage/keys.ts";

export function ipAddressKey(address: string): string {
  return objectStorageKey(ipAddressResource, "", address);
}

/** The IPAddress of a Service's address as it is written in one commit with the Service: who has an address can be read as soon as it has it. */
export function ipAddressClaim(address: string, owner: { readonly namespace: string; readonly name: string }, clock: Clock, random: Random): ExtraWrites {
  const { metadata, ...rest } = serviceAddressObject(address, owner);
  const object: KubeObject = { ...rest, metadata: { ...metadata, uid: random.uuid(), creationTimestamp: formatTime(clock.now()) } };
  const key = ipAddressKey(address);
  // Somebody may hold the address by an object of his own.
  return { conditions: [{ key, modRevision: 0 }], operations: [{ do: "put", key, value: encodeForStorage(object) }] };
}
