import { createConnection } from "node:net";
import type { Clock } from "../../../engine/lib/clock.ts";
import { checkGrpcHealth } from "../../../engine/lib/grpc/grpc-health.ts";
import { describeCallError } from "../../../engine/lib/call-error.ts";
import { GrpcCode, grpcCode } from "../../../engine/lib/grpc/grpc-error.ts";
import { hostAndPort } from "../../../engine/lib/net/ip-address.ts";
import { describeError } from "../../../engine/lib/log.ts";
import { randomInteger, type Random } from "../../../engine/lib/random.ts";
import type { Container, HTTPGetAction, Probe } from "../../../engine/resources/types.ts";
import type { ContainerState, Runtime } from "../../cri/runtime.ts";
import { expandAll } from "../container-config/expand.ts";
import { callContainer, portNumber } from "./http-call.ts";

export type ProbeKind = "startupProbe" | "livenessProbe" | "readinessProbe";

export interface ProbeOutcome {
  readonly isOk: boolean;
  /** Nobody could ask the container, so nothing is known of it. */
  readonly isUnknown?: true;
  readonly message: string;
  /** It is well, and yet somebody may want to know this. */
  readonly warning?: string;
}

/** How often it is tried to ask, when it is not the container that fails. */
const TRIES = 3;

/** One look at a container. Never rejects: what goes wrong is the outcome. */
export async function runProbe(runtime: Runtime, probe: Probe, container: Container, containerId: string, podIp: string): Promise<ProbeOutcome> {
  for (let tries = 1; ; tries++) {
    const outcome = await tryProbe(runtime, probe, container, containerId, podIp);
    if (outcome.isUnknown !== true || tries === TRIES) return outcome;
  }
}

async function tryProbe(runtime: Runtime, probe: Probe, container: Container, containerId: string, podIp: string): Promise<ProbeOutcome> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  try {
    if (probe.exec !== undefined) return await probeExec(runtime, probe.exec.command ?? [], container, containerId, timeoutMs);
    const named = probe.httpGet?.port ?? probe.tcpSocket?.port;
    if (typeof named === "string" && container.ports?.some(({ name }) => name === named) !== true)
      return { isOk: false, isUnknown: true, message: `couldn't find port: ${named}` };
    if (probe.httpGet !== undefined) return await probeHttp(probe.httpGet, container, podIp, timeoutMs);
    if (probe.tcpSocket !== undefined) return await probeTcp(probe.tcpSocket.host || podIp, portNumber(probe.tcpSocket.port, container), timeoutMs);
    if (probe.grpc !== undefined) {
      const service = probe.grpc.service ?? "";
      const answer = await checkGrpcHealth(podIp, probe.grpc.port, service, timeoutMs);
      return { isOk: answer === "SERVING", message: `service unhealthy (responded with "${answer}")` };
    }
    return { isOk: true, message: "" };
  } catch (error) {
    return { isOk: false, message: describeError(error) };
  }
}

export interface ProberOptions {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly random: Random;
  readonly podIp: string;
  /** The verdict after enough failures or successes in a row. */
  readonly report: (kind: ProbeKind, isOk: boolean, message: string) => void;
  /** Every single probe, for metrics. */
  readonly probed: (kind: ProbeKind, isOk: boolean, seconds: number) => void;
  /** Every single failure, for events. */
  readonly unhealthy: (kind: ProbeKind, message: string) => void;
  /** The same for what could not be found out. */
  readonly unknown: (kind: ProbeKind, message: string) => void;
  /** The same for what is well and may be meant otherwise. */
  readonly warn: (kind: ProbeKind, message: string) => void;
  /** An earlier agent has seen it start. */
  readonly hasStarted: boolean;
}

/**
 * Probes one running container for as long as it runs. `report` hears of every change: for startup and liveness only of the
 * verdict after enough failures or successes in a row, for readiness of each flip.
 */
export class ContainerProber {
  readonly #cancels: (() => void)[] = [];
  #isStopped = false;
  #isEnding = false;
  #hasStarted: boolean;

  readonly container: Container;
  readonly state: ContainerState;

  constructor(container: Container, state: ContainerState, options: ProberOptions) {
    this.container = container;
    this.state = state;
    this.#hasStarted = container.startupProbe === undefined || options.hasStarted;
    for (const kind of ["startupProbe", "livenessProbe", "readinessProbe"] as const) {
      const probe = container[kind];
      if (probe !== undefined && (kind !== "startupProbe" || !this.#hasStarted)) this.#schedule(kind, probe, options);
    }
  }

  /** The container is being ended: whether it is well is not asked any more, whether it is ready is. */
  stopLiveness(): void {
    this.#isEnding = true;
  }

  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#cancels.splice(0)) cancel();
  }

  #schedule(kind: ProbeKind, probe: Probe, { runtime, clock, random, podIp, report, probed, unhealthy, unknown, warn }: ProberOptions): void {
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    let failures = 0;
    let successes = 0;
    const again = (delayMs: number) => {
      const cancel = clock.after(delayMs, () => {
        this.#cancels.splice(this.#cancels.indexOf(cancel), 1);
        void tick();
      });
      this.#cancels.push(cancel);
    };
    const isOver = () => this.#isStopped || (this.#isEnding && kind !== "readinessProbe");
    const tick = async () => {
      if (isOver()) return;
      // Until the container has started, only the startup probe runs.
      if (kind !== "startupProbe" && !this.#hasStarted) return again(Math.min(periodMs, 1_000));
      const startMs = clock.monotonic();
      const outcome = await runProbe(runtime, probe, this.container, this.state.id, podIp);
      if (isOver()) return;
      // What is not known speaks neither for nor against the container: a runtime that is restarted takes none of its containers along.
      if (outcome.isUnknown === true) {
        unknown(kind, outcome.message);
        return again(periodMs);
      }
      probed(kind, outcome.isOk, (clock.monotonic() - startMs) / 1000);
      failures = outcome.isOk ? 0 : failures + 1;
      successes = outcome.isOk ? successes + 1 : 0;
      if (!outcome.isOk) unhealthy(kind, outcome.message);
      else if (outcome.warning !== undefined) warn(kind, outcome.warning);
      if (successes === (probe.successThreshold ?? 1)) {
        if (kind === "startupProbe") this.#hasStarted = true;
        report(kind, true, "");
        if (kind === "startupProbe") return; // it has done its work
      }
      if (failures === (probe.failureThreshold ?? 3)) {
        report(kind, false, outcome.message);
        if (kind !== "readinessProbe") return; // the container is going to be killed
      }
      again(periodMs);
    };
    // A little chance at the beginning keeps the probes of many pods from coming all at once.
    const delayMs = (probe.initialDelaySeconds ?? 0) * 1000;
    // Counted from the container's start, which may be long ago when another agent saw it.
    const leftMs = Math.min(delayMs, Math.max(0, this.state.startedAtMs + delayMs - clock.now()));
    again(leftMs + (kind === "readinessProbe" ? 0 : randomInteger(random, Math.min(periodMs, 1_000))));
  }
}

/** A command that says how it ended has spoken for its container; a runtime that could not run it, or was not there, has not. */
async function probeExec(runtime: Runtime, command: readonly string[], { env = [] }: Container, containerId: string, timeoutMs: number): Promise<ProbeOutcome> {
  const words = expandAll(command, new Map(env.map(({ name, value = "" }) => [name, value])));
  try {
    const { exitCode, output } = await runtime.execSync(containerId, words, timeoutMs / 1000);
    return { isOk: exitCode === 0, message: output.trim() };
  } catch (error) {
    if (grpcCode(error) !== GrpcCode.deadlineExceeded) return { isOk: false, isUnknown: true, message: describeError(error) };
    return { isOk: false, message: `command timed out: ${JSON.stringify(words.join(" "))} timed out after ${timeoutMs / 1000}s` };
  }
}

async function probeHttp(action: HTTPGetAction, container: Container, podIp: string, timeoutMs: number): Promise<ProbeOutcome> {
  const { code, body } = await callContainer({ action, container, podIp, timeoutMs, agent: "kube-probe" });
  const isRedirect = code >= 300 && code < 400;
  return {
    isOk: code >= 200 && code < 400,
    message: `HTTP probe failed with statuscode: ${code}`,
    ...(isRedirect ? { warning: `Probe terminated redirects, Response body: ${body}` } : {}),
  };
}

function probeTcp(host: string, port: number, timeoutMs: number): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: timeoutMs });
    const finish = (outcome: ProbeOutcome) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.on("connect", () => finish({ isOk: true, message: "" }));
    socket.on("timeout", () => finish({ isOk: false, message: `dial tcp ${hostAndPort(host, port)}: i/o timeout` }));
    socket.on("error", (error) => finish({ isOk: false, message: describeCallError(error) }));
  });
}
