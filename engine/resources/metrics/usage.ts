import { nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { NodeMetrics, PodMetrics } from "../types.ts";

const usageColumns = [
  { name: "CPU", type: "string", description: "Processors in use.", cell: (object: NodeMetrics | PodMetrics) => cellOf(object, "cpu") },
  { name: "Memory", type: "string", description: "Working set.", cell: (object: NodeMetrics | PodMetrics) => cellOf(object, "memory") },
  { name: "Window", type: "string", description: "Over which time.", cell: (object: NodeMetrics | PodMetrics) => object.window },
] as const;

/** What nodes and pods use at the moment. It is asked of the nodes whenever somebody reads it, and stored nowhere. */
export const nodeMetricsResource = defineResource<NodeMetrics>({
  group: "metrics.k8s.io",
  version: "v1beta1",
  resource: "nodes",
  kind: "NodeMetrics",
  singular: "",
  namespaced: false,
  verbs: ["get", "list"],
  schema: () => loadSchema("metrics.k8s.io/v1beta1/node-metrics.yaml"),
  columns: [nameColumn, ...usageColumns],
});

export const podMetricsResource = defineResource<PodMetrics>({
  group: "metrics.k8s.io",
  version: "v1beta1",
  resource: "pods",
  kind: "PodMetrics",
  singular: "",
  namespaced: true,
  verbs: ["get", "list"],
  schema: () => loadSchema("metrics.k8s.io/v1beta1/pod-metrics.yaml"),
  columns: [nameColumn, ...usageColumns],
});

function cellOf(object: NodeMetrics | PodMetrics, resource: string): string {
  return ("usage" in object ? [object] : object.containers).map((part) => part.usage[resource] ?? "").join(",");
}
