import path from "node:path";
import { describeError } from "../../engine/lib/log.ts";
import type { Pod } from "../../engine/resources/types.ts";
import { readCgroupUsage } from "../stats/read-usage.ts";
import type { ContainerState } from "../cri/runtime.ts";
import { latestOf, type PodState } from "./compute-pod-actions.ts";
import { podCgroup } from "./container-config.ts";
import type { PodContext } from "./pod-context.ts";
import { memoryProblem, planResizes, type ContainerResize, type ResizeTrouble } from "./resize.ts";

const IN_PROGRESS = "PodResizeInProgress";

export interface ResizeEffects {
  /** Shows the pod's status anew. */
  readonly tell: () => Promise<void>;
  /** Ends a container that is to come back with other amounts. */
  readonly stop: (container: ContainerState, message: string, state: PodState) => Promise<void>;
}

/** Gives the containers of one pod what its spec says by now, and knows how far that is. */
export class PodResizer {
  readonly #context: PodContext;
  readonly #effects: ResizeEffects;
  /** Containers that were stopped to come back with other amounts. */
  readonly #restarting = new Set<string>();
  #trouble: ResizeTrouble | undefined;
  /** What the pod asked for as a whole when its bounds were set last. */
  #whole: string | undefined;

  constructor(context: PodContext, effects: ResizeEffects) {
    this.#context = context;
    this.#effects = effects;
  }

  /** What the pod's status says of a resize that is not done. */
  get trouble(): ResizeTrouble | undefined {
    return this.#trouble;
  }

  /** Whether anything was changed; what could not be is in `trouble`. */
  async run(pod: Pod, state: PodState): Promise<boolean> {
    const { settings, refuse, limitPod } = this.#context;
    for (const name of this.#restarting) if (latestOf(state, name)?.state === "running") this.#restarting.delete(name);
    const resizes = planResizes(pod, state, settings);
    // The pod's own bounds are nobody's to look up in the runtime; setting them once more does no harm.
    const whole = JSON.stringify(pod.spec.resources ?? {});
    const isWholeChanged = pod.spec.resources !== undefined && whole !== this.#whole && state.containers.some((container) => container.state === "running");
    if (resizes.length === 0 && !isWholeChanged) {
      if (this.#restarting.size === 0) this.#become(pod, undefined);
      return false;
    }
    const refusal = refuse(pod);
    if (refusal !== undefined) {
      this.#become(pod, { type: "PodResizePending", reason: refuse(pod, { isAlone: true }) === undefined ? "Deferred" : "Infeasible", message: refusal.message });
      return false;
    }
    this.#whole = whole;
    if (resizes.length === 0) {
      limitPod(pod, false);
      this.#become(pod, undefined);
      return false;
    }
    this.#become(pod, { type: IN_PROGRESS });
    await this.#effects.tell();
    return this.#execute(pod, state, resizes);
  }

  async #execute(pod: Pod, state: PodState, resizes: readonly ContainerResize[]): Promise<boolean> {
    const { runtime, limitPod, settings } = this.#context;
    // The pod as a whole must have room before its containers grow, and keeps it until they have shrunk.
    limitPod(pod, true);
    let failure: string | undefined;
    for (const resize of resizes) {
      const { container, state: current, resources, needsRestart } = resize;
      try {
        if (needsRestart) {
          await this.#effects.stop(current, `Container ${container.name} resize requires restart`, state);
          this.#restarting.add(container.name);
          continue;
        }
        const usage = await readCgroupUsage(path.join(podCgroup(pod, settings), current.id));
        const problem = memoryProblem(resize, usage?.memoryBytes);
        if (problem !== undefined) failure = problem;
        else await runtime.updateResources(current.id, resources);
      } catch (error) {
        failure = describeError(error);
      }
    }
    if (failure !== undefined) {
      this.#become(pod, { type: IN_PROGRESS, reason: "Error", message: failure });
      return false;
    }
    limitPod(pod, false);
    if (this.#restarting.size === 0) this.#become(pod, undefined);
    return true;
  }

  /** Each step is told of once. */
  #become(pod: Pod, trouble: ResizeTrouble | undefined): void {
    const before = this.#trouble;
    this.#trouble = trouble;
    if (before?.type === trouble?.type && before?.reason === trouble?.reason) return;
    const { events } = this.#context;
    if (trouble === undefined) {
      if (before?.type === IN_PROGRESS) events.record(pod, { type: "Normal", reason: "ResizeCompleted", message: "Pod resize completed" });
    } else if (trouble.reason !== undefined) events.record(pod, { type: "Warning", reason: `Resize${trouble.reason}`, message: trouble.message ?? "" });
    else events.record(pod, { type: "Normal", reason: "ResizeStarted", message: "Pod resize started" });
  }
}
