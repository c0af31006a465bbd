import { readFileSync, statfsSync } from "node:fs";
import os from "node:os";
import { withCondition } from "../../engine/apimachinery/conditions.ts";
import { hasReason } from "../../engine/apimachinery/status-error.ts";
import type { Client } from "../../engine/client/client.ts";
import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import { Bell } from "../../engine/lib/bell.ts";
import { formatTime, type Clock } from "../../engine/lib/clock.ts";
import { jsonEqual } from "../../engine/lib/freeze.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import type { DeclaredFeature } from "../../engine/resources/declared-features.ts";
import { VOLUMES_FOLDER_ANNOTATION } from "../../engine/resources/storage/local-path.ts";
import type { Node, NodeCondition, NodeStatus } from "../../engine/resources/types.ts";
import type { Runtime } from "../cri/runtime.ts";
import type { Pressure } from "../resources/pressure.ts";
import { computeAllocatable, type Reserved } from "../resources/reserved.ts";
import { readHugePages } from "./huge-pages.ts";
import { nodeEvents, STARTING } from "./node-events.ts";
import type { Registration } from "./registration.ts";

export interface NodeIdentity {
  readonly name: string;
  /** One of each family; the first is where others come to. */
  readonly ips: readonly string[];
  /** Port of the agent's own endpoint. */
  readonly port: number;
  readonly version: string;
}

export interface NodeReporterOptions {
  readonly client: Client;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: Pick<EventRecorder, "record">;
  readonly identity: NodeIdentity;
  readonly dataDir: string;
  /** Where volumes are made that are folders of this node. */
  readonly volumesDir: string;
  /** What the machine is short of. */
  readonly pressures: () => ReadonlySet<Pressure>;
  /** Why pods cannot run on it, beside what the runtime says. */
  readonly problem?: () => string | undefined;
  /** What pods cannot have of the machine. */
  readonly reserved: Reserved;
  readonly registration: Registration;
  /** Pods that the machine takes. */
  readonly podsMax: number;
  /** Images that the status names; -1 for all. */
  readonly imagesMax?: number;
  /** How often the machine is looked at. */
  readonly lookMs?: number;
  /** How often its status is written although nothing of it has changed. */
  readonly reportMs?: number;
  /** What must not be detached from the machine. */
  readonly volumesInUse: () => readonly string[];
  /** Calls back when the status should be written although it is not time yet. Gives the function that ends it. */
  readonly onChange: (changed: () => void) => () => void;
  /** Called with every state of the Node that the API confirms. */
  readonly onNode: (node: Node) => void;
}

const LOOK_MS = 10_000;
const REPORT_MS = 300_000;
/** Until the node is ready, it is looked at often: pods wait for it. */
const LOOK_UNREADY_MS = 250;
const IMAGES_MAX = 50;

const PRESSURES: readonly {
  readonly type: Pressure;
  readonly present: { readonly reason: string; readonly message: string };
  readonly absent: { readonly reason: string; readonly message: string };
}[] = [
  {
    type: "MemoryPressure",
    present: { reason: "KubeletHasInsufficientMemory", message: "kubelet has insufficient memory available" },
    absent: { reason: "KubeletHasSufficientMemory", message: "kubelet has sufficient memory available" },
  },
  {
    type: "DiskPressure",
    present: { reason: "KubeletHasDiskPressure", message: "kubelet has disk pressure" },
    absent: { reason: "KubeletHasNoDiskPressure", message: "kubelet has no disk pressure" },
  },
  {
    type: "PIDPressure",
    present: { reason: "KubeletHasInsufficientPID", message: "kubelet has insufficient PID available" },
    absent: { reason: "KubeletHasSufficientPID", message: "kubelet has sufficient PID available" },
  },
];

/** Registers the machine as a Node, and keeps its status true. */
export function createNodeReporter(options: NodeReporterOptions): Service {
  const { client, clock, logger, events, identity, onChange, lookMs = LOOK_MS, reportMs = REPORT_MS } = options;
  return service("node-status", async (signal) => {
    const api = client.for(nodeResource);
    // Rung while the status is being written, it counts for the next one: who rang waits for what that says.
    const bell = new Bell(clock);
    const undo = onChange(() => bell.ring());
    let seen: Node | undefined;
    let reportedMs = -Infinity;
    while (!signal.aborted) {
      bell.take();
      let isReady = false;
      try {
        const node = await getOrCreate(options);
        const problem = (await runtimeProblem(options.runtime, node)) ?? options.problem?.();
        const status = computeNodeStatus(node, await machineFacts(options), problem, clock.now());
        const isDue = clock.monotonic() - reportedMs >= reportMs;
        const isToldAlready = !isDue && jsonEqual(withoutHeartbeats(status), withoutHeartbeats(node.status ?? {}));
        const written = isToldAlready ? node : await api.updateStatus({ ...node, status });
        if (!isToldAlready) reportedMs = clock.monotonic();
        for (const content of [...(seen === undefined ? [STARTING] : []), ...nodeEvents(seen, node, written)]) events.record(written, content);
        seen = written;
        options.onNode(written);
        isReady = problem === undefined;
      } catch (error) {
        if (signal.aborted) break;
        if (!hasReason(error, "Conflict")) logger.warn("node status not written, will retry", { node: identity.name, error: describeError(error) });
      }
      await bell.wait(isReady ? lookMs : Math.min(lookMs, LOOK_UNREADY_MS), signal);
    }
    undo();
  });
}

interface MachineFacts {
  readonly identity: NodeIdentity;
  readonly runtime: { readonly name: string; readonly version: string };
  readonly images: NodeStatus["images"];
  readonly memoryBytes: number;
  readonly cpus: number;
  /** Amounts by the names of their resources. */
  readonly hugePages: Readonly<Record<string, string>>;
  readonly diskBytes: number;
  readonly machineId: string;
  readonly bootId: string;
  readonly osImage: string;
  readonly pressures: ReadonlySet<Pressure>;
  readonly reserved: Reserved;
  readonly podsMax: number;
  readonly volumesInUse: readonly string[];
}

/** What the API may ask of this agent beyond what every agent can. */
const DECLARED_FEATURES: readonly DeclaredFeature[] = [
  "InPlacePodLevelResourcesVerticalScaling",
  "InPlacePodVerticalScalingInitContainers",
  "RestartAllContainersOnContainerExits",
];

/** A Node's status from what is known of its machine. `problem` is why pods cannot run here. Pure. */
export function computeNodeStatus(node: Node, facts: MachineFacts, problem: string | undefined, nowMs: number): NodeStatus {
  const capacity = {
    cpu: String(facts.cpus),
    memory: `${Math.floor(facts.memoryBytes / 1024)}Ki`,
    pods: String(facts.podsMax),
    "ephemeral-storage": `${Math.floor(facts.diskBytes / 1024)}Ki`,
    ...facts.hugePages,
    ...extendedResources(node.status?.capacity),
  };
  let conditions: readonly NodeCondition[] = node.status?.conditions ?? [];
  const set = (condition: NodeCondition) => {
    conditions = withCondition(conditions, { ...condition, lastHeartbeatTime: formatTime(nowMs) }, formatTime(nowMs));
  };
  for (const { type, present, absent } of PRESSURES)
    set({ type, status: facts.pressures.has(type) ? "True" : "False", ...(facts.pressures.has(type) ? present : absent) });
  set(
    problem === undefined
      ? { type: "Ready", status: "True", reason: "KubeletReady", message: "kubelet is posting ready status" }
      : { type: "Ready", status: "False", reason: "KubeletNotReady", message: problem },
  );
  const { volumesInUse: _before, ...rest } = node.status ?? {};
  return {
    ...rest,
    ...(facts.volumesInUse.length === 0 ? {} : { volumesInUse: [...facts.volumesInUse] }),
    capacity,
    allocatable: computeAllocatable(capacity, facts.reserved),
    addresses: [...facts.identity.ips.map((address) => ({ type: "InternalIP", address })), { type: "Hostname", address: facts.identity.name }],
    daemonEndpoints: { kubeletEndpoint: { Port: facts.identity.port } },
    nodeInfo: {
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      bootID: facts.bootId,
      machineID: facts.machineId,
      systemUUID: facts.machineId,
      kernelVersion: os.release(),
      operatingSystem: "linux",
      osImage: facts.osImage,
      containerRuntimeVersion: `${facts.runtime.name}://${facts.runtime.version}`,
      kubeletVersion: facts.identity.version,
      kubeProxyVersion: "",
    },
    conditions: [...conditions],
    images: facts.images ?? [],
    declaredFeatures: DECLARED_FEATURES,
  };
}

/** A status by what it says, not by when: it is always said as of now. */
function withoutHeartbeats({ conditions, ...status }: NodeStatus): NodeStatus {
  return { ...status, conditions: (conditions ?? []).map(({ lastHeartbeatTime: _then, ...condition }) => condition) };
}

/** What others say that the machine has, devices for one, is theirs to say. */
function extendedResources(capacity: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(capacity).filter(([name]) => name.includes("/") && !name.includes("kubernetes.io/")));
}

async function getOrCreate({ client, identity, volumesDir, registration }: NodeReporterOptions): Promise<Node> {
  const api = client.for(nodeResource);
  // The second says that volumes are attached by a controller, as drivers' tools expect of a node.
  const annotations = { [VOLUMES_FOLDER_ANNOTATION]: volumesDir, "volumes.kubernetes.io/controller-managed-attach-detach": "true" };
  const platform = platformLabels();
  const labels = { ...registration.labels, "kubernetes.io/hostname": identity.name, ...platform };
  try {
    const node = await api.get("", identity.name);
    if (hasAll(node.metadata.annotations, annotations) && hasAll(node.metadata.labels, platform)) return node;
    return await api.patch("", identity.name, "merge", { metadata: { annotations, labels: platform } });
  } catch (error) {
    if (!hasReason(error, "NotFound") || !registration.makesNode) throw error;
    const { taints, providerId } = registration;
    const spec = { ...(taints.length === 0 ? {} : { taints: [...taints] }), ...(providerId === undefined ? {} : { providerID: providerId }) };
    return api.create({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: identity.name, labels, annotations },
      ...(Object.keys(spec).length === 0 ? {} : { spec }),
    });
  }
}

/** What the machine is, by today's names and by those of old, which manifests still select nodes by. */
function platformLabels(): Readonly<Record<string, string>> {
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  return { "kubernetes.io/os": "linux", "kubernetes.io/arch": arch, "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": arch };
}

function hasAll(present: Readonly<Record<string, string>> | undefined, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => present?.[key] === value);
}

async function runtimeProblem(runtime: Runtime, node: Node): Promise<string | undefined> {
  if (!node.spec?.podCIDR) return "container runtime network not ready: the node has no range of pod addresses yet";
  try {
    return await runtime.problem();
  } catch (error) {
    return `container runtime is down: ${describeError(error)}`;
  }
}

async function machineFacts({
  identity,
  runtime,
  dataDir,
  pressures,
  reserved,
  podsMax,
  imagesMax = IMAGES_MAX,
  volumesInUse,
}: NodeReporterOptions): Promise<MachineFacts> {
  const disk = statfsSync(dataDir);
  const images = await runtime.listImages().catch(() => []);
  return {
    identity,
    runtime: await runtime.describe().catch(() => ({ name: "containerd", version: "unknown" })),
    images: [...images]
      .sort((a, b) => b.bytes - a.bytes)
      .slice(0, imagesMax < 0 ? Infinity : imagesMax)
      .map((image) => ({ names: [...image.names], sizeBytes: image.bytes })),
    memoryBytes: os.totalmem(),
    cpus: os.availableParallelism(),
    hugePages: readHugePages(),
    diskBytes: disk.blocks * disk.bsize,
    machineId: readText("/etc/machine-id"),
    bootId: readText("/proc/sys/kernel/random/boot_id"),
    pressures: pressures(),
    reserved,
    podsMax,
    volumesInUse: volumesInUse(),
    osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(readText("/etc/os-release"))?.[1] ?? "Linux",
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}
