import { describeError } from "../../engine/lib/log.ts";
import type { Container, Pod } from "../../engine/resources/types.ts";
import type { ContainerState } from "../cri/runtime.ts";
import { currentSandbox, type PodState } from "./compute-pod-actions.ts";
import { runHook } from "./lifecycle-hook.ts";
import type { PodContext } from "./pod-context.ts";

/** A container is asked to end at least this long before it is killed. */
const MIN_GRACE_SECONDS = 2;

/**
 * Ends a pod's containers: hooks, then the signal, then the kill, all within the grace period; sidecars last.
 * A grace period that is shortened meanwhile counts at once.
 */
export async function terminatePod(context: PodContext, podNow: () => Pod, observe: () => Promise<PodState>, onWake: (woken: () => void) => void, signal: AbortSignal): Promise<void> {
  const { clock, events, runtime } = context;
  const pod = podNow();
  const state = await observe();
  const running = state.containers.filter((container) => container.state === "running");
  const deadlineMs = () => Date.parse(podNow().metadata.deletionTimestamp ?? "") || clock.now() + graceOf(pod) * 1000;
  const startedMs = clock.now();
  const ends = Math.min(deadlineMs(), startedMs + graceOf(pod) * 1000);
  const podIp = currentSandbox(state)?.ip ?? "";
  const stop = async (container: ContainerState) => {
    events.record(pod, { type: "Normal", reason: "Killing", message: `Stopping container ${container.name}`, fieldPath: `spec.containers{${container.name}}` });
    const spec = specOf(pod, container.name);
    const hook = spec?.lifecycle?.preStop;
    const left = () => Math.max(graceOf(podNow()) === 0 ? 0 : MIN_GRACE_SECONDS, Math.ceil((ends - clock.now()) / 1000));
    if (hook !== undefined && spec !== undefined && graceOf(pod) > 0) {
      await runHook(context, hook, spec, container.id, podIp, left()).catch((error: unknown) => events.record(pod, { type: "Warning", reason: "FailedPreStopHook", message: describeError(error) }));
    }
    await runtime.stopContainer(container.id, left());
  };
  onWake(() => {
    // `kubectl delete --force` while the pod is ending.
    if (graceOf(podNow()) < graceOf(pod)) for (const container of running) void runtime.stopContainer(container.id, graceOf(podNow())).catch(() => {});
  });
  const isSidecar = (container: ContainerState) => specOf(pod, container.name)?.restartPolicy === "Always";
  await Promise.all(running.filter((container) => !isSidecar(container)).map(stop));
  if (signal.aborted) return;
  for (const container of running.filter(isSidecar).reverse()) await stop(container);
  for (const sandbox of state.sandboxes) if (sandbox.isReady) await runtime.stopSandbox(sandbox.id);
}

function graceOf(pod: Pod): number {
  return pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
}

function specOf(pod: Pod, name: string): (Container & { readonly restartPolicy?: string }) | undefined {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find((container) => container.name === name);
}
