import { forbiddenField, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { parseQuantity } from "../../apimachinery/quantity.ts";
import { validateLabelSelector } from "../validation/scheduling.ts";
import type { CrossVersionObjectReference, HorizontalPodAutoscaler, HPAScalingRules, MetricIdentifier, MetricSpec, MetricTarget } from "../types.ts";

const WINDOW_SECONDS_MAX = 3600;
const PERIOD_SECONDS_MAX = 1800;
const SOURCES = { Object: "object", Pods: "pods", Resource: "resource", ContainerResource: "containerResource", External: "external" } as const;

export function validateAutoscaler({ spec }: HorizontalPodAutoscaler): FieldError[] {
  const { minReplicas = 1, maxReplicas, scaleTargetRef, metrics = [], behavior } = spec;
  const errors: FieldError[] = [];
  if (minReplicas < 1) errors.push(invalidField("spec.minReplicas", minReplicas, "must be greater than or equal to 1"));
  if (maxReplicas < 1) errors.push(invalidField("spec.maxReplicas", maxReplicas, "must be greater than 0"));
  if (maxReplicas < minReplicas) errors.push(invalidField("spec.maxReplicas", maxReplicas, "must be greater than or equal to `minReplicas`"));
  errors.push(...referenceErrors(scaleTargetRef, "spec.scaleTargetRef"));
  errors.push(...metrics.flatMap((metric, index) => metricErrors(metric, `spec.metrics[${index}]`)));
  if (behavior?.scaleUp !== undefined) errors.push(...rulesErrors(behavior.scaleUp, "spec.behavior.scaleUp"));
  if (behavior?.scaleDown !== undefined) errors.push(...rulesErrors(behavior.scaleDown, "spec.behavior.scaleDown"));
  return errors;
}

function referenceErrors({ kind, name }: CrossVersionObjectReference, path: string): FieldError[] {
  return [["kind", kind] as const, ["name", name] as const].flatMap(([field, value]): FieldError[] => {
    if (value === "") return [requiredField(`${path}.${field}`)];
    if (value === "." || value === "..") return [invalidField(`${path}.${field}`, value, `may not be '${value}'`)];
    return ["/", "%"].filter((sign) => value.includes(sign)).map((sign) => invalidField(`${path}.${field}`, value, `may not contain '${sign}'`));
  });
}

function metricErrors(metric: MetricSpec, path: string): FieldError[] {
  const field = SOURCES[metric.type as keyof typeof SOURCES];
  const errors: FieldError[] = [];
  for (const other of Object.values(SOURCES)) if (other !== field && metric[other] !== undefined) errors.push(forbiddenField(`${path}.${other}`, `may not specify more than one metric source`));
  if (field !== undefined && metric[field] === undefined) return [...errors, requiredField(`${path}.${field}`, `must populate information for the given metric source`)];
  const { object, pods, resource, containerResource, external } = metric;
  if (field === "object" && object !== undefined) errors.push(...referenceErrors(object.describedObject, `${path}.object.describedObject`), ...identifierErrors(object.metric, `${path}.object.metric`), ...targetErrors(object.target, `${path}.object.target`), ...oneOf(object.target, "value", `${path}.object.target`));
  if (field === "external" && external !== undefined) errors.push(...identifierErrors(external.metric, `${path}.external.metric`), ...targetErrors(external.target, `${path}.external.target`), ...oneOf(external.target, "value", `${path}.external.target`));
  if (field === "pods" && pods !== undefined) {
    errors.push(...identifierErrors(pods.metric, `${path}.pods.metric`), ...targetErrors(pods.target, `${path}.pods.target`));
    if (pods.target.averageValue === undefined) errors.push(requiredField(`${path}.pods.target.averageValue`, "must specify a positive target averageValue"));
  }
  for (const [name, source] of [["resource", resource], ["containerResource", containerResource]] as const) {
    if (field !== name || source === undefined) continue;
    if (source.name === "") errors.push(requiredField(`${path}.${name}.name`, "must specify a resource name"));
    if (name === "containerResource" && containerResource?.container === "") errors.push(requiredField(`${path}.${name}.container`, "must specify a container"));
    errors.push(...targetErrors(source.target, `${path}.${name}.target`), ...oneOf(source.target, "averageUtilization", `${path}.${name}.target`));
  }
  return errors;
}

function identifierErrors({ name, selector }: MetricIdentifier, path: string): FieldError[] {
  const errors = name === "" ? [requiredField(`${path}.name`)] : ["/", "%"].filter((sign) => name.includes(sign)).map((sign) => invalidField(`${path}.name`, name, `may not contain '${sign}'`));
  return selector === undefined ? errors : [...errors, ...validateLabelSelector(selector, `${path}.selector`)];
}

function targetErrors({ type, value, averageValue, averageUtilization }: MetricTarget, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (type === "") errors.push(requiredField(`${path}.type`, "must specify a metric target type"));
  else if (type !== "Utilization" && type !== "Value" && type !== "AverageValue") errors.push(invalidField(`${path}.type`, type, "must be either Utilization, Value, or AverageValue"));
  if (averageUtilization !== undefined && averageUtilization < 1) errors.push(invalidField(`${path}.averageUtilization`, averageUtilization, "must be greater than 0"));
  if (value !== undefined && isNotPositive(value)) errors.push(invalidField(`${path}.value`, value, "must be positive"));
  if (averageValue !== undefined && isNotPositive(averageValue)) errors.push(invalidField(`${path}.averageValue`, averageValue, "must be positive"));
  return errors;
}

/** Exactly one of the average value and the other form of the target. */
function oneOf(target: MetricTarget, field: "value" | "averageUtilization", path: string): FieldError[] {
  if (target[field] === undefined && target.averageValue === undefined) return [requiredField(`${path}.${field}`, field === "value" ? "must set either a target value for metric or a per-pod target" : "must set either a target raw value or a target utilization")];
  if (target[field] === undefined || target.averageValue === undefined) return [];
  return [forbiddenField(`${path}.averageValue`, field === "value" ? "may not set both a target value for metric and a per-pod target" : "may not set both a target raw value and a target utilization")];
}

function rulesErrors({ stabilizationWindowSeconds, policies = [], tolerance }: HPAScalingRules, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const at = `${path}.stabilizationWindowSeconds`;
  if (stabilizationWindowSeconds !== undefined && stabilizationWindowSeconds < 0) errors.push(invalidField(at, stabilizationWindowSeconds, "must be greater than or equal to zero"));
  if (stabilizationWindowSeconds !== undefined && stabilizationWindowSeconds > WINDOW_SECONDS_MAX) errors.push(invalidField(at, stabilizationWindowSeconds, `must be less than or equal to ${WINDOW_SECONDS_MAX}`));
  if (tolerance !== undefined && parseQuantity(tolerance) < 0) errors.push(invalidField(`${path}.tolerance`, tolerance, "must be greater than or equal to 0"));
  if (policies.length === 0) errors.push(requiredField(`${path}.policies`, "must specify at least one Policy"));
  for (const [index, { value, periodSeconds }] of policies.entries()) {
    const where = `${path}.policies[${index}]`;
    if (value <= 0) errors.push(invalidField(`${where}.value`, value, "must be greater than zero"));
    if (periodSeconds <= 0) errors.push(invalidField(`${where}.periodSeconds`, periodSeconds, "must be greater than zero"));
    if (periodSeconds > PERIOD_SECONDS_MAX) errors.push(invalidField(`${where}.periodSeconds`, periodSeconds, `must be less than or equal to ${PERIOD_SECONDS_MAX}`));
  }
  return errors;
}

function isNotPositive(quantity: string): boolean {
  return parseQuantity(quantity) <= 0;
}
