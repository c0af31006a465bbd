import { invalidField } from "../../apimachinery/field-error.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource, type Column } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { Node } from "../types.ts";

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
  schema: loadSchema("core/v1/node.yaml"),
  strategy: {
    setDefaults: (node) => (node.status?.capacity !== undefined && node.status.allocatable === undefined ? { ...node, status: { ...node.status, allocatable: node.status.capacity } } : node),
    validateUpdate: (node, old) => {
      const isMoved = old.spec?.podCIDR !== undefined && old.spec.podCIDR !== "" && node.spec?.podCIDR !== old.spec.podCIDR;
      return isMoved ? [invalidField("spec.podCIDR", node.spec?.podCIDR, "node updates may not change podCIDR except from \"\" to valid")] : [];
    },
  },
  subresources: [{ name: "status" }],
  columns: [
    nameColumn,
    { name: "Status", type: "string", description: "Whether it is ready, and whether pods may be placed on it.", cell: nodeStatus },
    { name: "Roles", type: "string", description: "Roles, from its labels.", cell: nodeRoles },
    ageColumn,
    { name: "Version", type: "string", description: "Version of its agent.", cell: (node) => node.status?.nodeInfo?.kubeletVersion ?? "" },
    wide("Internal-IP", "Address inside the cluster's network.", (node) => address(node, "InternalIP")),
    wide("External-IP", "Address from outside.", (node) => address(node, "ExternalIP")),
    wide("OS-Image", "Operating system.", (node) => node.status?.nodeInfo?.osImage || "<unknown>"),
    wide("Kernel-Version", "Kernel.", (node) => node.status?.nodeInfo?.kernelVersion || "<unknown>"),
    wide("Container-Runtime", "Runtime and its version.", (node) => node.status?.nodeInfo?.containerRuntimeVersion || "<unknown>"),
  ],
  selectableFields: { "spec.unschedulable": (node) => String(node.spec?.unschedulable ?? false) },
});

function nodeStatus(node: Node): string {
  const ready = node.status?.conditions?.find((condition) => condition.type === "Ready");
  const state = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
  return node.spec?.unschedulable === true ? `${state},SchedulingDisabled` : state;
}

function nodeRoles(node: Node): string {
  const labels = node.metadata.labels ?? {};
  const roles = Object.keys(labels).filter((label) => label.startsWith(ROLE_PREFIX)).map((label) => label.slice(ROLE_PREFIX.length));
  if (labels["kubernetes.io/role"]) roles.push(labels["kubernetes.io/role"]);
  return roles.length === 0 ? "<none>" : roles.sort().join(",");
}
