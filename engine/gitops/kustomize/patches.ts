import { applyJsonPatch } from "../../apimachinery/patches/json-patch.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import { childMap, isMap, textOf, valueAt, type JsonMap, type Steps } from "./json-value.ts";
import { BuildFault, fail, type Place } from "./kustomize-error.ts";
import type { ResourceMap, Selector } from "./resource-map.ts";
import { Resource, type SourceDocument } from "./resource.ts";
import { describeId } from "./resource-id.ts";
import { mergePatch } from "./strategic-merge.ts";
import type { Transformer } from "./transformers.ts";
import { resourcesOf } from "./yaml-documents.ts";

/** A kind's schema, for its merge keys; undefined for kinds that are not known. */
export type SchemaLookup = (apiVersion: string, kind: string) => Schema | undefined;

export interface PatchOptions {
  readonly allowNameChange?: boolean;
  readonly allowKindChange?: boolean;
}

interface Operation extends Place {
  readonly value: JsonMap;
}

/** A patch after reading: which of the two forms it has shows only in its content. */
export type Patch = { readonly is: "merge"; readonly patches: readonly Resource[] } | { readonly is: "json"; readonly operations: readonly Operation[] };

/** Reads a patch's documents: a list of operations is a JSON patch, objects are merge patches. */
export function readPatch(documents: readonly SourceDocument[], at: Place): Patch {
  const [first, ...more] = documents;
  if (first === undefined) return fail(at, "the patch is empty");
  if (!Array.isArray(first.value)) return { is: "merge", patches: resourcesOf(documents) };
  if (more.length > 0) return fail(first, "a JSON patch must be one document");
  const operations = first.value.map((value: unknown, index): Operation => {
    const place = { file: first.file, line: first.lineOf([index]) };
    if (!isMap(value) || typeof value["op"] !== "string" || typeof value["path"] !== "string")
      return fail(place, "an operation of a JSON patch needs op and path");
    return { ...place, value };
  });
  if (operations.length === 0) return fail(first, "the patch is empty");
  return { is: "json", operations };
}

/** Applies a merge patch to the object it names. */
export function mergeIntoNamed(patches: readonly Resource[], options: PatchOptions, schemas: SchemaLookup): Transformer {
  return (map) => {
    for (const patch of patches) {
      const target = located(patch, () => map.target(patch.originalId));
      located(patch, () => mergeInto(target, patch, options, schemas));
      map.dropDeleted();
    }
  };
}

/** Applies a merge patch to whatever the target selects; what the patch calls itself does not matter then. */
export function mergeIntoSelected(patches: readonly Resource[], target: Selector, options: PatchOptions, schemas: SchemaLookup): Transformer {
  return (map) => {
    const [patch, ...more] = patches;
    if (patch === undefined) return;
    if (more.length > 0) fail(more[0]?.place ?? patch.place, "a patch with a target must be one document");
    for (const resource of map.select(target)) {
      const copy = new Resource({ ...structuredClone(patch.value), apiVersion: resource.value["apiVersion"] }, patch.documents);
      // Upstream rewrites these of a patch that has a target, which drops empty maps and makes text of everything.
      copy.setMetadata("labels", copy.labels);
      copy.setMetadata("annotations", copy.annotations);
      located(patch, () => mergeInto(resource, copy, options, schemas));
    }
    map.dropDeleted();
    assertDistinct(map, patch.place);
  };
}

/** Applies JSON operations to whatever the target selects. */
export function patchSelected(operations: readonly Operation[], target: Selector, remembersId: boolean): Transformer {
  return (map) => {
    for (const resource of map.select(target)) {
      if (remembersId) resource.rememberId();
      applyOperations(resource, operations);
    }
  };
}

function mergeInto(target: Resource, patch: Resource, options: PatchOptions, schemas: SchemaLookup): void {
  const { name, namespace, kind } = target;
  if (options.allowKindChange === true || options.allowNameChange === true) target.rememberId();
  const schema = schemas(textOf(target.value["apiVersion"]), kind);
  const merged = mergePatch(target.value, structuredClone(patch.value), schema, (holder, key) => target.blanks.get(holder)?.has(key) === true);
  target.documents = [...target.documents, ...patch.documents];
  if (!isMap(merged) || Object.keys(merged).length === 0) {
    target.isDeleted = true;
    return;
  }
  target.value = merged;
  target.settleShared();
  if (options.allowKindChange !== true) target.value["kind"] = kind;
  if (options.allowNameChange !== true) target.setMetadata("name", name);
  target.setMetadata("namespace", namespace);
}

function applyOperations(resource: Resource, operations: readonly Operation[]): void {
  // Upstream keeps its notes in annotations meanwhile, so there is a map to add to.
  const metadata = childMap(resource.value, "metadata");
  if (resource.hasNotes) metadata["annotations"] ??= {};
  let value: unknown = resource.value;
  for (const operation of operations) {
    const op = withIndexFromEnd(operation.value, value);
    try {
      value = applyJsonPatch(value, [op]);
    } catch {
      fail(
        operation,
        `${textOf(op["op"])} ${textOf(op["path"])} does not fit ${describeId(resource.id)}: ${op["op"] === "test" ? "the value is another" : "there is no such field"}`,
      );
    }
    resource.touches.push({ steps: stepsOf(textOf(op["path"])), file: operation.file, line: operation.line });
  }
  if (!isMap(value)) throw new BuildFault(`the patch leaves nothing of ${describeId(resource.id)}`);
  resource.replaceValue(value);
  // An empty map that only served the patch goes again.
  resource.setMetadata("annotations", resource.metadata["annotations"]);
}

/** Upstream counts negative indexes from a list's end. */
function withIndexFromEnd(operation: JsonMap, document: unknown): JsonMap {
  const path = textOf(operation["path"]);
  const match = /^(.*)\/-(\d+)$/.exec(path);
  if (match === null) return operation;
  const list = valueAt(document, stepsOf(match[1] ?? ""));
  if (!Array.isArray(list)) return operation;
  const index = list.length - Number(match[2]) + (operation["op"] === "add" ? 1 : 0);
  return { ...operation, path: `${match[1] ?? ""}/${index}` };
}

/** The steps of a JSON pointer. */
function stepsOf(pointer: string): Steps {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

function located<T>(patch: Resource, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof BuildFault) return fail(patch.place, error.message);
    throw error;
  }
}

function assertDistinct(map: ResourceMap, place: Place): void {
  const twice = map.collision();
  if (twice !== undefined) fail(place, `the patch makes two objects of one name: ${describeId(twice.id)}`);
}
