import { rmSync } from "node:fs";
import { hasReason } from "../../../engine/apimachinery/status-error.ts";
import { isAbort } from "../../../engine/lib/abort.ts";
import { describeError } from "../../../engine/lib/log.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { Pod } from "../../../engine/resources/types.ts";
import { isStatic } from "../../static-pods/static-pod.ts";
import { removePodCgroup } from "../../cgroups/cgroups.ts";
import type { PodState } from "../compute-pod-actions.ts";
import { podLogDir } from "../container-config/container-config.ts";
import { podCgroupName, QOS_CLASSES, qosFolder } from "../../cgroups/pod-cgroup.ts";
import type { PodContext } from "../pod-context.ts";
import type { PodVolumes } from "../pod-volumes.ts";

/**
 * Takes away all that is left of a pod whose containers have ended, on the machine first and then in the API, which does not know an
 * orphan. Throws where something of it stays; safe to repeat.
 */
export async function removePod(context: PodContext, pod: Pod, state: PodState, volumes: PodVolumes, isOrphan: boolean): Promise<void> {
  const { runtime, settings, client, logger } = context;
  await tellFailedKill(context, pod, async () => {
    for (const container of state.containers) await runtime.removeContainer(container.id);
    for (const sandbox of state.sandboxes) {
      await runtime.stopSandbox(sandbox.id);
      await runtime.removeSandbox(sandbox.id);
    }
  });
  const { uid = "", namespace = "", name = "" } = pod.metadata;
  await volumes.unmount(pod, isOrphan);
  rmSync(podLogDir(pod, settings.logsDir), { recursive: true, force: true });
  // Of a pod that only the runtime knew, the class is not known either.
  for (const qos of QOS_CLASSES) removePodCgroup(`${qosFolder(settings.cgroupRoot, qos)}/${podCgroupName(uid)}`);
  // Only now nothing of the pod is left, and its name may be given to another.
  if (!isOrphan && !isStatic(pod))
    await client
      .for(podResource)
      .delete(namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } })
      .catch((error: unknown) => {
        if (!hasReason(error, "NotFound", "Conflict")) throw error;
      });
  logger.info("pod ended", { pod: `${namespace}/${name}` });
}

/** Has the runtime end something of a pod. What keeps it from that is told as an event, in upstream's words, as the pod stays until it is over. */
export async function tellFailedKill(context: Pick<PodContext, "events">, pod: Pod, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isAbort(error)) context.events.record(pod, { type: "Warning", reason: "FailedKillPod", message: `error killing pod: ${describeError(error)}` });
    throw error;
  }
}
