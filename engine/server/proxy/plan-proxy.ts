import { badRequest, notFound, StatusError } from "../../apimachinery/status-error.ts";
import { standardAddress } from "../../lib/net/ip-address.ts";
import { randomInteger } from "../../lib/random.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { podResource } from "../../resources/core/pod.ts";
import { serviceResource } from "../../resources/core/service.ts";
import { endpointSliceResource } from "../../resources/discovery/endpoint-slice.ts";
import type { EndpointSlice, Pod, Service } from "../../resources/types.ts";
import type { ServerParts } from "../exchange.ts";
import { agentAddress } from "../nodes/pod-logs.ts";
import { parseProxyName, requireProxyable, type ProxyName, type ProxyTarget } from "./proxy-target.ts";

export type Proxied = "pods" | "services" | "nodes";

export function isProxied(resource: string): resource is Proxied {
  return resource === "pods" || resource === "services" || resource === "nodes";
}

/** Where a proxy's request goes. `rest` is the other end's path with its query, escaped. Throws 400, 404 and 503. */
export async function planProxy(
  parts: ServerParts,
  { resource, namespace, name }: { readonly resource: Proxied; readonly namespace: string; readonly name: string },
  rest: string,
): Promise<ProxyTarget> {
  const asked = parseProxyName(name);
  const path = rest.startsWith("/") ? rest : `/${rest}`;
  switch (resource) {
    case "nodes":
      return { ...(await nodeEnd(parts, asked)), path };
    case "pods": {
      const found = await parts.store.get(podResource, namespace, asked.name);
      if (found === undefined) throw notFound(podResource, asked.name);
      return { ...podEnd(found.object, asked), path };
    }
    case "services": {
      const found = await parts.store.get(serviceResource, namespace, asked.name);
      if (found === undefined) throw notFound(serviceResource, asked.name);
      const slices = await parts.store.list(endpointSliceResource, namespace, { labelSelector: `kubernetes.io/service-name=${asked.name}` });
      const ends = serviceEnds(
        found.object,
        slices.items.map((item) => item.object as EndpointSlice),
        asked,
      ); // listed by their own definition
      const end = ends[randomInteger(parts.random, ends.length)];
      if (end === undefined) throw new StatusError("ServiceUnavailable", `no endpoints available for service ${JSON.stringify(asked.name)}`);
      requireProxyable(end.host);
      return { description: `service ${namespace}/${asked.name}`, scheme: asked.scheme || "http", ...end, isAgent: false, path };
    }
  }
}

type End = Omit<ProxyTarget, "path">;

async function nodeEnd(parts: ServerParts, { scheme, name, port }: ProxyName): Promise<End> {
  const found = await parts.store.get(nodeResource, "", name);
  if (found === undefined) throw notFound(nodeResource, name);
  const agent = agentAddress(found.object);
  const description = `node ${name}`;
  if (port === "" || Number(port) === agent.port) return { description, scheme: "https", ...agent, isAgent: true };
  requireProxyable(agent.host);
  return { description, scheme: scheme || "http", host: agent.host, port: portNumber(port), isAgent: false };
}

/** The pod's own address; its first declared port when none is named. */
export function podEnd(pod: Pod, { scheme, port }: ProxyName): End {
  const declared = pod.spec.containers.flatMap((container) => container.ports ?? []);
  const host = pod.status?.podIP ?? "";
  const { name = "", namespace = "" } = pod.metadata;
  if (host === "") throw badRequest(`address not allowed: pod ${JSON.stringify(name)} has none yet`);
  requireProxyable(host);
  const number = port !== "" ? portNumber(port) : declared[0]?.containerPort;
  return { description: `pod ${namespace}/${name}`, scheme: scheme || "http", host, port: number ?? (scheme === "https" ? 443 : 80), isAgent: false };
}

/** The ready ends of the Service's port; the unnamed port when none is named. Throws 503 for a port that it does not have. */
export function serviceEnds(
  service: Service,
  slices: readonly EndpointSlice[],
  { name, port }: ProxyName,
): readonly { readonly host: string; readonly port: number }[] {
  const ports = service.spec?.ports ?? [];
  const named = /^\d+$/.test(port) ? ports.find((candidate) => candidate.port === Number(port)) : ports.find((candidate) => (candidate.name ?? "") === port);
  if (named === undefined) throw new StatusError("ServiceUnavailable", `no service port ${JSON.stringify(port)} found for service ${JSON.stringify(name)}`);
  return slices.flatMap((slice) => {
    const number = (slice.ports ?? []).find((candidate) => (candidate.name ?? "") === (named.name ?? ""))?.port;
    if (number === undefined) return [];
    return (slice.endpoints ?? [])
      .filter((endpoint) => endpoint.conditions?.ready !== false)
      .flatMap((endpoint) => endpoint.addresses.slice(0, 1).map((host) => ({ host: standardAddress(host), port: number })));
  });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw badRequest(`invalid port ${JSON.stringify(text)}`);
  return port;
}
