import { sleep } from "../lib/clock.ts";
import { isAbort } from "../lib/abort.ts";
import { describeError } from "../lib/log.ts";
import { service } from "../lib/service.ts";
import { nodeResource } from "../resources/core/node.ts";
import { podResource } from "../resources/core/pod.ts";
import type { Pod } from "../resources/types.ts";
import { unlessGone, type ControllerContext } from "./controller.ts";

/** Finished pods kept in the cluster; the oldest beyond it go. */
const TERMINATED_MAX = 12_500;

/** Pods nobody will end any more: on nodes gone for long enough, deleted before they were placed, or finished beyond the bound. Pure. */
export function choosePodGarbage(pods: readonly Pod[], hasNode: (name: string) => boolean, missingSinceMs: ReadonlyMap<string, number>, quarantineMs: number, nowMs: number): Pod[] {
  const orphaned = pods.filter((pod) => pod.spec.nodeName && !hasNode(pod.spec.nodeName) && nowMs - (missingSinceMs.get(pod.spec.nodeName) ?? nowMs) >= quarantineMs);
  const unplaced = pods.filter((pod) => !pod.spec.nodeName && pod.metadata.deletionTimestamp !== undefined);
  const finished = pods.filter((pod) => (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") && pod.metadata.deletionTimestamp === undefined);
  const surplus = [...finished].sort((a, b) => ((a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? -1 : 1)).slice(0, Math.max(0, finished.length - TERMINATED_MAX));
  return [...new Set([...orphaned, ...unplaced, ...surplus])];
}

/** Looks for such pods now and then, and removes them without grace. */
export function podGarbageCollector(context: ControllerContext) {
  const { client, clock, informers, logger, timings } = context;
  const pods = informers.informer(podResource);
  const nodes = informers.informer(nodeResource);
  return service("pod-garbage-collector", async (signal) => {
    await Promise.all([pods.waitForSync(signal), nodes.waitForSync(signal)]);
    const missingSince = new Map<string, number>();
    while (!signal.aborted) {
      const nowMs = clock.monotonic();
      const hasNode = (name: string) => nodes.get("", name) !== undefined;
      for (const name of missingSince.keys()) if (hasNode(name)) missingSince.delete(name);
      for (const pod of pods.list()) if (pod.spec.nodeName && !hasNode(pod.spec.nodeName) && !missingSince.has(pod.spec.nodeName)) missingSince.set(pod.spec.nodeName, nowMs);
      for (const pod of choosePodGarbage(pods.list(), hasNode, missingSince, timings.podGcQuarantineMs, nowMs)) {
        try {
          await unlessGone(client.for(podResource).delete(pod.metadata.namespace ?? "", pod.metadata.name ?? "", { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid ?? "" } }));
          logger.info("removed a pod that nobody would end", { pod: `${pod.metadata.namespace}/${pod.metadata.name}`, node: pod.spec.nodeName });
        } catch (error) {
          if (isAbort(error)) return;
          logger.warn("pod not removed, will retry", { pod: pod.metadata.name, error: describeError(error) });
        }
      }
      await sleep(clock, timings.podGcPeriodMs, signal).catch(() => {});
    }
  });
}
