import { ownValue } from "../lib/own-value.ts";
import type { ListOptions } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { demandedFieldValue, parseFieldSelector, parseLabelSelector, type LabelPredicate } from "../apimachinery/selectors.ts";
import { badRequest } from "../apimachinery/status-error.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import type { StoredObject } from "./encoded-object.ts";

export interface Selection<T extends KubeObject> {
  readonly isEmpty: boolean;
  readonly matches: (object: T) => boolean;
  /** The part of `matches` that needs no more of an object than its labels. */
  readonly matchesLabels: LabelPredicate;
  /** The rest of it; undefined when labels are all that is asked for. */
  readonly matchesFields: ((object: T) => boolean) | undefined;
  /** The fields that must have one value, which an index can find; `matches` tests them too. */
  readonly equals: ReadonlyMap<string, string>;
}

export const EVERYTHING: Selection<KubeObject> = { isEmpty: true, equals: new Map(), matches: () => true, matchesLabels: () => true, matchesFields: undefined };

/** Whether a stored object is selected; its tree is only decoded when fields are asked for. */
export function selects<T extends KubeObject>({ matchesLabels, matchesFields }: Selection<T>, stored: StoredObject<T>): boolean {
  return matchesLabels(stored.labels) && (matchesFields === undefined || matchesFields(stored.object));
}

/** A request's label and field selectors as one predicate. Fields that the kind does not select by are a 400 that lists those it does. */
export function compileSelection<T extends KubeObject>(definition: ResourceDefinition<T>, options: ListOptions & { readonly name?: string }): Selection<T> {
  const tests: ((object: T) => boolean)[] = [];
  const equals = new Map<string, string>();
  const matchesLabels = options.labelSelector ? parseLabelSelector(options.labelSelector) : () => true;
  if (options.fieldSelector) {
    // A selector may name one field ten thousand times: it is read once.
    const byField = Map.groupBy(parseFieldSelector(options.fieldSelector), (requirement) => requirement.field);
    for (const [field, requirements] of byField) {
      const read = fieldReader(definition, field);
      const valuesOf = (sign: "=" | "!=") => new Set(requirements.filter(({ operator }) => operator === sign).map(({ value }) => value));
      const [wanted, unwanted] = [valuesOf("="), valuesOf("!=")];
      tests.push((object) => {
        const value = read(object);
        return (wanted.size === 0 || (wanted.size === 1 && wanted.has(value))) && !unwanted.has(value);
      });
      for (const value of wanted) equals.set(field, value);
    }
    if (options.name !== undefined && byField.size > 0 && demandedFieldValue(options.fieldSelector, "metadata.name") !== options.name)
      throw badRequest("fieldSelector metadata.name doesn't match requested name");
  }
  if (options.name !== undefined) {
    tests.push((object) => object.metadata.name === options.name);
    equals.set("metadata.name", options.name);
  }
  const matchesFields = tests.length === 0 ? undefined : (object: T) => tests.every((test) => test(object));
  const matches = (object: T) => matchesLabels(object.metadata.labels) && (matchesFields === undefined || matchesFields(object));
  return { isEmpty: matchesFields === undefined && !options.labelSelector, equals, matches, matchesLabels, matchesFields };
}

function fieldReader<T extends KubeObject>(definition: ResourceDefinition<T>, field: string): (object: T) => string {
  if (field === "metadata.name") return (object) => object.metadata.name ?? "";
  // Upstream has two ways with fields: that of kinds with some of their own, and that of all others.
  const hasOwn = definition.content !== undefined || Object.keys(definition.selectableFields).length > 0;
  if (field === "metadata.namespace" && (definition.namespaced || !hasOwn)) return (object) => object.metadata.namespace ?? "";
  const read = ownValue(definition.selectableFields, field);
  if (read !== undefined) return read;
  throw badRequest(hasOwn ? `field label not supported: ${field}` : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`);
}
