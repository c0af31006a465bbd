import { caBundleError } from "../../apimachinery/ca-bundle.ts";
import { forbiddenField, invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dns1035LabelError, dnsSubdomainError } from "../../apimachinery/names.ts";
import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import { validateWebhookService, validateWebhookUrl } from "../admissionregistration/webhook-validation.ts";
import type {
  CustomResourceColumnDefinition,
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionVersion,
} from "../types.ts";
import { defaultErrors } from "./default-rules.ts";
import { expressionErrors } from "./expression-rules.ts";
import { someSchema, type JsonSchema } from "./json-schema.ts";
import { schemaErrors } from "./schema-rules.ts";
import { structuralErrors } from "./structural-rules.ts";
import { subresourceErrors } from "./subresource-rules.ts";

const SCOPES = ["Cluster", "Namespaced"];
const STRATEGIES = ["None", "Webhook"];
const REVIEW_VERSIONS = ["v1", "v1beta1"];
const COLUMN_TYPES = ["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
const APPROVAL = "api-approved.kubernetes.io";
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

/** Everything wrong with a definition of a kind. `old` is what an update replaces: what was wrong there already may stay in some cases. */
export function validateDefinition(definition: CustomResourceDefinition, old?: CustomResourceDefinition): FieldError[] {
  const { spec, status, metadata } = definition;
  const name =
    old === undefined && metadata.name !== `${spec.names.plural}.${spec.group}`
      ? [invalidField("metadata.name", metadata.name ?? "", `must be spec.names.plural+"."+spec.group`)]
      : [];
  return [
    ...name,
    ...groupErrors(spec.group),
    ...(spec.scope === "" ? [requiredField("spec.scope")] : SCOPES.includes(spec.scope) ? [] : [unsupportedValue("spec.scope", spec.scope, SCOPES)]),
    ...versionsErrors(definition, old),
    ...requiredNames(spec.names),
    ...nameErrors(spec.names, "spec.names"),
    ...conversionErrors(spec.conversion, old),
    ...(old === undefined ? [] : immutableErrors(definition, old)),
    ...nameErrors(status?.acceptedNames ?? { kind: "", plural: "" }, "status.acceptedNames"),
    ...storedVersionsErrors(definition),
    ...approvalErrors(definition, old),
    ...(spec.preserveUnknownFields === true && old?.spec.preserveUnknownFields !== true
      ? [
          invalidField(
            "spec.preserveUnknownFields",
            true,
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
          ),
        ]
      : []),
  ];
}

function groupErrors(group: string): FieldError[] {
  if (group === "") return [requiredField("spec.group")];
  const problem = dnsSubdomainError(group);
  if (problem !== undefined) return [invalidField("spec.group", group, problem)];
  return group.includes(".") ? [] : [invalidField("spec.group", group, "should be a domain with at least one dot")];
}

function versionsErrors({ spec }: CustomResourceDefinition, old: CustomResourceDefinition | undefined): FieldError[] {
  const { versions } = spec;
  const hadSchemas = old === undefined || old.spec.versions.every((version) => schemaOf(version) !== undefined);
  const errors: FieldError[] = [];
  for (const [index, version] of versions.entries()) {
    const at = `spec.versions[${index}]`;
    if (schemaOf(version) === undefined && hadSchemas) errors.push(requiredField(`${at}.schema.openAPIV3Schema`));
    else if (schemaOf(version) === undefined && version.served)
      errors.push(requiredField(`${at}.schema.openAPIV3Schema`, "because otherwise all fields are pruned"));
    const problem = dns1035LabelError(version.name);
    if (problem !== undefined) errors.push(invalidField(`${at}.name`, version.name, problem));
    errors.push(
      ...versionErrors(
        version,
        old?.spec.versions.find(({ name }) => name === version.name),
        at,
      ),
    );
  }
  if (new Set(versions.map(({ name }) => name)).size < versions.length)
    errors.push(invalidField("spec.versions", versions, "must contain unique version names"));
  if (versions.filter(({ storage }) => storage).length !== 1)
    errors.push(invalidField("spec.versions", versions, "must have exactly one version marked as storage version"));
  return errors;
}

function versionErrors(version: CustomResourceDefinitionVersion, old: CustomResourceDefinitionVersion | undefined, at: string): FieldError[] {
  const schema = schemaOf(version);
  const { deprecated, deprecationWarning, subresources, additionalPrinterColumns = [], selectableFields = [] } = version;
  return [
    ...warningErrors(deprecated === true, deprecationWarning).map((detail) => invalidField(`${at}.deprecationWarning`, deprecationWarning ?? "", detail)),
    ...(schema === undefined ? [] : schemaOfVersionErrors(schema, subresources?.status !== undefined, `${at}.schema`, jsonEqual(old?.schema, version.schema))),
    ...subresourceErrors(version, old, schema, at),
    ...additionalPrinterColumns.flatMap((column, index) => columnErrors(column, `${at}.additionalPrinterColumns[${index}]`)),
    ...(selectableFields.length > 0 && schema === undefined
      ? [invalidField(`${at}.selectableFields`, "", "may only be set when `version.schema.openAPIV3Schema` is not included")]
      : []),
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
  if (someSchema(schema, (inner) => Array.isArray(inner.items))) return [...errors, ...language];
  const structural = structuralErrors(schema, path);
  errors.push(...structural, ...(structural.length > 0 ? [] : defaultErrors(schema, path)), ...language);
  return errors.length > 0 ? errors : expressionErrors(schema, path, isUnchanged);
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

function requiredNames(names: CustomResourceDefinitionNames): FieldError[] {
  return (["plural", "singular", "kind", "listKind"] as const).filter((name) => !names[name]).map((name) => requiredField(`spec.names.${name}`));
}

function nameErrors({ plural, singular = "", kind, listKind = "", shortNames = [], categories = [] }: CustomResourceDefinitionNames, at: string): FieldError[] {
  const label = (name: string, field: string, mixesCase = false): FieldError[] => {
    const problem = name === "" ? undefined : dns1035LabelError(mixesCase ? name.toLowerCase() : name);
    return problem === undefined
      ? []
      : [invalidField(`${at}.${field}`, name, mixesCase ? `may have mixed case, but should otherwise match: ${problem}` : problem)];
  };
  const each = (list: readonly string[], field: string) =>
    list.flatMap((name, index) => {
      const problem = dns1035LabelError(name);
      return problem === undefined ? [] : [invalidField(`${at}.${field}[${index}]`, name, problem)];
    });
  return [
    ...label(plural, "plural"),
    ...label(singular, "singular"),
    ...label(kind, "kind", true),
    ...label(listKind, "listKind", true),
    ...each(shortNames, "shortNames"),
    ...(kind !== "" && kind === listKind ? [invalidField(`${at}.listKind`, listKind, "kind and listKind may not be the same")] : []),
    ...each(categories, "categories"),
  ];
}

function conversionErrors(conversion: CustomResourceConversion | undefined, before: CustomResourceDefinition | undefined): FieldError[] {
  if (conversion === undefined) return [];
  const old = before?.spec.conversion;
  const { strategy, webhook } = conversion;
  const at = "spec.conversion";
  const errors =
    strategy === "" ? [requiredField(`${at}.strategy`)] : STRATEGIES.includes(strategy) ? [] : [unsupportedValue(`${at}.strategy`, strategy, STRATEGIES)];
  if (strategy !== "Webhook") {
    if (webhook?.clientConfig !== undefined) errors.push(forbiddenField(`${at}.webhookClientConfig`, "should not be set when strategy is not set to Webhook"));
    if ((webhook?.conversionReviewVersions ?? []).length > 0)
      errors.push(forbiddenField(`${at}.conversionReviewVersions`, "should not be set when strategy is not set to Webhook"));
    return errors;
  }
  const client = webhook?.clientConfig;
  if (client === undefined) errors.push(requiredField(`${at}.webhookClientConfig`, "required when strategy is set to Webhook"));
  else if ((client.url === undefined) === (client.service === undefined))
    errors.push(requiredField(`${at}.webhookClientConfig`, "exactly one of url or service is required"));
  else if (client.url !== undefined) errors.push(...validateWebhookUrl(client.url, `${at}.webhookClientConfig.url`));
  else if (client.service !== undefined) errors.push(...validateWebhookService(client.service, `${at}.webhookClientConfig.service`));
  errors.push(...bundleErrors(client?.caBundle, before, `${at}.webhookClientConfig.caBundle`));
  return [...errors, ...reviewVersionErrors(webhook?.conversionReviewVersions ?? [], old?.webhook?.conversionReviewVersions, `${at}.conversionReviewVersions`)];
}

/** Whether a bundle can be trusted matters from when the kind is established on: until then a condition says so. */
function bundleErrors(caBundle: string | undefined, old: CustomResourceDefinition | undefined, at: string): FieldError[] {
  if (!caBundle || old === undefined || !isConditionTrue(old.status?.conditions, "Established")) return [];
  const before = old.spec.conversion?.webhook?.clientConfig?.caBundle;
  const problem = caBundleError(caBundle);
  return problem === undefined || (before && caBundleError(before) !== undefined) ? [] : [invalidField(at, caBundle, problem)];
}

function reviewVersionErrors(versions: readonly string[], old: readonly string[] | undefined, at: string): FieldError[] {
  if (versions.length === 0) return [requiredField(at)];
  const repeats = repeatsOf(versions);
  const errors = versions.flatMap((version, index) => {
    if (repeats[index] === true) return [invalidField(`${at}[${index}]`, version, "duplicate version")];
    const problem = dns1035LabelError(version);
    return problem === undefined ? [] : [invalidField(`${at}[${index}]`, version, problem)];
  });
  const isKnown = (list: readonly string[]) => list.some((version) => REVIEW_VERSIONS.includes(version));
  const wasUnknown = old !== undefined && old.length > 0 && !isKnown(old);
  return isKnown(versions) || wasUnknown ? errors : [...errors, invalidField(at, versions, `must include at least one of ${REVIEW_VERSIONS.join(", ")}`)];
}

function immutableErrors({ spec }: CustomResourceDefinition, old: CustomResourceDefinition): FieldError[] {
  const same = (value: unknown, before: unknown, field: string) => (value === before ? [] : [invalidField(field, value, "field is immutable")]);
  return [
    ...(isConditionTrue(old.status?.conditions, "Established")
      ? [...same(spec.scope, old.spec.scope, "spec.scope"), ...same(spec.names.kind, old.spec.names.kind, "spec.names.kind")]
      : []),
    ...same(spec.group, old.spec.group, "spec.group"),
    ...same(spec.names.plural, old.spec.names.plural, "spec.names.plural"),
  ];
}

function storedVersionsErrors({ spec, status }: CustomResourceDefinition): FieldError[] {
  const stored = status?.storedVersions ?? [];
  const at = "status.storedVersions";
  if (stored.length === 0) return [invalidField(at, stored, "must have at least one stored version")];
  const storage = spec.versions
    .filter((version) => version.storage && !stored.includes(version.name))
    .map(({ name }) => invalidField(at, stored, `must have the storage version ${name}`));
  const missing = stored.flatMap((name, index) =>
    spec.versions.some((version) => version.name === name)
      ? []
      : [
          invalidField(
            `${at}[${index}]`,
            name,
            `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
          ),
        ],
  );
  return [...storage, ...missing];
}

/** Kubernetes' own groups are not anybody's to extend without having asked. */
function approvalErrors(definition: CustomResourceDefinition, old: CustomResourceDefinition | undefined): FieldError[] {
  const approval = approvalOf(definition);
  if (
    approval === undefined ||
    approval.state === "approved" ||
    approval.state === "bypassed" ||
    (old !== undefined && approvalOf(old)?.state === approval.state)
  )
    return [];
  const at = `metadata.annotations[${APPROVAL}]`;
  return [approval.state === "missing" ? requiredField(at, approval.message) : invalidField(at, definition.metadata.annotations?.[APPROVAL], approval.message)];
}

/** Whether a kind in a group of Kubernetes' community was approved there, as an annotation claims; undefined in other groups. */
export function approvalOf({
  spec,
  metadata,
}: CustomResourceDefinition): { readonly state: "approved" | "bypassed" | "missing" | "invalid"; readonly message: string } | undefined {
  if (!/(?:^|\.)(?:k8s|kubernetes)\.io$/.test(spec.group)) return undefined;
  const text = metadata.annotations?.[APPROVAL] ?? "";
  const see = "see https://github.com/kubernetes/enhancements/pull/1111";
  const must = `protected groups must have approval annotation ${JSON.stringify(APPROVAL)}`;
  if (text === "") return { state: "missing", message: `${must}, ${see}` };
  if (text.startsWith("unapproved")) return { state: "bypassed", message: `not approved: ${JSON.stringify(text)}` };
  return URL.canParse(text) && new URL(text).host !== ""
    ? { state: "approved", message: `approved in ${text}` }
    : { state: "invalid", message: `${must} with either a URL or a reason starting with "unapproved", ${see}` };
}
