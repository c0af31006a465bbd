import { formatLabels } from "../../apimachinery/selectors.ts";
import { nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { isSameGeneration, podWarnings } from "../warnings/pod-warnings.ts";
import { withTemplateDefaults } from "../pod-template.ts";
import type { PodTemplate } from "../types.ts";
import { validateAnyTemplate } from "../validation/pod-spec.ts";

export const podTemplateResource = defineResource<PodTemplate>({
  group: "",
  version: "v1",
  resource: "podtemplates",
  kind: "PodTemplate",
  namespaced: true,
  schema: () => loadSchema("core/v1/pod-template.yaml"),
  strategy: {
    hasGeneration: true,
    setDefaults: (object) => (object.template === undefined ? object : { ...object, template: withTemplateDefaults(object.template) }),
    validate: ({ template }) => validateAnyTemplate(template ?? {}, "template"),
    warnings: ({ template, metadata }, old) => (isSameGeneration(metadata, old) ? [] : podWarnings(template ?? {}, "template")),
  },
  columns: [
    nameColumn,
    {
      name: "Containers",
      type: "string",
      description: "Names of the containers.",
      cell: ({ template }) => (template?.spec?.containers ?? []).map((container) => container.name).join(","),
    },
    {
      name: "Images",
      type: "string",
      description: "Images of the containers.",
      cell: ({ template }) => (template?.spec?.containers ?? []).map((container) => container.image ?? "").join(","),
    },
    { name: "Pod Labels", type: "string", description: "Labels of the pods.", cell: ({ template }) => formatLabels(template?.metadata?.labels) },
  ],
});
