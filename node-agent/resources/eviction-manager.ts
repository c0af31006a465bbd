import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import type { Node, Pod } from "../../engine/resources/types.ts";
import type { Runtime } from "../cri/runtime.ts";
import type { AgentMetrics } from "../stats/agent-metrics.ts";
import type { UsageSampler } from "../stats/usage-sampler.ts";
import { boundsDisk, chooseEviction, chooseOverfull, refuseUnderPressure, type Eviction, type PodConsumption } from "./eviction-plan.ts";
import { measurePod, type PodPlaces } from "./measure-pods.ts";
import { judgePressure, NO_PRESSURE, resourceOf, type Pressure } from "./pressure.ts";
import type { Measurements, Threshold } from "./thresholds.ts";

export interface EvictionOptions {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventRecorder;
  readonly metrics: Pick<AgentMetrics, "evictions">;
  readonly usage: Pick<UsageSampler, "now">;
  readonly places: PodPlaces;
  readonly thresholds: readonly Threshold[];
  readonly softGraceSeconds: number;
  /** How long the node counts as short of what it is short of no more. */
  readonly transitionMs: number;
  readonly measure: () => Promise<Measurements>;
  readonly pods: () => readonly Pod[];
  readonly node: () => Node | undefined;
  /** Ends a pod for good; resolves when it has ended. */
  readonly evict: (eviction: Eviction) => Promise<void>;
  /** Deletes what nobody needs from the disk: dead containers and unused images. */
  readonly freeDisk: () => Promise<void>;
  /** Called when what the node is short of has changed. */
  readonly onChange: () => void;
}

const LOOK_MS = 10_000;
/** While a pod is ending, its room is on its way; after this long the next one is chosen all the same. */
const ENDING_MS_MAX = 30_000;

/** Watches what the machine is short of; tells the scheduler by conditions, and ends pods, one at a time, before the kernel does. */
export class EvictionManager {
  readonly #options: EvictionOptions;
  #state = NO_PRESSURE;
  #pressures: ReadonlySet<Pressure> = new Set();

  constructor(options: EvictionOptions) {
    this.#options = options;
  }

  get pressures(): ReadonlySet<Pressure> {
    return this.#pressures;
  }

  refuse(pod: Pod): { readonly reason: string; readonly message: string } | undefined {
    return refuseUnderPressure(pod, this.#pressures);
  }

  asService(): Service {
    return service("eviction", async (signal) => {
      const { clock, logger } = this.#options;
      while (!signal.aborted) {
        await this.#look(signal).catch((error: unknown) => {
          if (!signal.aborted) logger.warn("pressure not judged, will retry", { error: describeError(error) });
        });
        await sleep(clock, LOOK_MS, signal).catch(() => {});
      }
    });
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { thresholds, measure, clock, freeDisk, node, events, pods } = this.#options;
    let measured = await measure();
    let verdict = this.#judge(thresholds, measured, clock.monotonic());
    const first = verdict.due[0];
    // Who writes more than he may goes before anybody has to go for him. To find out takes time and processes, which is not there when those are short.
    const isOfDisk = verdict.due.every(({ signal: name }) => name.includes("fs."));
    if ((isOfDisk && (await this.#evictOverfull(signal))) || first === undefined) return;
    const about = node();
    if (about !== undefined)
      events.record(about, { type: "Warning", reason: "EvictionThresholdMet", message: `Attempting to reclaim ${resourceOf(first.signal)}` });
    if (verdict.due.some(({ signal: name }) => name.includes("fs."))) {
      await freeDisk();
      measured = await measure();
      verdict = this.#judge(thresholds, measured, clock.monotonic());
    }
    const threshold = verdict.due[0];
    const measurement = threshold === undefined ? undefined : measured.get(threshold.signal);
    if (threshold === undefined || measurement === undefined) return;
    const consumption = await this.#consumption(pods(), resourceOf(threshold.signal) !== "memory");
    const eviction = chooseEviction(threshold, measurement, pods(), consumption, this.#options.softGraceSeconds);
    if (eviction === undefined)
      this.#options.logger.error("the node is short and no pod may be evicted", { signal: threshold.signal, available: measurement.available });
    else await this.#evict(eviction, signal);
  }

  #judge(thresholds: readonly Threshold[], measured: Measurements, nowMs: number) {
    const verdict = judgePressure(thresholds, measured, this.#state, nowMs, this.#options.transitionMs);
    this.#state = verdict.state;
    const isNews = verdict.pressures.size !== this.#pressures.size || [...verdict.pressures].some((pressure) => !this.#pressures.has(pressure));
    this.#pressures = verdict.pressures;
    if (isNews) {
      this.#options.logger.warn("what the node is short of has changed", { pressures: [...verdict.pressures] });
      this.#options.onChange();
    }
    return verdict;
  }

  /** Pods that write more than they said, whatever room there is; whether there were any. */
  async #evictOverfull(signal: AbortSignal): Promise<boolean> {
    const bounded = this.#options.pods().filter(boundsDisk);
    if (bounded.length === 0) return false;
    const overfull = chooseOverfull(bounded, await this.#consumption(bounded, true));
    for (const eviction of overfull) await this.#evict(eviction, signal);
    return overfull.length > 0;
  }

  async #evict(eviction: Eviction, signal: AbortSignal): Promise<void> {
    const { clock, events, evict, logger, metrics } = this.#options;
    const { namespace, name } = eviction.pod.metadata;
    logger.warn("pod evicted", { pod: `${namespace}/${name}`, why: eviction.message });
    metrics.evictions.add({ eviction_signal: eviction.signal });
    events.record(eviction.pod, { type: "Warning", reason: "Evicted", message: eviction.message });
    const enough = new AbortController();
    await Promise.race([evict(eviction), sleep(clock, ENDING_MS_MAX, AbortSignal.any([signal, enough.signal])).catch(() => {})]);
    enough.abort();
  }

  async #consumption(pods: readonly Pod[], withDisk: boolean): Promise<ReadonlyMap<string, PodConsumption>> {
    const { usage, runtime, places } = this.#options;
    const sample = await usage
      .now()
      .then(({ current }) => current)
      .catch(() => undefined);
    const containers = await runtime.listContainers();
    const measured: [string, PodConsumption][] = [];
    // One after the other: looking at every file of every pod at once would be a pressure of its own.
    for (const pod of pods) measured.push([pod.metadata.uid ?? "", await measurePod(pod, sample, containers, places, withDisk)]);
    return new Map(measured);
  }
}
