import type { IncomingHttpHeaders } from "node:http";
import { decodePathPart } from "../../engine/lib/net/request-url.ts";
import { podContainers } from "../../engine/resources/pod-containers.ts";
import type { Pod } from "../../engine/resources/types.ts";
import type { Runtime } from "../cri/runtime.ts";
import type { StreamOptions } from "../cri/streaming-runtime.ts";
import { latestOf } from "../pods/compute-pod-actions.ts";
import { tunnelledProtocols } from "./choose-protocol.ts";
import type { StreamTarget } from "./stream-endpoint.ts";

/** What cannot be connected, with the HTTP status that says so. */
export class StreamRefusal extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * What `/exec/<namespace>/<pod>/<container>`, `/attach/…` or `/portForward/<namespace>/<pod>` asks for, a uid of the pod being allowed
 * before the container's name as upstream has it. Throws a StreamRefusal.
 */
export async function planStreamTarget(
  { pods, runtime }: { readonly pods: () => readonly Pod[]; readonly runtime: Runtime },
  url: URL,
  { upgrade, ...headers }: IncomingHttpHeaders = {},
): Promise<StreamTarget> {
  const [verb = "", namespace = "", name = "", ...rest] = url.pathname
    .split("/")
    .slice(1)
    .map((part) => decodePathPart(part) ?? "");
  const container = rest.at(-1);
  const isForward = verb === "portForward";
  if (!["exec", "attach", "portForward"].includes(verb) || name === "" || rest.length > (isForward ? 1 : 2) || (!isForward && container === undefined))
    throw new StreamRefusal(404, `there is nothing at ${url.pathname}`);
  const pod = pods().find((candidate) => candidate.metadata.namespace === namespace && candidate.metadata.name === name);
  if (pod === undefined) throw new StreamRefusal(404, "pod does not exist");
  const uid = pod.metadata.uid ?? "";
  const [asked = uid] = isForward ? rest : rest.slice(0, -1);
  if (asked !== uid) throw new StreamRefusal(404, "pod not found");
  if (isForward) {
    // A WebSocket of channels has a pair of them for each port; all others name ports as they open streams.
    const isOfChannels = upgrade?.toLowerCase() === "websocket" && tunnelledProtocols(headers).length === 0;
    if (isOfChannels && !url.searchParams.get("port")) throw new StreamRefusal(400, 'query parameter "port" is required');
    const sandbox = (await runtime.listSandboxes(uid)).filter((candidate) => candidate.isReady).sort((a, b) => b.attempt - a.attempt)[0];
    if (sandbox === undefined) throw new StreamRefusal(500, `pod ${name} is not running`);
    return {
      do: "portForward",
      sandboxId: sandbox.id,
      ports: url.searchParams
        .getAll("port")
        .flatMap((text) => text.split(","))
        .map(Number),
    };
  }
  const found = latestOf({ sandboxes: [], containers: await runtime.listContainers(uid) }, container ?? "");
  // Upstream's words and status, also for one that has not begun yet.
  if (found?.state !== "running")
    throw new StreamRefusal(
      500,
      verb === "exec" ? `container not found (${JSON.stringify(container)})` : `container ${container ?? ""} not found in pod ${name}_${namespace}`,
    );
  const options = streamOptions(url.searchParams, verb === "attach" ? isTerminal(pod, container ?? "") : undefined);
  return verb === "attach"
    ? { do: "attach", containerId: found.id, options }
    : { do: "exec", containerId: found.id, command: url.searchParams.getAll("command"), options };
}

/** Upstream's names for the streams. A terminal has one output. Attaching takes the terminal of the container as it was made (`hasTerminal`). */
function streamOptions(query: URLSearchParams, hasTerminal: boolean | undefined): StreamOptions {
  const isSet = (name: string) => query.get(name) === "1" || query.get(name) === "true";
  const options = { stdin: isSet("input"), stdout: isSet("output"), stderr: isSet("error"), tty: hasTerminal ?? isSet("tty") };
  if (!options.stdin && !options.stdout && !options.stderr) throw new StreamRefusal(400, "you must specify at least 1 of stdin, stdout, stderr");
  // Browsers' terminals ask for both.
  return options.tty ? { ...options, stderr: false } : options;
}

function isTerminal({ spec }: Pod, name: string): boolean {
  return [...podContainers(spec), ...(spec.ephemeralContainers ?? [])].some((container) => container.name === name && container.tty === true);
}
