import { forbiddenField, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { dns1035LabelError } from "../../apimachinery/names.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionVersion } from "../types.ts";
import { defaultErrors } from "./default-rules.ts";
import { expressionErrors } from "./expression-rules.ts";
import { someSchema, type JsonSchema } from "./json-schema.ts";
import { schemaErrors, UNSUPPORTED } from "./schema-rules.ts";
import { structuralErrors } from "./structural-rules.ts";
import { selectableErrors, subresourceErrors } from "./subresource-rules.ts";

const COLUMN_TYPES = ["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
const WARNING_LENGTH_MAX = 256;
/** What may stand at the root of a schema whose status is judged by itself. */
const ROOT_FIELDS = [
  "description",
  "type",
  "format",
  "title",
  "maximum",
  "exclusiveMaximum",
  "minimum",
  "exclusiveMinimum",
  "maxLength",
  "minLength",
  "pattern",
  "maxItems",
  "minItems",
  "uniqueItems",
  "multipleOf",
  "required",
  "items",
  "properties",
  "externalDocs",
  "example",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-validations",
];
const ROOT_FIELDS_TEXT =
  "[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations]";

/** The schema of a version as its author wrote it. The types of both say the same; the generated ones know no alternatives. */
export function schemaOf(version: CustomResourceDefinitionVersion): JsonSchema | undefined {
  return version.schema?.openAPIV3Schema as unknown as JsonSchema | undefined;
}

/** What a version may say that is looked at once, as part of the spec itself, where all versions say it alike. */
interface SharedParts {
  readonly schema: boolean;
  readonly subresources: boolean;
  readonly columns: boolean;
  readonly fields: boolean;
}

function sharedParts({ spec: { versions } }: CustomResourceDefinition): SharedParts {
  const isShared = (part: (version: CustomResourceDefinitionVersion) => unknown) =>
    versions.every((version) => jsonEqual(part(version), part(versions[0] ?? version)));
  return {
    schema: isShared((version) => version.schema),
    subresources: isShared((version) => version.subresources),
    columns: isShared((version) => version.additionalPrinterColumns ?? []),
    fields: isShared((version) => version.selectableFields ?? []),
  };
}

/** What is wrong with the versions, but for what they share. */
export function versionsErrors(definition: CustomResourceDefinition, old: CustomResourceDefinition | undefined): FieldError[] {
  const { versions } = definition.spec;
  const shared = sharedParts(definition);
  const hadSchemas = old === undefined || old.spec.versions.every((version) => schemaOf(version) !== undefined);
  const errors: FieldError[] = [];
  for (const [index, version] of versions.entries()) {
    const at = `spec.versions[${index}].schema.openAPIV3Schema`;
    if (schemaOf(version) === undefined && hadSchemas) errors.push(requiredField(at));
    else if (schemaOf(version) === undefined && version.served) errors.push(requiredField(at, "because otherwise all fields are pruned"));
  }
  for (const [index, version] of versions.entries()) {
    const at = `spec.versions[${index}]`;
    const problem = dns1035LabelError(version.name);
    if (problem !== undefined) errors.push(invalidField(`${at}.name`, version.name, problem));
    errors.push(...versionErrors(version, versionOf(old, version.name), at, shared));
  }
  if (new Set(versions.map(({ name }) => name)).size < versions.length)
    errors.push(invalidField("spec.versions", versions, "must contain unique version names"));
  if (versions.filter(({ storage }) => storage).length !== 1)
    errors.push(invalidField("spec.versions", versions, "must have exactly one version marked as storage version"));
  const first = versions[0]?.name ?? "";
  const problem = first === "" ? undefined : dns1035LabelError(first);
  return problem === undefined ? errors : [...errors, invalidField("spec.version", first, problem)];
}

/** What is wrong with what all versions share. */
export function sharedPartsErrors(definition: CustomResourceDefinition, old: CustomResourceDefinition | undefined): FieldError[] {
  const { versions } = definition.spec;
  const [first] = versions;
  if (first === undefined) return [];
  const shared = sharedParts(definition);
  const before = versionOf(old, first.name);
  const schema = shared.schema ? schemaOf(first) : undefined;
  const hasStatus = versions.some(({ subresources }) => subresources?.status !== undefined);
  const { additionalPrinterColumns = [], selectableFields = [] } = first;
  return [
    ...(schema === undefined ? [] : schemaOfVersionErrors(schema, hasStatus, "spec.validation", jsonEqual(before?.schema, first.schema))),
    ...(shared.subresources ? subresourceErrors(first.subresources, "spec.subresources") : []),
    ...(shared.columns ? additionalPrinterColumns.flatMap((column, index) => columnErrors(column, `spec.additionalPrinterColumns[${index}]`)) : []),
    ...(!shared.fields || selectableFields.length === 0
      ? []
      : schema === undefined
        ? [invalidField("spec.selectableFields", "", "may only be set when validations.schema is included")]
        : selectableErrors(selectableFields, before?.selectableFields, schema, "spec.selectableFields")),
  ];
}

function versionOf(definition: CustomResourceDefinition | undefined, name: string): CustomResourceDefinitionVersion | undefined {
  return definition?.spec.versions.find((version) => version.name === name);
}

function versionErrors(
  version: CustomResourceDefinitionVersion,
  old: CustomResourceDefinitionVersion | undefined,
  at: string,
  shared: SharedParts,
): FieldError[] {
  const schema = shared.schema ? undefined : schemaOf(version);
  const { deprecated, deprecationWarning, subresources, additionalPrinterColumns = [], selectableFields = [] } = version;
  return [
    ...warningErrors(deprecated === true, deprecationWarning).map((detail) => invalidField(`${at}.deprecationWarning`, deprecationWarning ?? "", detail)),
    ...(schema === undefined ? [] : schemaOfVersionErrors(schema, subresources?.status !== undefined, `${at}.schema`, jsonEqual(old?.schema, version.schema))),
    ...(shared.subresources ? [] : subresourceErrors(subresources, `${at}.subresources`)),
    ...(shared.columns ? [] : additionalPrinterColumns.flatMap((column, index) => columnErrors(column, `${at}.additionalPrinterColumns[${index}]`))),
    ...(shared.fields || selectableFields.length === 0
      ? []
      : schema === undefined
        ? [invalidField(`${at}.selectableFields`, "", "may only be set when `version.schema.openAPIV3Schema` is not included")]
        : selectableErrors(selectableFields, old?.selectableFields, schema, `${at}.selectableFields`)),
  ];
}

function warningErrors(isDeprecated: boolean, warning: string | undefined): string[] {
  if (warning === undefined) return [];
  if (!isDeprecated) return ["can only be set for deprecated versions"];
  const unprintable = /[\p{C}\p{Zl}\p{Zp}]/u.exec(warning);
  return [
    ...(Buffer.byteLength(warning) > WARNING_LENGTH_MAX ? ["must be <= 256 characters long"] : []),
    ...(warning === "" ? ["must not be an empty string"] : []),
    ...(unprintable === null
      ? []
      : [`must only contain printable UTF-8 characters; non-printable character found at index ${Buffer.byteLength(warning.slice(0, unprintable.index))}`]),
  ];
}

/** Expressions are looked at when everything else is right: their types follow from the schema. */
function schemaOfVersionErrors(schema: JsonSchema, hasStatus: boolean, at: string, isUnchanged: boolean): FieldError[] {
  const path = `${at}.openAPIV3Schema`;
  const errors: FieldError[] = [];
  if (hasStatus) {
    const forbidden = Object.entries(schema).find(([name, value]) => value !== undefined && value !== false && !ROOT_FIELDS.includes(name));
    if (schema.type !== undefined && schema.type !== "object")
      errors.push(
        invalidField(`${path}.type`, schema.type, 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'),
      );
    else if (forbidden !== undefined)
      errors.push(invalidField(path, schema, `only ${ROOT_FIELDS_TEXT} fields are allowed at the root of the schema if the status subresource is enabled`));
  }
  if (schema.nullable === true) errors.push(forbiddenField(`${path}.nullable`, "nullable cannot be true at the root"));
  const language = schemaErrors(schema, { path, isRoot: true });
  if (someSchema(schema, hasUnsupported)) {
    const all = [...errors, ...language];
    return all.length > 0 ? all : [invalidField(path, "", "OpenAPIV3Schema 'schema' is not supported")];
  }
  const structural = structuralErrors(schema, path);
  errors.push(...structural, ...(structural.length > 0 ? [] : defaultErrors(schema, path)), ...language);
  return errors.length > 0 ? errors : expressionErrors(schema, path, isUnchanged);
}

/** What keeps a schema from being looked at any further; all but the name of its language is told of already. */
function hasUnsupported(schema: JsonSchema): boolean {
  return Array.isArray(schema.items) || ["$schema", ...UNSUPPORTED].some((name) => (schema as Readonly<Record<string, unknown>>)[name] !== undefined); // fields that only this asks for
}

function columnErrors({ name, type, format, jsonPath }: CustomResourceColumnDefinition, at: string): FieldError[] {
  const oneOf = `must be one of ${COLUMN_TYPES.join(",")}`;
  return [
    ...(name === "" ? [requiredField(`${at}.name`)] : []),
    ...(type === "" ? [requiredField(`${at}.type`, oneOf)] : COLUMN_TYPES.includes(type) ? [] : [invalidField(`${at}.type`, type, oneOf)]),
    ...(format && !COLUMN_FORMATS.includes(format) ? [invalidField(`${at}.format`, format, `must be one of ${COLUMN_FORMATS.join(",")}`)] : []),
    ...(jsonPath === ""
      ? [requiredField(`${at}.JSONPath`)]
      : jsonPath.startsWith(".")
        ? []
        : [invalidField(`${at}.JSONPath`, jsonPath, "must be a simple json path starting with .")]),
  ];
}
