import { jsonEqual } from "../../lib/freeze.ts";
import { isMap, textOf, valueAt, type Steps } from "./json-value.ts";
import type { Place } from "./kustomize-error.ts";
import type { Resource, SourceDocument } from "./resource.ts";

/** By which lists of different documents are compared, item by item. */
const ITEM_KEYS = ["name", "containerPort", "port", "mountPath", "key", "ip"];

/**
 * The line that a field of a built object comes from: the last document that says exactly this, else the transformer that set it,
 * else the nearest ancestor in the last document that has any.
 */
export function locateField(resource: Pick<Resource, "value" | "documents" | "touches" | "place">, steps: Steps): Place {
  const value = valueAt(resource.value, steps);
  const documents = resource.documents.toReversed();
  if (value !== undefined) {
    for (const document of documents) {
      const own = translate(resource.value, document, steps);
      if (own !== undefined && jsonEqual(valueAt(document.value, own), value)) return { file: document.file, line: document.lineOf(own) };
    }
  }
  const touch = resource.touches.findLast(
    (one) => one.steps.every((step, index) => step === steps[index]) || steps.every((step, index) => step === one.steps[index]),
  );
  if (touch !== undefined) return { file: touch.file, line: touch.line };
  for (let length = steps.length; length > 0; length--) {
    for (const document of documents) {
      const own = translate(resource.value, document, steps.slice(0, length));
      if (own !== undefined) return { file: document.file, line: document.lineOf(own) };
    }
  }
  return resource.place;
}

/** The steps that lead to the same field in a source document; undefined when it has none. Items are found by what names them, for patches hold few. */
function translate(root: unknown, document: SourceDocument, steps: Steps): Steps | undefined {
  const own: (string | number)[] = [];
  let [built, written]: [unknown, unknown] = [root, document.value];
  for (const step of steps) {
    built = valueAt(built, [step]);
    if (Array.isArray(written) && typeof step === "number") {
      const index = indexOfItem(written, built, step);
      if (index === undefined) return undefined;
      own.push(index);
      written = written[index];
    } else if (isMap(written) && Object.hasOwn(written, String(step))) {
      own.push(step);
      written = written[String(step)];
    } else return undefined;
  }
  return own;
}

function indexOfItem(list: readonly unknown[], item: unknown, index: number): number | undefined {
  if (isMap(item)) {
    const key = ITEM_KEYS.find((candidate) => item[candidate] !== undefined);
    if (key !== undefined) {
      const found = list.findIndex((other) => isMap(other) && textOf(other[key]) === textOf(item[key]));
      return found < 0 ? undefined : found;
    }
  }
  const same = list.findIndex((other) => jsonEqual(other, item));
  return same >= 0 ? same : index < list.length ? index : undefined;
}
