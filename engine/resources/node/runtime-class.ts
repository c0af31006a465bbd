import { invalidField } from "../../apimachinery/field-error.ts";
import { dnsLabelError } from "../../apimachinery/names.ts";
import { labelErrors } from "../../apimachinery/object-meta-validation.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { runtimeClassWarnings } from "../warnings/kind-warnings.ts";
import type { RuntimeClass } from "../types.ts";
import { validateResources } from "../validation/resource-requirements.ts";
import { validateTolerations } from "../validation/scheduling.ts";

export const runtimeClassResource = defineResource<RuntimeClass>({
  group: "node.k8s.io",
  version: "v1",
  resource: "runtimeclasses",
  kind: "RuntimeClass",
  namespaced: false,
  schema: () => loadSchema("node.k8s.io/v1/runtime-class.yaml"),
  strategy: {
    createOnUpdate: true,
    warnings: runtimeClassWarnings,
    validateNew({ handler, overhead, scheduling }) {
      const problem = dnsLabelError(handler);
      const errors = problem === undefined ? [] : [invalidField("handler", handler, problem)];
      if (overhead?.podFixed !== undefined) errors.push(...validateResources({ limits: overhead.podFixed }, "overhead", new Set()));
      if (scheduling !== undefined) errors.push(...labelErrors(scheduling.nodeSelector ?? {}, "scheduling.nodeSelector"), ...validateTolerations(scheduling.tolerations ?? [], "scheduling.tolerations"));
      return errors;
    },
    validateUpdate: ({ handler }, old) => (handler === old.handler ? [] : [invalidField("handler", handler, "field is immutable")]),
  },
  columns: [nameColumn, { name: "Handler", type: "string", description: "Its name in the runtime's configuration.", cell: ({ handler }) => handler }, ageColumn],
});
