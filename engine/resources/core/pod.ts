import { forbiddenField, type FieldError } from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { ALL_VERBS, defineResource, type Column } from "../define-resource.ts";
import { humanDuration } from "../human-duration.ts";
import { loadSchema } from "../load-schema.ts";
import { podStatusText } from "../pod-status-text.ts";
import { validatePodSpec, withPodSpecDefaults } from "../pod-template.ts";
import type { Pod, PodSpec } from "../types.ts";

const wide = (name: string, description: string, cell: Column<Pod>["cell"]): Column<Pod> => ({ name, type: "string", description, priority: 1, cell });

export const podResource = defineResource<Pod>({
  group: "",
  version: "v1",
  resource: "pods",
  kind: "Pod",
  namespaced: true,
  shortNames: ["po"],
  categories: ["all"],
  schema: loadSchema("core/v1/pod.yaml"),
  strategy: {
    hasGeneration: true,
    setDefaults: (pod) => ({ ...pod, spec: withPodSpecDefaults(pod.spec) }),
    prepareForCreate: (pod) => ({ ...pod, status: { phase: "Pending", qosClass: qosClass(pod.spec), ...gatedStatus(pod) } }),
    validate: (pod) => validatePodSpec(pod.spec, "spec"),
    validateUpdate: validatePodUpdate,
    gracePeriodSeconds: (pod, asked) => {
      // Nothing runs yet, or any more: there is nobody to wait for.
      const isIdle = !pod.spec.nodeName || pod.status?.phase === "Failed" || pod.status?.phase === "Succeeded";
      return isIdle ? 0 : Math.max(0, asked ?? pod.spec.terminationGracePeriodSeconds ?? 30);
    },
  },
  subresources: [
    { name: "status" },
    { name: "binding", kind: "Binding", group: "", version: "v1", verbs: ["create"] },
    { name: "log", kind: "Pod", group: "", version: "v1", verbs: ["get"] },
  ],
  columns: [
    nameColumn,
    { name: "Ready", type: "string", description: "Ready containers of all.", cell: readyText },
    { name: "Status", type: "string", description: "What the pod is doing.", cell: podStatusText },
    { name: "Restarts", type: "string", description: "How often containers were started again, and when last.", cell: restartsText },
    ageColumn,
    wide("IP", "Address of the pod.", (pod) => pod.status?.podIP || "<none>"),
    wide("Node", "Node it runs on.", (pod) => pod.spec.nodeName || "<none>"),
    wide("Nominated Node", "Node on which room is being made for it.", (pod) => pod.status?.nominatedNodeName || "<none>"),
    wide("Readiness Gates", "Extra conditions that must hold, met of all.", readinessGatesText),
  ],
  selectableFields: {
    "spec.nodeName": (pod) => pod.spec.nodeName ?? "",
    "spec.restartPolicy": (pod) => pod.spec.restartPolicy ?? "",
    "spec.schedulerName": (pod) => pod.spec.schedulerName ?? "",
    "spec.serviceAccountName": (pod) => pod.spec.serviceAccountName ?? "",
    "spec.hostNetwork": (pod) => String(pod.spec.hostNetwork ?? false),
    "status.phase": (pod) => pod.status?.phase ?? "",
    "status.podIP": (pod) => pod.status?.podIP ?? "",
    "status.podIPs": (pod) => (pod.status?.podIPs ?? []).map((ip) => ip.ip).join(","),
    "status.nominatedNodeName": (pod) => pod.status?.nominatedNodeName ?? "",
  },
  verbs: ALL_VERBS,
});

/** Guaranteed when every container's limits equal its requests for cpu and memory, BestEffort without any, else Burstable. */
export function qosClass(spec: PodSpec): string {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const has = (list: object | undefined) => Object.keys(list ?? {}).some((name) => name === "cpu" || name === "memory");
  if (!containers.some(({ resources }) => has(resources?.requests) || has(resources?.limits))) return "BestEffort";
  const isGuaranteed = containers.every(({ resources }) =>
    ["cpu", "memory"].every((name) => resources?.limits?.[name] !== undefined && resources.limits[name] === (resources.requests?.[name] ?? resources.limits[name])),
  );
  return isGuaranteed ? "Guaranteed" : "Burstable";
}

function gatedStatus(pod: Pod): Partial<NonNullable<Pod["status"]>> {
  if ((pod.spec.schedulingGates ?? []).length === 0) return {};
  return { conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated", message: "Scheduling is blocked due to non-empty scheduling gates" }] };
}

/** Of a pod's spec, only images, activeDeadlineSeconds, more tolerations and fewer scheduling gates may change. */
function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const frozen = (spec: PodSpec, keep: PodSpec): unknown => ({
    ...spec,
    containers: spec.containers.map((container, index) => ({ ...container, image: keep.containers[index]?.image })),
    initContainers: spec.initContainers?.map((container, index) => ({ ...container, image: keep.initContainers?.[index]?.image })),
    activeDeadlineSeconds: keep.activeDeadlineSeconds,
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds === 1 ? keep.terminationGracePeriodSeconds : spec.terminationGracePeriodSeconds,
    tolerations: hasAll(spec.tolerations, keep.tolerations) ? keep.tolerations : spec.tolerations,
    schedulingGates: hasAll(keep.schedulingGates, spec.schedulingGates) ? keep.schedulingGates : spec.schedulingGates,
    nodeSelector: (keep.schedulingGates ?? []).length > 0 ? keep.nodeSelector : spec.nodeSelector,
  });
  if (jsonEqual(dropUndefined(frozen(pod.spec, old.spec)), dropUndefined(frozen(old.spec, old.spec)))) return [];
  return [
    forbiddenField(
      "spec",
      "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    ),
  ];
}

function hasAll(list: readonly unknown[] | undefined, wanted: readonly unknown[] | undefined): boolean {
  return (wanted ?? []).every((item) => (list ?? []).some((candidate) => jsonEqual(candidate, item)));
}

function dropUndefined(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

function readyText(pod: Pod): string {
  const sidecars = new Set((pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === "Always").map((container) => container.name));
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? []).filter((status) => sidecars.has(status.name))];
  return `${statuses.filter((status) => status.ready && status.state?.running !== undefined).length}/${pod.spec.containers.length + sidecars.size}`;
}

function restartsText(pod: Pod, now: number): string {
  const statuses = pod.status?.containerStatuses ?? [];
  const count = statuses.reduce((sum, status) => sum + (status.restartCount ?? 0), 0);
  const ends = statuses.map((status) => status.lastState?.terminated?.finishedAt).filter((time) => time !== undefined).sort();
  const last = ends[ends.length - 1];
  return count === 0 || last === undefined ? String(count) : `${count} (${humanDuration(now - Date.parse(last))} ago)`;
}

function readinessGatesText(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  const met = gates.filter((gate) => pod.status?.conditions?.some((condition) => condition.type === gate.conditionType && condition.status === "True"));
  return `${met.length}/${gates.length}`;
}
