import { invalid, withoutFeatures, type FieldError } from "../apimachinery/field-error.ts";
import type { FeatureGates } from "../apimachinery/feature-gates.ts";
import { structuralPathOf, valueAt } from "../apimachinery/field-path.ts";
import { withMetadata } from "../apimachinery/object-copy.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { validateObjectMeta, validateObjectMetaUpdate, type MetadataRules } from "../apimachinery/object-meta-validation.ts";
import { conform } from "../apimachinery/structural-schema.ts";
import { withStrategyDefaults } from "./decode-object.ts";
import type { ObjectPart, ResourceDefinition } from "../resources/define-resource.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { disabledValueErrors } from "../resources/disabled-values.ts";

const ALL_FEATURES: FeatureGates = new Set();

/** Throws a 422 that lists everything wrong with a new object, where these features are switched off. */
export function validateCreate<T extends KubeObject>(definition: ResourceDefinition<T>, object: T, disabled = ALL_FEATURES): void {
  const meta = validateObjectMeta(object.metadata, metadataRules(definition));
  refuse(definition, object, [...meta, ...contentErrors(definition, object)], disabled);
}

/**
 * Throws a 422 for what an update may not do; of a status or another part of the object, only its own rules apply to the content. What was
 * stored before a rule came keeps what the rule finds wrong: whoever takes a finalizer or changes replicas has not made it so.
 */
export function validateUpdate<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  object: T,
  old: T,
  what: "object" | "status" | ObjectPart<T>,
  disabled = ALL_FEATURES,
  warn?: (text: string) => void,
): void {
  const { strategy } = definition;
  const rules = what === "object" ? strategy.validateUpdate : what === "status" ? strategy.validateStatusUpdate : what.validate;
  const meta = validateObjectMetaUpdate(
    object.metadata,
    old.metadata,
    what === "object"
      ? metadataRules(definition)
      : { ...metadataRules(definition), metadataOnUpdate: strategy.metadataOnUpdate === "none" ? "none" : undefined },
  );
  if (definition.content !== undefined) return refuse(definition, object, [...meta, ...definition.content.validate(object, old, what === "status", warn)]);
  const schemaErrors = shapeErrorsSince(definition, shapeErrors(definition, object), object, old);
  const content =
    schemaErrors.length > 0 || what !== "object"
      ? schemaErrors
      : [...errorsSince(strategy.validate?.(object) ?? [], object, old, () => strategy.validate?.(old) ?? []), ...disabledValueErrors(definition, object, old)];
  refuse(definition, object, [...meta, ...content, ...(schemaErrors.length > 0 ? [] : (rules?.(object, old) ?? []))], disabled);
}

/** What is wrong with the shape of an object that is to replace a stored one, and was not wrong with that. */
export function shapeErrorsSince(
  { schema }: Pick<ResourceDefinition, "schema">,
  errors: readonly FieldError[],
  object: KubeObject,
  stored: KubeObject,
): readonly FieldError[] {
  return errorsSince(errors, object, stored, () => shapeErrors({ schema }, stored));
}

function shapeErrors({ schema }: Pick<ResourceDefinition, "schema">, object: KubeObject): readonly FieldError[] {
  return conform(schema, object, { defaults: false, prune: false, zeroesWithin: "status" }).errors;
}

/** Those of the errors that the stored object does not have as well, in the same place and with the same value; what is missing has none. */
function errorsSince(errors: readonly FieldError[], object: KubeObject, stored: KubeObject, ofStored: () => readonly FieldError[]): readonly FieldError[] {
  if (errors.length === 0) return errors;
  const key = (error: FieldError) => JSON.stringify(error);
  const known = new Set(ofStored().map(key));
  const isAsBefore = ({ type, field }: FieldError) => type === "FieldValueRequired" || jsonEqual(judgedValue(object, field), judgedValue(stored, field));
  return errors.filter((error) => !known.has(key(error)) || !isAsBefore(error));
}

/** What an error is about; one without a field is about all that the object holds. */
function judgedValue(object: KubeObject, field: string): unknown {
  return field === "" ? { ...object, metadata: undefined } : valueAt(object, structuralPathOf(field));
}

/** What is to replace an object, with the metadata that belongs to the server. */
export function withServerMetadata<T extends KubeObject>(object: T, { metadata }: T): T {
  return withMetadata(object, {
    name: metadata.name,
    namespace: metadata.namespace,
    uid: metadata.uid,
    creationTimestamp: metadata.creationTimestamp,
    // Where there is none, nobody sets one by an update: the rules refuse it.
    deletionTimestamp: metadata.deletionTimestamp ?? object.metadata.deletionTimestamp,
    deletionGracePeriodSeconds: object.metadata.deletionGracePeriodSeconds ?? metadata.deletionGracePeriodSeconds,
    generation: metadata.generation,
    resourceVersion: metadata.resourceVersion,
  });
}

type KindName = Pick<ResourceDefinition, "group" | "kind">;

/** A kind, and which one its objects are stored as if it is another. */
type RefusedKind = KindName & { readonly storedAs?: { readonly definition: KindName } };

/** Throws the 422 of a body whose shape is wrong, when there are no rules to judge the rest of it by. */
export function refuseShape(definition: RefusedKind, object: KubeObject, errors: readonly FieldError[]): void {
  refuse(definition, object, errors);
}

/** No kind's fields lie deeper; keys of maps, which stand at the end of a field's name, may have points without number. */
const DEPTH_MAX = 100;

/**
 * Throws the 422 of an object whose shape is wrong, with everything else that is wrong with it: the kind's own rules judge it with Go's zeros
 * where something is missing. Of what the schema has refused already they have nothing to add. These features are switched off; `old` is what it would replace.
 */
export function refuseMisshapen<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  object: T,
  errors: readonly FieldError[],
  disabled: FeatureGates,
  old?: T,
): void {
  const { strategy, content } = definition;
  const metadata = metadataRules(definition);
  const meta =
    old !== undefined
      ? validateObjectMetaUpdate(withServerMetadata(object, old).metadata, old.metadata, metadata)
      : object.metadata.name || !object.metadata.generateName
        ? validateObjectMeta(object.metadata, metadata)
        : [];
  const defaulted = withStrategyDefaults(definition, object);
  const whole = (old === undefined ? strategy.prepareForCreate?.(defaulted) : strategy.prepareForUpdate?.(defaulted, old)) ?? defaulted;
  const rules =
    content !== undefined
      ? []
      : [
          ...disabledValueErrors(definition, whole, old),
          ...(strategy.validate?.(whole) ?? []),
          ...((old === undefined ? strategy.validateNew?.(whole) : strategy.validateUpdate?.(whole, old)) ?? []),
        ];
  const judged = new Set(rules.map(({ field }) => field));
  const known = errors.filter(({ field }) => !judged.has(field));
  const refused = new Set(known.map(({ field }) => field));
  const isNew = ({ field }: FieldError) =>
    field
      .matchAll(/[.[]/g)
      .take(DEPTH_MAX)
      .every(({ index }) => !refused.has(field.slice(0, index)));
  refuse(definition, object, [...meta, ...known, ...rules.filter(isNew)], disabled);
}

/** Of what users define, upstream knows no finalizers. */
function metadataRules<T extends KubeObject>({
  strategy: { nameRule, anyFinalizers, metadataOnUpdate },
  namespaced,
  content,
}: ResourceDefinition<T>): MetadataRules {
  return {
    namespaced,
    anyFinalizers: anyFinalizers ?? content !== undefined,
    ...(nameRule === undefined ? {} : { nameRule }),
    ...(metadataOnUpdate === undefined ? {} : { metadataOnUpdate }),
  };
}

function contentErrors<T extends KubeObject>(definition: ResourceDefinition<T>, object: T): readonly FieldError[] {
  if (definition.content !== undefined) return definition.content.validate(object, undefined, false);
  const schemaErrors = shapeErrors(definition, object);
  const { validate, validateNew } = definition.strategy;
  return schemaErrors.length > 0
    ? schemaErrors
    : [...(validate?.(object) ?? []), ...(validateNew?.(object) ?? []), ...disabledValueErrors(definition, object, undefined)];
}

/** What is stored as another kind is told of as that. */
function refuse(refused: RefusedKind, object: KubeObject, errors: readonly FieldError[], disabled = ALL_FEATURES): void {
  const wrong = withoutFeatures(errors, disabled);
  const definition = refused.storedAs?.definition ?? refused;
  if (wrong.length > 0) throw invalid(definition.group, definition.kind, object.metadata.name ?? "", wrong);
}
