import type { ProxyPlace } from "./service-map.ts";

export interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

/** What an EndpointSlice says of one address and port. */
export interface KnownEndpoint extends Endpoint {
  readonly nodeName: string | undefined;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly zoneHints: readonly string[];
  readonly nodeHints: readonly string[];
}

export interface ChosenEndpoints {
  /** For traffic that may go to any node; empty when no traffic may. */
  readonly clusterEndpoints: readonly Endpoint[];
  /** For traffic bound to this node by a Local policy; empty when there is none of that. */
  readonly localEndpoints: readonly Endpoint[];
  /** Whether anything could be reached from any node: if not, connections are refused, not dropped. */
  readonly hasEndpoints: boolean;
  /** Endpoints that old flows may keep going to, whatever is chosen for new ones. */
  readonly servingEndpoints: readonly Endpoint[];
}

/**
 * The endpoints for new connections: ready ones, and when there is none – in the cluster, or with a Local policy on this node – those
 * that terminate but still serve, so that the last connections of a Service that is being replaced are not refused. Pure.
 */
export function chooseEndpoints(
  all: readonly KnownEndpoint[],
  place: ProxyPlace,
  uses: { readonly cluster: boolean; readonly local: boolean },
): ChosenEndpoints {
  const ready = all.filter((endpoint) => endpoint.ready);
  const draining = all.filter((endpoint) => !endpoint.ready && endpoint.serving && endpoint.terminating);
  const isHere = ({ nodeName }: KnownEndpoint) => nodeName === place.nodeName;
  const first = (preferred: readonly KnownEndpoint[], otherwise: readonly KnownEndpoint[]) => (preferred.length > 0 ? preferred : otherwise).map(placeOf);
  return {
    clusterEndpoints: uses.cluster ? first(chooseNear(ready, place), draining) : [],
    localEndpoints: uses.local ? first(ready.filter(isHere), draining.filter(isHere)) : [],
    hasEndpoints: ready.length + draining.length > 0,
    servingEndpoints: all.filter(({ serving }) => serving).map(placeOf),
  };
}

/**
 * Those that the hints give to this node, else to this zone; all of them when not every one has a hint (hints that are being written
 * must not concentrate traffic) or none is for us.
 */
function chooseNear(ready: readonly KnownEndpoint[], { nodeName, zone }: ProxyPlace): readonly KnownEndpoint[] {
  const forNode = ready.filter(({ nodeHints }) => nodeHints.includes(nodeName));
  if (forNode.length > 0 && ready.every(({ nodeHints }) => nodeHints.length > 0)) return forNode;
  const forZone = zone === undefined ? [] : ready.filter(({ zoneHints }) => zoneHints.includes(zone));
  if (forZone.length > 0 && ready.every(({ zoneHints }) => zoneHints.length > 0)) return forZone;
  return ready;
}

function placeOf({ ip, port }: KnownEndpoint): Endpoint {
  return { ip, port };
}
