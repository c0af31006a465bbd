import { decodePathPart } from "../../engine/lib/request-url.ts";
import { podContainers } from "../../engine/resources/pod-containers.ts";
import type { Pod } from "../../engine/resources/types.ts";
import type { Runtime } from "../cri/runtime.ts";
import type { StreamOptions } from "../cri/streaming-runtime.ts";
import { latestOf } from "../pods/compute-pod-actions.ts";
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
export async function planStreamTarget({ pods, runtime }: { readonly pods: () => readonly Pod[]; readonly runtime: Runtime }, url: URL): Promise<StreamTarget> {
  const [verb = "", namespace = "", name = "", ...rest] = url.pathname
    .split("/")
    .slice(1)
    .map((part) => decodePathPart(part) ?? "");
  const container = rest.at(-1);
  const isForward = verb === "portForward";
  if (!["exec", "attach", "portForward"].includes(verb) || name === "" || rest.length > (isForward ? 1 : 2) || (!isForward && container === undefined))
    throw new StreamRefusal(404, `there is nothing at ${url.pathname}`);
  const pod = pods().find((candidate) => candidate.metadata.namespace === namespace && candidate.metadata.name === name);
  const uid = pod?.metadata.uid ?? "";
  if (pod === undefined) throw new StreamRefusal(404, "pod does not exist");
  if (isForward) {
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
  if (found === undefined) throw new StreamRefusal(404, `container not found (${JSON.stringify(container)})`);
  if (verb === "exec" && found.state !== "running") throw new StreamRefusal(500, `container not found (${JSON.stringify(container)})`);
  const options = streamOptions(url.searchParams, verb === "attach" && isTerminal(pod, container ?? ""));
  return verb === "attach"
    ? { do: "attach", containerId: found.id, options }
    : { do: "exec", containerId: found.id, command: url.searchParams.getAll("command"), options };
}

/** Upstream's names for the streams. A terminal has one output. Attaching takes the terminal of the container as it was made. */
function streamOptions(query: URLSearchParams, hasTerminal: boolean): StreamOptions {
  const isSet = (name: string) => query.get(name) === "1" || query.get(name) === "true";
  const options = { stdin: isSet("input"), stdout: isSet("output"), stderr: isSet("error"), tty: isSet("tty") || hasTerminal };
  if (!options.stdin && !options.stdout && !options.stderr) throw new StreamRefusal(400, "you must specify at least 1 of stdin, stdout, stderr");
  if (isSet("tty") && options.stderr) throw new StreamRefusal(400, "tty and stderr cannot both be true");
  return options.tty ? { ...options, stderr: false } : options;
}

function isTerminal({ spec }: Pod, name: string): boolean {
  return [...podContainers(spec), ...(spec.ephemeralContainers ?? [])].some((container) => container.name === name && container.tty === true);
}
