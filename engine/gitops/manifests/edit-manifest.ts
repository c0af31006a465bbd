import { ownValue } from "../../lib/own-value.ts";
import { BUNDLE_YAML_LIMITS, formatYaml, parseYamlDocuments, type YamlDocument } from "../../apimachinery/yaml/yaml.ts";
import { walkScalars } from "../sops/scalar-walk.ts";

type Step = string | number;

/** What tells the items of a list apart; changes name items by it. */
export const ITEM_KEYS = ["name", "mountPath", "containerPort", "port", "key", "topologyKey", "ip", "type"];

/**
 * The text of a manifest file with one field of one document set; undefined removes it. A single value is replaced where it stands, and
 * nothing else moves. Anything larger writes the file anew, which costs its comments.
 */
export function editManifest(text: string, document: number, prefix: readonly Step[], steps: readonly Step[], value: unknown): string {
  const documents = parseYamlDocuments(text, BUNDLE_YAML_LIMITS);
  const target = documents[document];
  if (target === undefined) return text;
  const path = resolveNames(target.value, [...prefix, ...steps]);
  return (
    (isSingle(value) ? replaceScalar(text, target, path, value) : undefined) ??
    documents.map((one, index) => formatYaml(index === document ? withValue(one.value, path, value) : one.value)).join("---\n")
  );
}

/** A value by steps in which list items may be named by their keys. */
export function valueByNames(value: unknown, steps: readonly Step[]): unknown {
  return resolveNames(value, steps).reduce<unknown>(
    (current, step) => (typeof current === "object" && current !== null ? ownValue(current as Record<string, unknown>, String(step)) : undefined),
    value,
  ); // lists are read by index the same way
}

/** Undefined where the value does not stand on one line by itself, or more than one place could be meant. */
function replaceScalar(text: string, document: YamlDocument, path: readonly Step[], value: string | number | boolean): string | undefined {
  const written = document.textOf(path);
  if (written === undefined) return undefined;
  const walked = walkScalars(text);
  const keys = path.filter((step) => typeof step === "string");
  const line = document.lineOf(path);
  const sites = walked.scalars.filter(
    (site) => site.line === line && site.text === written && site.keys.length === keys.length && site.keys.every((key, index) => key === keys[index]),
  );
  const [site] = sites;
  if (walked.text !== text || sites.length !== 1 || site === undefined || text.slice(site.start, site.end).includes("\n")) return undefined;
  return `${text.slice(0, site.start)}${formatYaml(value).trimEnd()}${text.slice(site.end)}`;
}

/** Steps with list items by index; an item that is not there stands behind the last one. */
export function resolveNames(value: unknown, steps: readonly Step[]): readonly Step[] {
  const path: Step[] = [];
  let current = value;
  for (const step of steps) {
    let index: Step = step;
    if (Array.isArray(current) && typeof step === "string") {
      const found = current.findIndex((item: unknown) => ITEM_KEYS.some((key) => String((item as Record<string, unknown> | null)?.[key]) === step));
      index = found < 0 ? current.length : found;
    }
    path.push(index);
    current = typeof current === "object" && current !== null ? ownValue(current as Record<string, unknown>, String(index)) : undefined; // as above
  }
  return path;
}

function withValue(value: unknown, path: readonly Step[], next: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return next;
  if (typeof step === "number") {
    const list = Array.isArray(value) ? (value as readonly unknown[]) : [];
    return rest.length === 0 && next === undefined
      ? list.toSpliced(step, 1)
      : [...list.slice(0, step), withValue(list[step], rest, next), ...list.slice(step + 1)];
  }
  const record = typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {}; // a JSON object
  const before = ownValue(record, step);
  const { [step]: _before, ...others } = record;
  return rest.length === 0 && next === undefined ? others : { ...others, [step]: withValue(before, rest, next) };
}

function isSingle(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}
