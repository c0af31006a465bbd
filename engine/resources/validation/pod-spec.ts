import { fieldNotFound, forbiddenField, invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelError, dnsSubdomainError } from "../../apimachinery/names.ts";
import { labelErrors } from "../../apimachinery/object-meta-validation.ts";
import { podContainers } from "../pod-containers.ts";
import { validatePodLevel } from "../pod-level-resources.ts";
import type { Container, PodSpec, PodTemplateSpec } from "../types.ts";
import { validateContainers } from "./containers.ts";
import { addressErrors } from "./ip.ts";
import { validateAmounts, validateResources } from "./resource-requirements.ts";
import { validateScheduling } from "./scheduling.ts";
import { validatePodSecurityContext } from "./security.ts";
import { validateVolumes } from "./volumes.ts";

const NAMESERVERS_MAX = 3;
const SEARCHES_MAX = 32;
const SECONDS_MAX = 2_147_483_647;

/** Rules for a pod's spec beyond its schema, as upstream states them. `path` is the spec's place, such as `spec.template.spec`. */
export function validatePodSpec(spec: PodSpec, path: string): FieldError[] {
  return [
    ...validateVolumes(spec.volumes ?? [], `${path}.volumes`),
    ...validateContainers(spec, path),
    ...validateEphemeral(spec, path),
    ...validateNames(spec, path),
    ...validateDns(spec, path),
    ...validateHostAliases(spec, path),
    ...validatePodSecurityContext(spec, path),
    ...validateScheduling(spec, path),
    ...validateResources(spec.resources, `${path}.resources`, new Set((spec.resourceClaims ?? []).map((claim) => claim.name))),
    ...validatePodLevel(spec, `${path}.resources`),
    ...validateAmounts(spec.overhead ?? {}, `${path}.overhead`),
  ];
}

/** The template of a workload whose pods are restarted for ever and end only by being deleted; `kind` is how upstream's sentence names it. */
export function validatePodTemplate(template: PodTemplateSpec, path: string, kind = "ReplicaSet"): FieldError[] {
  if (template.spec === undefined) return [requiredField(`${path}.spec`)];
  const errors = validateAnyTemplate(template, path);
  if ((template.spec.restartPolicy ?? "Always") !== "Always") errors.push(unsupportedValue(`${path}.spec.restartPolicy`, template.spec.restartPolicy, ["Always"]));
  if (template.spec.activeDeadlineSeconds !== undefined) errors.push(forbiddenField(`${path}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`));
  return errors;
}

/** A template of any pods. */
export function validateAnyTemplate(template: PodTemplateSpec, path: string): FieldError[] {
  if (template.spec === undefined) return [requiredField(`${path}.spec`)];
  const errors = [...labelErrors(template.metadata?.labels ?? {}, `${path}.labels`), ...validatePodSpec(template.spec, `${path}.spec`)];
  if ((template.spec.ephemeralContainers ?? []).length > 0) errors.push(forbiddenField(`${path}.spec.ephemeralContainers`, "ephemeral containers not allowed in pod template"));
  return errors;
}

function validateNames(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const check = (field: keyof PodSpec & string, rule: (name: string) => string | undefined) => {
    const name = spec[field];
    const problem = typeof name === "string" && name !== "" ? rule(name) : undefined;
    if (problem !== undefined) errors.push(invalidField(`${path}.${field}`, name, problem));
  };
  for (const field of ["serviceAccountName", "nodeName", "schedulerName", "priorityClassName", "runtimeClassName", "hostnameOverride"] as const) check(field, dnsSubdomainError);
  for (const field of ["hostname", "subdomain"] as const) check(field, dnsLabelError);
  if (spec.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds > SECONDS_MAX) errors.push(invalidField(`${path}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, `must be between 1 and ${SECONDS_MAX}, inclusive`));
  for (const [index, claim] of (spec.resourceClaims ?? []).entries()) {
    const at = `${path}.resourceClaims[${index}]`;
    const count = [claim.resourceClaimName, claim.resourceClaimTemplateName].filter((name) => name !== undefined).length;
    if (count === 2) errors.push(invalidField(at, claim, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"));
    if (count === 0) errors.push(invalidField(at, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"));
  }
  return errors;
}

function validateDns({ dnsPolicy, dnsConfig }: PodSpec, path: string): FieldError[] {
  const nameservers = dnsConfig?.nameservers ?? [];
  const searches = dnsConfig?.searches ?? [];
  const at = `${path}.dnsConfig`;
  const errors: FieldError[] = [];
  if (dnsPolicy === "None" && dnsConfig === undefined) errors.push(requiredField(at, "must provide `dnsConfig` when `dnsPolicy` is None"));
  else if (dnsPolicy === "None" && nameservers.length === 0) errors.push(requiredField(`${at}.nameservers`, "must provide at least one DNS nameserver when `dnsPolicy` is None"));
  if (nameservers.length > NAMESERVERS_MAX) errors.push(invalidField(`${at}.nameservers`, nameservers, `must not have more than ${NAMESERVERS_MAX} nameservers`));
  errors.push(...nameservers.flatMap((address, index) => addressErrors(address, `${at}.nameservers[${index}]`)));
  if (searches.length > SEARCHES_MAX) errors.push(invalidField(`${at}.searches`, searches, `must not have more than ${SEARCHES_MAX} search paths`));
  for (const [index, option] of (dnsConfig?.options ?? []).entries()) if (!option.name) errors.push(requiredField(`${at}.options[${index}]`, "must not be empty"));
  return errors;
}

function validateHostAliases(spec: PodSpec, path: string): FieldError[] {
  return (spec.hostAliases ?? []).flatMap((alias, index) => {
    const at = `${path}.hostAliases[${index}]`;
    const errors = addressErrors(alias.ip, `${at}.ip`);
    for (const hostname of alias.hostnames ?? []) {
      const problem = dnsSubdomainError(hostname);
      if (problem !== undefined) errors.push(invalidField(`${at}.hostnames`, hostname, problem));
    }
    return errors;
  });
}

/** What a debugging container may not have, for it lives outside the pod's plan. */
const EPHEMERAL_FORBIDDEN = ["ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] as const satisfies readonly (keyof Container)[];

function validateEphemeral(spec: PodSpec, path: string): FieldError[] {
  const names = new Set(podContainers(spec).map((container) => container.name));
  return (spec.ephemeralContainers ?? []).flatMap((container, index) => {
    const at = `${path}.ephemeralContainers[${index}]`;
    const errors: FieldError[] = EPHEMERAL_FORBIDDEN.filter((field) => container[field] !== undefined).map((field) => forbiddenField(`${at}.${field}`, "cannot be set for an Ephemeral Container"));
    if (names.has(container.name)) errors.push({ type: "FieldValueDuplicate", field: `${at}.name`, message: `Duplicate value: ${JSON.stringify(container.name)}` });
    if (!container.image) errors.push(requiredField(`${at}.image`));
    if (container.targetContainerName && !names.has(container.targetContainerName)) errors.push(fieldNotFound(`${at}.targetContainerName`, container.targetContainerName));
    return errors;
  });
}
