import { mkdirSync } from "node:fs";
import { isAbort, NEVER } from "../../engine/lib/abort.ts";
import { backoffMs } from "../../engine/lib/backoff.ts";
import { describeError } from "../../engine/lib/log.ts";
import { podContainers } from "../../engine/resources/pod-containers.ts";
import type { Pod, PodStatus } from "../../engine/resources/types.ts";
import type { ContainerState } from "../cri/runtime.ts";
import { BackOffEvents } from "./back-off-events.ts";
import { currentSandbox, failureOf, type PodAction, type PodState, type StartFailure } from "./compute-pod-actions.ts";
import { podLogDir } from "./container-config/container-config.ts";
import { containerType } from "./container-place.ts";
import { podAddresses } from "./pod-addresses.ts";
import type { PodContext } from "./pod-context.ts";
import { startContainer } from "./start/start-container.ts";
import { StartError } from "./start/start-error.ts";
import { startSandbox } from "./start/start-sandbox.ts";
import { stopContainer } from "./termination/stop-container.ts";

const PULL_RETRY = { initialMs: 10_000, maxMs: 300_000 };
/** What is missing for a start may be there at any time, and whoever puts it there waits for the pod. */
const START_RETRY_MS = 10_000;

/** One pod as its steps need it. */
export interface ActedOn {
  readonly pod: Pod;
  /** The pod without resources that it asks for and was not granted. */
  readonly granted: Pod;
  readonly state: PodState;
  /** Where its volumes are, by name. */
  readonly volumes: ReadonlyMap<string, string>;
  /** Fires when the pod is to go: no start is waited for then. */
  readonly signal: AbortSignal;
}

/** Does with one pod what computePodActions says, and remembers what of it failed. */
export class PodExecutor {
  readonly #context: PodContext;
  readonly #backOffs: BackOffEvents;
  readonly #failures = new Map<string, StartFailure>();
  #blocker: string | undefined;

  constructor(context: PodContext) {
    this.#context = context;
    this.#backOffs = new BackOffEvents(context.events);
  }

  /** Containers that could not be started, by name. */
  get failures(): ReadonlyMap<string, StartFailure> {
    return this.#failures;
  }

  /** What keeps the pod from having a sandbox. */
  get blocker(): string | undefined {
    return this.#blocker;
  }

  /** Throws where the whole step is to be tried again, and an AbortError where the pod is to go; a container that could not be started is among the failures. */
  async execute(action: Exclude<PodAction, { do: "wait" }>, acted: ActedOn): Promise<void> {
    const { runtime } = this.#context;
    switch (action.do) {
      case "createSandbox":
        return this.#createSandbox(acted, action.attempt);
      case "stopSandbox":
        return runtime.stopSandbox(action.id);
      case "removeSandbox":
        return runtime.removeSandbox(action.id);
      case "removeContainer":
        return runtime.removeContainer(action.id);
      case "killContainer":
        return this.stop(action.state, action.why, acted.pod, acted.state, action.graceSeconds);
      case "startContainer":
        return this.#start(action, acted);
    }
  }

  /** Ends one container while the pod goes on, within the pod's own time if none is given. */
  async stop(
    container: ContainerState,
    message: string,
    pod: Pod,
    state: PodState,
    graceSeconds = pod.spec.terminationGracePeriodSeconds ?? 30,
  ): Promise<void> {
    const { clock, settings } = this.#context;
    const endsMs = clock.monotonic() + graceSeconds * 1000;
    const leftSeconds = () => Math.max(1, (endsMs - clock.monotonic()) / 1000);
    const podIp = podAddresses(pod, currentSandbox(state), settings.hostIps)[0] ?? "";
    await stopContainer(this.#context, { pod, state: container, podIp, message, leftSeconds, cutShort: NEVER });
  }

  /** Says as events which containers wait before they are tried again. */
  tellBackOffs(pod: Pod, status: PodStatus): void {
    this.#backOffs.restarts(pod, status);
    for (const [name, failure] of this.#failures) if (failure.reason === "ErrImagePull") this.#failures.set(name, this.#backOffs.pull(pod, name, failure));
  }

  async #createSandbox({ pod, granted, signal }: ActedOn, attempt: number): Promise<void> {
    const { settings, events, metrics, limitPod } = this.#context;
    metrics.startedPods.add();
    // Where one was: the number goes on from that.
    if (attempt > 0) events.record(pod, { type: "Normal", reason: "SandboxChanged", message: "Pod sandbox changed, it will be killed and re-created." });
    mkdirSync(podLogDir(pod, settings.logsDir), { recursive: true });
    limitPod(granted, false);
    await this.#prepareDevices(pod);
    try {
      await startSandbox(this.#context, granted, attempt, signal);
      this.#blocker = undefined;
    } catch (error) {
      if (signal.aborted && isAbort(error)) throw error;
      metrics.startedPodErrors.add();
      this.#blocker = `Failed to create pod sandbox: ${describeError(error)}`;
      events.record(pod, { type: "Warning", reason: "FailedCreatePodSandBox", message: this.#blocker });
      throw error;
    }
  }

  async #prepareDevices(pod: Pod): Promise<void> {
    try {
      await this.#context.devices.prepare(pod);
    } catch (error) {
      this.#blocker = `Failed to prepare dynamic resources: prepare dynamic resources: ${describeError(error)}`;
      this.#context.events.record(pod, { type: "Warning", reason: "FailedPrepareDynamicResources", message: this.#blocker });
      throw error;
    }
  }

  async #start(
    { container: asked, attempt, backoffBase }: Extract<PodAction, { do: "startContainer" }>,
    { granted: pod, state, volumes, signal }: ActedOn,
  ): Promise<void> {
    const sandbox = currentSandbox(state);
    const container = podContainers(pod.spec).find(({ name }) => name === asked.name) ?? asked;
    if (sandbox === undefined || signal.aborted) return;
    const container_type = containerType(pod.spec, container.name);
    const { runtime, metrics, clock } = this.#context;
    metrics.startedContainers.add({ container_type });
    // A container that was created and never started is of no use to the next attempt.
    for (const left of state.containers) if (left.name === container.name && left.state === "created") await runtime.removeContainer(left.id);
    try {
      await startContainer(this.#context, { pod, container, attempt, backoffBase, sandbox, volumes, signal });
      this.#failures.delete(container.name);
    } catch (error) {
      if (signal.aborted && isAbort(error)) return;
      metrics.startedContainerErrors.add({ container_type, code: error instanceof StartError ? error.reason : "Unknown" });
      if (!(error instanceof StartError)) throw error;
      const isPull = error.reason === "ErrImagePull";
      const failures = isPull ? (failureOf(container, this.#failures)?.failures ?? 0) + 1 : 0;
      const retryAtMs = clock.now() + (isPull ? backoffMs(PULL_RETRY, failures) : START_RETRY_MS);
      this.#failures.set(container.name, {
        reason: error.reason,
        message: error.message,
        failures,
        retryAtMs,
        ...(container.image === undefined ? {} : { image: container.image }),
      });
    }
  }
}
