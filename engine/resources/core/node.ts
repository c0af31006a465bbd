import { duplicateField, forbiddenField, invalidField, repeatErrors, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { labelValueError, qualifiedNameError } from "../../apimachinery/names.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { familyOf } from "../../lib/net/ip-address.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource, type Column } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { nodeWarnings } from "../warnings/kind-warnings.ts";
import type { Node, NodeStatus, NodeSystemInfo, Taint } from "../types.ts";
import { cidrErrors } from "../validation/ip.ts";
import { resourceAmountErrors } from "../validation/resource-requirements.ts";

const ROLE_PREFIX = "node-role.kubernetes.io/";

const address = (node: Node, type: string) => node.status?.addresses?.find((candidate) => candidate.type === type)?.address ?? "<none>";

const wide = (name: string, description: string, cell: Column<Node>["cell"]): Column<Node> => ({ name, type: "string", description, priority: 1, cell });

export const nodeResource = defineResource<Node>({
  group: "",
  version: "v1",
  resource: "nodes",
  kind: "Node",
  namespaced: false,
  shortNames: ["no"],
  schema: () => loadSchema("core/v1/node.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    setDefaults: withDefaults,
    validateNew: (node) => validateNode(node),
    validateUpdate: (node, old) => [...validateNode(node, old), ...validateNodeUpdate(node, old)],
    validateStatusUpdate: validateNodeUpdate,
    warnings: nodeWarnings,
  },
  subresources: [
    { name: "status" },
    { name: "proxy", kind: "NodeProxyOptions", group: "", version: "v1", verbs: ["create", "delete", "get", "patch", "update"] },
  ],
  columns: [
    nameColumn,
    { name: "Status", type: "string", description: "Whether it is ready, and whether pods may be placed on it.", cell: nodeStatus },
    { name: "Roles", type: "string", description: "Roles, from its labels.", cell: nodeRoles },
    ageColumn,
    { name: "Version", type: "string", description: "Version of its agent.", cell: (node) => node.status?.nodeInfo?.kubeletVersion ?? "" },
    wide("Internal-IP", "Address inside the cluster's network.", (node) => address(node, "InternalIP")),
    wide("External-IP", "Address from outside.", (node) => address(node, "ExternalIP")),
    wide("OS-Image", "Operating system.", (node) => node.status?.nodeInfo?.osImage || "<unknown>"),
    wide("Kernel-Version", "Kernel, and what it runs on.", kernelText),
    wide("Container-Runtime", "Runtime and its version.", (node) => node.status?.nodeInfo?.containerRuntimeVersion || "<unknown>"),
  ],
  selectableFields: { "spec.unschedulable": (node) => String(node.spec?.unschedulable ?? false) },
});

/** The ranges that a node gives its pods addresses from. */
export function podCidrsOf(node: Node | undefined): readonly string[] {
  return node?.spec?.podCIDRs ?? (node?.spec?.podCIDR ? [node.spec.podCIDR] : []);
}

function withDefaults(node: Node): Node {
  const { spec } = node;
  const status = withSystem(node.status);
  const ranges = spec?.podCIDR && spec.podCIDRs?.[0] !== spec.podCIDR ? [spec.podCIDR] : podCidrsOf(node);
  return {
    ...node,
    // The old field for one range and the new one for several say the same; where they do not, clients of old are heard.
    ...(spec !== undefined && ranges.length > 0 ? { spec: { ...spec, podCIDR: spec.podCIDR || ranges[0], podCIDRs: [...ranges] } } : {}),
    status: status.capacity !== undefined && status.allocatable === undefined ? { ...status, allocatable: status.capacity } : status,
  };
}

const NO_SYSTEM: NodeSystemInfo = {
  machineID: "",
  systemUUID: "",
  bootID: "",
  kernelVersion: "",
  osImage: "",
  containerRuntimeVersion: "",
  kubeletVersion: "",
  kubeProxyVersion: "",
  operatingSystem: "",
  architecture: "",
};

/** Go cannot leave out what a machine tells of itself: before it does, all of that is empty. */
function withSystem(status: NodeStatus = {}): NodeStatus {
  const { kubeletEndpoint = { Port: 0 } } = status.daemonEndpoints ?? {};
  return { ...status, daemonEndpoints: { ...status.daemonEndpoints, kubeletEndpoint }, nodeInfo: { ...NO_SYSTEM, ...status.nodeInfo } };
}

function validateNode({ spec, status }: Node, old?: Node): FieldError[] {
  const swap = status?.nodeInfo?.swap?.capacity;
  return [
    ...taintErrors(spec?.taints ?? []),
    ...resourceErrors(status, old?.status),
    ...(swap !== undefined && swap <= 0 ? [invalidField("metadata.nodeSwapStatus.capacity", swap, "must be greater than zero")] : []),
    ...featureErrors(status?.declaredFeatures ?? []),
    ...rangeErrors(spec?.podCIDRs ?? []),
  ];
}

/** What was there before is not judged: earlier versions took any amount, and a node's agent passes on what others have said of it. */
function resourceErrors(status: NodeStatus | undefined, before: NodeStatus | undefined): FieldError[] {
  return (["capacity", "allocatable"] as const).flatMap((list) =>
    Object.entries(status?.[list] ?? {}).flatMap(([name, amount]) =>
      [before?.capacity?.[name], before?.[list]?.[name]].includes(amount) ? [] : resourceAmountErrors(name, amount, `status.${list}.${name}`),
    ),
  );
}

const FEATURE = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/;

/** What a node says it can do, in the order of the alphabet. */
function featureErrors(features: readonly string[]): FieldError[] {
  return features.flatMap((name, index) => {
    const [at, next] = [`status.declaredFeatures[${index}]`, features[index + 1]];
    const errors = FEATURE.test(name)
      ? []
      : [
          invalidField(
            at,
            name,
            `invalid feature name ${JSON.stringify(name)}: must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`,
          ),
        ];
    if (next === undefined || name < next) return errors;
    const nextAt = `status.declaredFeatures[${index + 1}]`;
    return [...errors, name === next ? duplicateField(nextAt, next) : invalidField(nextAt, next, "list must be sorted alphabetically")];
  });
}

function rangeErrors(ranges: readonly string[]): FieldError[] {
  const isTwice = new Set(ranges.map((range) => familyOf(range))).size < ranges.length;
  return [
    ...ranges.flatMap((range, index) => cidrErrors(range, `spec.podCIDRs[${index}]`)),
    ...(isTwice ? [invalidField("spec.podCIDRs", ranges, "may specify no more than one CIDR for each IP family")] : []),
  ];
}

function taintErrors(taints: readonly Taint[]): FieldError[] {
  const seen = new Set<string>();
  return taints.flatMap((taint, index) => {
    const at = `metadata.taints[${index}]`; // where upstream tells of them
    const errors: FieldError[] = [];
    const keyProblem = qualifiedNameError(taint.key);
    const valueProblem = labelValueError(taint.value ?? "");
    if (keyProblem !== undefined) errors.push(invalidField(`${at}.key`, taint.key, keyProblem));
    if (valueProblem !== undefined) errors.push(invalidField(`${at}.value`, taint.value, valueProblem));
    if (taint.effect === "") errors.push(requiredField(`${at}.effect`));
    if (seen.has(`${taint.key}:${taint.effect}`)) errors.push(duplicateField(at, taint));
    seen.add(`${taint.key}:${taint.effect}`);
    return errors;
  });
}

/** What names a machine and its network is given once. Taints and what the machine has are judged here too, as a status is by these rules alone. */
function validateNodeUpdate(node: Node, old: Node): FieldError[] {
  const addresses = node.status?.addresses ?? [];
  const told = jsonEqual(addresses, old.status?.addresses) ? [] : addresses;
  const errors = [
    ...resourceErrors(node.status, old.status),
    ...featureErrors(node.status?.declaredFeatures ?? []),
    ...repeatErrors(told, "status.addresses", ({ type, address: text }) => JSON.stringify([type, text])),
  ];
  const ranges = old.spec?.podCIDRs ?? [];
  if (ranges.length > 0 && !jsonEqual(node.spec?.podCIDRs, ranges))
    errors.push(forbiddenField("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid'));
  if (old.spec?.providerID && node.spec?.providerID !== old.spec.providerID)
    errors.push(forbiddenField("spec.providerID", 'node updates may not change providerID except from "" to valid'));
  errors.push(...taintErrors(node.spec?.taints ?? []));
  if ((node.spec?.externalID ?? "") !== (old.spec?.externalID ?? "")) errors.push(forbiddenField("spec.externalID", "may not be updated"));
  return errors;
}

function nodeStatus(node: Node): string {
  const ready = node.status?.conditions?.find((condition) => condition.type === "Ready");
  const state = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
  return node.spec?.unschedulable === true ? `${state},SchedulingDisabled` : state;
}

function kernelText({ status }: Node): string {
  const { kernelVersion, architecture } = status?.nodeInfo ?? {};
  return `${kernelVersion || "<unknown>"}${architecture ? ` (${architecture})` : ""}`;
}

function nodeRoles(node: Node): string {
  const labels = node.metadata.labels ?? {};
  const roles = Object.keys(labels)
    .filter((label) => label.startsWith(ROLE_PREFIX))
    .map((label) => label.slice(ROLE_PREFIX.length))
    .filter((role) => role !== "");
  if (labels["kubernetes.io/role"]) roles.push(labels["kubernetes.io/role"]);
  return roles.length === 0 ? "<none>" : roles.sort().join(",");
}
