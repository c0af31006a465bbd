import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import type { Pod } from "../../engine/resources/types.ts";
import { limitCgroup } from "./cgroups.ts";
import { computeQosShares, qosFolder } from "./pod-cgroup.ts";

export interface QosCgroupsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly cgroupRoot: string;
  readonly pods: () => readonly Pod[];
  /** What all pods together may use; -1 for no bound. */
  readonly memoryBytes: number;
  /** How many processes all pods together may have. */
  readonly pidsMax: () => Promise<number>;
}

const LOOK_MS = 10_000;

/** Keeps the cgroups that hold pods of a class: those that asked for nothing leave the processors to those that did. */
export function createQosCgroups({ clock, logger, cgroupRoot, pods, memoryBytes, pidsMax }: QosCgroupsOptions): Service {
  return service("qos-cgroups", async (signal) => {
    while (!signal.aborted) {
      try {
        const shares = computeQosShares(pods());
        limitCgroup(cgroupRoot, { memoryBytes, pidsMax: await pidsMax() });
        limitCgroup(qosFolder(cgroupRoot, "Burstable"), { cpuShares: shares.burstable });
        limitCgroup(qosFolder(cgroupRoot, "BestEffort"), { cpuShares: shares.besteffort });
      } catch (error) {
        logger.warn("cgroups of classes not kept, will retry", { error: describeError(error) });
      }
      await sleep(clock, LOOK_MS, signal).catch(() => {});
    }
  });
}
