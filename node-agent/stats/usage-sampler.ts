import os from "node:os";
import path from "node:path";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import type { Pod } from "../../engine/resources/types.ts";
import { podCgroup } from "../pods/container-config/container-config.ts";
import { RunningContainers } from "../cri/running-containers.ts";
import type { Runtime } from "../cri/runtime.ts";
import { readCgroupUsage, readNodeUsage, type NodeUsage, type Usage } from "./read-usage.ts";

/** One look at everything on the machine. */
export interface UsageSample {
  readonly atMs: number;
  readonly node: NodeUsage;
  /** By the pod's uid; what of it runs. */
  readonly pods: ReadonlyMap<string, PodUsage>;
}

export interface PodUsage {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly startedAt: string;
  /** Those of its containers and of its sandbox are in it, each named by its id. */
  readonly cgroup: string;
  readonly sandboxId: string;
  readonly usage: Usage;
  readonly containers: readonly ContainerUsage[];
}

export interface ContainerUsage {
  readonly name: string;
  readonly id: string;
  /** By the name that it was made with. */
  readonly image: string;
  readonly startedAtMs: number;
  readonly usage: Usage;
}

export interface UsageSamplerOptions {
  readonly runtime: Runtime;
  readonly pods: () => readonly Pod[];
  readonly cgroupRoot: string;
  readonly clock: Clock;
}

const PERIOD_MS = 10_000;
/** A rate over less than this says more about the moment than about the work. */
const WINDOW_MS_MIN = 5_000;

/** Looks at the usage of pods now and then, so that a rate can be told whenever somebody asks. Keeps two looks, no more. */
export class UsageSampler {
  readonly #options: UsageSamplerOptions;
  readonly #running: RunningContainers;
  #samples: readonly UsageSample[] = [];

  constructor(options: UsageSamplerOptions) {
    this.#options = options;
    this.#running = new RunningContainers(options.runtime);
  }

  asService(): Service {
    return service("usage-sampler", async (signal) => {
      while (!signal.aborted) {
        const sample = await this.#take().catch(() => undefined); // the runtime may be starting again
        if (sample !== undefined) this.#samples = [...this.#samples, sample].slice(-2);
        await sleep(this.#options.clock, PERIOD_MS, signal).catch(() => {});
      }
    });
  }

  /** A look at this moment, and an earlier one to compare it with, when there is one far enough back. */
  async now(): Promise<{ readonly current: UsageSample; readonly before: UsageSample | undefined }> {
    const current = await this.#take();
    return { current, before: this.#samples.findLast((sample) => current.atMs - sample.atMs >= WINDOW_MS_MIN) };
  }

  async #take(): Promise<UsageSample> {
    const { pods, cgroupRoot, clock } = this.#options;
    const containers = Map.groupBy(await this.#running.list(), (container) => container.podUid);
    const measured = await Promise.all(
      pods().map(async (pod): Promise<PodUsage | undefined> => {
        const { uid = "", namespace = "", name = "" } = pod.metadata;
        const cgroup = podCgroup(pod, { cgroupRoot });
        const running = containers.get(uid) ?? [];
        const usage = running.length === 0 ? undefined : await readCgroupUsage(cgroup);
        if (usage === undefined) return undefined;
        const each = await Promise.all(
          running.map(async ({ id, name: container, image, startedAtMs }) => ({
            name: container,
            id,
            image,
            startedAtMs,
            usage: await readCgroupUsage(path.join(cgroup, id)),
          })),
        );
        return {
          namespace,
          name,
          uid,
          startedAt: pod.status?.startTime ?? "",
          cgroup,
          sandboxId: running[0]?.sandboxId ?? "",
          usage,
          containers: each.flatMap((one) => (one.usage === undefined ? [] : [{ ...one, usage: one.usage }])),
        };
      }),
    );
    const node = await readNodeUsage();
    return { atMs: clock.now(), node, pods: new Map(measured.flatMap((pod) => (pod === undefined ? [] : [[pod.uid, pod] as const]))) };
  }
}

/** When the machine started, as far as the agent can tell, in milliseconds. */
export function machineStartMs(clock: Clock): number {
  return clock.now() - os.uptime() * 1000;
}
