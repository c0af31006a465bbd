import { badRequest, notFound } from "../../apimachinery/status-error.ts";
import { parsePodLogOptions } from "../../resources/core/pod-log-options.ts";
import { podResource } from "../../resources/core/pod.ts";
import { nodeResource } from "../../resources/core/node.ts";
import type { Node, Pod } from "../../resources/types.ts";
import type { ServerParts } from "../exchange.ts";
import type { NodeTarget } from "./node-proxy.ts";

const AGENT_PORT_DEFAULT = 10_250;
/** What the agent is told beside the flags; everything else in the query is for us. */
const FORWARDED = ["sinceSeconds", "sinceTime", "tailLines", "limitBytes", "stream"];

/** Where a pod's log is read, on its node; undefined before it has one, when there is no log yet. Throws 400 and 422 for what cannot be asked, 404 for what is not there. */
export async function planLogs(parts: ServerParts, namespace: string, name: string, query: URLSearchParams): Promise<NodeTarget | undefined> {
  const { follow, previous, timestamps } = parsePodLogOptions(query, name);
  const found = await parts.store.get(podResource, namespace, name);
  if (found === undefined) throw notFound(podResource, name);
  const pod = found.object;
  const container = chooseContainer(pod, query.get("container") ?? "");
  const nodeName = pod.spec.nodeName ?? "";
  if (nodeName === "") return undefined;
  const node = await parts.store.get(nodeResource, "", nodeName);
  if (node === undefined) throw notFound(nodeResource, nodeName);
  const { host, port } = agentAddress(node.object);
  const forwarded = new URLSearchParams();
  for (const [flag, isSet] of Object.entries({ follow, previous, timestamps })) if (isSet) forwarded.set(flag, "true");
  for (const option of FORWARDED) {
    const value = query.get(option) ?? "";
    if (value !== "") forwarded.set(option, value);
  }
  const search = forwarded.toString();
  const path = `/containerLogs/${[namespace, name, container].map(encodeURIComponent).join("/")}${search === "" ? "" : `?${search}`}`;
  return { nodeName, host, port, path, isStreamed: follow };
}

/** The container that was asked for, or the only one. */
export function chooseContainer(pod: Pod, asked: string): string {
  const name = pod.metadata.name ?? "";
  const containers = pod.spec.containers.map((container) => container.name);
  const init = (pod.spec.initContainers ?? []).map((container) => container.name);
  const ephemeral = (pod.spec.ephemeralContainers ?? []).map((container) => container.name);
  if (asked !== "") {
    if (![...containers, ...init, ...ephemeral].includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${name}`);
    return asked;
  }
  if (containers.length === 1 && containers[0] !== undefined) return containers[0];
  const others = init.length === 0 ? "" : ` or one of the init containers: [${init.join(" ")}]`;
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${containers.join(" ")}]${others}`);
}

/** Where the node says that its agent listens. Throws 400 when it does not say. */
export function agentAddress(node: Node): { readonly host: string; readonly port: number } {
  const address = node.status?.addresses?.find((candidate) => candidate.type === "InternalIP")?.address;
  if (address === undefined) throw badRequest(`node ${node.metadata.name ?? ""} has no InternalIP address`);
  return { host: address, port: node.status?.daemonEndpoints?.kubeletEndpoint?.Port || AGENT_PORT_DEFAULT };
}
