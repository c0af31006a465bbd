import { findFields, lookUp, splitFieldPath, type FoundField, type NewField } from "./field-paths.ts";
import { isMap, isScalar, textOf, type JsonMap } from "./json-value.ts";
import { BuildFault, type Place } from "./kustomize-error.ts";
import { marksPredicate, selectorPatterns, type ResourceMap, type Selector } from "./resource-map.ts";
import type { Resource } from "./resource.ts";
import { effectiveNamespace, isSelected, type ResourceId } from "./resource-id.ts";
import { scalarOfText } from "./scalar-text.ts";
import { openStructuredText } from "./structured-text.ts";
import type { Transformer } from "./transformers.ts";

export interface FieldOptions {
  readonly delimiter?: string;
  readonly index?: number;
  readonly encoding?: string;
  readonly create?: boolean;
}

export interface ReplacementTarget {
  readonly select?: Selector;
  readonly reject?: readonly Selector[];
  readonly fieldPaths?: readonly string[];
  readonly options?: FieldOptions;
}

/** A row of `replacements`: a value of one object, copied into fields of others. */
export interface Replacement {
  readonly source?: Selector & { readonly fieldPath?: string; readonly options?: FieldOptions };
  readonly sourceValue?: string;
  readonly targets?: readonly ReplacementTarget[];
}

const DEFAULT_PATH = "metadata.name";

export function replace(replacement: Replacement): Transformer {
  return (map, at) => {
    const { source, sourceValue, targets } = replacement;
    if ((source === undefined && sourceValue === undefined) || targets === undefined)
      throw new BuildFault("a replacement needs a source and at least one target");
    if (source !== undefined && sourceValue !== undefined) throw new BuildFault("source and sourceValue exclude each other");
    const value = source === undefined ? sourceValue : sourceOf(map, source);
    for (const target of targets) copyToTarget(map, value, target, at);
  };
}

function sourceOf(map: ResourceMap, source: NonNullable<Replacement["source"]>): unknown {
  const matches = map.resources.filter((resource) => resource.allIds.some((id) => isChosen(id, source)));
  const [resource] = matches;
  const what = [source.kind, source.name, source.namespace].filter((part) => part !== undefined).join(" ");
  if (resource === undefined) throw new BuildFault(`no object is the source ${what}`);
  if (matches.length > 1) throw new BuildFault(`several objects could be the source ${what}`);
  const path = source.fieldPath ?? DEFAULT_PATH;
  const value = lookUp(resource.value, splitFieldPath(path));
  if (value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0))
    throw new BuildFault(`the source ${what} has no ${path}`);
  const { delimiter, index = 0 } = source.options ?? {};
  if (delimiter === undefined || delimiter === "") return value;
  if (!isScalar(value)) throw new BuildFault("a delimiter fits single values only");
  const parts = textOf(value).split(delimiter);
  const part = index < 0 ? undefined : parts[index];
  if (part === undefined) throw new BuildFault(`index ${index} is not among the ${parts.length} parts of ${path} of ${what}`);
  return typeof value === "string" ? part : scalarOfText(part);
}

function isChosen(id: ResourceId, source: Selector): boolean {
  const hasNamespace =
    source.namespace === undefined ||
    source.namespace === "" ||
    effectiveNamespace({ group: "", version: "", kind: "", name: "", namespace: source.namespace }) === effectiveNamespace(id);
  return (source.name === undefined || source.name === "" || source.name === id.name) && hasNamespace && isSelected(id, source);
}

function copyToTarget(map: ResourceMap, value: unknown, target: ReplacementTarget, at: Place): void {
  if (target.select === undefined) throw new BuildFault("a target must select objects");
  const isTarget = targetPredicate(target.select, target.reject ?? []);
  for (const resource of map.resources) {
    if (!isTarget(resource)) continue;
    for (const path of target.fieldPaths ?? [DEFAULT_PATH]) copyToField(resource, value, path, target.options ?? {}, at);
  }
}

function targetPredicate(select: Selector, reject: readonly Selector[]): (resource: Resource) => boolean {
  const compile = (selector: Selector) => ({
    selector,
    patterns: selectorPatterns(selector),
    labels: marksPredicate(selector.labelSelector),
    annotations: marksPredicate(selector.annotationSelector),
  });
  type Compiled = ReturnType<typeof compile>;
  const fitsId = ({ patterns }: Compiled, id: ResourceId) => patterns.fitsKind(id) && patterns.name.fits(id.name) && patterns.namespace.fits(id.namespace);
  const fitsMarks = ({ labels, annotations }: Compiled, resource: Resource) => labels(resource.labels) && annotations(resource.annotations);
  const hasId = ({ selector }: Compiled) =>
    [selector.group, selector.version, selector.kind, selector.name, selector.namespace].some((part) => part !== undefined && part !== "");
  const hasMarks = ({ selector }: Compiled) => (selector.labelSelector ?? "") !== "" || (selector.annotationSelector ?? "") !== "";
  const wanted = compile(select);
  const unwanted = reject.map(compile);
  return (resource) => {
    if (!fitsMarks(wanted, resource) || unwanted.some((one) => hasMarks(one) && fitsMarks(one, resource))) return false;
    if (unwanted.some((one) => hasId(one) && resource.allIds.some((id) => fitsId(one, id)))) return false;
    return resource.allIds.some((id) => fitsId(wanted, id));
  };
}

function copyToField(resource: Resource, value: unknown, path: string, options: FieldOptions, at: Place): void {
  const kind = Array.isArray(value) ? "list" : isMap(value) ? "map" : "scalar";
  if (setInsideText(resource, value, splitFieldPath(path), options, kind, at)) return;
  const fields = findFields(resource.value, splitFieldPath(path), options.create === true ? kind : undefined);
  if (fields.length === 0)
    throw new BuildFault(
      `${resource.kind} ${resource.name} has no field ${path}${options.create === true ? ", and it cannot be made" : "; set options.create to make it"}`,
    );
  for (const field of fields) {
    setField(field, value, options);
    resource.touches.push({ steps: field.steps, file: at.file, line: at.line });
    resource.settleShared();
  }
}

/** A path that goes on behind a text field means a field of the JSON or YAML in that text. */
function setInsideText(resource: Resource, value: unknown, path: readonly string[], options: FieldOptions, kind: NewField, at: Place): boolean {
  for (let length = 1; length < path.length; length++) {
    const found = lookUpOrNothing(resource.value, path.slice(0, length));
    if (typeof found !== "string") continue;
    const text = openStructuredText(found);
    const [field] = text === undefined ? [] : findFields(resource.value, path.slice(0, length), undefined);
    if (text === undefined || field === undefined) return false;
    // A list has its items by index, which is all that the search asks of it.
    const inner = findFields(text.value as JsonMap, path.slice(length), options.create === true ? kind : undefined);
    if (inner.length === 0) return false;
    for (const one of inner) setField(one, value, options);
    (field.holder as JsonMap)[field.key] = text.close(inner.map((one) => one.steps)); // lists and maps are both written by key
    resource.touches.push({ steps: field.steps, file: at.file, line: at.line });
    return true;
  }
  return false;
}

function lookUpOrNothing(value: unknown, path: readonly string[]): unknown {
  try {
    return lookUp(value, path);
  } catch (error) {
    if (error instanceof BuildFault) return undefined;
    throw error;
  }
}

function setField(field: FoundField, value: unknown, { delimiter, index = 0 }: FieldOptions): void {
  const holder = field.holder as JsonMap; // lists and maps are both written by key
  const current = holder[field.key];
  let next = value;
  if (delimiter !== undefined && delimiter !== "") {
    if (!isScalar(current)) throw new BuildFault("a delimiter fits single values only");
    const parts = textOf(current).split(delimiter);
    if (index < 0) parts.unshift(textOf(value));
    else if (index >= parts.length) parts.push(textOf(value));
    else parts[index] = textOf(value);
    next = parts.join(delimiter);
  }
  if (current !== null && !isScalar(current)) {
    holder[field.key] = structuredClone(next);
    return;
  }
  // A field keeps its type: a number stays a number when text is copied into it, and the other way round.
  const text = textOf(next);
  if (field.isNew || current === null) holder[field.key] = scalarOfText(text);
  else if (typeof current === "string") holder[field.key] = text;
  else holder[field.key] = sameType(current, text);
}

function sameType(current: unknown, text: string): unknown {
  const value = scalarOfText(text);
  if (typeof value !== typeof current) throw new BuildFault(`the field holds a ${typeof current}, and what is copied into it is none`);
  return value;
}
