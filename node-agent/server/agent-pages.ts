import os from "node:os";
import type { Clock } from "../../engine/lib/clock.ts";
import type { Pod } from "../../engine/resources/types.ts";
import type { Runtime } from "../cri/runtime.ts";
import type { AgentMetrics } from "../stats/agent-metrics.ts";
import { lookForCadvisor, nameDevices, renderCadvisorMetrics } from "../stats/cadvisor-metrics.ts";
import { computeSummary, renderResourceMetrics } from "../stats/stats-summary.ts";
import type { VolumeReading } from "../stats/volume-stats.ts";
import { machineStartMs, type UsageSampler } from "../stats/usage-sampler.ts";

export interface AgentPageParts {
  readonly nodeName: string;
  readonly pods: () => readonly Pod[];
  readonly runtime: Runtime;
  readonly usage: UsageSampler;
  readonly clock: Clock;
  readonly metrics: Pick<AgentMetrics, "registry" | "probes">;
  /** Brings those metrics up to date that are looked up only when somebody asks. */
  readonly measure: () => Promise<void>;
  /** Room in the pods' volumes. */
  readonly volumes: () => Promise<readonly VolumeReading[]>;
  /** What the runtime makes sandboxes of; empty where it is somebody else's, who does not say. */
  readonly sandboxImage: string;
  /** What `/configz` shows. */
  readonly configuration: object;
}

export interface AgentPage {
  readonly contentType: string;
  readonly text: string;
}

type PageWriter = (parts: AgentPageParts) => Promise<AgentPage> | AgentPage;

const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** What can be read as a whole, by path. */
const pages: Readonly<Record<string, PageWriter>> = {
  "/healthz": () => ({ contentType: "text/plain; charset=utf-8", text: "ok" }),
  "/pods": ({ pods }) => json(podList(pods())),
  "/runningpods": async ({ runtime }) => json(podList(await runningPods(runtime))),
  "/stats/summary": async (parts) => json(await summaryOf(parts, await parts.volumes())),
  "/metrics": async ({ metrics, measure }) => {
    await measure();
    return { contentType: METRICS_TYPE, text: metrics.registry.render() };
  },
  "/metrics/probes": ({ metrics }) => ({ contentType: METRICS_TYPE, text: metrics.probes.render() }),
  "/configz": ({ configuration }) => json({ kubeletconfig: configuration }),
  "/metrics/resource": async (parts) => ({ contentType: METRICS_TYPE, text: renderResourceMetrics(await summaryOf(parts)) }),
  "/metrics/cadvisor": async (parts) => ({ contentType: METRICS_TYPE, text: await cadvisorPage(parts) }),
};

/** The page at a path; undefined when there is none. */
export async function answerPage(parts: AgentPageParts, path: string): Promise<AgentPage | undefined> {
  return pages[path]?.(parts);
}

async function summaryOf({ usage, nodeName, clock }: AgentPageParts, volumes: readonly VolumeReading[] = []) {
  const { current, before } = await usage.now();
  return computeSummary(nodeName, machineStartMs(clock), current, before, volumes);
}

async function cadvisorPage({ usage, clock, sandboxImage }: AgentPageParts): Promise<string> {
  const { current } = await usage.now();
  const machine = { cpus: os.availableParallelism(), memoryBytes: os.totalmem(), startedAtMs: machineStartMs(clock) };
  const rows = await lookForCadvisor(current, machine, sandboxImage);
  return renderCadvisorMetrics(rows, await nameDevices(rows), machine, current.atMs);
}

/** What the runtime runs, whether the API knows of it or not, in upstream's reduced form. */
async function runningPods(runtime: Runtime): Promise<readonly object[]> {
  const [sandboxes, containers] = await Promise.all([runtime.listSandboxes(), runtime.listContainers()]);
  const running = Map.groupBy(
    containers.filter((container) => container.state === "running"),
    (container) => container.podUid,
  );
  return sandboxes
    .filter((sandbox) => sandbox.isReady)
    .map(({ name, namespace, uid }) => ({
      metadata: { name, namespace, uid },
      spec: { containers: (running.get(uid) ?? []).map((container) => ({ name: container.name, image: container.image, resources: {} })) },
      status: {},
    }));
}

function podList(items: readonly object[]): object {
  return { kind: "PodList", apiVersion: "v1", metadata: {}, items };
}

function json(value: object): AgentPage {
  return { contentType: "application/json", text: JSON.stringify(value) };
}
