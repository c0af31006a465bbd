import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { applyMergePatch } from "../engine/apimachinery/patches/merge-patch.ts";
import type { Schema } from "../engine/apimachinery/schema.ts";
import { parseYamlDocuments, YamlError, type YamlDocument } from "../engine/apimachinery/yaml/yaml.ts";
import { unknownFieldMessage } from "../engine/gitops/manifests/explain-error.ts";
import { parseGoDurationMs } from "../engine/lib/go-duration.ts";
import { flagKey } from "../engine/options/flag-names.ts";
import { judgeIdle } from "../engine/options/idle-setting.ts";
import type { AgentConfig } from "./agent-options.ts";
import type { ToldByFile } from "./config.ts";
import { kubeletFields, type FieldShape, type IdleField, type KubeletField, type ValueShape } from "./kubelet-fields.ts";

export interface KubeletFiles {
  readonly told: ToldByFile;
  /** What to say at the start about fields and flags that were given and mean nothing. */
  readonly notices: readonly string[];
}

const API_VERSION = "kubelet.config.k8s.io/v1beta1";
const KIND = "KubeletConfiguration";
const DROP_IN = ".conf";
const KINDS: Readonly<Record<ValueShape, string>> = {
  anything: "",
  boolean: "must be true or false",
  integer: "must be a whole number",
  number: "must be a number",
  text: "must be a text",
  duration: "must be a duration such as 30s, 5m or 1h30m",
  texts: "must be a list of texts",
  integers: "must be a list of whole numbers",
  textByName: "must be texts by name",
  booleanByName: "must be true or false by name",
};

interface ConfigFile {
  readonly file: string;
  readonly document: YamlDocument;
  readonly value: Mapping;
}

type Mapping = Readonly<Record<string, unknown>>;
type Path = readonly (string | number)[];

/**
 * Reads a KubeletConfiguration, and lays the files of a folder over it as a merge patch each, in the order of their paths. Throws an Error
 * with every problem, each with its file and line: what is no field, what a field cannot hold, and what would ask for what is not done.
 */
export function readKubeletConfiguration(file: string | undefined, folder: string | undefined): KubeletFiles {
  const files = [...(file === undefined ? [] : [file]), ...(folder === undefined ? [] : dropIns(folder))].map(readFile);
  const problems = files.flatMap(shapeProblems);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  const merged = files.reduce<unknown>((value, next) => applyMergePatch(value, next.value), {}) as Mapping; // each is a mapping
  const told = new Map<keyof AgentConfig, { readonly text: string; readonly origin: string }>();
  const notices: string[] = [];
  for (const row of kubeletFields) {
    if (row.field === undefined) continue;
    const steps = row.field.split(".");
    const value = at(merged, steps);
    const holder = files.findLast(({ value: one }) => at(one, steps) !== undefined);
    if (value === undefined || value === null || holder === undefined) continue;
    const origin = `${place(holder, steps)} ${row.field}`;
    if ("option" in row) {
      if (row.zeroIsDefault === true && isZero(value, row.shape)) continue;
      const text = row.text?.(value) ?? String(value);
      told.set(row.option, { text: row.isPath === true && text !== "" ? path.resolve(path.dirname(holder.file), text) : text, origin });
      continue;
    }
    const verdict = judgeField(row, origin, value);
    if (verdict?.is === "refused") problems.push(verdict.text);
    else if (verdict !== undefined) notices.push(verdict.text);
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return { told, notices };
}

/** What to say about flags of kubelet that were given and mean nothing. Throws for those that would ask for what is not done. Pure. */
export function idleFlagNotices(flags: Mapping): readonly string[] {
  return kubeletFields.flatMap((row) => {
    if ("option" in row || row.flag === undefined) return [];
    const value = flags[flagKey(row.flag)];
    if (value === undefined) return [];
    const verdict = judgeField(row, `--${row.flag}`, value);
    if (verdict?.is === "refused") throw new Error(verdict.text);
    return verdict === undefined ? [] : [verdict.text];
  });
}

/** Durations are compared by what they mean. */
function judgeField(row: IdleField & Pick<KubeletField, "shape">, origin: string, value: unknown): ReturnType<typeof judgeIdle> {
  const text =
    typeof value === "object" && value !== null
      ? (Array.isArray(value) ? value : Object.entries(value))
          .map((item: unknown) => (typeof item === "object" ? JSON.stringify(item) : String(item)))
          .join(",")
      : String(value);
  return judgeIdle(row, origin, text, (one) => one === text || (row.shape === "duration" && one !== "" && parseGoDurationMs(one) === parseGoDurationMs(text)));
}

/** Folders within are gone through where their name stands, as upstream does. */
function dropIns(folder: string): readonly string[] {
  const entries = about(folder, () => readdirSync(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const file = path.join(folder, entry.name);
    return entry.isDirectory() ? dropIns(file) : entry.name.endsWith(DROP_IN) ? [file] : [];
  });
}

function readFile(file: string): ConfigFile {
  const text = about(file, () => readFileSync(file, "utf8"));
  let documents: readonly YamlDocument[];
  try {
    documents = parseYamlDocuments(text);
  } catch (error) {
    throw error instanceof YamlError ? new Error(`${file}:${error.line} ${error.message}`) : error;
  }
  const [document] = documents;
  if (document === undefined || documents.length > 1 || !isRecord(document.value)) throw new Error(`${file}: must hold one ${KIND} of ${API_VERSION}`);
  const { apiVersion, kind } = document.value;
  if (apiVersion !== API_VERSION || kind !== KIND) throw new Error(`${file}:${document.line} must be a ${KIND} of ${API_VERSION}`);
  return { file, document, value: document.value };
}

function about<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** All fields as a tree, for whoever misspells one. */
const tree = fieldTree();

function fieldTree(): Schema {
  const root: { properties: Record<string, Schema> } = { properties: { apiVersion: {}, kind: {} } };
  for (const { field, shape } of kubeletFields) {
    let node = root;
    for (const step of field?.split(".") ?? []) node = ((node.properties ??= {})[step] ??= {}) as typeof root; // made here
    if (field !== undefined && typeof shape === "object")
      Object.assign(node, { items: { properties: Object.fromEntries(Object.keys(shape).map((name) => [name, {}])) } });
  }
  return root as Schema;
}

function shapeProblems(config: ConfigFile): readonly string[] {
  const { apiVersion: _version, kind: _kind, ...fields } = config.value;
  return Object.entries(fields).flatMap(([name, value]) => fieldProblems(config, [name], value));
}

function fieldProblems(config: ConfigFile, steps: Path, value: unknown): readonly string[] {
  const field = steps.join(".");
  const row = kubeletFields.find((candidate) => candidate.field === field);
  const parts = kubeletFields.some((candidate) => candidate.field?.startsWith(`${field}.`) === true);
  const problem = (message: string, path = steps) => [`${place(config, path)} ${nameOf(path)}: ${message}`];
  // As in a merge patch: what is said of it elsewhere is taken back.
  if (value === null && (row !== undefined || parts)) return [];
  if (parts)
    return isRecord(value)
      ? Object.entries(value).flatMap(([name, part]) => fieldProblems(config, [...steps, name], part))
      : problem("must have fields of its own");
  if (row === undefined) return problem(unknownFieldMessage(field, tree));
  if (typeof row.shape === "string") return fits(value, row.shape) ? [] : problem(KINDS[row.shape]);
  if (!Array.isArray(value)) return problem("must be a list");
  const { shape } = row;
  return value.flatMap((item: unknown, index): readonly string[] => {
    if (!isRecord(item)) return problem("must have fields of its own", [...steps, index]);
    return Object.entries(item).flatMap(([name, part]) => {
      const inner = shape[name];
      const where = [...steps, index, name];
      if (inner === undefined) return problem(unknownFieldMessage(nameOf(where), tree), where);
      return fits(part, inner) ? [] : problem(KINDS[inner], where);
    });
  });
}

function fits(value: unknown, shape: ValueShape): boolean {
  switch (shape) {
    case "anything":
      return true;
    case "boolean":
      return typeof value === "boolean";
    case "integer":
      return Number.isSafeInteger(value);
    case "number":
      return typeof value === "number";
    case "text":
      return typeof value === "string";
    case "duration":
      return typeof value === "string" && parseGoDurationMs(value) !== undefined;
    case "texts":
      return Array.isArray(value) && value.every((item) => fits(item, "text"));
    case "integers":
      return Array.isArray(value) && value.every((item) => fits(item, "integer"));
    case "textByName":
      return isRecord(value) && Object.values(value).every((item) => item === null || fits(item, "text"));
    case "booleanByName":
      return isRecord(value) && Object.values(value).every((item) => item === null || fits(item, "boolean"));
  }
}

function isZero(value: unknown, shape: FieldShape): boolean {
  return value === 0 || value === "" || (Array.isArray(value) && value.length === 0) || (shape === "duration" && parseGoDurationMs(String(value)) === 0);
}

function nameOf(steps: Path): string {
  return steps.map((step, index) => (typeof step === "number" ? `[${step}]` : `${index === 0 ? "" : "."}${step}`)).join("");
}

function place({ file, document }: ConfigFile, steps: Path): string {
  return `${file}:${document.lineOf(steps)}`;
}

function at(value: unknown, steps: readonly string[]): unknown {
  return steps.reduce<unknown>((node, step) => (isRecord(node) ? node[step] : undefined), value);
}

function isRecord(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
