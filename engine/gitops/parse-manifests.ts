import type { KubeObject } from "../apimachinery/object-meta.ts";
import { structuralPathOf } from "./field-path.ts";
import { conform } from "../apimachinery/structural-schema.ts";
import { parseYamlDocuments, YamlError, type YamlDocument } from "../apimachinery/yaml.ts";
import { deepFreeze } from "../lib/freeze.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import { plainMessage, unknownFieldMessage } from "./explain-error.ts";
import type { Problem } from "./problem.ts";
import type { ServedKinds } from "./served-kinds.ts";

/** Where an object is inside its file: which document, and which item when the document is a List. */
export interface Place {
  readonly document: number;
  readonly prefix: readonly (string | number)[];
}

export interface ParsedObject {
  /** As the file says, checked against its kind's schema; without what only the server may set. Frozen. */
  readonly object: KubeObject;
  readonly resource: ResourceDefinition;
  readonly line: number;
  readonly place: Place;
}

/** What one file holds. It depends on the content alone, so it is kept by the blob's id. */
export interface ParsedFile {
  readonly objects: readonly ParsedObject[];
  readonly problems: readonly Omit<Problem, "file">[];
  /** What was left out without being wrong, such as a file that is no manifest. */
  readonly notices: readonly string[];
}

export const FILE_BYTES_MAX = 1 << 20;
/** Set by the server or by exports such as `kubectl get -o yaml`; never part of what a file asks for. */
const SERVER_METADATA = ["uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"];

/** Reads one manifest file. Never throws: everything wrong with it is a problem with a line. */
export function parseManifests(content: Buffer, kinds: ServedKinds): ParsedFile {
  const failed = (line: number, message: string): ParsedFile => ({ objects: [], problems: [{ line, message }], notices: [] });
  if (content.byteLength > FILE_BYTES_MAX) return failed(1, `the file has ${content.byteLength} bytes; at most ${FILE_BYTES_MAX} (1 MiB) are allowed. Split it`);
  const text = decodeText(content);
  if (text === undefined) return failed(1, "the file is binary, not YAML text; rename it or list it in .mainstayignore");
  let documents: YamlDocument[];
  try {
    documents = parseYamlDocuments(text);
  } catch (error) {
    if (error instanceof YamlError) return failed(error.line, `YAML: ${error.message}`);
    throw error;
  }
  const pass = new FilePass(kinds);
  for (const [index, document] of documents.entries()) pass.readDocument(document, index);
  return { objects: pass.objects, problems: pass.problems, notices: pass.notices };
}

/** The line of a field of an object in a file that has been parsed before. */
export function locateField(content: Buffer, place: Place, path: readonly (string | number)[]): number {
  try {
    return parseYamlDocuments(decodeText(content) ?? "")[place.document]?.lineOf([...place.prefix, ...path]) ?? 1;
  } catch {
    return 1;
  }
}

class FilePass {
  readonly objects: ParsedObject[] = [];
  readonly problems: Omit<Problem, "file">[] = [];
  readonly notices: string[] = [];
  readonly #kinds: ServedKinds;

  constructor(kinds: ServedKinds) {
    this.#kinds = kinds;
  }

  readDocument(document: YamlDocument, index: number): void {
    const value = document.value;
    if (isRecord(value) && value["kind"] === "List" && value["apiVersion"] === "v1" && Array.isArray(value["items"])) {
      for (const [item, child] of value["items"].entries()) this.#readObject(document, child, { document: index, prefix: ["items", item] });
    } else this.#readObject(document, value, { document: index, prefix: [] });
  }

  #readObject(document: YamlDocument, value: unknown, place: Place): void {
    const lineOf = (path: readonly (string | number)[]) => document.lineOf([...place.prefix, ...path]);
    const line = place.prefix.length === 0 ? document.line : lineOf([]);
    if (!isRecord(value)) return void this.notices.push(`line ${line}: not an object, left out`);
    const { apiVersion, kind, metadata } = value;
    if (typeof kind !== "string" || typeof apiVersion !== "string") {
      // Other programs keep YAML too. Only what also has metadata was surely meant as a manifest.
      if (metadata !== undefined && (kind !== undefined || apiVersion !== undefined)) this.problems.push({ line, field: typeof kind === "string" ? "apiVersion" : "kind", message: "is required and must be text" });
      else this.notices.push(`line ${line}: no apiVersion and kind, left out`);
      return;
    }
    if (/^kustomize\.config\.k8s\.io\//.test(apiVersion)) return void this.problems.push({ line, message: "kustomization files are not rendered yet; commit the rendered manifests" });
    const refusal = this.#kinds.refusal(apiVersion, kind);
    const resource = this.#kinds.find(apiVersion, kind);
    if (refusal !== undefined || resource === undefined) return void this.problems.push({ line: lineOf(["kind"]), message: refusal ?? `no kind ${kind} in ${apiVersion}` });
    this.#check(stripServerFields(value), resource, line, lineOf, place);
  }

  #check(value: Record<string, unknown>, resource: ResourceDefinition, line: number, lineOf: (path: readonly (string | number)[]) => number, place: Place): void {
    const before = this.problems.length;
    const report = (field: string, message: string) => void this.problems.push({ line: lineOf(structuralPathOf(field)), field, message });
    const checked = conform(resource.schema, value, { defaults: false, prune: false });
    for (const field of checked.unknown) report(field, unknownFieldMessage(field, resource.schema));
    for (const error of checked.errors) report(error.field, plainMessage(error.message, error.field));
    const metadata = isRecord(value["metadata"]) ? value["metadata"] : {};
    if (metadata["name"] === undefined || metadata["name"] === "") {
      report("metadata.name", metadata["generateName"] === undefined ? "is required" : "is required: an object in Git needs a fixed name, generateName makes a new one each time");
    }
    if (this.problems.length > before) return;
    // The schema was just found to hold, and every kind's schema is that of a KubeObject.
    const object = checked.value as KubeObject;
    this.objects.push({ object: deepFreeze(object), resource, line, place });
  }
}

function stripServerFields(value: Record<string, unknown>): Record<string, unknown> {
  const { status: _status, ...rest } = value;
  if (!isRecord(rest["metadata"])) return rest;
  const metadata = Object.fromEntries(Object.entries(rest["metadata"]).filter(([name]) => !SERVER_METADATA.includes(name)));
  return { ...rest, metadata };
}

/** Text, or undefined when the bytes are not UTF-8 text. */
function decodeText(content: Buffer): string | undefined {
  if (content.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
