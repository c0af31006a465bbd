import { DEFAULT_YAML_LIMITS, parseYamlDocuments, YamlError, type YamlDocument } from "../../apimachinery/yaml/yaml.ts";
import { goYamlSchema } from "../../apimachinery/yaml/yaml-schema.ts";
import { explainYaml } from "../manifests/explain-yaml.ts";
import { isMap, textOf, type JsonMap, type Steps } from "./json-value.ts";
import { fail } from "./kustomize-error.ts";
import { readManifestYaml } from "../yaml/manifest-yaml.ts";
import { Resource, type SourceDocument } from "./resource.ts";

/**
 * The documents of a file, with the way back to their lines. Values are read as kustomize reads them, which is not quite how kubectl does:
 * `yes` and `on` are text there. Rejects with a KustomizeError for bad YAML.
 */
export async function readDocuments(text: string, file: string, firstLine = 1): Promise<readonly SourceDocument[]> {
  try {
    return placed(await readManifestYaml(text, "kustomize"), file, firstLine);
  } catch (error) {
    return explained(error, text, file, firstLine);
  }
}

/** The same of text inside a kustomization, which is never long. Throws a KustomizeError for bad YAML. */
export function parseDocuments(text: string, file: string, firstLine: number): readonly SourceDocument[] {
  try {
    return placed(parseYamlDocuments(text, DEFAULT_YAML_LIMITS, goYamlSchema), file, firstLine);
  } catch (error) {
    return explained(error, text, file, firstLine);
  }
}

function placed(documents: readonly YamlDocument[], file: string, firstLine: number): readonly SourceDocument[] {
  return documents.map((document) => ({
    value: document.value,
    file,
    line: document.line + firstLine - 1,
    lineOf: (steps: Steps) => document.lineOf(steps) + firstLine - 1,
    textOf: (steps: Steps) => document.textOf(steps),
  }));
}

function explained(error: unknown, text: string, file: string, firstLine: number): never {
  if (!(error instanceof YamlError)) throw error;
  const { line, message } = explainYaml(error, text);
  return fail({ file, line: line + firstLine - 1 }, message);
}

/** Makes text of annotations that are none, as they are written: `1.10` is not the number 1.1. Upstream does so in the end. */
export function annotationsAsText(resource: Resource): Resource {
  const annotations = resource.metadata["annotations"];
  const [document] = resource.documents;
  if (!isMap(annotations) || document?.textOf === undefined) return resource;
  for (const [key, value] of Object.entries(annotations)) annotations[key] = document.textOf(["metadata", "annotations", key]) ?? value;
  return resource;
}

/** Objects out of documents: lists are taken apart, empty ones left out; what has no kind or name is refused. */
export function resourcesOf(documents: readonly SourceDocument[]): Resource[] {
  return [...eachResource(documents)];
}

/** The same of a file, one by one: it may hold tens of thousands. */
export function* eachResource(documents: readonly SourceDocument[]): Generator<Resource> {
  const queue: SourceDocument[] = [...documents];
  // What is added on the way has its turn as well.
  for (const next of queue) {
    const { value } = next;
    if (value === null || value === undefined || (isMap(value) && Object.keys(value).length === 0)) continue;
    if (!isMap(value)) fail(next, "is not an object with apiVersion, kind and metadata");
    const kind = textOf(value["kind"]);
    if (kind.endsWith("List") && "items" in value) {
      // Upstream puts a list's items behind everything else of the file.
      for (const item of itemsOf(next, value["items"])) queue.push(item);
      continue;
    }
    const resource = new Resource(checked(next, value), [next]);
    if (holdsNull(resource.value)) resource.blanks = blanksOf(resource.value, next);
    yield resource;
  }
}

function itemsOf(list: SourceDocument, items: unknown): readonly SourceDocument[] {
  if (items === null || items === undefined) return [];
  if (!Array.isArray(items)) return fail({ file: list.file, line: list.lineOf(["items"]) }, "items must be a list");
  return items.map((value: unknown, index) => ({
    value,
    file: list.file,
    line: list.lineOf(["items", index]),
    lineOf: (steps: Steps) => list.lineOf(["items", index, ...steps]),
  }));
}

function checked(document: SourceDocument, value: JsonMap): JsonMap {
  const kind = textOf(value["kind"]);
  if (kind === "") fail(document, "has no kind");
  const metadata = value["metadata"];
  if (!kind.endsWith("List") && (!isMap(metadata) || textOf(metadata["name"]) === ""))
    fail({ file: document.file, line: document.lineOf(["metadata"]) }, `${kind} has no metadata.name`);
  const empty = emptyItem(value);
  if (empty !== undefined)
    fail({ file: document.file, line: document.lineOf(empty.slice(0, -1)) }, `the list ${empty.slice(0, -1).join(".")} has an empty item`);
  return structuredClone(value);
}

/** Most objects hold none, and there may be tens of thousands. */
function holdsNull(value: unknown): boolean {
  return value === null || (typeof value === "object" && Object.values(value).some(holdsNull));
}

function blanksOf(object: JsonMap, document: SourceDocument): ReadonlyMap<JsonMap, ReadonlySet<string>> {
  const found = new Map<JsonMap, Set<string>>();
  const look = (value: unknown, steps: Steps): void => {
    if (Array.isArray(value)) for (const [index, item] of value.entries()) look(item, [...steps, index]);
    else if (isMap(value))
      for (const [key, item] of Object.entries(value)) {
        if (item !== null) look(item, [...steps, key]);
        else if (document.textOf?.([...steps, key]) === "") found.set(value, (found.get(value) ?? new Set()).add(key));
      }
  };
  look(object, []);
  return found;
}

function emptyItem(value: unknown): Steps | undefined {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      if (item === null) return [index];
      const inner = emptyItem(item);
      if (inner !== undefined) return [index, ...inner];
    }
  } else if (isMap(value)) {
    for (const [key, item] of Object.entries(value)) {
      const inner = emptyItem(item);
      if (inner !== undefined) return [key, ...inner];
    }
  }
  return undefined;
}
