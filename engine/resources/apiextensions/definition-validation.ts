import { caBundleError } from "../../apimachinery/ca-bundle.ts";
import { forbiddenField, invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dns1035LabelError, dnsSubdomainError } from "../../apimachinery/names.ts";
import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import { validateWebhookService, validateWebhookUrl } from "../admissionregistration/webhook-validation.ts";
import type { CustomResourceConversion, CustomResourceDefinition, CustomResourceDefinitionNames } from "../types.ts";
import { schemaOf, sharedPartsErrors, versionsErrors } from "./definition-versions.ts";
import { someSchema } from "./json-schema.ts";

const SCOPES = ["Cluster", "Namespaced"];
const STRATEGIES = ["None", "Webhook"];
const REVIEW_VERSIONS = ["v1", "v1beta1"];
const APPROVAL = "api-approved.kubernetes.io";
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
    ...(spec.preserveUnknownFields === true && hasDefaults(spec)
      ? [invalidField("spec.preserveUnknownFields", true, "must be false in order to use defaults in the schema")]
      : []),
    ...versionsErrors(definition, old),
    ...requiredNames(spec.names),
    ...nameErrors(spec.names, "spec.names"),
    ...sharedPartsErrors(definition, old),
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

function hasDefaults({ versions }: CustomResourceDefinition["spec"]): boolean {
  return versions.map(schemaOf).some((schema) => schema !== undefined && someSchema(schema, (inner) => inner.default !== undefined));
}

function groupErrors(group: string): FieldError[] {
  if (group === "") return [requiredField("spec.group")];
  const problem = dnsSubdomainError(group);
  if (problem !== undefined) return [invalidField("spec.group", group, problem)];
  return group.includes(".") ? [] : [invalidField("spec.group", group, "should be a domain with at least one dot")];
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
  if (stored.length === 0) return [invalidField(at, null, "must have at least one stored version")];
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
