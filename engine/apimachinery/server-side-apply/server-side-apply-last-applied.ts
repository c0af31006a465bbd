import { sortedGoJson } from "../../lib/go-json.ts";
import { fieldSetOfObject } from "./field-set-of-object.ts";
import { difference, type FieldSet } from "./field-set.ts";
import { withAnnotations } from "../object-copy.ts";
import type { KubeObject } from "../object-meta.ts";
import type { Schema } from "../schema.ts";
import { compareObjects } from "./server-side-apply-compare.ts";

/** Where kubectl's client-side apply keeps what it applied last. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
/** Upstream's bound on all annotations of an object together; an annotation that would break it is dropped instead. */
const ANNOTATIONS_BYTES_MAX = 256 * 1024;

/** The fields that client-side apply set and that still have the value it gave them; undefined when there is nothing to read. */
export function lastAppliedFields(schema: Schema, live: KubeObject, apiVersion: string): FieldSet | undefined {
  const text = live.metadata.annotations?.[LAST_APPLIED];
  const applied = text === undefined ? undefined : parseObject(text);
  if (applied === undefined || applied["apiVersion"] !== apiVersion) return undefined;
  const change = compareObjects(schema, applied, live);
  return difference(difference(difference(fieldSetOfObject(schema, applied), change.modified), change.added), change.removed);
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // A user can write anything into an annotation; then nothing is known to be applied.
  }
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined;
}

/** Keeps the annotation of an object that once was applied client-side true, so that going back works. */
export function withLastApplied(object: KubeObject, intent: KubeObject): KubeObject {
  const annotations = object.metadata.annotations ?? {};
  if ((annotations[LAST_APPLIED] ?? "") === "") return object;
  const text = `${sortedGoJson(withoutLastApplied(intent))}\n`;
  if (annotations[LAST_APPLIED] === text) return object;
  const size = Object.entries({ ...annotations, [LAST_APPLIED]: text }).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  return withAnnotations(object, { [LAST_APPLIED]: size > ANNOTATIONS_BYTES_MAX ? undefined : text });
}

function withoutLastApplied(intent: KubeObject): KubeObject {
  return intent.metadata.annotations?.[LAST_APPLIED] === undefined ? intent : withAnnotations(intent, { [LAST_APPLIED]: undefined });
}
