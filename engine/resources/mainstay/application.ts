import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { Application } from "../types.ts";

export const applicationResource = defineResource<Application>({
  group: "mainstay.dev",
  version: "v1alpha1",
  resource: "applications",
  kind: "Application",
  namespaced: false,
  shortNames: ["app"],
  categories: ["mainstay"],
  schema: () => loadSchema("mainstay.dev/v1alpha1/application.yaml"),
  strategy: { hasGeneration: true },
  subresources: [{ name: "status" }],
  columns: [
    nameColumn,
    { name: "Health", type: "string", description: "How it fares.", cell: (application) => application.status?.health ?? "Unknown" },
    { name: "Ready", type: "string", description: "Ready replicas of all wanted.", cell: (application) => application.status?.ready ?? "" },
    {
      name: "Commit",
      type: "string",
      description: "Newest commit that changed it.",
      cell: (application) => (application.status?.appliedCommit ?? "").slice(0, 10),
    },
    { name: "Why", type: "string", description: "What keeps it from being healthy.", cell: (application) => application.status?.message ?? "" },
    ageColumn,
  ],
});
