import path from "node:path";
import { describeError } from "../../../engine/lib/log.ts";
import { podContainers } from "../../../engine/resources/pod-containers.ts";
import type { Container, Pod } from "../../../engine/resources/types.ts";
import type { ContainerState } from "../../cri/runtime.ts";
import { parseLogLine } from "../../logs/read-logs.ts";
import { ephemeralContainers } from "../compute-pod-actions.ts";
import type { PodContext } from "../pod-context.ts";
import { readTail } from "./read-tail.ts";

const MESSAGE_BYTES_MAX = 4096;
/** Enough for the last lines of a log, and what the runtime writes before each. */
const LOG_TAIL_BYTES = 256 * 1024;
const LOG_LINES_MAX = 80;
const LOG_BYTES_MAX = 2048;

/** The folder of a pod's in which its containers have theirs. */
export const CONTAINERS = "containers";

/** Where a container leaves its last words. */
export function terminationFile({ podsDir }: Pick<PodContext, "podsDir">, pod: Pod, container: string, attempt: number): string {
  return path.join(podsDir, pod.metadata.uid ?? "", CONTAINERS, container, `${attempt}.message`);
}

/** The last words of a pod's ended containers, each read once. */
export class TerminationMessages {
  readonly #context: Pick<PodContext, "podsDir">;
  readonly #messages = new Map<string, string>();

  constructor(context: Pick<PodContext, "podsDir">) {
    this.#context = context;
  }

  /** By the container's ID. What the runtime has lost has its last words from the pod's status. */
  get byContainer(): ReadonlyMap<string, string> {
    return this.#messages;
  }

  /** These are the containers that there are now. */
  follow(pod: Pod, containers: readonly ContainerState[]): void {
    const specs = [...podContainers(pod.spec), ...ephemeralContainers(pod)];
    for (const id of this.#messages.keys()) if (!containers.some((container) => container.id === id)) this.#messages.delete(id);
    for (const container of containers) {
      if (container.state !== "exited" || this.#messages.has(container.id)) continue;
      const spec = specs.find(({ name }) => name === container.name);
      this.#messages.set(container.id, readTerminationMessage(this.#context, pod, spec, container));
    }
  }
}

/** What an ended container left as its last words, letter by letter: its message file, or the end of its log if the pod asks for that. */
export function readTerminationMessage(context: Pick<PodContext, "podsDir">, pod: Pod, container: Container | undefined, state: ContainerState): string {
  const file = terminationFile(context, pod, state.name, state.attempt);
  let text = "";
  try {
    text = readTail(file, MESSAGE_BYTES_MAX);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") return `Error on reading termination log ${file}: ${describeError(error)}`; // what the file system throws
  }
  if (text !== "" || container?.terminationMessagePolicy !== "FallbackToLogsOnError" || state.exitCode === 0) return text;
  try {
    return readLogEnd(state.logPath);
  } catch {
    return "";
  }
}

function readLogEnd(file: string): string {
  const lines = readTail(file, LOG_TAIL_BYTES).split("\n").slice(0, -1).slice(-LOG_LINES_MAX);
  const text = lines
    .map(parseLogLine)
    .map((line) => (line === undefined ? "" : `${line.text}${line.isPartial ? "" : "\n"}`))
    .join("");
  return Buffer.from(text).subarray(-LOG_BYTES_MAX).toString("utf8");
}
