import { invalidField, invalidFields, type FieldError } from "../../apimachinery/field-error.ts";
import { qualifiedNameProblems } from "../../apimachinery/names.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { Namespace } from "../types.ts";

export const namespaceResource = defineResource<Namespace>({
  group: "",
  version: "v1",
  resource: "namespaces",
  kind: "Namespace",
  namespaced: false,
  shortNames: ["ns"],
  verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
  schema: () => loadSchema("core/v1/namespace.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    nameRule: "dnsLabel",
    setDefaults: (namespace) => ({
      ...namespace,
      metadata: { ...namespace.metadata, labels: { ...namespace.metadata.labels, "kubernetes.io/metadata.name": namespace.metadata.name ?? "" } },
      ...(namespace.status === undefined || namespace.status.phase ? {} : { status: { ...namespace.status, phase: "Active" } }),
    }),
    prepareForCreate: (namespace) => {
      // The "kubernetes" finalizer keeps a deleted namespace until everything in it is gone.
      const finalizers = namespace.spec?.finalizers?.includes("kubernetes") ? namespace.spec.finalizers : [...(namespace.spec?.finalizers ?? []), "kubernetes"];
      return { ...namespace, spec: { ...namespace.spec, finalizers }, status: { phase: "Active" } };
    },
    validate: ({ spec }) => (spec?.finalizers ?? []).flatMap(finalizerErrors),
    validateStatusUpdate: phaseErrors,
    prepareForUpdate: (namespace, old) => ({
      ...namespace,
      ...(old.spec === undefined ? {} : { spec: { ...namespace.spec, finalizers: old.spec.finalizers ?? [] } }),
    }),
  },
  subresources: [{ name: "status" }, { name: "finalize", kind: "Namespace", group: "", version: "v1", verbs: ["update"] }],
  columns: [
    nameColumn,
    { name: "Status", type: "string", description: "Active, or Terminating while its content is deleted.", cell: (namespace) => namespace.status?.phase ?? "" },
    ageColumn,
  ],
  selectableFields: { "status.phase": (namespace) => namespace.status?.phase ?? "" },
});

/** What is wrong with the finalizers that a namespace is to have from now on. */
export function finalizersErrors(names: readonly string[]): FieldError[] {
  return names.flatMap((name, index) => {
    const at = `spec.finalizers[${index}]`;
    const problems = qualifiedNameProblems(name);
    return [...invalidFields(at, name, problems), ...standardErrors(name, at)];
  });
}

/** Somebody's own, by his domain, or one that everybody knows. */
function finalizerErrors(name: string): FieldError[] {
  return [...invalidFields("spec.finalizers", name, qualifiedNameProblems(name)), ...standardErrors(name, "spec.finalizers")];
}

function standardErrors(name: string, at: string): FieldError[] {
  return name.includes("/") || STANDARD_FINALIZERS.includes(name)
    ? []
    : [invalidField(at, name, "name is neither a standard finalizer name nor is it fully qualified")];
}

const STANDARD_FINALIZERS = ["kubernetes", "orphan", "foregroundDeletion"];

/** A namespace goes when it is deleted and not before; upstream names the field as its programs do. */
function phaseErrors({ metadata, status }: Namespace): FieldError[] {
  const [wanted, is] = metadata.deletionTimestamp === undefined ? ["Active", "empty"] : ["Terminating", "not empty"];
  const phase = status?.phase ?? "";
  return phase === wanted ? [] : [invalidField("status.Phase", phase, `may only be '${wanted}' if \`deletionTimestamp\` is ${is}`)];
}
