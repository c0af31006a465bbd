import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ContainerConfigSchema, LinuxContainerResourcesSchema, PodSandboxConfigSchema } from "./runtime_pb.ts";

/** What a sandbox and a container are made from, in CRI's own shapes. */
export type SandboxConfig = MessageInitShape<typeof PodSandboxConfigSchema>;
export type ContainerConfig = MessageInitShape<typeof ContainerConfigSchema>;

export type ContainerResources = MessageInitShape<typeof LinuxContainerResourcesSchema>;

export interface SandboxState {
  readonly id: string;
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly attempt: number;
  readonly isReady: boolean;
  /** The addresses that the network gave it, in its order; none for pods on the host's network. */
  readonly ips: readonly string[];
  readonly createdAtMs: number;
}

export interface ContainerState {
  readonly id: string;
  readonly sandboxId: string;
  readonly podUid: string;
  readonly name: string;
  /** How often this container of the pod was started before. */
  readonly attempt: number;
  readonly state: "created" | "running" | "exited" | "unknown";
  readonly image: string;
  readonly imageId: string;
  readonly createdAtMs: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  readonly logPath: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** What it may use; 0 where it is not limited. Absent when the runtime does not say. */
  readonly resources?: { readonly cpuShares: number; readonly cpuQuota: number; readonly memoryLimitBytes: number };
}

export interface Glance {
  readonly sandboxes: readonly Pick<SandboxState, "id" | "uid" | "isReady">[];
  /** The image by its id; by its name as the container was made with it. */
  readonly containers: readonly Pick<ContainerState, "id" | "podUid" | "state" | "image" | "imageId">[];
}

export interface ImageInfo {
  readonly id: string;
  readonly names: readonly string[];
  readonly bytes: number;
}

/** An image on this machine, and whom its programs run as if nobody says otherwise: a number, a name, or neither for root. */
export interface ImageStatus {
  readonly id: string;
  readonly uid?: number;
  readonly username: string;
  readonly bytes: number;
}

/** With what a registry is asked for an image. */
export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
  readonly identityToken: string;
  readonly registryToken: string;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly output: string;
}

/**
 * A container runtime. Failures are Errors with the runtime's own words; a stop or remove of what is already gone succeeds.
 */
export interface Runtime {
  describe(): Promise<{ readonly name: string; readonly version: string }>;
  /** Why pods cannot be run now; undefined when they can. */
  problem(): Promise<string | undefined>;
  /** `handler` is a way to run it that the runtime is configured for; its usual one when empty. Rejects with an AbortError when the signal fires; what was begun is undone. */
  runSandbox(config: SandboxConfig, handler?: string, signal?: AbortSignal): Promise<string>;
  stopSandbox(id: string): Promise<void>;
  removeSandbox(id: string): Promise<void>;
  /** Which sandboxes and containers there are and whether they run, without what has to be asked of each: cheap however many there are. */
  glance(): Promise<Glance>;
  /** Of one pod, or all. */
  listSandboxes(podUid?: string): Promise<SandboxState[]>;
  createContainer(sandboxId: string, config: ContainerConfig, sandbox: SandboxConfig): Promise<string>;
  /** Rejects with an AbortError when the signal fires. */
  startContainer(id: string, signal?: AbortSignal): Promise<void>;
  /** Asks to end, and kills after the grace period. */
  stopContainer(id: string, graceSeconds: number): Promise<void>;
  /** Changes what a running container may use. */
  updateResources(id: string, resources: ContainerResources): Promise<void>;
  removeContainer(id: string): Promise<void>;
  listContainers(podUid?: string): Promise<ContainerState[]>;
  execSync(containerId: string, command: readonly string[], timeoutSeconds: number): Promise<ExecResult>;
  reopenLog(containerId: string): Promise<void>;
  /** Undefined when it is not on this machine. */
  imageStatus(name: string): Promise<ImageStatus | undefined>;
  /** Gives the image's id. Without credentials the registry is asked as anybody may. */
  pullImage(name: string, credentials?: RegistryCredentials): Promise<string>;
  listImages(): Promise<ImageInfo[]>;
  /** By its id, with all its names. */
  removeImage(id: string): Promise<void>;
  /** Says that a container started or ended; may miss some, so callers also look now and then. Ends with the signal. */
  events(signal: AbortSignal): AsyncIterable<{ readonly containerId: string }>;
}

/** Labels by which everything of a pod is found again in the runtime; the ones that other tools expect. */
export const RuntimeLabel = {
  podUid: "io.kubernetes.pod.uid",
  podName: "io.kubernetes.pod.name",
  podNamespace: "io.kubernetes.pod.namespace",
  containerName: "io.kubernetes.container.name",
} as const;
