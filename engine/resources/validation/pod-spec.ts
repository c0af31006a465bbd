import {
  choiceErrors,
  duplicateField,
  forbiddenField,
  invalidField,
  invalidFields,
  requiredField,
  requiredName,
  unsupportedValue,
  type FieldError,
} from "../../apimachinery/field-error.ts";
import { dnsLabelProblems, dnsSubdomainProblems } from "../../apimachinery/names.ts";
import { annotationErrors, labelErrors } from "../../apimachinery/object-meta-validation.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import { validatePodLevel } from "../pod-level-resources.ts";
import { profileMismatches } from "../profile-annotations.ts";
import type { Pod, PodSchedulingGate, PodSpec, PodTemplateSpec } from "../types.ts";
import { validateHostNetworkPorts } from "./container-ports.ts";
import { podContext, validateContainers, validateImage } from "./containers.ts";
import { validateEnvFiles } from "./environment.ts";
import { validateEphemeral } from "./ephemeral-containers.ts";
import { podAnnotationErrors } from "./pod-annotations.ts";
import { validateDns, validateHostAliases, validateHostnameOverride } from "./pod-names.ts";
import { validateResources } from "./resource-requirements.ts";
import { keyErrors, validateAffinity, validateSpreads, validateTolerations } from "./scheduling.ts";
import { validateHostUsers, validatePodSecurityContext } from "./security.ts";
import { judgeVolumes } from "./volumes.ts";
import { validateForSystem, validateHostProcesses } from "./windows.ts";

const RESTART_POLICIES = ["Always", "OnFailure", "Never"];
export const PREEMPTION_POLICIES: readonly string[] = ["PreemptLowerPriority", "Never"];
const SECONDS_MAX = 2_147_483_647;

/** Rules for a pod beyond its schema. */
export function validatePod({ metadata, spec }: Pod): FieldError[] {
  const images = (["containers", "initContainers"] as const).flatMap((list) =>
    (spec[list] ?? []).flatMap((container, index) => validateImage(container, `spec.${list}[${index}]`)),
  );
  return [
    ...podAnnotationErrors(metadata.annotations ?? {}, spec, "metadata.annotations"),
    ...validatePodSpec(spec, "spec", metadata.name ?? ""),
    ...tokenErrors(spec),
    ...images,
  ];
}

/**
 * Rules for a pod's spec beyond its schema, as upstream states them. `path` is the spec's place, such as `spec.template.spec`; `podName` is
 * there for pods, not for templates of them.
 */
export function validatePodSpec(spec: PodSpec, path: string, podName?: string): FieldError[] {
  const volumes = judgeVolumes(spec.volumes ?? [], `${path}.volumes`, { podName });
  const context = podContext(spec, volumes.good);
  return [
    ...volumes.errors,
    ...claimErrors(spec, path),
    ...validateContainers(spec, path, context),
    ...validateEphemeral(spec, path, context),
    ...validatePodLevel(spec, `${path}.resources`, context.claims),
    ...validateHostNetworkPorts(spec, path, podName !== undefined),
    ...choiceErrors(`${path}.restartPolicy`, spec.restartPolicy ?? "Always", RESTART_POLICIES),
    ...labelErrors(spec.nodeSelector ?? {}, `${path}.nodeSelector`),
    ...validatePodSecurityContext(spec, path),
    ...(spec.affinity === undefined ? [] : validateAffinity(spec.affinity, `${path}.affinity`)),
    ...validateDns(spec, path),
    ...(spec.readinessGates ?? []).flatMap((gate, index) => keyErrors(gate.conditionType, `${path}.readinessGates[${index}].conditionType`)),
    ...gateErrors(spec.schedulingGates ?? [], `${path}.schedulingGates`),
    ...validateSpreads(spec.topologySpreadConstraints ?? [], `${path}.topologySpreadConstraints`),
    ...validateHostProcesses(spec, path),
    ...validateHostUsers(spec, path),
    ...validateHostnameOverride(spec, path),
    ...validateNames(spec, path),
    ...validateForSystem(spec, path),
    ...(["initContainers", "containers", "ephemeralContainers"] as const).flatMap((list) =>
      (spec[list] ?? []).flatMap((container, index) => validateEnvFiles(container, `${path}.${list}[${index}]`, spec.volumes ?? [])),
    ),
  ];
}

/** The template of a workload whose pods are restarted for ever and end only by being deleted; `kind` is how upstream's sentence names it. */
export function validatePodTemplate(template: PodTemplateSpec, path: string, kind = "ReplicaSet"): FieldError[] {
  if (template.spec === undefined) return [requiredField(`${path}.spec.containers`)];
  return [...validateAnyTemplate(template, path), ...endlessErrors(template.spec, `${path}.spec`, kind)];
}

/** What pods cannot have that are to run for ever. */
export function endlessErrors({ restartPolicy = "Always", activeDeadlineSeconds }: PodSpec, path: string, kind: string): FieldError[] {
  return [
    ...(restartPolicy === "Always" ? [] : [unsupportedValue(`${path}.restartPolicy`, restartPolicy, ["Always"])]),
    ...(activeDeadlineSeconds === undefined ? [] : [forbiddenField(`${path}.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`)]),
  ];
}

/** A template of any pods. */
export function validateAnyTemplate(template: PodTemplateSpec, path: string): FieldError[] {
  if (template.spec === undefined) return [requiredField(`${path}.spec.containers`)];
  const { labels = {}, annotations = {} } = template.metadata ?? {};
  const errors = [
    ...labelErrors(labels, `${path}.labels`),
    ...annotationErrors(annotations, `${path}.annotations`),
    ...podAnnotationErrors(annotations, template.spec, `${path}.annotations`),
    ...validatePodSpec(template.spec, `${path}.spec`),
    ...profileMismatches(template.metadata, template.spec, `${path}.spec`),
  ];
  if ((template.spec.ephemeralContainers ?? []).length > 0)
    errors.push(forbiddenField(`${path}.spec.ephemeralContainers`, "ephemeral containers not allowed in pod template"));
  return errors;
}

/** What holds a pod back: each named once. */
function gateErrors(gates: readonly PodSchedulingGate[], path: string): FieldError[] {
  const repeats = repeatsOf(gates, ({ name }) => name);
  return gates.flatMap(({ name }, index) => [
    ...keyErrors(name, `${path}[${index}]`),
    ...(repeats[index] === true ? [duplicateField(`${path}[${index}]`, name)] : []),
  ]);
}

function validateNames(spec: PodSpec, path: string): FieldError[] {
  const subdomain = (field: "serviceAccountName" | "nodeName" | "priorityClassName") =>
    invalidFields(`${path}.${field}`, spec[field], spec[field] ? dnsSubdomainProblems(spec[field] ?? "") : []);
  const label = (field: "hostname" | "subdomain") => invalidFields(`${path}.${field}`, spec[field], spec[field] ? dnsLabelProblems(spec[field] ?? "") : []);
  const { activeDeadlineSeconds: seconds, preemptionPolicy, runtimeClassName } = spec;
  return [
    ...subdomain("serviceAccountName"),
    ...subdomain("nodeName"),
    ...(seconds !== undefined && (seconds < 1 || seconds > SECONDS_MAX)
      ? [invalidField(`${path}.activeDeadlineSeconds`, seconds, `must be between 1 and ${SECONDS_MAX}, inclusive`)]
      : []),
    ...label("hostname"),
    ...label("subdomain"),
    ...validateTolerations(spec.tolerations ?? [], `${path}.tolerations`),
    ...validateHostAliases(spec.hostAliases ?? [], `${path}.hostAliases`),
    ...subdomain("priorityClassName"),
    ...(runtimeClassName === undefined ? [] : invalidFields(`${path}.runtimeClassName`, runtimeClassName, dnsSubdomainProblems(runtimeClassName))),
    ...(preemptionPolicy === undefined ? [] : choiceErrors(`${path}.preemptionPolicy`, preemptionPolicy, PREEMPTION_POLICIES)),
    ...(spec.overhead === undefined ? [] : validateResources({ limits: spec.overhead }, `${path}.overhead`, new Set())),
  ];
}

function claimErrors(spec: PodSpec, path: string): FieldError[] {
  return (spec.resourceClaims ?? []).flatMap((claim, index) => {
    const at = `${path}.resourceClaims[${index}]`;
    const { name, resourceClaimName: own, resourceClaimTemplateName: template } = claim;
    return [
      ...requiredName(`${at}.name`, name, dnsLabelProblems),
      ...(own !== undefined && template !== undefined
        ? [invalidField(at, claim, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified")]
        : []),
      ...(own === undefined && template === undefined
        ? [invalidField(at, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")]
        : []),
      ...(own === undefined ? [] : invalidFields(`${at}.resourceClaimName`, own, dnsSubdomainProblems(own))),
      ...(template === undefined ? [] : invalidFields(`${at}.resourceClaimTemplateName`, template, dnsSubdomainProblems(template))),
    ];
  });
}

/** A token is somebody's. */
function tokenErrors({ serviceAccountName, volumes = [] }: PodSpec): FieldError[] {
  if (serviceAccountName) return [];
  return volumes.flatMap(({ projected }, v) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }, s) =>
      serviceAccountToken === undefined
        ? []
        : [forbiddenField(`spec.volumes[${v}].projected.sources[${s}].serviceAccountToken`, "must not be specified when serviceAccountName is not set")],
    ),
  );
}
