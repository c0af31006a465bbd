import { randomInteger, type Random } from "../../lib/random.ts";
import { serviceResource } from "../../resources/core/service.ts";
import { endpointSliceResource } from "../../resources/discovery/endpoint-slice.ts";
import type { EndpointSlice } from "../../resources/types.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import { serviceEnds } from "../proxy/plan-proxy.ts";
import type { WebhookClientOptions } from "./webhook-client.ts";

/** Finds a ready end of a Service by itself: this server may not be on a machine whose rules know cluster addresses. */
export function serviceResolver(store: ObjectStore, random: Random): WebhookClientOptions["resolveService"] {
  return async ({ namespace, name, port }) => {
    const found = await store.get(serviceResource, namespace, name, { resourceVersion: "0" });
    if (found === undefined) throw new Error(`service ${JSON.stringify(name)} not found`);
    const { type, externalName = "" } = found.object.spec ?? {};
    if (type === "ExternalName") return { host: externalName, port };
    const slices = await store.list(endpointSliceResource, namespace, { labelSelector: `kubernetes.io/service-name=${name}`, resourceVersion: "0" });
    const ends = serviceEnds(
      found.object,
      slices.items.map(({ object }) => object as EndpointSlice),
      { scheme: "https", name, port: String(port) },
    ); // listed by their own definition
    const end = ends[ends.length === 0 ? 0 : randomInteger(random, ends.length)];
    if (end === undefined) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
    return end;
  };
}
