import { hasReason } from "../../../engine/apimachinery/status-error.ts";
import { jsonEqual } from "../../../engine/lib/freeze.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { Pod, PodStatus } from "../../../engine/resources/types.ts";
import { isStatic } from "../../static-pods/static-pod.ts";
import type { PodContext } from "../pod-context.ts";
import { statusPatch } from "./pod-status.ts";
import { computeTerminations } from "./terminations.ts";

/** A pod's status as somebody keeps it. */
export interface WrittenStatus {
  readonly status: PodStatus;
  /** Of the pod that has it; infinite where only this agent knows of the pod. */
  readonly revision: number;
}

/** Whoever is as sure of the opposite is contradicted no more often than this, as upstream does: neither would ever rest. */
const CORRECTION_MS = 10_000;

/** Tells the API how one pod fares, as often as that changes. */
export class PodStatusWriter {
  readonly #context: PodContext;
  readonly #seenAtMs: number;
  #told: PodStatus | undefined;
  /** What the API made of that. */
  #written: WrittenStatus | undefined;
  /** Of the pod in the API whose status that is; undefined while a static pod is not shown there. */
  #toldUid: string | undefined;
  #correctedAtMs = -Infinity;
  #correctionInMs = Infinity;

  constructor(context: PodContext, pod: Pod) {
    this.#context = context;
    this.#seenAtMs = context.clock.monotonic();
    this.#toldUid = isStatic(pod) ? undefined : pod.metadata.uid;
  }

  /** In how many milliseconds the same is to be told again, as somebody else says otherwise; Infinity where nobody does. */
  get correctionInMs(): number {
    return this.#correctionInMs;
  }

  /** What is kept now; undefined where that was told before and is still what the API shows, or the pod is gone or another one. */
  async write(pod: Pod, status: PodStatus): Promise<WrittenStatus | undefined> {
    const before = this.#told ?? pod.status;
    // Of a static pod its mirror tells, as long as there is one: another has to be told anew.
    const shown = isStatic(pod) ? this.#context.mirrorOf(pod) : pod;
    this.#correctionInMs = Infinity;
    if (jsonEqual(status, before) && shown?.metadata.uid === this.#toldUid) {
      if (!this.#isOverwritten(shown, status)) return undefined;
      const nowMs = this.#context.clock.monotonic();
      this.#correctionInMs = Math.max(0, this.#correctedAtMs + CORRECTION_MS - nowMs);
      if (this.#correctionInMs > 0) return undefined;
      this.#correctionInMs = Infinity;
      this.#correctedAtMs = nowMs;
    }
    if (shown === undefined) {
      this.#told = status;
      this.#toldUid = undefined;
      return { status, revision: Infinity };
    }
    const { uid, namespace = "", name = "" } = shown.metadata;
    try {
      const patch = { metadata: { uid }, status: statusPatch(pod.status, status) };
      const written = await this.#context.client.for(podResource).patch(namespace, name, "merge", patch, { subresource: "status" });
      if (status.phase === "Running" && before?.phase === "Pending") this.#meterStart(pod);
      for (const end of computeTerminations(before, status)) this.#context.metrics.terminatedContainers.add({ ...end });
      this.#told = status;
      this.#toldUid = uid;
      this.#written = { status: written.status ?? status, revision: Number(written.metadata.resourceVersion) };
      return this.#written;
    } catch (error) {
      if (hasReason(error, "NotFound", "Conflict")) return undefined;
      throw error;
    }
  }

  /** Whether somebody else has since said otherwise of what this agent tells: how the pod fares, the node knows best. */
  #isOverwritten(shown: Pod | undefined, told: PodStatus): boolean {
    const written = this.#written;
    if (written === undefined || shown === undefined || Number(shown.metadata.resourceVersion ?? 0) <= written.revision) return false;
    return (Object.keys(told) as (keyof PodStatus)[]).some((key) => !jsonEqual(shown.status?.[key], written.status[key]));
  }

  #meterStart(pod: Pod): void {
    const { clock, metrics } = this.#context;
    metrics.podStartSeconds.observe((clock.monotonic() - this.#seenAtMs) / 1000);
    const createdAt = pod.metadata.creationTimestamp;
    if (createdAt !== undefined) metrics.podStartTotalSeconds.observe((clock.now() - Date.parse(createdAt)) / 1000);
  }
}
