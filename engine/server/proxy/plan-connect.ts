import { queryFlag } from "../../apimachinery/query-values.ts";
import { badRequest, notFound } from "../../apimachinery/status-error.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { ServerParts } from "../exchange.ts";
import { agentAddress, chooseContainer } from "../nodes/pod-logs.ts";
import type { ProxyTarget } from "./proxy-target.ts";

export type PodStream = "exec" | "attach" | "portforward";

export function isPodStream(subresource: string | undefined): subresource is PodStream {
  return subresource === "exec" || subresource === "attach" || subresource === "portforward";
}

interface StreamPlace {
  readonly namespace: string;
  readonly name: string;
  readonly stream: PodStream;
}

/** Where a pod's streams are opened, on its node. Throws 400 for what cannot be asked, 404 for what is not there. */
export async function planConnect(parts: ServerParts, place: StreamPlace, query: URLSearchParams): Promise<ProxyTarget> {
  const target = await findStreams(parts, place, query);
  const search = place.stream === "portforward" ? portQuery(query) : commandQuery(place.stream, query);
  return search === "" ? target : { ...target, path: `${target.path}?${search}` };
}

/** The same before it is looked at what is asked of them. */
export async function findStreams(parts: ServerParts, { namespace, name, stream }: StreamPlace, query: URLSearchParams): Promise<ProxyTarget> {
  const found = await parts.store.get(podResource, namespace, name);
  if (found === undefined) throw notFound(podResource, name);
  const place = [namespace, name, ...(stream === "portforward" ? [] : [chooseContainer(found.object, query.get("container") ?? "")])];
  const nodeName = found.object.spec.nodeName ?? "";
  if (nodeName === "") throw badRequest(`pod ${name} does not have a host assigned`);
  const node = await parts.store.get(nodeResource, "", nodeName);
  if (node === undefined) throw notFound(nodeResource, nodeName);
  const endpoint = { exec: "exec", attach: "attach", portforward: "portForward" }[stream];
  return {
    description: `node ${nodeName}`,
    scheme: "https",
    ...agentAddress(node.object),
    path: `/${endpoint}/${place.map(encodeURIComponent).join("/")}`,
    isAgent: true,
  };
}

/** The agent's names for the options, which are the ones of upstream's. */
function commandQuery(stream: "exec" | "attach", query: URLSearchParams): string {
  const asked = new URLSearchParams();
  for (const [ours, theirs] of [
    ["stdin", "input"],
    ["stdout", "output"],
    ["stderr", "error"],
    ["tty", "tty"],
  ] as const)
    if (queryFlag(query.get(ours))) asked.set(theirs, "1");
  if (!["input", "output", "error"].some((name) => asked.has(name))) throw badRequest("you must specify at least 1 of stdin, stdout, stderr");
  if (stream === "exec") {
    const command = query.getAll("command");
    if (command.length === 0) throw badRequest("you must specify a command");
    for (const word of command) asked.append("command", word);
  }
  return asked.toString();
}

function portQuery(query: URLSearchParams): string {
  const ports = query.getAll("ports").flatMap((text) => text.split(","));
  for (const port of ports)
    if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
      throw badRequest(`invalid port ${JSON.stringify(port)}: it is a number from 1 to 65535`);
  return new URLSearchParams(ports.map((port): [string, string] => ["port", port])).toString();
}
