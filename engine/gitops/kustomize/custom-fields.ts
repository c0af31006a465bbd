import { ownValue } from "../../lib/own-value.ts";
import { isMap, textOf, type JsonMap } from "./json-value.ts";
import { BuildFault } from "./kustomize-error.ts";
import { mergeFieldSpecs, mergeNameReferences, type FieldSpec, type NameReference } from "./field-spec.ts";
import type { FieldSpecSource } from "./kustomization.ts";
import { EMPTY_CONFIG, FIELD_TABLES, mergeConfigs, type TransformerConfig } from "./transformer-config.ts";

export function toFieldSpec(source: FieldSpecSource): FieldSpec {
  return { group: source.group ?? "", version: source.version ?? "", kind: source.kind ?? "", path: source.path, create: source.create ?? false };
}

/** Reads a file of `configurations`: more fields for the transformers to work on. */
export function readConfiguration(value: unknown): TransformerConfig {
  if (!isMap(value)) throw new BuildFault("a configuration must be a map of field specs");
  let config = EMPTY_CONFIG;
  for (const [table, rows] of Object.entries(value)) {
    if (table === "nameReference") config = { ...config, nameReference: mergeNameReferences([], listOf(rows, table).map(readReference)) };
    else if (FIELD_TABLES.some((known) => known === table)) config = { ...config, [table]: listOf(rows, table).map(readSpec) };
    else throw new BuildFault(`unknown field ${table}; a configuration has ${[...FIELD_TABLES, "nameReference"].join(", ")}`);
  }
  return config;
}

function listOf(rows: unknown, table: string): readonly JsonMap[] {
  if (!Array.isArray(rows) || !rows.every(isMap)) throw new BuildFault(`${table} must be a list of field specs`);
  return rows;
}

function readSpec(row: JsonMap): FieldSpec {
  return { group: textOf(row["group"]), version: textOf(row["version"]), kind: textOf(row["kind"]), path: textOf(row["path"]), create: row["create"] === true };
}

function readReference(row: JsonMap): NameReference {
  return { ...readSpec(row), fieldSpecs: listOf(row["fieldSpecs"] ?? [], "fieldSpecs").map(readSpec) };
}

/** Reads a file of `crds`: OpenAPI definitions whose `x-kubernetes-…` marks say which fields hold names, labels or annotations. */
export function readCrdDefinitions(value: unknown): TransformerConfig {
  if (!isMap(value)) throw new BuildFault("a file of crds must be a map of OpenAPI definitions");
  let config = EMPTY_CONFIG;
  for (const [name, definition] of Object.entries(value)) {
    const properties = propertiesOf(definition);
    if (!("kind" in properties && "apiVersion" in properties && "metadata" in properties)) continue;
    config = mergeConfigs(config, readProperties(value, name, name.slice(name.lastIndexOf(".") + 1), []));
  }
  return config;
}

function readProperties(definitions: JsonMap, name: string, kind: string, path: readonly string[]): TransformerConfig {
  let config = EMPTY_CONFIG;
  const add = (table: "commonAnnotations" | "commonLabels" | "namePrefix", spec: FieldSpec) =>
    void (config = { ...config, [table]: mergeFieldSpecs(config[table], [spec]) });
  for (const [property, raw] of Object.entries(propertiesOf(ownValue(definitions, name)))) {
    if (!isMap(raw)) continue;
    const at = [...path, property];
    const spec = (steps: readonly string[]): FieldSpec => ({ group: "", version: "", kind, path: steps.join("/"), create: false });
    if (typeof raw["x-kubernetes-annotation"] === "string") add("commonAnnotations", spec(at));
    if (typeof raw["x-kubernetes-label-selector"] === "string") add("commonLabels", spec(at));
    if (typeof raw["x-kubernetes-identity"] === "string") add("namePrefix", spec(at));
    const [version, referred] = [raw["x-kubernetes-object-ref-api-version"], raw["x-kubernetes-object-ref-kind"]];
    if (typeof version === "string" && typeof referred === "string") {
      const reference: NameReference = {
        group: "",
        version,
        kind: referred,
        fieldSpecs: [spec([...at, textOf(raw["x-kubernetes-object-ref-name-key"]) || "name"])],
      };
      config = { ...config, nameReference: mergeNameReferences(config.nameReference, [reference]) };
    }
    const target = textOf(raw["$ref"]).replace("#/definitions/", "");
    // A type that contains itself would never end.
    if (Object.hasOwn(definitions, target) && path.length < 16) config = mergeConfigs(config, readProperties(definitions, target, kind, at));
  }
  return config;
}

function propertiesOf(definition: unknown): JsonMap {
  const schema = isMap(definition) ? (definition["Schema"] ?? definition["schema"]) : undefined;
  return isMap(schema) && isMap(schema["properties"]) ? schema["properties"] : {};
}
