import { forbiddenField, invalidField, invalidFields, requiredField, requiredName, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelProblems, pathSegmentNameProblems } from "../../apimachinery/names.ts";
import { canonicalQuantity, parseQuantity } from "../../apimachinery/quantity.ts";
import { negativeCounts } from "../apps/replica-counts.ts";
import { resourceNameErrors } from "../validation/resource-requirements.ts";
import type {
  ContainerResourceMetricSource,
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
  ResourceMetricSource,
} from "../types.ts";

const WINDOW_SECONDS_MAX = 3600;
const PERIOD_SECONDS_MAX = 1800;
const SOURCES = { Object: "object", External: "external", Pods: "pods", Resource: "resource", ContainerResource: "containerResource" } as const;
const TYPES = Object.keys(SOURCES).sort();

/** `old` is what an update replaces: what was not right in it already may stay. Which selectors choose figures is their server's to judge. */
export function validateAutoscaler({ spec }: HorizontalPodAutoscaler, old?: HorizontalPodAutoscaler): FieldError[] {
  const { minReplicas, maxReplicas, scaleTargetRef, metrics = [], behavior } = spec;
  const fewest = old?.spec.minReplicas === 0 ? 0 : 1;
  const isSameTarget =
    old?.spec.scaleTargetRef.kind === scaleTargetRef.kind && (old.spec.scaleTargetRef.apiVersion ?? "") === (scaleTargetRef.apiVersion ?? "");
  const wasStrange = (old?.spec.metrics ?? []).some(({ object }) => object !== undefined && versionProblem(object.describedObject, "any") !== undefined);
  const errors: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < fewest)
    errors.push(invalidField("spec.minReplicas", minReplicas, `must be greater than or equal to ${fewest}`));
  if (maxReplicas === 0) errors.push(requiredField("spec.maxReplicas", "must be set and greater than 0"));
  if (maxReplicas < 0) errors.push(invalidField("spec.maxReplicas", maxReplicas, "must be greater than or equal to 1"));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(invalidField("spec.maxReplicas", maxReplicas, "must be greater than or equal to `minReplicas`"));
  errors.push(
    ...referenceErrors(scaleTargetRef, "spec.scaleTargetRef", isSameTarget ? "unjudged" : scaleTargetRef.kind === "ReplicationController" ? "any" : "grouped"),
  );
  errors.push(...metrics.flatMap((metric, index) => metricErrors(metric, `spec.metrics[${index}]`, wasStrange ? "unjudged" : "any")));
  const seesNobody = metrics.every(({ type }) => type !== "Object" && type !== "External");
  if (minReplicas === 0 && seesNobody)
    errors.push(forbiddenField("spec.metrics", "must specify at least one Object or External metric to support scaling to zero replicas"));
  if (behavior?.scaleUp !== undefined) errors.push(...rulesErrors(behavior.scaleUp, "spec.behavior.scaleUp"));
  if (behavior?.scaleDown !== undefined) errors.push(...rulesErrors(behavior.scaleDown, "spec.behavior.scaleDown"));
  return errors;
}

export function validateAutoscalerStatus({ status }: HorizontalPodAutoscaler): FieldError[] {
  return negativeCounts(status ?? {}, ["currentReplicas", "desiredReplicas"]);
}

/** What an apiVersion that is referred to must be: of a group, any, or whatever it was. */
type VersionRule = "grouped" | "any" | "unjudged";

function referenceErrors(reference: CrossVersionObjectReference, path: string, rule: VersionRule): FieldError[] {
  const names = (["kind", "name"] as const).flatMap((field) => {
    const value = reference[field];
    return requiredName(`${path}.${field}`, value, pathSegmentNameProblems);
  });
  const problem = versionProblem(reference, rule);
  return problem === undefined ? names : [...names, invalidField(`${path}.apiVersion`, reference.apiVersion ?? "", problem)];
}

function versionProblem({ apiVersion = "" }: CrossVersionObjectReference, rule: VersionRule): string | undefined {
  const slashes = apiVersion.split("/").length - 1;
  if (rule === "unjudged" || (rule === "any" && slashes < 2)) return undefined;
  if (slashes > 1) return `unexpected GroupVersion string: ${apiVersion}`;
  return slashes === 0 || apiVersion.startsWith("/") ? "apiVersion must specify API group" : undefined;
}

function metricErrors(metric: MetricSpec, path: string, rule: VersionRule): FieldError[] {
  const { type } = metric;
  const expected = SOURCES[type as keyof typeof SOURCES]; // undefined for types that are none
  const present = Object.values(SOURCES).filter((field) => metric[field] !== undefined);
  const [first] = present;
  const errors: FieldError[] = type === "" ? [requiredField(`${path}.type`, "must specify a metric source type")] : [];
  if (expected === undefined) errors.push(unsupportedValue(`${path}.type`, type, TYPES));
  if (first !== undefined) errors.push(...sourceErrors(metric, first, `${path}.${first}`, rule));
  if (expected !== undefined && metric[expected] === undefined)
    errors.push(requiredField(`${path}.${expected}`, "must populate information for the given metric source"));
  if (present.length > 1)
    errors.push(
      ...present.filter((field) => field !== expected).map((field) => forbiddenField(`${path}.${field}`, "must populate the given metric source only")),
    );
  return errors;
}

function sourceErrors(
  { object, external, pods, resource, containerResource }: MetricSpec,
  field: (typeof SOURCES)[keyof typeof SOURCES],
  path: string,
  rule: VersionRule,
): FieldError[] {
  const at = `${path}.target`;
  if (field === "object" && object !== undefined) {
    const { describedObject, metric, target } = object;
    const isMissing = target.value === undefined && target.averageValue === undefined;
    return [
      ...referenceErrors(describedObject, `${path}.describedObject`, rule),
      ...identifierErrors(metric, `${path}.metric`),
      ...targetErrors(target, at),
      ...(isMissing ? [requiredField(`${at}.averageValue`, "must set either a target value or averageValue")] : []),
    ];
  }
  if (field === "external" && external !== undefined) {
    const { metric, target } = external;
    const count = [target.value, target.averageValue].filter((value) => value !== undefined).length;
    return [
      ...identifierErrors(metric, `${path}.metric`),
      ...targetErrors(target, at),
      ...(count === 0 ? [requiredField(`${at}.averageValue`, "must set either a target value for metric or a per-pod target")] : []),
      ...(count === 2 ? [forbiddenField(`${at}.value`, "may not set both a target value for metric and a per-pod target")] : []),
    ];
  }
  if (field === "pods" && pods !== undefined) {
    const { metric, target } = pods;
    return [
      ...identifierErrors(metric, `${path}.metric`),
      ...targetErrors(target, at),
      ...(target.averageValue === undefined ? [requiredField(`${at}.averageValue`, "must specify a positive target averageValue")] : []),
    ];
  }
  if (field === "resource" && resource !== undefined) return useErrors(resource, path);
  return containerResource === undefined ? [] : useErrors(containerResource, path);
}

/** How much of a resource is used; of one container's, upstream asks more. */
function useErrors(source: ResourceMetricSource | ContainerResourceMetricSource, path: string): FieldError[] {
  const { name, target } = source;
  const at = `${path}.target`;
  const errors = name === "" ? [requiredField(`${path}.name`, "must specify a resource name")] : [];
  if ("container" in source) {
    const { container } = source;
    if (name !== "") errors.push(...invalidFields(`${path}.name`, name, resourceNameErrors(name)));
    errors.push(...requiredName(`${path}.container`, container, dnsLabelProblems, "must specify a container"));
  }
  errors.push(...targetErrors(target, at));
  if (target.averageUtilization === undefined && target.averageValue === undefined)
    errors.push(requiredField(`${at}.averageUtilization`, "must set either a target raw value or a target utilization"));
  if (target.averageUtilization !== undefined && target.averageValue !== undefined)
    errors.push(forbiddenField(`${at}.averageValue`, "may not set both a target raw value and a target utilization"));
  return errors;
}

function identifierErrors({ name }: MetricIdentifier, path: string): FieldError[] {
  return requiredName(`${path}.name`, name, pathSegmentNameProblems, "must specify a metric name");
}

const TARGETS = ["Utilization", "Value", "AverageValue"];

function targetErrors({ type, value, averageValue, averageUtilization }: MetricTarget, path: string): FieldError[] {
  const errors: FieldError[] = type === "" ? [requiredField(`${path}.type`, "must specify a metric target type")] : [];
  if (!TARGETS.includes(type)) errors.push(invalidField(`${path}.type`, type, "must be either Utilization, Value, or AverageValue"));
  if (value !== undefined && isNotPositive(value)) errors.push(invalidField(`${path}.value`, canonicalQuantity(value), "must be positive"));
  if (averageValue !== undefined && isNotPositive(averageValue))
    errors.push(invalidField(`${path}.averageValue`, canonicalQuantity(averageValue), "must be positive"));
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.push(invalidField(`${path}.averageUtilization`, averageUtilization, "must be greater than 0"));
  return errors;
}

const SELECTIONS = ["Disabled", "Max", "Min"];
const POLICIES = ["Percent", "Pods"];

function rulesErrors({ stabilizationWindowSeconds: seconds, selectPolicy, policies = [], tolerance }: HPAScalingRules, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const at = `${path}.stabilizationWindowSeconds`;
  if (seconds !== undefined && seconds < 0) errors.push(invalidField(at, seconds, "must be greater than or equal to zero"));
  if (seconds !== undefined && seconds > WINDOW_SECONDS_MAX) errors.push(invalidField(at, seconds, `must be less than or equal to ${WINDOW_SECONDS_MAX}`));
  if (selectPolicy !== undefined && !SELECTIONS.includes(selectPolicy)) errors.push(unsupportedValue(`${path}.selectPolicy`, selectPolicy, SELECTIONS));
  if (policies.length === 0) errors.push(requiredField(`${path}.policies`, "must specify at least one Policy"));
  for (const [index, { type, value, periodSeconds }] of policies.entries()) {
    const where = `${path}.policies[${index}]`;
    if (!POLICIES.includes(type)) errors.push(unsupportedValue(`${where}.type`, type, POLICIES));
    if (value <= 0) errors.push(invalidField(`${where}.value`, value, "must be greater than zero"));
    if (periodSeconds <= 0) errors.push(invalidField(`${where}.periodSeconds`, periodSeconds, "must be greater than zero"));
    if (periodSeconds > PERIOD_SECONDS_MAX)
      errors.push(invalidField(`${where}.periodSeconds`, periodSeconds, `must be less than or equal to ${PERIOD_SECONDS_MAX}`));
  }
  if (tolerance !== undefined && parseQuantity(tolerance) < 0)
    errors.push(invalidField(`${path}.tolerance`, canonicalQuantity(tolerance), "must be greater than or equal to 0"));
  return errors;
}

function isNotPositive(quantity: string): boolean {
  return parseQuantity(quantity) <= 0;
}
