import { raceAbort } from "../../../engine/lib/abort.ts";
import type { Pod } from "../../../engine/resources/types.ts";
import type { ContainerState } from "../../cri/runtime.ts";
import { currentSandbox, type PodState } from "../compute-pod-actions.ts";
import { podAddresses } from "../pod-addresses.ts";
import type { PodContext } from "../pod-context.ts";
import { stopContainer } from "./stop-container.ts";

export interface Termination {
  /** The pod as the API has it by now. */
  readonly podNow: () => Pod;
  readonly observe: () => Promise<PodState>;
  /** Shows how far it is. */
  readonly tell: (state: PodState) => Promise<void>;
  /** Resolves when something may have changed, and when the signal fires. */
  readonly changed: (signal: AbortSignal) => Promise<void>;
}

/**
 * Ends a pod's containers: hooks, then the signal, then the kill, all within the grace period. A sidecar's hook runs with the others', it
 * ends after the main containers and the sidecars that started after it. A grace period that is shortened
 * meanwhile counts at once. Resolves early or rejects when the signal fires, which leaves what still runs to the next agent.
 */
export async function terminatePod(context: PodContext, termination: Termination, signal: AbortSignal): Promise<void> {
  const { clock, runtime } = context;
  const { podNow, observe } = termination;
  const pod = podNow();
  const state = await observe();
  const running = state.containers.filter((container) => container.state === "running");
  // Not by the moment that the API says: its clock may be another, and a pod must not lose its time by that.
  const startedMs = clock.monotonic();
  const leftSeconds = () => {
    const graceSeconds = graceOf(podNow());
    // Time that has run out still leaves the least that a container gets; only who gives none means none.
    return graceSeconds === 0 ? 0 : Math.max(1, graceSeconds - (clock.monotonic() - startedMs) / 1000);
  };
  const hooks = new Map(running.map((container) => [container.id, new AbortController()]));
  // Neither a hook nor a container's last words hold up an agent that ends.
  const stop = (container: ContainerState, turn?: Promise<unknown>) =>
    raceAbort(
      stopContainer(context, {
        pod,
        state: container,
        podIp: podAddresses(pod, currentSandbox(state), context.settings.hostIps)[0] ?? "",
        message: `Stopping container ${container.name}`,
        leftSeconds,
        ...(turn === undefined ? {} : { turn }),
        cutShort: hooks.get(container.id)?.signal ?? signal,
      }),
      signal,
    );
  const ended = new AbortController();
  const watching = watch(termination, AbortSignal.any([signal, ended.signal]), (now, isShorter) => {
    for (const container of running) {
      const isRunning = now.containers.some(({ id, state: its }) => id === container.id && its === "running");
      if (isShorter || !isRunning) hooks.get(container.id)?.abort();
      // Who has been asked to end already is asked again with less time.
      if (isShorter && isRunning) void runtime.stopContainer(container.id, leftSeconds()).catch(() => {});
    }
  });
  try {
    const sidecars = (pod.spec.initContainers ?? [])
      .filter(({ restartPolicy }) => restartPolicy === "Always")
      .flatMap(({ name }) => running.filter((container) => container.name === name));
    const others = running.filter((container) => !sidecars.includes(container)).map((container) => ({ name: container.name, ended: stop(container) }));
    // Whoever looks at the pod for debugging is served by no sidecar.
    let turn: Promise<unknown> = Promise.allSettled(
      others.filter(({ name }) => pod.spec.containers.some((main) => main.name === name)).map(({ ended }) => ended),
    );
    const ends = others.map(({ ended }) => ended);
    for (const sidecar of sidecars.reverse()) {
      const ended = stop(sidecar, turn);
      ends.push(ended);
      turn = Promise.allSettled([turn, ended]);
    }
    await Promise.all(ends);
    if (signal.aborted) return;
    for (const sandbox of state.sandboxes) if (sandbox.isReady) await runtime.stopSandbox(sandbox.id);
  } finally {
    ended.abort();
    await watching;
  }
}

/** Follows what becomes of the pod while it ends, until the signal fires. */
async function watch({ podNow, observe, tell, changed }: Termination, signal: AbortSignal, look: (state: PodState, isShorter: boolean) => void): Promise<void> {
  let graceSeconds = graceOf(podNow());
  while (!signal.aborted) {
    await changed(signal);
    if (signal.aborted) return;
    const now = graceOf(podNow());
    try {
      const state = await observe();
      look(state, now < graceSeconds);
      graceSeconds = now;
      await tell(state);
    } catch {
      // The runtime or the API does not answer for a moment; whoever stops the containers hears of it, and the next change is looked at again.
    }
  }
}

function graceOf(pod: Pod): number {
  return pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
}
