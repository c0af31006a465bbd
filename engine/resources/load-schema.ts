import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as yaml from "js-yaml";
import type { Schema } from "../apimachinery/schema.ts";

const schemasFolder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../schemas");

type RawSchema = Record<string, unknown>;
const documents = new Map<string, RawSchema>();
/** Files as JSON, which is read in a fiftieth of YAML's time: what `keepSchemaTexts` has left. */
const texts = new Map<string, string>();
const resolved = new Map<string, Schema>();

/**
 * A kind's schema, or one of its parts, with all references resolved: `loadSchema("core/v1/pod.yaml", "PodSpec")`.
 * Every definition becomes one shared object, so equal types are identical and recursive ones are cycles.
 */
export function loadSchema(file: string, definition?: string): Schema {
  if (definition !== undefined) return resolveDefinition(file, definition);
  const root = readDocument(file)["$ref"];
  if (typeof root !== "string") throw new Error(`schema ${file}: the file names no root type`);
  return resolveReference(root, file);
}

function resolveReference(reference: string, from: string): Schema {
  const [target = "", pointer = ""] = reference.split("#");
  const file = target === "" ? from : path.posix.join(path.posix.dirname(from), target);
  return resolveDefinition(file, pointer.replace("/$defs/", ""));
}

function resolveDefinition(file: string, name: string): Schema {
  const key = `${file}#${name}`;
  const known = resolved.get(key);
  if (known !== undefined) return known;
  const definitions = readDocument(file)["$defs"] as Record<string, RawSchema> | undefined; // written by hand, checked by the schema tests
  const raw = definitions?.[name];
  if (raw === undefined) throw new Error(`schema ${file}: there is no definition ${name}`);
  // Registered before it is filled, so that a type may contain itself.
  const schema: Record<string, unknown> = {};
  resolved.set(key, schema as Schema);
  Object.assign(schema, resolveNode(raw, file));
  return schema as Schema;
}

function resolveNode(node: RawSchema, file: string): Schema {
  const { $ref, ...own } = node;
  if (typeof $ref === "string") {
    const target = resolveReference($ref, file);
    // What stands beside a reference (description, tag, default, list type) belongs to the property, not to the type.
    return Object.keys(own).length === 0 ? target : linked(target, own);
  }
  const out: Record<string, unknown> = { ...own };
  if (isNode(own["items"])) out["items"] = resolveNode(own["items"], file);
  if (isNode(own["additionalProperties"])) out["additionalProperties"] = resolveNode(own["additionalProperties"], file);
  if (isNode(own["properties"]))
    out["properties"] = Object.fromEntries(Object.entries(own["properties"]).map(([name, property]) => [name, resolveNode(property as RawSchema, file)]));
  return out as Schema;
}

/** A view of a shared type with a property's own annotations. Late, because a type that contains itself is still being filled. */
function linked(target: Schema, own: RawSchema): Schema {
  return Object.assign(Object.create(target) as RawSchema, own) as Schema;
}

/** For a program that is kept as a snapshot: reads all files, so that the program reads none of them. */
export function keepSchemaTexts(): void {
  for (const file of readdirSync(schemasFolder, { recursive: true, encoding: "utf8" })) {
    if (file.endsWith(".yaml") && !documents.has(file)) texts.set(file, JSON.stringify(parseFile(file)));
  }
}

function readDocument(file: string): RawSchema {
  let document = documents.get(file);
  if (document === undefined) {
    const text = texts.get(file);
    document = text === undefined ? parseFile(file) : (JSON.parse(text) as RawSchema);
    texts.delete(file);
    documents.set(file, document);
  }
  return document;
}

function parseFile(file: string): RawSchema {
  return yaml.load(readFileSync(path.join(schemasFolder, file), "utf8"), { filename: file }) as RawSchema;
}

function isNode(value: unknown): value is RawSchema {
  return typeof value === "object" && value !== null;
}
