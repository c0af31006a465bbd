import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { isAbort } from "../../../engine/lib/abort.ts";
import { GrpcError } from "../../../engine/lib/grpc/grpc-error.ts";
import { describeError } from "../../../engine/lib/log.ts";
import { podClaims } from "../../../engine/resources/pod-claims.ts";
import type { Container, Pod } from "../../../engine/resources/types.ts";
import { NamespaceMode } from "../../cri/runtime_pb.ts";
import type { ContainerConfig, SandboxState } from "../../cri/runtime.ts";
import { withCdiDevices } from "../../devices/runtime-devices.ts";
import { readHostDns } from "../../network/resolv-conf.ts";
import { latestOf } from "../compute-pod-actions.ts";
import { computeContainerConfig, computeSandboxConfig, type VolumeMountPoint } from "../container-config/container-config.ts";
import { containerFieldPath } from "../container-place.ts";
import { ensureImage } from "./ensure-image.ts";
import { expand } from "../container-config/expand.ts";
import { hostsFile } from "../container-config/host-names.ts";
import { withImageVolumes } from "./image-volumes.ts";
import { runHook } from "../probes/lifecycle-hook.ts";
import { podAddresses } from "../pod-addresses.ts";
import type { PodContext } from "../pod-context.ts";
import { bindSubPath } from "../../volumes/sub-path.ts";
import { SUB_PATHS } from "../../volumes/volume-plugin.ts";
import { StartError } from "./start-error.ts";
import { computeEnvironment, ContainerConfigError } from "../container-config/pod-environment.ts";
import { terminationFile } from "../status/termination-message.ts";

/** For ever, as upstream waits: the pod's end ends it. */
const POST_START_SECONDS_MAX = 24 * 3600;

/** A debugging container that names another one sees that one's processes. */
async function withTarget(
  { runtime }: PodContext,
  pod: Pod,
  container: Container & { readonly targetContainerName?: string | undefined },
  config: ContainerConfig,
): Promise<ContainerConfig> {
  if (!container.targetContainerName) return config;
  const target = latestOf({ sandboxes: [], containers: await runtime.listContainers(pod.metadata.uid ?? "") }, container.targetContainerName);
  if (target?.state !== "running") throw new Error(`target container ${container.targetContainerName} is not running`);
  const { linux } = config;
  return {
    ...config,
    linux: {
      ...linux,
      securityContext: {
        ...linux?.securityContext,
        namespaceOptions: { ...linux?.securityContext?.namespaceOptions, pid: NamespaceMode.TARGET, targetId: target.id },
      },
    },
  } as ContainerConfig; // the same message with one part replaced
}

export interface StartRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly attempt: number;
  readonly backoffBase: number;
  readonly sandbox: SandboxState;
  /** Where the pod's volumes are on the machine. */
  readonly volumes: ReadonlyMap<string, string>;
  /** The pod is to go: neither its image nor its hook is waited for any longer. */
  readonly signal: AbortSignal;
}

/**
 * Pulls the image if needed, creates the container and starts it. Throws a StartError, and an AbortError when the signal fires; tells the story in
 * events. Registries and hooks may take as long as they like, so only what this machine itself does waits for its turn.
 */
export async function startContainer(context: PodContext, request: StartRequest): Promise<void> {
  const { pod, container, sandbox, volumes, signal } = request;
  const { runtime, events, settings } = context;
  const fieldPath = containerFieldPath(pod.spec, container.name);
  const image = await ensureImage(context, pod, { image: container.image ?? "", pullPolicy: container.imagePullPolicy, fieldPath }, signal);
  const places = await withImageVolumes(context, pod, container, volumes, signal);
  const podIps = podAddresses(pod, sandbox, settings.hostIps);
  // Of many pods those that have begun are made ready first: otherwise all would have sandboxes before one of them runs.
  const id = await context.starts.run(() => createAndStart(context, request, { image, places, podIps }), signal, "completes");
  const hook = container.lifecycle?.postStart;
  if (hook === undefined) return;
  try {
    await runHook(context, { hook, container, containerId: id, podIp: podIps[0] ?? "", timeoutSeconds: POST_START_SECONDS_MAX, signal });
  } catch (error) {
    if (isAbort(error)) throw error;
    // Not what the hook said: events are read by people whom its secrets are none of the business of.
    events.record(pod, { type: "Warning", reason: "FailedPostStartHook", message: "PostStartHook failed", fieldPath });
    events.record(pod, { type: "Normal", reason: "Killing", message: "FailedPostStartHook", fieldPath });
    await runtime.stopContainer(id, 2);
    throw new StartError("PostStartHookError", describeError(error), { cause: error });
  }
}

interface Provided {
  readonly image: Awaited<ReturnType<typeof ensureImage>>;
  readonly places: ReadonlyMap<string, string>;
  readonly podIps: readonly string[];
}

/** Gives the container's id. Throws a StartError, and an AbortError when the signal fires. */
async function createAndStart(context: PodContext, request: StartRequest, { image, places, podIps }: Provided): Promise<string> {
  const { pod, container, attempt, backoffBase, sandbox, signal } = request;
  const { runtime, events, settings } = context;
  const fieldPath = containerFieldPath(pod.spec, container.name);
  const sandboxConfig = computeSandboxConfig(pod, sandbox.attempt, settings, readHostDns(settings.resolvConf));
  let id: string;
  try {
    const environment = await computeEnvironment(pod, container, context.sources(podIps, "fresh"), places);
    const mounts = [...(await volumeMounts(context, pod, container, places, environment)), ...managedMounts(context, pod, container, attempt, podIps)];
    const config = {
      ...computeContainerConfig(pod, container, { image, attempt, backoffBase }, environment, mounts, settings),
      devices: volumeDevices(container, places),
    } as ContainerConfig; // the same message with one more part
    id = await runtime.createContainer(
      sandbox.id,
      await withTarget(context, pod, container, await withCdiDevices(runtime, config, context.devices.cdiDevices(pod, container))),
      sandboxConfig,
    );
  } catch (error) {
    const reason = error instanceof ContainerConfigError ? "CreateContainerConfigError" : "CreateContainerError";
    const message = runtimeWords(error);
    events.record(pod, { type: "Warning", reason: "Failed", message: `Error: ${message}`, fieldPath });
    throw new StartError(reason, message, { cause: error });
  }
  events.record(pod, { type: "Normal", reason: "Created", message: "Container created", fieldPath });
  try {
    await runtime.startContainer(id, signal);
  } catch (error) {
    if (signal.aborted && isAbort(error)) throw error;
    const message = runtimeWords(error);
    events.record(pod, { type: "Warning", reason: "Failed", message: `Error: ${message}`, fieldPath });
    throw new StartError("RunContainerError", message, { cause: error });
  }
  events.record(pod, { type: "Normal", reason: "Started", message: "Container started", fieldPath });
  return id;
}

/** What the runtime says of a container, without the code of its call; what others say, as they say it. */
function runtimeWords(error: unknown): string {
  return error instanceof GrpcError ? error.details : describeError(error);
}

async function volumeMounts(
  context: PodContext,
  pod: Pod,
  container: Container,
  volumes: ReadonlyMap<string, string>,
  environment: ReadonlyMap<string, string>,
): Promise<VolumeMountPoint[]> {
  const points: VolumeMountPoint[] = [];
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const root = volumes.get(mount.name);
    if (root === undefined) throw new ContainerConfigError(`volume "${mount.name}" is not mounted`);
    if (mount.recursiveReadOnly === "Enabled")
      throw new ContainerConfigError(
        `failed to resolve recursive read-only mode: volume "${mount.name}" requested recursive read-only mode, but it is not supported by the runtime`,
      );
    const sub = mount.subPathExpr === undefined ? (mount.subPath ?? "") : expand(mount.subPathExpr, environment);
    const place = path.join(context.podsDir, pod.metadata.uid ?? "", SUB_PATHS, container.name, String(index));
    const hostPath = sub === "" ? root : await bindSubPath(root, sub, place, mount.name);
    // An image's files cannot be written as they are mounted. Asked to make them read-only once more, runtimes would let them be run.
    const isImage = pod.spec.volumes?.some(({ name, image }) => name === mount.name && image !== undefined) === true;
    const readOnly = !isImage && (mount.readOnly === true || isReadOnlyVolume(pod, mount.name));
    points.push({
      hostPath,
      containerPath: mount.mountPath,
      readOnly,
      ...(mount.mountPropagation === undefined ? {} : { propagation: mount.mountPropagation }),
    });
  }
  return points;
}

/**
 * Whether a volume as a whole may not be written: one that says so, and those whose files this agent makes, as upstream has it. It follows its own
 * links in these, and deletes what they lead to.
 */
export function isReadOnlyVolume(pod: Pod, name: string): boolean {
  const { configMap, secret, downwardAPI, projected, csi, nfs } = pod.spec.volumes?.find((volume) => volume.name === name) ?? {};
  if ([configMap, secret, downwardAPI, projected].some((content) => content !== undefined) || csi?.readOnly === true || nfs?.readOnly === true) return true;
  return podClaims(pod).some(({ volume, readOnly }) => volume.name === name && readOnly);
}

/** Raw devices, for volumes in block mode. */
function volumeDevices(
  container: Container,
  volumes: ReadonlyMap<string, string>,
): readonly { readonly hostPath: string; readonly containerPath: string; readonly permissions: string }[] {
  return (container.volumeDevices ?? []).map(({ name, devicePath }) => {
    const hostPath = volumes.get(name);
    if (hostPath === undefined || !statSync(hostPath).isBlockDevice()) throw new ContainerConfigError(`volume "${name}" is no block device`);
    return { hostPath, containerPath: devicePath, permissions: "mrw" };
  });
}

/** Files that every container gets: its hosts file, and where it leaves its last words. */
function managedMounts(context: PodContext, pod: Pod, container: Container, attempt: number, podIps: readonly string[]): VolumeMountPoint[] {
  const mounts: VolumeMountPoint[] = [];
  const podDir = path.join(context.podsDir, pod.metadata.uid ?? "");
  const isMounted = (place: string) => container.volumeMounts?.some((mount) => mount.mountPath === place) === true;
  if (!isMounted("/etc/hosts")) {
    const file = path.join(podDir, "etc-hosts");
    writeFileSync(file, hostsFile(pod, podIps, context.settings.clusterDomain, nodeHosts()));
    mounts.push({ hostPath: file, containerPath: "/etc/hosts", readOnly: false });
  }
  const messagePath = container.terminationMessagePath ?? "";
  if (messagePath !== "") {
    const file = terminationFile(context, pod, container.name, attempt);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, "");
    // Not by its mode: the umask would take the right to write from all but root.
    chmodSync(file, 0o666);
    mounts.push({ hostPath: file, containerPath: messagePath, readOnly: false });
  }
  return mounts;
}

/** The node's own /etc/hosts; a node may do without. */
function nodeHosts(): string {
  return existsSync("/etc/hosts") ? readFileSync("/etc/hosts", "utf8") : "";
}
