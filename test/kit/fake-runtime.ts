import { NEVER, throwIfAborted } from "../../engine/lib/abort.ts";
import { Mailbox } from "../../engine/lib/mailbox.ts";
import { GrpcCode, GrpcError } from "../../engine/lib/grpc/grpc-error.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import type {
  ContainerConfig,
  ContainerResources,
  ContainerState,
  ExecResult,
  Glance,
  ImageInfo,
  ImageStatus,
  RegistryCredentials,
  Runtime,
  SandboxConfig,
  SandboxState,
} from "../../node-agent/cri/runtime.ts";
import { RuntimeLabel } from "../../node-agent/cri/runtime.ts";
import { readScript, type FakeProgram } from "./fake-program.ts";

export interface FakeRuntimeOptions {
  readonly clock: Clock;
  /** What is on the machine, and what could be pulled. */
  readonly images?: readonly string[];
  readonly registry?: readonly string[];
  /** Who alone is given an image of the registry, by its name. */
  readonly owners?: Readonly<Record<string, string>>;
  /** The first three parts of the pods' addresses. */
  readonly subnet?: string;
  readonly latencyMs?: Partial<Record<FakeOperation, number>>;
}

export type FakeOperation = "runSandbox" | "createContainer" | "startContainer" | "pullImage";

interface FakeSandbox {
  readonly state: SandboxState;
}

interface FakeContainer {
  state: ContainerState;
  readonly program: FakeProgram;
  /** Cancels the end that is due by itself. */
  cancel: () => void;
  /** Who waits for its end. */
  readonly ended: (() => void)[];
}

const LATENCY: Readonly<Record<FakeOperation, number>> = { runSandbox: 50, createContainer: 10, startContainer: 20, pullImage: 500 };
const EVENTS_MAX = 10_000;
const KILLED = 137;

/**
 * containerd as an agent sees it, under virtual time: it passes the same contract suite as the real one. Programs are small shell scripts
 * (fake-program.ts). It outlives agents, as the real one does, and can be made to fail: see `failNext`, `down`, `crash`.
 */
export class FakeRuntime implements Runtime {
  readonly #clock: Clock;
  readonly #options: FakeRuntimeOptions;
  readonly #sandboxes = new Map<string, FakeSandbox>();
  readonly #containers = new Map<string, FakeContainer>();
  readonly #images = new Set<string>();
  readonly #listeners = new Set<Mailbox<{ readonly containerId: string }>>();
  readonly #failures = new Map<FakeOperation, string[]>();
  #isDown = false;
  #serial = 0;
  #nextAddress = 1;

  constructor(options: FakeRuntimeOptions) {
    this.#clock = options.clock;
    this.#options = options;
    for (const image of options.images ?? []) this.#images.add(image);
  }

  /** The next call of this operation fails with this message. */
  failNext(operation: FakeOperation, message: string): void {
    this.#failures.set(operation, [...(this.#failures.get(operation) ?? []), message]);
  }

  /** Nothing answers until `up`; containers go on. */
  down(): void {
    this.#isDown = true;
    for (const listener of this.#listeners) listener.close(new Error("rpc error: code = Unavailable desc = the runtime went away"));
    this.#listeners.clear();
  }

  up(): void {
    this.#isDown = false;
  }

  /** The machine loses power: every container is dead, and the runtime knows it when it is back. */
  crash(): void {
    for (const container of this.#containers.values()) if (container.state.state === "running") this.#end(container, KILLED, "Error");
    for (const [id, { state }] of this.#sandboxes) this.#sandboxes.set(id, { state: { ...state, isReady: false } });
  }

  /** A program ends, as if by itself. */
  exit(containerId: string, exitCode: number, reason = exitCode === 0 ? "Completed" : "Error"): void {
    const container = this.#containers.get(containerId);
    if (container?.state.state === "running") this.#end(container, exitCode, reason);
  }

  async describe(): Promise<{ name: string; version: string }> {
    this.#answer();
    return { name: "fake", version: "1.0.0" };
  }

  async problem(): Promise<string | undefined> {
    return this.#isDown ? "the runtime does not answer" : undefined;
  }

  async runSandbox(config: SandboxConfig, handler = "", signal?: AbortSignal): Promise<string> {
    await this.#work("runSandbox", signal);
    if (handler !== "" && handler !== "runc") throw new Error(`failed to get sandbox runtime: no runtime for "${handler}" is configured`);
    const { name = "", namespace = "", uid = "", attempt = 0 } = config.metadata ?? {};
    const taken = [...this.#sandboxes.values()].find(({ state }) => state.name === name && state.namespace === namespace && state.uid === uid && state.attempt === attempt);
    if (taken !== undefined) throw new Error(`failed to reserve sandbox name "${name}_${namespace}_${uid}_${attempt}": name is reserved for "${taken.state.id}"`);
    const isHost = config.linux?.securityContext?.namespaceOptions?.network === 2;
    const id = this.#id("sandbox");
    this.#sandboxes.set(id, {
      state: { id, uid, name, namespace, attempt, isReady: true, ips: isHost ? [] : [`${this.#options.subnet ?? "10.42.0"}.${this.#nextAddress++}`], createdAtMs: this.#clock.now() },
    });
    return id;
  }

  async stopSandbox(id: string): Promise<void> {
    this.#answer();
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) return;
    for (const container of this.#containers.values()) if (container.state.sandboxId === id && container.state.state === "running") this.#end(container, KILLED, "Error");
    this.#sandboxes.set(id, { state: { ...sandbox.state, isReady: false } });
  }

  async removeSandbox(id: string): Promise<void> {
    await this.stopSandbox(id);
    for (const [containerId, container] of this.#containers) if (container.state.sandboxId === id) this.#containers.delete(containerId);
    this.#sandboxes.delete(id);
  }

  async glance(): Promise<Glance> {
    this.#answer();
    return {
      sandboxes: [...this.#sandboxes.values()].map(({ state: { id, uid, isReady } }) => ({ id, uid, isReady })),
      containers: [...this.#containers.values()].map(({ state: { id, podUid, state, image, imageId } }) => ({ id, podUid, state, image, imageId })),
    };
  }

  async listSandboxes(podUid?: string): Promise<SandboxState[]> {
    this.#answer();
    return [...this.#sandboxes.values()].map(({ state }) => state).filter((state) => podUid === undefined || state.uid === podUid);
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    await this.#work("createContainer");
    const sandbox = this.#sandboxes.get(sandboxId);
    if (sandbox === undefined) throw new Error(`failed to find sandbox id "${sandboxId}": not found`);
    const image = config.image?.image ?? "";
    if (!this.#images.has(image)) throw new Error(`failed to resolve image "${image}": not found`);
    const id = this.#id("container");
    const state: ContainerState = {
      id,
      sandboxId,
      podUid: config.labels?.[RuntimeLabel.podUid] ?? "",
      name: config.metadata?.name ?? "",
      attempt: config.metadata?.attempt ?? 0,
      state: "created",
      image,
      imageId: imageIdOf(image),
      createdAtMs: this.#clock.now(),
      startedAtMs: 0,
      finishedAtMs: 0,
      exitCode: 0,
      reason: "",
      message: "",
      logPath: "",
      annotations: config.annotations ?? {},
      resources: amountsOf(config.linux?.resources),
    };
    this.#containers.set(id, { state, program: readScript([...(config.command ?? []), ...(config.args ?? [])]), cancel: () => {}, ended: [] });
    return id;
  }

  async startContainer(id: string, signal?: AbortSignal): Promise<void> {
    await this.#work("startContainer", signal);
    const container = this.#containers.get(id);
    if (container === undefined) throw new Error(`an error occurred when try to find container "${id}": not found`);
    const { program } = container;
    if (program.is === "missing") {
      const message = `failed to create containerd task: exec: "${program.command}": executable file not found in $PATH`;
      container.state = { ...container.state, state: "exited", exitCode: 128, reason: "StartError", message, finishedAtMs: this.#clock.now() };
      throw new Error(message);
    }
    container.state = { ...container.state, state: "running", startedAtMs: this.#clock.now() };
    if (program.endsAfterMs !== undefined) container.cancel = this.#clock.after(program.endsAfterMs, () => this.#end(container, program.exitCode, program.exitCode === 0 ? "Completed" : "Error"));
    this.#announce(id);
  }

  async stopContainer(id: string, graceSeconds: number): Promise<void> {
    this.#answer();
    const container = this.#containers.get(id);
    if (container === undefined || container.state.state !== "running") return;
    const { program } = container;
    if (graceSeconds === 0) return this.#end(container, KILLED, "Error");
    if (program.is === "script" && program.onTerm !== undefined) return this.#end(container, program.onTerm, program.onTerm === 0 ? "Completed" : "Error");
    await new Promise<void>((resolve) => {
      // The first process of a container ignores the signal unless it handles it.
      const cancel = this.#clock.after(graceSeconds * 1000, () => this.#end(container, KILLED, "Error"));
      container.ended.push(() => {
        cancel();
        resolve();
      });
    });
  }

  async removeContainer(id: string): Promise<void> {
    this.#answer();
    const container = this.#containers.get(id);
    if (container?.state.state === "running") this.#end(container, KILLED, "Error");
    this.#containers.delete(id);
  }

  async listContainers(podUid?: string): Promise<ContainerState[]> {
    this.#answer();
    return [...this.#containers.values()].map(({ state }) => state).filter((state) => podUid === undefined || state.podUid === podUid);
  }

  async updateResources(id: string, resources: ContainerResources): Promise<void> {
    this.#answer();
    const container = this.#containers.get(id);
    if (container === undefined) throw new Error(`an error occurred when try to find container "${id}": not found`);
    container.state = { ...container.state, resources: amountsOf(resources) };
  }

  async execSync(containerId: string, command: readonly string[], timeoutSeconds: number): Promise<ExecResult> {
    this.#answer();
    const container = this.#containers.get(containerId);
    if (container?.state.state !== "running") throw new Error("failed to exec in container: container is not running");
    const program = readScript(command);
    if (program.is === "missing") throw new Error(`failed to exec in container: exec: "${program.command}": executable file not found in $PATH`);
    const lasts = program.endsAfterMs ?? Infinity;
    if (lasts > timeoutSeconds * 1000 && timeoutSeconds > 0) {
      await sleep(this.#clock, timeoutSeconds * 1000, new AbortController().signal);
      throw new GrpcError(GrpcCode.deadlineExceeded, `failed to exec in container: timeout ${timeoutSeconds}s exceeded: context deadline exceeded`);
    }
    if (lasts > 0) await sleep(this.#clock, lasts, new AbortController().signal);
    return { exitCode: program.exitCode, output: program.output };
  }

  async reopenLog(): Promise<void> {
    this.#answer();
  }

  async imageStatus(name: string): Promise<ImageStatus | undefined> {
    this.#answer();
    return this.#images.has(name) ? { id: imageIdOf(name), uid: 0, username: "", bytes: 1_000 } : undefined;
  }

  async pullImage(name: string, credentials?: RegistryCredentials): Promise<string> {
    await this.#work("pullImage");
    const owner = this.#options.owners?.[name];
    if (owner !== undefined && credentials?.username !== owner) throw new Error(`failed to pull and unpack image "${name}": pull access denied`);
    if (!(this.#options.registry ?? []).includes(name)) throw new Error(`failed to pull and unpack image "${name}": failed to resolve reference: not found`);
    this.#images.add(name);
    return imageIdOf(name);
  }

  async listImages(): Promise<ImageInfo[]> {
    this.#answer();
    return [...this.#images].map((name) => ({ id: imageIdOf(name), names: [name], bytes: 1 << 20 }));
  }

  async removeImage(id: string): Promise<void> {
    this.#answer();
    for (const name of this.#images) if (imageIdOf(name) === id) this.#images.delete(name);
  }

  async *events(signal: AbortSignal): AsyncIterable<{ readonly containerId: string }> {
    this.#answer();
    const mailbox = new Mailbox<{ readonly containerId: string }>(EVENTS_MAX);
    this.#listeners.add(mailbox);
    const onAbort = () => mailbox.close();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      yield* mailbox;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#listeners.delete(mailbox);
    }
  }

  async #work(operation: FakeOperation, signal = NEVER): Promise<void> {
    this.#answer();
    const ms = this.#options.latencyMs?.[operation] ?? LATENCY[operation];
    if (ms > 0) await sleep(this.#clock, ms, signal);
    throwIfAborted(signal);
    this.#answer();
    const failure = this.#failures.get(operation)?.shift();
    if (failure !== undefined) throw new Error(failure);
  }

  #answer(): void {
    if (this.#isDown) throw new Error("rpc error: code = Unavailable desc = connect ECONNREFUSED");
  }

  #end(container: FakeContainer, exitCode: number, reason: string): void {
    if (container.state.state !== "running") return;
    container.cancel();
    container.state = { ...container.state, state: "exited", exitCode, reason, finishedAtMs: this.#clock.now() };
    for (const wake of container.ended.splice(0)) wake();
    this.#announce(container.state.id);
  }

  #announce(containerId: string): void {
    for (const listener of this.#listeners) listener.push({ containerId });
  }

  #id(kind: string): string {
    return `${kind}-${++this.#serial}`;
  }
}

function imageIdOf(name: string): string {
  return `sha256:${Buffer.from(name).toString("hex").padEnd(64, "0").slice(0, 64)}`;
}

function amountsOf(resources: ContainerResources | undefined): NonNullable<ContainerState["resources"]> {
  return { cpuShares: Number(resources?.cpuShares ?? 0), cpuQuota: Number(resources?.cpuQuota ?? 0), memoryLimitBytes: Number(resources?.memoryLimitInBytes ?? 0) };
}
