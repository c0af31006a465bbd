import { invalidField, repeatErrors, requiredName, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelProblems } from "../../apimachinery/names.ts";
import { labelErrors } from "../../apimachinery/object-meta-validation.ts";
import { withSortedKeys } from "../../lib/sorted-keys.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { runtimeClassWarnings } from "../warnings/kind-warnings.ts";
import type { RuntimeClass, Toleration } from "../types.ts";
import { validateResources } from "../validation/resource-requirements.ts";
import { validateTolerations } from "../validation/scheduling.ts";

/** None twice: they are added to those of pods. */
function tolerationErrors(tolerations: readonly Toleration[]): FieldError[] {
  const at = "scheduling.tolerations";
  return [...validateTolerations(tolerations, at), ...repeatErrors(tolerations, at, (toleration) => JSON.stringify(withSortedKeys(toleration)))];
}

export const runtimeClassResource = defineResource<RuntimeClass>({
  group: "node.k8s.io",
  version: "v1",
  resource: "runtimeclasses",
  kind: "RuntimeClass",
  namespaced: false,
  schema: () => loadSchema("node.k8s.io/v1/runtime-class.yaml"),
  strategy: {
    anyFinalizers: true,
    metadataOnUpdate: "both",
    createOnUpdate: true,
    unconditionalUpdate: false,
    warnings: runtimeClassWarnings,
    validate({ handler, overhead, scheduling }) {
      const errors = requiredName("handler", handler, dnsLabelProblems);
      if (overhead?.podFixed !== undefined) errors.push(...validateResources({ limits: overhead.podFixed }, "overhead", new Set()));
      if (scheduling !== undefined)
        errors.push(...labelErrors(scheduling.nodeSelector ?? {}, "scheduling.nodeSelector"), ...tolerationErrors(scheduling.tolerations ?? []));
      return errors;
    },
    validateUpdate: ({ handler }, old) => (handler === old.handler ? [] : [invalidField("handler", handler, "field is immutable")]),
  },
  columns: [
    nameColumn,
    { name: "Handler", type: "string", description: "Its name in the runtime's configuration.", cell: ({ handler }) => handler },
    ageColumn,
  ],
});
