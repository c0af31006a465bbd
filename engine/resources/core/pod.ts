import { forbiddenField, type FieldError } from "../../apimachinery/field-error.ts";
import { compareQuantities } from "../../apimachinery/quantity.ts";
import type { TableRowCondition } from "../../apimachinery/table.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { ALL_VERBS, defineResource, type Column } from "../define-resource.ts";
import { withLabelKeySelectors } from "../label-key-selectors.ts";
import { loadSchema } from "../load-schema.ts";
import { podContainers } from "../pod-containers.ts";
import { withPodLevelRequests } from "../pod-level-resources.ts";
import { podRestartsText, podStatusText, summarizePod } from "../pod-status-text.ts";
import { withContainersOfPod, withPodSpecDefaults } from "../pod-template.ts";
import { profileMismatches, withAppArmorFields } from "../profile-annotations.ts";
import { nameWarnings } from "../warnings/name-warnings.ts";
import { appArmorWarnings, podWarnings } from "../warnings/pod-warnings.ts";
import type { Pod, PodSpec } from "../types.ts";
import { validatePod } from "../validation/pod-spec.ts";
import { validateEphemeralContainers, validateResize, withEphemeralContainers, withResources } from "../validation/pod-parts.ts";
import { validatePodStatusUpdate, withPodAddresses } from "../validation/pod-status.ts";
import { validatePodUpdate } from "../validation/pod-update.ts";

/** Rows of pods that have ended, in upstream's words. */
const ENDED: Readonly<Record<string, readonly TableRowCondition[]>> = {
  Succeeded: [{ type: "Completed", status: "True", reason: "Succeeded", message: "The pod has completed successfully." }],
  Failed: [{ type: "Completed", status: "True", reason: "Failed", message: "The pod failed." }],
};

const wide = (name: string, description: string, cell: Column<Pod>["cell"]): Column<Pod> => ({ name, type: "string", description, priority: 1, cell });

export const podResource = defineResource<Pod>({
  group: "",
  version: "v1",
  resource: "pods",
  kind: "Pod",
  namespaced: true,
  shortNames: ["po"],
  categories: ["all"],
  schema: () => loadSchema("core/v1/pod.yaml"),
  strategy: {
    hasGeneration: true,
    // Upstream settles these for pods alone: templates do not say them.
    setDefaults: (pod) => ({
      ...withAddresses(pod),
      spec: withoutNegativeGrace({ enableServiceLinks: true, ...withPodLevelRequests(withContainersOfPod(withPodSpecDefaults(pod.spec))) }),
    }),
    prepareForCreate: (pod) => ({
      ...withAppArmorFields(withLabelKeySelectors(pod)),
      status: { phase: "Pending", qosClass: qosClass(pod.spec), ...gatedStatus(pod) },
    }),
    validate: validatePod,
    validateNew: newPodErrors,
    validateUpdate: validatePodUpdate,
    // Node agents of other versions send a status without it.
    prepareForStatusUpdate: (pod, old) => ({
      ...pod,
      status: {
        ...withPodAddresses(pod.status ?? {}),
        ...(pod.status?.qosClass || old.status?.qosClass === undefined ? {} : { qosClass: old.status.qosClass }),
      },
    }),
    validateStatusUpdate: validatePodStatusUpdate,
    // As upstream: people make pods, and hardly change them.
    warnings: (pod, old) => (old === undefined ? [...nameWarnings(pod.metadata.name, "in the Pod's hostname"), ...podWarnings(pod, "")] : []),
    writtenWarnings: (pod) => appArmorWarnings(pod, ""),
    gracePeriodSeconds: (pod, asked) => {
      // Nothing runs yet, or any more: there is nobody to wait for.
      const isIdle = !pod.spec.nodeName || pod.status?.phase === "Failed" || pod.status?.phase === "Succeeded";
      if (isIdle) return 0;
      const seconds = asked ?? pod.spec.terminationGracePeriodSeconds ?? 0;
      return seconds < 0 ? 1 : seconds;
    },
  },
  subresources: [
    { name: "status", keeps: ["ownerReferences"] },
    { name: "binding", kind: "Binding", group: "", version: "v1", verbs: ["create"] },
    { name: "eviction", kind: "Eviction", group: "policy", version: "v1", verbs: ["create"] },
    { name: "log", kind: "Pod", group: "", version: "v1", verbs: ["get"] },
    { name: "ephemeralcontainers", part: { scope: withEphemeralContainers, validate: validateEphemeralContainers } },
    { name: "resize", part: { scope: withResources, validate: (pod, old) => validateResize(pod, old, qosClass) } },
    { name: "exec", kind: "PodExecOptions", group: "", version: "v1", verbs: ["create", "get"] },
    { name: "attach", kind: "PodAttachOptions", group: "", version: "v1", verbs: ["create", "get"] },
    { name: "portforward", kind: "PodPortForwardOptions", group: "", version: "v1", verbs: ["create", "get"] },
    { name: "proxy", kind: "PodProxyOptions", group: "", version: "v1", verbs: ["create", "delete", "get", "patch", "update"] },
  ],
  columns: [
    nameColumn,
    { name: "Ready", type: "string", description: "Ready containers of all.", cell: readyText },
    { name: "Status", type: "string", description: "What the pod is doing.", cell: podStatusText },
    { name: "Restarts", type: "string", description: "How often containers were started again, and when last.", cell: podRestartsText },
    ageColumn,
    wide("IP", "Address of the pod.", (pod) => pod.status?.podIP || "<none>"),
    wide("Node", "Node it runs on.", (pod) => pod.spec.nodeName || "<none>"),
    wide("Nominated Node", "Node on which room is being made for it.", (pod) => pod.status?.nominatedNodeName || "<none>"),
    wide("Readiness Gates", "Extra conditions that must hold, met of all.", readinessGatesText),
  ],
  rowConditions: ({ status }) => ENDED[status?.phase ?? ""],
  selectableFields: {
    "spec.nodeName": (pod) => pod.spec.nodeName ?? "",
    "spec.restartPolicy": (pod) => pod.spec.restartPolicy ?? "",
    "spec.schedulerName": (pod) => pod.spec.schedulerName ?? "",
    "spec.serviceAccountName": (pod) => pod.spec.serviceAccountName ?? "",
    "spec.hostNetwork": (pod) => String(pod.spec.hostNetwork ?? false),
    "status.phase": (pod) => pod.status?.phase ?? "",
    "status.podIP": (pod) => pod.status?.podIP ?? "",
    // Upstream takes the field and finds nothing by it.
    "status.podIPs": () => "",
    "status.nominatedNodeName": (pod) => pod.status?.nominatedNodeName ?? "",
  },
  verbs: ALL_VERBS,
});

/** As upstream, of pods alone: less than no time is a second. */
function withoutNegativeGrace(spec: PodSpec): PodSpec {
  return (spec.terminationGracePeriodSeconds ?? 0) < 0 ? { ...spec, terminationGracePeriodSeconds: 1 } : spec;
}

function newPodErrors({ metadata, spec }: Pod): FieldError[] {
  const isGated = (spec.schedulingGates ?? []).length > 0;
  return [
    ...((spec.ephemeralContainers ?? []).length > 0 ? [forbiddenField("spec.ephemeralContainers", "cannot be set on create")] : []),
    ...(spec.nodeName && isGated ? [forbiddenField("spec.nodeName", "cannot be set until all schedulingGates have been cleared")] : []),
    ...profileMismatches(metadata, spec, "spec"),
  ];
}

/** Guaranteed when every container's limits for cpu and memory equal its requests, BestEffort without any of them, else Burstable. Zeros count as none. */
export function qosClass(spec: PodSpec): string {
  const lists =
    spec.resources?.requests === undefined && spec.resources?.limits === undefined
      ? podContainers(spec).map((container) => container.resources)
      : [spec.resources];
  const amounts = lists.map((resources) => ({ requests: positive(resources?.requests), limits: positive(resources?.limits) }));
  if (amounts.every(({ requests, limits }) => requests.size + limits.size === 0)) return "BestEffort";
  const isGuaranteed = amounts.every(({ requests, limits }) =>
    ["cpu", "memory"].every((name) => {
      const limit = limits.get(name);
      return limit !== undefined && compareQuantities(requests.get(name) ?? limit, limit) === 0;
    }),
  );
  return isGuaranteed ? "Guaranteed" : "Burstable";
}

function positive(list: Readonly<Record<string, string>> | undefined): ReadonlyMap<string, string> {
  return new Map(Object.entries(list ?? {}).filter(([name, amount]) => (name === "cpu" || name === "memory") && compareQuantities(amount, 0) > 0));
}

/** The one address and the list of all of them say the same; where they differ, the one is meant, as node agents of old write it. */
function withAddresses(pod: Pod): Pod {
  return pod.status?.podIP ? { ...pod, status: withPodAddresses(pod.status) } : pod;
}

function gatedStatus(pod: Pod): Partial<NonNullable<Pod["status"]>> {
  if ((pod.spec.schedulingGates ?? []).length === 0) return {};
  return {
    conditions: [
      {
        type: "PodScheduled",
        status: "False",
        reason: "SchedulingGated",
        message: "Scheduling is blocked due to non-empty scheduling gates",
        lastTransitionTime: pod.metadata.creationTimestamp,
      },
    ],
  };
}

function readyText(pod: Pod): string {
  const { readyCount, totalCount } = summarizePod(pod);
  return `${readyCount}/${totalCount}`;
}

function readinessGatesText(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  const met = gates.filter((gate) => pod.status?.conditions?.some((condition) => condition.type === gate.conditionType && condition.status === "True"));
  return `${met.length}/${gates.length}`;
}
