import { nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { ComponentStatus } from "../types.ts";

const healthy = ({ conditions = [] }: ComponentStatus) => conditions.find(({ type }) => type === "Healthy");

/** Whether the control plane's parts work. They are asked whenever somebody reads this, and it is stored nowhere. */
export const componentStatusResource = defineResource<ComponentStatus>({
  group: "",
  version: "v1",
  resource: "componentstatuses",
  kind: "ComponentStatus",
  namespaced: false,
  shortNames: ["cs"],
  verbs: ["get", "list"],
  schema: () => loadSchema("core/v1/component-status.yaml"),
  deprecationWarning: "v1 ComponentStatus is deprecated in v1.19+",
  columns: [
    nameColumn,
    {
      name: "Status",
      type: "string",
      description: "Healthy or not.",
      cell: (component) => ({ True: "Healthy", False: "Unhealthy" })[healthy(component)?.status ?? ""] ?? "Unknown",
    },
    { name: "Message", type: "string", description: "What it answered.", cell: (component) => healthy(component)?.message ?? "" },
    { name: "Error", type: "string", description: "What went wrong.", cell: (component) => healthy(component)?.error ?? "" },
  ],
});
