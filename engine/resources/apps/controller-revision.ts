import { invalidField, requiredField } from "../../apimachinery/field-error.ts";
import { controllerOf } from "../../apimachinery/object-meta.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { ControllerRevision } from "../types.ts";

export const controllerRevisionResource = defineResource<ControllerRevision>({
  group: "apps",
  version: "v1",
  resource: "controllerrevisions",
  kind: "ControllerRevision",
  namespaced: true,
  schema: () => loadSchema("apps/v1/controller-revision.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    // What it is a revision of cannot be changed, so it is judged once.
    validateNew: (revision) => (revision.data === undefined ? [requiredField("data", "data is mandatory")] : []),
    validateUpdate: (revision, old) => (jsonEqual(revision.data, old.data) ? [] : [invalidField("data", revision.data, "field is immutable")]),
  },
  columns: [
    nameColumn,
    { name: "Controller", type: "string", description: "What it is a revision of.", cell: controllerText },
    { name: "Revision", type: "string", description: "Its number.", cell: (revision) => revision.revision },
    ageColumn,
  ],
});

function controllerText(revision: ControllerRevision): string {
  const owner = controllerOf(revision);
  if (owner === undefined) return "<none>";
  const group = owner.apiVersion.includes("/") ? `.${owner.apiVersion.split("/")[0]}` : "";
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
}
