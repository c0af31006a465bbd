import { ownValue } from "../../lib/own-value.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ITEM_KEYS, valueByNames } from "../manifests/edit-manifest.ts";
import { APPLICATION_LABEL, SOURCE_ANNOTATION } from "../manifests/desired-state.ts";

/** One field that a plan would change, ready to be shown: values are shortened, and never those of Secrets. */
export interface FieldChange {
  /** Steps from the object's root; list items that have a name are named by it. */
  readonly steps: readonly (string | number)[];
  /** How people call it: `replicas`, `image`, `web.env[MODE].value`. */
  readonly label: string;
  /** Undefined: the field is added. */
  readonly from: string | undefined;
  /** Undefined: the field is removed. */
  readonly to: string | undefined;
}

/** Set by the server on every write; equal intents differ in them. */
const SERVER_FIELDS: ReadonlySet<string> = new Set([
  "managedFields",
  "resourceVersion",
  "uid",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "selfLink",
]);
const SHOWN_MAX = 60;

/**
 * The fields in which two stored forms of an object differ, status and server-set metadata aside.
 * Both have been through the same defaulting, so nothing is shown that the repository did not ask for.
 * Of a confidential object, one that was written in an encrypted file, no value is shown at all; with `manifests`, none but what they state.
 */
export function computeFieldChanges(live: KubeObject, next: KubeObject, isConfidential = false, manifests?: StatedManifests): readonly FieldChange[] {
  const raw: { steps: readonly (string | number)[]; from: unknown; to: unknown }[] = [];
  compare(comparable(live), comparable(next), [], (steps, from, to) => raw.push({ steps, from, to }));
  const isSecret = next.kind === "Secret";
  return raw.map(({ steps, from, to }) => {
    const hide = (isConfidential && !isIdentity(steps)) || (isSecret && (steps[0] === "data" || steps[0] === "stringData"));
    const [before, after] = manifests === undefined ? [from, to] : [statedValue(manifests.before, steps, from), statedValue(manifests.after, steps, to)];
    const [fromText, toText] = hide ? [hidden(from, before), hidden(to, after)] : shownPair(before, after);
    return { steps, label: labelOf(steps, next), from: fromText, to: toText };
  });
}

/** An object as the repository states it: by what runs, if that has it and shows it, and by what is planned. */
export interface StatedManifests {
  readonly before: KubeObject | undefined;
  readonly after: KubeObject;
}

const NOT_STATED = "<not from Git>";

/** A value as a manifest states it; what only the cluster knows, such as someone's change, is not shown. */
function statedValue(manifest: KubeObject | undefined, steps: readonly (string | number)[], value: unknown): unknown {
  if (value === undefined) return undefined;
  const stated = valueByNames(manifest, steps);
  return stated !== undefined && isWithin(stated, value) ? stated : NOT_STATED;
}

function isWithin(part: unknown, whole: unknown): boolean {
  if (isRecord(part) && isRecord(whole)) return Object.entries(part).every(([name, value]) => isWithin(value, ownValue(whole, name)));
  if (Array.isArray(part) && Array.isArray(whole)) return part.length === whole.length && part.every((value, index) => isWithin(value, whole[index]));
  return jsonEqual(part, whole);
}

/** Names and their like are shown in any case; labels and annotations may hold what was encrypted. */
function isIdentity([head, group]: readonly (string | number)[]): boolean {
  return head === "metadata" && group !== "labels" && group !== "annotations";
}

/** Whether two stored forms want the same. */
export function isSameIntent(live: KubeObject, next: KubeObject): boolean {
  return jsonEqual(comparable(live), comparable(next));
}

/** Whether only the marks changed that say where an object comes from. */
export function isBookkeeping(change: FieldChange): boolean {
  const [head, group, key] = change.steps;
  return (
    head === "metadata" &&
    ((group === "annotations" && (key === SOURCE_ANNOTATION || key === undefined)) || (group === "labels" && (key === APPLICATION_LABEL || key === undefined)))
  );
}

/** `replicas 3→5`, `+data.mode`, `-env[MODE]`. */
export function formatFieldChange(change: FieldChange): string {
  if (change.from === undefined) return `+${change.label}${change.to === "" ? "" : ` ${change.to}`}`;
  if (change.to === undefined) return `-${change.label}`;
  return `${change.label} ${change.from}→${change.to}`;
}

function comparable(object: KubeObject): Record<string, unknown> {
  const { status: _status, ...rest } = object as KubeObject & { readonly status?: unknown };
  const metadata = Object.fromEntries(Object.entries(rest.metadata).filter(([name, value]) => !SERVER_FIELDS.has(name) && !isEmpty(value)));
  return { ...rest, metadata };
}

function compare(
  from: unknown,
  to: unknown,
  steps: readonly (string | number)[],
  report: (steps: readonly (string | number)[], from: unknown, to: unknown) => void,
): void {
  if (jsonEqual(from, to)) return;
  if (isRecord(from) && isRecord(to)) {
    for (const name of new Set([...Object.keys(from), ...Object.keys(to)])) compare(ownValue(from, name), ownValue(to, name), [...steps, name], report);
    return;
  }
  if (Array.isArray(from) && Array.isArray(to)) {
    const key = itemKey(from, to);
    if (key !== undefined) {
      const before = new Map(from.map((item) => [String((item as Record<string, unknown>)[key]), item]));
      const after = new Map(to.map((item) => [String((item as Record<string, unknown>)[key]), item]));
      let found = false;
      for (const name of new Set([...before.keys(), ...after.keys()])) {
        if (!jsonEqual(before.get(name), after.get(name))) found = true;
        compare(before.get(name), after.get(name), [...steps, name], report);
      }
      // The same items in another order are a change too: order means something for containers' ports and environment.
      if (!found) report(steps, "order", "reordered");
      return;
    }
    if (from.length === to.length) return from.forEach((item, index) => compare(item, to[index], [...steps, index], report));
  }
  report(steps, from, to);
}

/** The field by which both lists' items can be paired; undefined when they cannot. */
function itemKey(from: readonly unknown[], to: readonly unknown[]): string | undefined {
  return ITEM_KEYS.find((key) =>
    [from, to].every(
      (list) =>
        list.every((item) => isRecord(item) && ["string", "number"].includes(typeof item[key])) &&
        new Set(list.map((item) => (item as Record<string, unknown>)[key])).size === list.length,
    ),
  );
}

/** Leaves out what every reader knows: `spec`, the pod template, and the container's name when there is only one. */
function labelOf(steps: readonly (string | number)[], object: KubeObject): string {
  let rest = steps.map(String);
  if (rest[0] === "spec" && rest.length > 1) rest = rest.slice(1);
  if (rest[0] === "template" && rest[1] === "spec" && rest.length > 2) rest = rest.slice(2);
  if (rest[0] === "containers" && rest.length > 2) {
    const containers = containersOf(object);
    rest = containers.length === 1 ? rest.slice(2) : [rest[1] ?? "", ...rest.slice(2)];
  }
  let text = "";
  for (const step of rest) text += text === "" ? step : /^[A-Za-z][A-Za-z0-9]*$/.test(step) ? `.${step}` : `[${step}]`;
  return text;
}

function containersOf(object: KubeObject): readonly unknown[] {
  const spec = (object as { readonly spec?: { readonly containers?: unknown; readonly template?: { readonly spec?: { readonly containers?: unknown } } } })
    .spec;
  const containers = spec?.containers ?? spec?.template?.spec?.containers;
  return Array.isArray(containers) ? containers : [];
}

/** Two images of one repository differ in their tag alone, so only that is shown. */
function shownPair(from: unknown, to: unknown): [string | undefined, string | undefined] {
  if (typeof from === "string" && typeof to === "string") {
    const [a, b] = [splitImage(from), splitImage(to)];
    if (a !== undefined && b !== undefined && a.name === b.name) return [a.tag, b.tag];
    // Long or multi-line text says nothing in one line; its size does.
    if (isLong(from) || isLong(to)) return [`<${Buffer.byteLength(from)} bytes>`, `<changed, ${Buffer.byteLength(to)} bytes>`];
  }
  return [shown(from), shown(to)];
}

function splitImage(text: string): { name: string; tag: string } | undefined {
  const match = /^([a-z0-9][a-z0-9./_:-]*?)[:@]([A-Za-z0-9][\w.:-]*)$/.exec(text);
  return match === null || !/[a-z]/.test(match[1] ?? "") ? undefined : { name: match[1] ?? "", tag: match[2] ?? "" };
}

function shown(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string") return isLong(value) ? `<${Buffer.byteLength(value)} bytes>` : value === "" ? '""' : value;
  const text = JSON.stringify(value) ?? "";
  return typeof value !== "object" ? text : text.length <= SHOWN_MAX ? text : Array.isArray(value) ? `[${value.length} items]` : "{…}";
}

function hidden(value: unknown, stated: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (stated === NOT_STATED) return NOT_STATED;
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return `<changed, ${Buffer.from(text, "base64").byteLength} bytes>`;
}

function isLong(text: string): boolean {
  return text.length > SHOWN_MAX || text.includes("\n");
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (isRecord(value) && Object.keys(value).length === 0) || (Array.isArray(value) && value.length === 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
