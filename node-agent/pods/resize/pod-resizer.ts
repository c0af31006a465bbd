import path from "node:path";
import { findCondition } from "../../../engine/apimachinery/conditions.ts";
import { describeError } from "../../../engine/lib/log.ts";
import type { Pod, PodSpec } from "../../../engine/resources/types.ts";
import { readCgroupUsage } from "../../stats/read-usage.ts";
import type { ContainerState } from "../../cri/runtime.ts";
import { latestOf, type PodState } from "../compute-pod-actions.ts";
import { podCgroup } from "../container-config/container-config.ts";
import { asksForOther, grantedByStatus, withGranted, type ResizeRequest } from "./granted-resources.ts";
import type { PodContext } from "../pod-context.ts";
import {
  describeResize,
  memoryProblem,
  planResizes,
  progressOf,
  RESIZE_PENDING,
  type ContainerResize,
  type ResizeProgress,
  type ResizeStep,
} from "./resize.ts";

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
  /** What the pod asks for that was not granted, and why. */
  #pending: ResizeStep | undefined;
  /** What was granted last and is not done, and what went wrong with it. */
  #inProgress: ResizeStep | undefined;
  #waitsSinceMs: number | undefined;
  /** The specification that room was given for last. */
  #granted: PodSpec;
  /** What the pod asked for as a whole when its bounds were set last. */
  #whole: string | undefined;

  constructor(context: PodContext, effects: ResizeEffects, pod: Pod) {
    this.#context = context;
    this.#effects = effects;
    this.#granted = grantedByStatus(pod);
    ({ pending: this.#pending, inProgress: this.#inProgress } = progressOf(pod));
    const since = findCondition(pod.status?.conditions, RESIZE_PENDING)?.lastTransitionTime;
    if (since) this.#waitsSinceMs = Date.parse(since);
  }

  /** What the pod's status says of resizes that are not done. */
  get progress(): ResizeProgress {
    return { pending: this.#pending, inProgress: this.#inProgress };
  }

  get isUnfinished(): boolean {
    return this.#pending !== undefined || this.#inProgress !== undefined;
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

  /** Grants the pod what it asks for if there is room on the node now. What of an earlier grant is not done yet gives way to it. */
  decide(pod: Pod): { readonly isGranted: boolean; readonly isNews: boolean } {
    const { refuse, refuseForever, clock } = this.#context;
    const refusal = refuse(pod);
    const observedGeneration = generationOf(pod);
    if (refusal === undefined) {
      this.#granted = pod.spec;
      this.#noLongerPending();
      this.#inProgress = { observedGeneration };
      this.#record(pod, "Normal", "ResizeStarted", describeResize("Pod resize started", pod, observedGeneration));
      return { isGranted: true, isNews: true };
    }
    if (refusal === "not known yet") return { isGranted: false, isNews: false };
    this.#waitsSinceMs ??= clock.now();
    return {
      isGranted: false,
      isNews: this.#refused(pod, { reason: refuseForever(pod) === undefined ? "Deferred" : "Infeasible", message: refusal.message, observedGeneration }),
    };
  }

  /** Whether anything was changed; what could not be is in `progress`. */
  async run(asked: Pod, state: PodState): Promise<boolean> {
    const { settings, limitPod } = this.#context;
    for (const name of this.#restarting) if (latestOf(state, name)?.state === "running") this.#restarting.delete(name);
    // It may have taken back what it had asked for.
    if (this.request(asked) === undefined) this.#noLongerPending();
    // An agent that has just started has not looked for room yet, nor for what is asked for by now.
    else if (this.#pending?.observedGeneration !== generationOf(asked)) this.#effects.ask();
    const pod = this.granted(asked);
    const resizes = planResizes(pod, state, settings);
    // The pod's own bounds are nobody's to look up in the runtime; setting them once more does no harm.
    const whole = JSON.stringify(pod.spec.resources ?? {});
    const isWholeChanged = pod.spec.resources !== undefined && whole !== this.#whole && state.containers.some((container) => container.state === "running");
    if (isWholeChanged) this.#whole = whole;
    if (resizes.length === 0) {
      if (isWholeChanged) limitPod(pod, false);
      if (this.#restarting.size === 0) this.#done(pod);
      return false;
    }
    this.#inProgress ??= { observedGeneration: generationOf(pod) };
    await this.#effects.tell();
    return this.#execute(pod, state, resizes);
  }

  async #execute(pod: Pod, state: PodState, resizes: readonly ContainerResize[]): Promise<boolean> {
    const { runtime, limitPod } = this.#context;
    // Nothing is changed by halves if it can be known before.
    const problems = await this.#memoryProblems(pod, resizes);
    if (problems.length > 0) return this.#failed(pod, `cannot decrease memory limits: ${problems.length === 1 ? problems[0] : `[${problems.join(", ")}]`}`);
    // The pod as a whole must have room before its containers grow, and keeps it until they have shrunk.
    limitPod(pod, true);
    let failure: string | undefined;
    for (const { container, state: current, resources, needsRestart } of resizes) {
      try {
        if (needsRestart) {
          await this.#effects.stop(current, `Container ${container.name} resize requires restart`, state);
          this.#restarting.add(container.name);
          continue;
        }
        await runtime.updateResources(current.id, resources);
      } catch (error) {
        failure = describeError(error);
      }
    }
    if (failure !== undefined) return this.#failed(pod, failure);
    limitPod(pod, false);
    if (this.#restarting.size === 0) this.#done(pod);
    return true;
  }

  async #memoryProblems(pod: Pod, resizes: readonly ContainerResize[]): Promise<readonly string[]> {
    const problems: string[] = [];
    for (const resize of resizes) {
      if (resize.needsRestart) continue;
      const usage = await readCgroupUsage(path.join(podCgroup(pod, this.#context.settings), resize.state.id));
      const problem = memoryProblem(resize, usage?.memoryBytes);
      if (problem !== undefined) problems.push(problem);
    }
    return problems;
  }

  #noLongerPending(): void {
    this.#pending = undefined;
    this.#waitsSinceMs = undefined;
  }

  /** Whether the status changes by it. Each reason is told of once for each generation. */
  #refused(pod: Pod, pending: ResizeStep): boolean {
    const before = this.#pending;
    this.#pending = pending;
    const isAnother = before?.reason !== pending.reason || before?.observedGeneration !== pending.observedGeneration;
    if (isAnother)
      this.#record(pod, "Warning", `Resize${pending.reason}`, describeResize(`Pod resize ${pending.reason}`, pod, pending.observedGeneration, pending.message));
    return isAnother || before?.message !== pending.message;
  }

  #failed(pod: Pod, message: string): false {
    // Meanwhile another resize may have been granted.
    if (asksForOther(pod.spec, this.#granted)) return false;
    const before = this.#inProgress;
    const observedGeneration = before?.observedGeneration ?? generationOf(pod);
    this.#inProgress = { reason: "Error", message, observedGeneration };
    if (before?.reason !== "Error" || before.message !== message)
      this.#record(pod, "Warning", "ResizeError", describeResize("Pod resize error", pod, observedGeneration, message));
    return false;
  }

  #done(pod: Pod): void {
    if (asksForOther(pod.spec, this.#granted)) return;
    const done = this.#inProgress;
    this.#inProgress = undefined;
    if (done !== undefined) this.#record(pod, "Normal", "ResizeCompleted", describeResize("Pod resize completed", pod, done.observedGeneration));
  }

  #record(pod: Pod, type: "Normal" | "Warning", reason: string, message: string): void {
    this.#context.events.record(pod, { type, reason, message });
  }
}

function generationOf({ metadata }: Pod): number {
  return metadata.generation ?? 1;
}
