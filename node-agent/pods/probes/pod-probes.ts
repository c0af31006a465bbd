import { podContainers } from "../../../engine/resources/pod-containers.ts";
import type { Container, ContainerStatus, Pod } from "../../../engine/resources/types.ts";
import type { ContainerState } from "../../cri/runtime.ts";
import { containerFieldPath } from "../container-place.ts";
import { currentSandbox, type PodState, type ProbeFailure, type ProbeResults } from "../compute-pod-actions.ts";
import { podAddresses } from "../pod-addresses.ts";
import type { PodContext } from "../pod-context.ts";
import { ContainerProber, type ProbeKind } from "./probes.ts";

const NAMES: Readonly<Record<ProbeKind, string>> = { startupProbe: "Startup", livenessProbe: "Liveness", readinessProbe: "Readiness" };

/** The probers of a pod's running containers, and what they have found. */
export class PodProbes {
  readonly #context: PodContext;
  readonly #onChange: () => void;
  readonly #probers = new Map<string, ContainerProber>();
  readonly #ready = new Map<string, boolean>();
  readonly #started = new Map<string, boolean>();
  /** What is told of the pod's probes, by how to forget it: metrics must not outgrow the pods that there are. */
  readonly #series = new Map<string, () => void>();
  readonly #failed = new Map<string, ProbeFailure>();
  #isEnding = false;

  constructor(context: PodContext, onChange: () => void) {
    this.#context = context;
    this.#onChange = onChange;
  }

  results(): ProbeResults {
    return { ready: this.#ready, started: this.#started, failed: this.#failed };
  }

  /** Starts probing what runs and stops probing what does not. */
  follow(pod: Pod, state: PodState): void {
    const running = new Map(state.containers.filter((container) => container.state === "running").map((container) => [container.id, container]));
    for (const [id, prober] of this.#probers) {
      if (running.has(id)) continue;
      prober.stop();
      this.#probers.delete(id);
      this.#failed.delete(id);
      this.#ready.delete(prober.container.name);
      this.#started.delete(prober.container.name);
    }
    const [podIp = ""] = podAddresses(pod, currentSandbox(state), this.#context.settings.hostIps);
    for (const [id, container] of running) {
      const spec = podContainers(pod.spec).find((candidate) => candidate.name === container.name);
      if (spec === undefined || this.#probers.has(id)) continue;
      const { runtime, clock, random, events } = this.#context;
      const known = knownStatus(pod, container);
      // What an earlier agent found holds until its probes say otherwise: who is served goes on being served.
      if (known?.ready === true && spec.readinessProbe !== undefined) this.#ready.set(spec.name, true);
      if (known?.started === true && spec.startupProbe !== undefined) this.#started.set(spec.name, true);
      const prober = new ContainerProber(spec, container, {
        runtime,
        clock,
        random,
        podIp,
        report: (kind, isOk) => this.#record(spec, id, kind, isOk),
        probed: (kind, isOk, seconds) => this.#meter(pod, spec.name, kind, isOk, seconds),
        unhealthy: (kind, message) =>
          events.record(pod, {
            type: "Warning",
            reason: "Unhealthy",
            message: `${NAMES[kind]} probe failed: ${message}`,
            fieldPath: containerFieldPath(pod.spec, spec.name),
          }),
        unknown: (kind, message) =>
          events.record(pod, {
            type: "Warning",
            reason: "Unhealthy",
            message: `${NAMES[kind]} probe errored and resulted in unknown state: ${message}`,
            fieldPath: containerFieldPath(pod.spec, spec.name),
          }),
        hasStarted: known?.started === true,
        warn: (kind, message) =>
          events.record(pod, {
            type: "Warning",
            reason: "ProbeWarning",
            message: `${NAMES[kind]} probe warning: ${message}`,
            fieldPath: containerFieldPath(pod.spec, spec.name),
          }),
      });
      if (this.#isEnding) prober.stopLiveness();
      this.#probers.set(id, prober);
    }
  }

  /** From now on nothing is asked for its liveness, nor restarted for it; readiness is still told to the very end. */
  stopLiveness(): void {
    this.#isEnding = true;
    for (const prober of this.#probers.values()) prober.stopLiveness();
  }

  stop(): void {
    for (const prober of this.#probers.values()) prober.stop();
    this.#probers.clear();
    for (const forget of this.#series.values()) forget();
    this.#series.clear();
  }

  #meter({ metadata }: Pod, container: string, kind: ProbeKind, isOk: boolean, seconds: number): void {
    const { probeResults, probeSeconds } = this.#context.metrics;
    const { name: pod = "", namespace = "", uid: pod_uid = "" } = metadata;
    const labels = { probe_type: NAMES[kind], container, pod, namespace };
    const ofResult = { ...labels, pod_uid, result: isOk ? "successful" : "failed" };
    probeResults.add(ofResult);
    if (isOk) probeSeconds.observe(seconds, labels);
    const key = `${container} ${kind} ${isOk}`;
    if (this.#series.has(key)) return;
    this.#series.set(key, () => {
      probeResults.remove(ofResult);
      probeSeconds.remove(labels);
    });
  }

  #record(container: Container, id: string, kind: ProbeKind, isOk: boolean): void {
    if (kind === "readinessProbe") this.#ready.set(container.name, isOk);
    else if (kind === "startupProbe" && isOk) this.#started.set(container.name, true);
    else if (!isOk)
      this.#failed.set(id, {
        why: `failed ${kind === "startupProbe" ? "startup" : "liveness"} probe`,
        graceSeconds: container[kind]?.terminationGracePeriodSeconds,
      });
    this.#onChange();
  }
}

/** What the API was told of this very container. */
function knownStatus({ status }: Pod, { id }: ContainerState): ContainerStatus | undefined {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].find(({ containerID }) => containerID === `containerd://${id}`);
}
