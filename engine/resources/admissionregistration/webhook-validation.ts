import { invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { dns1035LabelError, dnsSubdomainError } from "../../apimachinery/names.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import type { AdmissionregistrationV1ServiceReference, AdmissionregistrationV1WebhookClientConfig, MutatingWebhook, ValidatingWebhook } from "../types.ts";
import { validateLabelSelector } from "../validation/scheduling.ts";
import { validateMatchConditions } from "./expression-validation.ts";
import { FAILURE_POLICIES, MATCH_POLICIES, REINVOCATION_POLICIES, validateChoice, validateRule } from "./rule-validation.ts";

/** What is common to both kinds of webhooks. */
export type Webhook = ValidatingWebhook | MutatingWebhook;

const SIDE_EFFECTS = ["None", "NoneOnDryRun"];
const REVIEW_VERSIONS = ["v1", "v1beta1"];
const TIMEOUT_SECONDS_MAX = 30;
const URL_FORM = "; desired format: https://host[/path]";

/** One webhook of a configuration, with upstream's sentences. */
export function validateWebhook(hook: Webhook, at: string): FieldError[] {
  const { timeoutSeconds, namespaceSelector, objectSelector } = hook;
  return [
    ...validateHookName(hook.name, `${at}.name`),
    ...(hook.rules ?? []).flatMap((rule, index) => validateRule(rule, `${at}.rules[${index}]`)),
    ...validateChoice(hook.failurePolicy, FAILURE_POLICIES, `${at}.failurePolicy`),
    ...validateChoice(hook.matchPolicy, MATCH_POLICIES, `${at}.matchPolicy`),
    ...validateChoice(hook.sideEffects, SIDE_EFFECTS, `${at}.sideEffects`),
    ...(timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > TIMEOUT_SECONDS_MAX)
      ? [invalidField(`${at}.timeoutSeconds`, timeoutSeconds, "the timeout value must be between 1 and 30 seconds")]
      : []),
    ...(namespaceSelector === undefined ? [] : validateLabelSelector(namespaceSelector, `${at}.namespaceSelector`)),
    ...(objectSelector === undefined ? [] : validateLabelSelector(objectSelector, `${at}.objectSelector`)),
    ...("reinvocationPolicy" in hook ? validateChoice(hook.reinvocationPolicy, REINVOCATION_POLICIES, `${at}.reinvocationPolicy`) : []),
    ...validateClientConfig(hook.clientConfig, `${at}.clientConfig`),
    ...validateMatchConditions(hook.matchConditions ?? [], { hasParams: false }, `${at}.matchConditions`),
    ...validateReviewVersions(hook.admissionReviewVersions, `${at}.admissionReviewVersions`),
  ];
}

function validateHookName(name: string, at: string): FieldError[] {
  if (name === "") return [requiredField(at)];
  const problem = dnsSubdomainError(name);
  if (problem !== undefined) return [invalidField(at, name, problem)];
  return name.split(".").length < 3 ? [invalidField(at, name, "should be a domain with at least three segments separated by dots")] : [];
}

function validateReviewVersions(versions: readonly string[], at: string): FieldError[] {
  if (versions.length === 0) return [requiredField(at, `must specify one of ${REVIEW_VERSIONS.join(", ")}`)];
  const repeats = repeatsOf(versions);
  const errors = versions.flatMap((version, index) => {
    if (repeats[index] === true) return [invalidField(`${at}[${index}]`, version, "duplicate version")];
    const problem = dns1035LabelError(version);
    return problem === undefined ? [] : [invalidField(`${at}[${index}]`, version, problem)];
  });
  if (!versions.some((version) => REVIEW_VERSIONS.includes(version)))
    errors.push(invalidField(at, versions, `must include at least one of ${REVIEW_VERSIONS.join(", ")}`));
  return errors;
}

function validateClientConfig({ url, service }: AdmissionregistrationV1WebhookClientConfig, at: string): FieldError[] {
  if ((url === undefined) === (service === undefined)) return [requiredField(at, "exactly one of url or service is required")];
  return url !== undefined ? validateWebhookUrl(url, `${at}.url`) : service !== undefined ? validateWebhookService(service, `${at}.service`) : [];
}

/** An address that the server may call: https, and nothing but host and path. */
export function validateWebhookUrl(text: string, at: string): FieldError[] {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) {
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase() ?? "";
    return [
      ...(scheme === "https" ? [] : [invalidField(at, scheme, `'https' is the only allowed URL scheme${URL_FORM}`)]),
      invalidField(at, "", `host must be specified${URL_FORM}`),
    ];
  }
  const user = [url.username, ...(url.password === "" ? [] : [url.password])].join(":");
  return [
    ...(url.protocol === "https:" ? [] : [invalidField(at, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme${URL_FORM}`)]),
    ...(url.host === "" ? [invalidField(at, "", `host must be specified${URL_FORM}`)] : []),
    ...(user === "" ? [] : [invalidField(at, user, "user information is not permitted in the URL")]),
    ...(url.hash === "" ? [] : [invalidField(at, url.hash.slice(1), "fragments are not permitted in the URL")]),
    ...(url.search === "" ? [] : [invalidField(at, url.search.slice(1), "query parameters are not permitted in the URL")]),
  ];
}

/** A Service that the server may call. */
export function validateWebhookService({ name, namespace, path, port }: AdmissionregistrationV1ServiceReference, at: string): FieldError[] {
  return [
    ...(name === "" ? [requiredField(`${at}.name`)] : []),
    ...(namespace === "" ? [requiredField(`${at}.namespace`)] : []),
    ...(port !== undefined && (port < 1 || port > 65_535)
      ? [invalidField(`${at}.port`, port, "port is not valid: must be between 1 and 65535, inclusive")]
      : []),
    ...validateServicePath(path ?? "", `${at}.path`),
  ];
}

function validateServicePath(path: string, at: string): FieldError[] {
  if (path === "" || path === "/") return [];
  if (path === "//") return [invalidField(at, path, "segment[0] may not be empty")];
  const errors = path.startsWith("/") ? [] : [invalidField(at, path, "must start with a '/'")];
  const steps = path.slice(1).replace(/\/$/, "").split("/");
  return [
    ...errors,
    ...steps.flatMap((step, index) => {
      if (step === "") return [invalidField(at, path, `segment[${index}] may not be empty`)];
      const problem = dnsSubdomainError(step);
      return problem === undefined ? [] : [invalidField(at, path, `segment[${index}]: ${problem}`)];
    }),
  ];
}
