import { isAbort } from "../../../engine/lib/abort.ts";
import { sleep, type Clock } from "../../../engine/lib/clock.ts";
import { podContainers } from "../../../engine/resources/pod-containers.ts";
import type { Container, Pod } from "../../../engine/resources/types.ts";
import type { ContainerState } from "../../cri/runtime.ts";
import { containerFieldPath } from "../container-place.ts";
import { runHook } from "../probes/lifecycle-hook.ts";
import type { PodContext } from "../pod-context.ts";

/** A container is asked to end at least this long before it is killed. */
const MIN_GRACE_SECONDS = 2;

export interface Stop {
  readonly pod: Pod;
  readonly state: ContainerState;
  readonly podIp: string;
  /** What the event says. */
  readonly message: string;
  /** Seconds that the hook and the container have together, as things are now; 0 means that it is killed at once. */
  readonly leftSeconds: () => number;
  /** Resolves when those have ended that end before it; at once where nobody does. Its hook does not wait for that. */
  readonly turn?: Promise<unknown>;
  /** Ends a hook before its time: the container is gone already, or has less time by now. */
  readonly cutShort: AbortSignal;
}

/** Ends one container, for whatever reason: its hook, then its turn, then the signal, then the kill. */
export async function stopContainer(context: PodContext, { pod, state, podIp, message, leftSeconds, turn, cutShort }: Stop): Promise<void> {
  const { runtime, events, clock } = context;
  const fieldPath = containerFieldPath(pod.spec, state.name);
  events.record(pod, { type: "Normal", reason: "Killing", message, fieldPath });
  const container = containerSpec(pod, state.name);
  const hook = container?.lifecycle?.preStop;
  if (hook !== undefined && container !== undefined && leftSeconds() > 0) {
    await runHook(context, { hook, container, containerId: state.id, podIp, timeoutSeconds: leftSeconds(), signal: cutShort }).catch((error: unknown) => {
      // Not what the hook said: events are read by people whom its secrets are none of the business of.
      if (!isAbort(error)) events.record(pod, { type: "Warning", reason: "FailedPreStopHook", message: "PreStopHook failed", fieldPath });
    });
  }
  if (turn !== undefined && leftSeconds() > 0) await waitForTurn(turn, clock, leftSeconds() * 1000, cutShort);
  const left = leftSeconds();
  await runtime.stopContainer(state.id, left === 0 ? 0 : Math.max(MIN_GRACE_SECONDS, Math.ceil(left)));
}

/** Not longer than there is time, nor when nobody waits any more. */
async function waitForTurn(turn: Promise<unknown>, clock: Clock, leftMs: number, cutShort: AbortSignal): Promise<void> {
  const done = new AbortController();
  const late = sleep(clock, leftMs, AbortSignal.any([cutShort, done.signal])).catch(() => {});
  await Promise.race([turn, late]);
  done.abort();
}

/** What a pod's spec says of a container; debugging containers have no more to say than their name. */
function containerSpec({ spec }: Pod, name: string): Container | undefined {
  return podContainers(spec).find((container) => container.name === name);
}
