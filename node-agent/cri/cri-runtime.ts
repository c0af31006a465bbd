import { fromBinary } from "@bufbuild/protobuf";
import { NEVER } from "../../engine/lib/abort.ts";
import { GrpcCode, grpcCode } from "../../engine/lib/grpc/grpc-error.ts";
import { openGrpcChannel, type GrpcChannel } from "../../engine/lib/grpc/grpc.ts";
import { Events, TaskEventSchema } from "./events_pb.ts";
import { endLeakedTask } from "./leaked-tasks.ts";
import { ContainerState as CriContainerState, ImageService, PodSandboxState, RuntimeService, type ContainerStatus, type PodSandbox } from "./runtime_pb.ts";
import { RuntimeLabel, type ContainerState, type Runtime, type SandboxState } from "./runtime.ts";

const CALL_MS = 30_000;
const SANDBOX_MS = 120_000;
const PULL_MS = 15 * 60_000;
const NAMESPACE_EVENTS = 'namespace==k8s.io,topic~="^/tasks/"';
const STATES: Readonly<Record<number, ContainerState["state"]>> = {
  [CriContainerState.CONTAINER_CREATED]: "created",
  [CriContainerState.CONTAINER_RUNNING]: "running",
  [CriContainerState.CONTAINER_EXITED]: "exited",
  [CriContainerState.CONTAINER_UNKNOWN]: "unknown",
};

/** The container runtime behind a CRI socket (runtime.v1), such as containerd's. Connecting is lazy and outlives restarts of the runtime. */
export function openCriRuntime(socket: string): Runtime & { close(): void } {
  const channel = openGrpcChannel(`unix:${socket.replace(/^unix:\/\//, "")}`);
  const call = RuntimeService.method;
  const image = ImageService.method;
  return {
    close: () => channel.close(),
    async describe() {
      const { runtimeName, runtimeVersion } = await channel.unary(call.version, {}, { timeoutMs: CALL_MS });
      return { name: runtimeName, version: runtimeVersion };
    },
    async problem() {
      const { status } = await channel.unary(call.status, {}, { timeoutMs: CALL_MS });
      const failing = status?.conditions.find((condition) => !condition.status);
      return failing === undefined ? undefined : `${failing.type}: ${failing.message || failing.reason}`;
    },
    async runSandbox(config, handler = "", signal = NEVER) {
      return (await channel.unary(call.runPodSandbox, { config, runtimeHandler: handler }, { timeoutMs: SANDBOX_MS, signal })).podSandboxId;
    },
    stopSandbox: (id) => unlessGone(channel.unary(call.stopPodSandbox, { podSandboxId: id }, { timeoutMs: SANDBOX_MS })),
    removeSandbox: (id) => unlessGone(channel.unary(call.removePodSandbox, { podSandboxId: id }, { timeoutMs: SANDBOX_MS })),
    async glance() {
      const [{ items }, { containers }] = await Promise.all([
        channel.unary(call.listPodSandbox, {}, { timeoutMs: CALL_MS }),
        channel.unary(call.listContainers, {}, { timeoutMs: CALL_MS }),
      ]);
      return {
        sandboxes: items.flatMap(({ id, labels, state }) =>
          labels[RuntimeLabel.podUid] === undefined ? [] : [{ id, uid: labels[RuntimeLabel.podUid] ?? "", isReady: state === PodSandboxState.SANDBOX_READY }],
        ),
        containers: containers.flatMap(({ id, labels, state, image: made, imageRef: imageId }) =>
          labels[RuntimeLabel.podUid] === undefined
            ? []
            : [{ id, podUid: labels[RuntimeLabel.podUid] ?? "", state: STATES[state] ?? "unknown", image: made?.image ?? "", imageId }],
        ),
      };
    },
    async listSandboxes(podUid) {
      const filter = { labelSelector: podSelector(podUid) };
      const { items } = await channel.unary(call.listPodSandbox, { filter }, { timeoutMs: CALL_MS });
      return Promise.all(items.filter((item) => item.labels[RuntimeLabel.podUid] !== undefined).map((item) => sandboxState(channel, item)));
    },
    async createContainer(sandboxId, config, sandbox) {
      return (await channel.unary(call.createContainer, { podSandboxId: sandboxId, config, sandboxConfig: sandbox }, { timeoutMs: SANDBOX_MS })).containerId;
    },
    async startContainer(id, signal = NEVER) {
      await channel.unary(call.startContainer, { containerId: id }, { timeoutMs: SANDBOX_MS, signal });
    },
    stopContainer: (id, graceSeconds) =>
      unlessGone(
        channel.unary(
          call.stopContainer,
          { containerId: id, timeout: BigInt(Math.max(0, Math.round(graceSeconds))) },
          { timeoutMs: graceSeconds * 1000 + SANDBOX_MS },
        ),
      ),
    async updateResources(id, resources) {
      await channel.unary(call.updateContainerResources, { containerId: id, linux: resources }, { timeoutMs: CALL_MS });
    },
    async removeContainer(id) {
      const remove = () => unlessGone(channel.unary(call.removeContainer, { containerId: id }, { timeoutMs: CALL_MS }));
      await remove().catch(async (error: unknown) => {
        if (grpcCode(error) !== GrpcCode.failedPrecondition) throw error;
        // Of another runtime there is no more to be told than this.
        await endLeakedTask(channel, id).catch(() => Promise.reject(error));
        await remove();
      });
    },
    async listContainers(podUid) {
      const filter = { labelSelector: podSelector(podUid) };
      const { containers } = await channel.unary(call.listContainers, { filter }, { timeoutMs: CALL_MS });
      const own = containers.filter((container) => container.labels[RuntimeLabel.podUid] !== undefined);
      const states = await Promise.all(own.map(({ id, podSandboxId }) => containerState(channel, id, podSandboxId)));
      return states.filter((state) => state !== undefined);
    },
    async execSync(containerId, command, timeoutSeconds) {
      const answer = await channel.unary(
        call.execSync,
        { containerId, cmd: [...command], timeout: BigInt(Math.ceil(timeoutSeconds)) },
        { timeoutMs: timeoutSeconds * 1000 + 10_000 },
      );
      return { exitCode: answer.exitCode, output: Buffer.concat([answer.stdout, answer.stderr]).toString("utf8") };
    },
    async reopenLog(containerId) {
      await channel.unary(call.reopenContainerLog, { containerId }, { timeoutMs: CALL_MS });
    },
    async imageStatus(name) {
      const found = (await channel.unary(image.imageStatus, { image: { image: name } }, { timeoutMs: CALL_MS })).image;
      return found === undefined
        ? undefined
        : { id: found.id, username: found.username, bytes: Number(found.size), ...(found.uid === undefined ? {} : { uid: Number(found.uid.value) }) };
    },
    async pullImage(name, credentials) {
      return (
        await channel.unary(image.pullImage, { image: { image: name }, ...(credentials === undefined ? {} : { auth: credentials }) }, { timeoutMs: PULL_MS })
      ).imageRef;
    },
    async listImages() {
      const { images } = await channel.unary(image.listImages, {}, { timeoutMs: CALL_MS });
      return images.map((found) => ({ id: found.id, names: [...found.repoTags, ...found.repoDigests], bytes: Number(found.size) }));
    },
    removeImage: (id) => unlessGone(channel.unary(image.removeImage, { image: { image: id } }, { timeoutMs: CALL_MS })),
    async *events(signal) {
      for await (const envelope of channel.serverStream(Events.method.subscribe, { filters: [NAMESPACE_EVENTS] }, { signal })) {
        if (envelope.event === undefined || !/\/tasks\/(start|exit|oom)$/.test(envelope.topic)) continue;
        yield { containerId: fromBinary(TaskEventSchema, envelope.event.value).containerId };
      }
    },
  };
}

async function sandboxState(channel: GrpcChannel, item: PodSandbox): Promise<SandboxState> {
  const ips = await channel
    .unary(RuntimeService.method.podSandboxStatus, { podSandboxId: item.id }, { timeoutMs: CALL_MS })
    .then(({ status }) => [status?.network?.ip ?? "", ...(status?.network?.additionalIps ?? []).map(({ ip }) => ip)].filter((ip) => ip !== ""))
    .catch(ignoreGone<readonly string[]>([]));
  return {
    id: item.id,
    uid: item.metadata?.uid ?? "",
    name: item.metadata?.name ?? "",
    namespace: item.metadata?.namespace ?? "",
    attempt: item.metadata?.attempt ?? 0,
    isReady: item.state === PodSandboxState.SANDBOX_READY,
    ips,
    createdAtMs: milliseconds(item.createdAt),
  };
}

async function containerState(channel: GrpcChannel, id: string, sandboxId: string): Promise<ContainerState | undefined> {
  const answer = await channel.unary(RuntimeService.method.containerStatus, { containerId: id }, { timeoutMs: CALL_MS }).catch(ignoreGone(undefined));
  const status: ContainerStatus | undefined = answer?.status;
  if (status === undefined) return undefined;
  return {
    id,
    sandboxId,
    podUid: status.labels[RuntimeLabel.podUid] ?? "",
    name: status.labels[RuntimeLabel.containerName] ?? "",
    attempt: status.metadata?.attempt ?? 0,
    state: isBrokenOff(status) ? "created" : (STATES[status.state] ?? "unknown"),
    image: status.image?.image ?? "",
    imageId: status.imageRef,
    createdAtMs: milliseconds(status.createdAt),
    startedAtMs: milliseconds(status.startedAt),
    finishedAtMs: milliseconds(status.finishedAt),
    exitCode: status.exitCode,
    reason: status.reason,
    message: status.message,
    logPath: status.logPath,
    annotations: status.annotations,
    ...(status.resources?.linux === undefined
      ? {}
      : {
          resources: {
            cpuShares: Number(status.resources.linux.cpuShares),
            cpuQuota: Number(status.resources.linux.cpuQuota),
            memoryLimitBytes: Number(status.resources.linux.memoryLimitInBytes),
          },
        }),
  };
}

/** Whoever asked for its start died meanwhile, and containerd gave the start up: it shows the container, which has never run, as ended. */
export function isBrokenOff({ state, startedAt, message }: Pick<ContainerStatus, "state" | "startedAt" | "message">): boolean {
  if (state !== CriContainerState.CONTAINER_EXITED || startedAt > 0n) return false;
  // In one pass each: what a pod's command says is in the message too, and may be said many times.
  const shim = message.indexOf("failed to start shim: ");
  return /context (canceled|deadline exceeded)/.test(message) || (shim >= 0 && message.includes("signal: killed", shim));
}

function podSelector(podUid: string | undefined): Record<string, string> {
  return podUid === undefined ? {} : { [RuntimeLabel.podUid]: podUid };
}

/** CRI counts in nanoseconds. */
function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000n);
}

function ignoreGone<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (grpcCode(error) === GrpcCode.notFound) return value;
    throw error;
  };
}

async function unlessGone(work: Promise<unknown>): Promise<void> {
  await work.catch(ignoreGone(undefined));
}
