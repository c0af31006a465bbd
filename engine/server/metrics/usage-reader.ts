import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { formatTime, type Clock } from "../../lib/clock.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { Node, NodeMetrics, Pod, PodMetrics } from "../../resources/types.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import type { NodeTransport } from "../nodes/node-proxy.ts";
import { agentAddress } from "../nodes/pod-logs.ts";

/** What an agent's `/stats/summary` says, as far as it is used here; checked when it is read. */
export interface UsageSummary {
  readonly node: { readonly cpu: UsageCpu; readonly memory: UsageMemory };
  readonly pods: readonly {
    readonly podRef: { readonly uid: string };
    readonly containers: readonly { readonly name: string; readonly cpu: UsageCpu; readonly memory: UsageMemory }[];
  }[];
  readonly windowSeconds?: number;
}
interface UsageCpu {
  readonly time: string;
  readonly usageNanoCores?: number;
}
interface UsageMemory {
  readonly workingSetBytes: number;
}

export interface UsageReaderOptions {
  readonly store: ObjectStore;
  readonly nodes: NodeTransport;
  readonly clock: Clock;
}

/** Figures this old are as good as new ones: agents take their rates over longer times. */
const FRESH_MS = 5_000;
const TIMEOUT_MS = 5_000;
const NODES_AT_ONCE = 16;
const SUMMARY_BYTES_MAX = 16 * 1024 * 1024;

/** Asks agents for what their nodes and pods use, each at most once in a few seconds however many readers there are. */
export class UsageReader {
  readonly #options: UsageReaderOptions;
  readonly #known = new Map<string, { readonly atMs: number; readonly summary: Promise<UsageSummary | undefined> }>();

  constructor(options: UsageReaderOptions) {
    this.#options = options;
  }

  /** Of all nodes, or one. Nodes that do not answer are left out. */
  async nodes(name?: string): Promise<NodeMetrics[]> {
    const nodes = await this.#nodes(name);
    const summaries = await this.#summaries(nodes);
    return nodes.flatMap((node) => computeNodeMetrics(node, summaries.get(node.metadata.name ?? "")) ?? []);
  }

  /** Of the pods of a namespace or of all, or of one of them. Pods that have just started have no figures yet. */
  async pods(namespace: string, name?: string): Promise<PodMetrics[]> {
    const pods =
      name === undefined
        ? (await this.#options.store.list(podResource, namespace, {})).items.map((item) => item.object)
        : [(await this.#options.store.get(podResource, namespace, name))?.object].filter((pod) => pod !== undefined);
    const onNodes = new Set(pods.map((pod) => pod.spec.nodeName ?? ""));
    const summaries = await this.#summaries((await this.#nodes()).filter((node) => onNodes.has(node.metadata.name ?? "")));
    return pods.flatMap((pod) => computePodMetrics(pod, summaries.get(pod.spec.nodeName ?? "")) ?? []);
  }

  async #nodes(name?: string): Promise<readonly Node[]> {
    const { store } = this.#options;
    if (name === undefined) return (await store.list(nodeResource, "", {})).items.map((item) => item.object);
    const found = await store.get(nodeResource, "", name);
    return found === undefined ? [] : [found.object];
  }

  async #summaries(nodes: readonly Node[]): Promise<ReadonlyMap<string, UsageSummary>> {
    const found = new Map<string, UsageSummary>();
    const waiting = [...nodes];
    const work = async () => {
      for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
        const summary = await this.#summary(node);
        if (summary !== undefined) found.set(node.metadata.name ?? "", summary);
      }
    };
    await Promise.all(Array.from({ length: NODES_AT_ONCE }, work));
    return found;
  }

  #summary(node: Node): Promise<UsageSummary | undefined> {
    const { clock } = this.#options;
    const { name = "" } = node.metadata;
    const known = this.#known.get(name);
    if (known !== undefined && clock.monotonic() - known.atMs < FRESH_MS) return known.summary;
    for (const [other, { atMs }] of this.#known) if (clock.monotonic() - atMs > 10 * FRESH_MS) this.#known.delete(other); // nodes come and go
    const summary = this.#ask(node).catch(() => undefined); // a node that cannot be reached has no figures, which is what readers see
    this.#known.set(name, { atMs: clock.monotonic(), summary });
    return summary;
  }

  async #ask(node: Node): Promise<UsageSummary> {
    const patience = new AbortController();
    const cancel = this.#options.clock.after(TIMEOUT_MS, () => patience.abort());
    try {
      const answer = await this.#options.nodes.open(
        { nodeName: node.metadata.name ?? "", ...agentAddress(node), path: "/stats/summary", isStreamed: false },
        patience.signal,
      );
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of answer) {
        const bytes = chunk as Buffer; // no encoding is set
        if ((size += bytes.length) > SUMMARY_BYTES_MAX) throw new Error(`node ${node.metadata.name ?? ""} says too much about its usage`);
        chunks.push(bytes);
      }
      const summary = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Partial<UsageSummary>;
      if (summary.node === undefined || !Array.isArray(summary.pods)) throw new Error(`node ${node.metadata.name ?? ""} says nothing about its usage`);
      return summary as UsageSummary; // the parts that are used exist
    } finally {
      cancel();
    }
  }
}

/** Undefined while there is no rate to tell. Pure. */
export function computeNodeMetrics({ metadata: { name = "", labels } }: Node, summary: UsageSummary | undefined): NodeMetrics | undefined {
  const usage = summary && usageOf(summary.node);
  if (summary === undefined || usage === undefined) return undefined;
  return { ...head("NodeMetrics", { name, ...(labels === undefined ? {} : { labels }) }, summary), usage } as NodeMetrics;
}

/** Undefined until every container that runs has a rate. Pure. */
export function computePodMetrics({ metadata: { name = "", namespace = "", uid, labels } }: Pod, summary: UsageSummary | undefined): PodMetrics | undefined {
  const found = summary?.pods.find((pod) => pod.podRef.uid === uid);
  if (summary === undefined || found === undefined) return undefined;
  const containers = found.containers.flatMap((container) => {
    const usage = usageOf(container);
    return usage === undefined ? [] : [{ name: container.name, usage }];
  });
  if (containers.length === 0 || containers.length < found.containers.length) return undefined;
  return { ...head("PodMetrics", { name, namespace, ...(labels === undefined ? {} : { labels }) }, summary), containers } as PodMetrics;
}

function head(kind: string, metadata: KubeObject["metadata"], { node, windowSeconds = 0 }: UsageSummary): Omit<NodeMetrics, "usage"> {
  return {
    kind,
    apiVersion: "metrics.k8s.io/v1beta1",
    metadata: { ...metadata, creationTimestamp: node.cpu.time },
    timestamp: formatTime(Date.parse(node.cpu.time)),
    window: `${Math.round(windowSeconds * 1000) / 1000}s`,
  };
}

/** Processors in nanocores, as upstream's figures are written; memory in kibibytes. */
function usageOf({ cpu, memory }: { readonly cpu: UsageCpu; readonly memory: UsageMemory }): Record<string, string> | undefined {
  return cpu.usageNanoCores === undefined ? undefined : { cpu: `${cpu.usageNanoCores}n`, memory: `${Math.floor(memory.workingSetBytes / 1024)}Ki` };
}
