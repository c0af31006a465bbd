import path from "node:path";
import { findCondition } from "../../engine/apimachinery/conditions.ts";
import { describeError } from "../../engine/lib/log.ts";
import type { Pod, PodSpec } from "../../engine/resources/types.ts";
import { readCgroupUsage } from "../stats/read-usage.ts";
import type { ContainerState } from "../cri/runtime.ts";
import { latestOf, type PodState } from "./compute-pod-actions.ts";
import { podCgroup } from "./container-config.ts";
import { asksForOther, grantedByStatus, withGranted, type ResizeRequest } from "./granted-resources.ts";
import type { PodContext } from "./pod-context.ts";
import { memoryProblem, planResizes, type ContainerResize, type ResizeTrouble } from "./resize.ts";

const IN_PROGRESS = "PodResizeInProgress";
const PENDING = "PodResizePending";

export interface ResizeEffects {
  /** Shows the pod's status anew. */
  readonly tell: () => Promise<void>;
  /** Ends a container that is to come back with other amounts. */
  readonly stop: (container: ContainerState, message: string, state: PodState) => Promise<void>;
  /** Asks for room for what waits on the node; `decide` is called for it at once. */
  readonly ask: () => void;
}

/** Gives the containers of one pod what its spec says by now, once there is room for it, and knows how far that is. */
export class PodResizer {
  readonly #context: PodContext;
  readonly #effects: ResizeEffects;
  /** Containers that were stopped to come back with other amounts. */
  readonly #restarting = new Set<string>();
  #trouble: ResizeTrouble | undefined;
  /** Why what the pod asks for was not granted. */
  #refusal: ResizeTrouble | undefined;
  #waitsSinceMs: number | undefined;
  /** The specification that room was given for last. */
  #granted: PodSpec;
  /** What the pod asked for as a whole when its bounds were set last. */
  #whole: string | undefined;

  constructor(context: PodContext, effects: ResizeEffects, pod: Pod) {
    this.#context = context;
    this.#effects = effects;
    this.#granted = grantedByStatus(pod);
    const since = findCondition(pod.status?.conditions, PENDING)?.lastTransitionTime;
    if (since !== undefined) this.#waitsSinceMs = Date.parse(since);
  }

  /** What the pod's status says of a resize that is not done. */
  get trouble(): ResizeTrouble | undefined {
    return this.#refusal ?? this.#trouble;
  }

  /** The pod as it counts on the node and is to run: without what it waits for. */
  granted(pod: Pod): Pod {
    return withGranted(pod, this.#granted);
  }

  /** A pod that is new on the node is let in with all that it asks for. */
  admit(pod: Pod): void {
    this.#granted = pod.spec;
  }

  /** What the pod asks for beside what it was granted; undefined where that is the same. */
  request(pod: Pod): ResizeRequest | undefined {
    return asksForOther(pod.spec, this.#granted) ? { pod, granted: this.granted(pod), waitsSinceMs: this.#waitsSinceMs } : undefined;
  }

  /** Grants the pod what it asks for if there is room on the node now. */
  decide(pod: Pod): { readonly isGranted: boolean; readonly isNews: boolean } {
    const { refuse, refuseForever, clock } = this.#context;
    const refusal = refuse(pod);
    if (refusal === undefined) {
      this.#granted = pod.spec;
      this.#refused(pod, undefined);
      return { isGranted: true, isNews: true };
    }
    this.#waitsSinceMs ??= clock.now();
    return { isGranted: false, isNews: this.#refused(pod, { type: PENDING, reason: refuseForever(pod) === undefined ? "Deferred" : "Infeasible", message: refusal.message }) };
  }

  /** Whether anything was changed; what could not be is in `trouble`. */
  async run(asked: Pod, state: PodState): Promise<boolean> {
    const { settings, limitPod } = this.#context;
    for (const name of this.#restarting) if (latestOf(state, name)?.state === "running") this.#restarting.delete(name);
    // It may have taken back what it had asked for.
    if (this.request(asked) === undefined) this.#refused(asked, undefined);
    // An agent that has just started has not looked for room yet.
    else if (this.#refusal === undefined) this.#effects.ask();
    const pod = this.granted(asked);
    const resizes = planResizes(pod, state, settings);
    // The pod's own bounds are nobody's to look up in the runtime; setting them once more does no harm.
    const whole = JSON.stringify(pod.spec.resources ?? {});
    const isWholeChanged = pod.spec.resources !== undefined && whole !== this.#whole && state.containers.some((container) => container.state === "running");
    if (resizes.length === 0 && !isWholeChanged) {
      if (this.#restarting.size === 0) this.#become(pod, undefined);
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

  /** Whether that is news. Each reason is told of once. */
  #refused(pod: Pod, refusal: ResizeTrouble | undefined): boolean {
    const before = this.#refusal;
    this.#refusal = refusal;
    if (refusal === undefined) this.#waitsSinceMs = undefined;
    else if (before?.reason !== refusal.reason) this.#context.events.record(pod, { type: "Warning", reason: `Resize${refusal.reason}`, message: refusal.message ?? "" });
    return before?.reason !== refusal?.reason || before?.message !== refusal?.message;
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
