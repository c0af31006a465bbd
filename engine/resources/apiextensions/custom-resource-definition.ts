import { withCondition } from "../../apimachinery/conditions.ts";
import { withFinalizer } from "../../apimachinery/object-copy.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { createdColumns } from "../columns.ts";
import type { CustomResourceDefinition } from "../types.ts";
import { validateDefinition } from "./definition-validation.ts";
import { schemaOf } from "./definition-versions.ts";
import { subschemas, type JsonSchema } from "./json-schema.ts";
import { isKnownFormat } from "./value-formats.ts";

/** Keeps a definition until its objects are gone. */
export const CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io";

export const customResourceDefinitionResource = defineResource<CustomResourceDefinition>({
  group: "apiextensions.k8s.io",
  version: "v1",
  resource: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
  schema: () => loadSchema("apiextensions.k8s.io/v1/custom-resource-definition.yaml"),
  subresources: [{ name: "status" }],
  strategy: {
    anyFinalizers: true,
    hasGeneration: true,
    unconditionalUpdate: false,
    setDefaults,
    prepareForCreate: (definition) => withStoredVersion({ ...definition, status: { conditions: null, acceptedNames: { plural: "", kind: "" } } }),
    prepareForUpdate: (definition) => withStoredVersion(definition),
    prepareForStatusUpdate: (definition) => ((definition.status?.storedVersions ?? []).length === 0 ? withStoredVersion(definition) : definition),
    validateNew: (definition) => validateDefinition(definition),
    validateUpdate: (definition, old) => validateDefinition(definition, old),
    // Its objects go first.
    prepareForDelete: (definition, nowText) => withFinalizer(marked(definition, nowText), CLEANUP_FINALIZER),
    warnings,
  },
  columns: createdColumns,
});

/** Names that follow from the kind; how versions are converted unless somebody says otherwise. Nobody can say that nothing was ever stored. */
function setDefaults(definition: CustomResourceDefinition): CustomResourceDefinition {
  const { names } = definition.spec;
  const spec = {
    ...definition.spec,
    names: { ...names, singular: names.singular || names.kind.toLowerCase(), listKind: names.listKind || (names.kind === "" ? "" : `${names.kind}List`) },
    conversion: definition.spec.conversion ?? { strategy: "None" },
  };
  const isMissing = definition.status !== undefined && (definition.status.storedVersions ?? []).length === 0;
  return isMissing ? withStoredVersion({ ...definition, spec }) : { ...definition, spec };
}

/** From here on nothing of the kind is created any more. */
function marked(definition: CustomResourceDefinition, nowText: string): CustomResourceDefinition {
  const pending = {
    type: "Terminating",
    status: "True",
    reason: "InstanceDeletionPending",
    message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
  } as const;
  return { ...definition, status: { ...definition.status, conditions: withCondition(definition.status?.conditions, pending, nowText) } };
}

/** Every version that was ever the stored one is remembered, for objects may still be in it. */
function withStoredVersion(definition: CustomResourceDefinition): CustomResourceDefinition {
  const storage = definition.spec.versions.find((version) => version.storage)?.name;
  const stored = definition.status?.storedVersions ?? [];
  if (storage === undefined || stored.includes(storage)) return definition;
  return { ...definition, status: { ...definition.status, storedVersions: [...stored, storage] } };
}

function warnings(definition: CustomResourceDefinition, old?: CustomResourceDefinition): readonly string[] {
  const known = new Set(old === undefined ? [] : unknownFormats(old));
  return unknownFormats(definition)
    .filter((format) => !known.has(format))
    .map((format) => `unrecognized format ${JSON.stringify(format)}`);
}

function unknownFormats({ spec }: CustomResourceDefinition): readonly string[] {
  const found = new Set<string>();
  const look = (schema: JsonSchema) => {
    if (schema.format && !isKnownFormat(schema.format, schema.type)) found.add(schema.format);
    for (const inner of subschemas(schema)) look(inner.schema);
  };
  for (const version of spec.versions) {
    const schema = schemaOf(version);
    if (schema !== undefined) look(schema);
  }
  return [...found];
}
