import type { LabelSelector } from "../../apimachinery/selectors.ts";
import type { CrossVersionObjectReference, MetricIdentifier, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from "../types.ts";

/** A figure in the words of autoscaling/v1, which only its annotations use. */
export interface V1Metric {
  readonly type: string;
  readonly resource?: V1ResourceMetric;
  readonly containerResource?: V1ResourceMetric & { readonly container: string };
  readonly pods?: { readonly metricName: string; readonly selector?: LabelSelector; readonly targetAverageValue: string };
  readonly object?: {
    readonly target: CrossVersionObjectReference;
    readonly metricName: string;
    readonly selector?: LabelSelector;
    readonly targetValue: string;
    readonly averageValue?: string;
  };
  readonly external?: {
    readonly metricName: string;
    readonly metricSelector?: LabelSelector;
    readonly targetValue?: string;
    readonly targetAverageValue?: string;
  };
}

interface V1ResourceMetric {
  readonly name: string;
  readonly targetAverageUtilization?: number;
  readonly targetAverageValue?: string;
}

export interface V1MetricStatus {
  readonly type: string;
  readonly resource?: V1ResourceStatus;
  readonly containerResource?: V1ResourceStatus & { readonly container: string };
  readonly pods?: { readonly metricName: string; readonly selector?: LabelSelector; readonly currentAverageValue: string };
  readonly object?: {
    readonly target: CrossVersionObjectReference;
    readonly metricName: string;
    readonly selector?: LabelSelector;
    readonly currentValue: string;
    readonly averageValue?: string;
  };
  readonly external?: {
    readonly metricName: string;
    readonly metricSelector?: LabelSelector;
    readonly currentValue: string;
    readonly currentAverageValue?: string;
  };
}

interface V1ResourceStatus {
  readonly name: string;
  readonly currentAverageUtilization?: number;
  readonly currentAverageValue: string;
}

export function toV1Metric({ type, resource, containerResource, pods, object, external }: MetricSpec): V1Metric {
  const used = ({ averageUtilization, averageValue }: MetricTarget) => ({
    ...said("targetAverageUtilization", averageUtilization),
    ...said("targetAverageValue", averageValue),
  });
  return {
    type,
    ...(resource === undefined ? {} : { resource: { name: resource.name, ...used(resource.target) } }),
    ...(containerResource === undefined
      ? {}
      : { containerResource: { name: containerResource.name, container: containerResource.container, ...used(containerResource.target) } }),
    ...(pods === undefined
      ? {}
      : { pods: { metricName: pods.metric.name, ...said("selector", pods.metric.selector), targetAverageValue: pods.target.averageValue ?? "0" } }),
    ...(object === undefined
      ? {}
      : {
          object: {
            target: object.describedObject,
            metricName: object.metric.name,
            ...said("selector", object.metric.selector),
            targetValue: object.target.value ?? "0",
            ...said("averageValue", object.target.averageValue),
          },
        }),
    ...(external === undefined
      ? {}
      : {
          external: {
            metricName: external.metric.name,
            ...said("metricSelector", external.metric.selector),
            ...said("targetValue", external.target.value),
            ...said("targetAverageValue", external.target.averageValue),
          },
        }),
  };
}

/** Undefined for what is none: annotations may hold anything. */
export function fromV1Metric({ type, resource, containerResource, pods, object, external }: V1Metric): MetricSpec | undefined {
  const use = ({ targetAverageUtilization, targetAverageValue }: V1ResourceMetric): MetricTarget =>
    targetAverageUtilization === undefined
      ? { type: "AverageValue", ...said("averageValue", targetAverageValue) }
      : { type: "Utilization", averageUtilization: targetAverageUtilization };
  const value = (whole: string | undefined, average: string | undefined): MetricTarget =>
    average === undefined ? { type: "Value", ...said("value", whole) } : { type: "AverageValue", averageValue: average };
  if (resource !== undefined) return { type, resource: { name: resource.name, target: use(resource) } };
  if (containerResource !== undefined)
    return { type, containerResource: { name: containerResource.name, container: containerResource.container, target: use(containerResource) } };
  if (pods !== undefined)
    return { type, pods: { metric: identifier(pods.metricName, pods.selector), target: { type: "AverageValue", averageValue: pods.targetAverageValue } } };
  if (object !== undefined)
    return {
      type,
      object: {
        describedObject: object.target,
        metric: identifier(object.metricName, object.selector),
        target: value(object.targetValue, object.averageValue),
      },
    };
  return external === undefined
    ? undefined
    : {
        type,
        external: { metric: identifier(external.metricName, external.metricSelector), target: value(external.targetValue, external.targetAverageValue) },
      };
}

export function toV1MetricStatus({ type, resource, containerResource, pods, object, external }: MetricStatus): V1MetricStatus {
  const used = ({ averageUtilization, averageValue }: MetricValueStatus) => ({
    ...said("currentAverageUtilization", averageUtilization),
    currentAverageValue: averageValue ?? "0",
  });
  return {
    type,
    ...(resource === undefined ? {} : { resource: { name: resource.name, ...used(resource.current) } }),
    ...(containerResource === undefined
      ? {}
      : { containerResource: { name: containerResource.name, container: containerResource.container, ...used(containerResource.current) } }),
    ...(pods === undefined
      ? {}
      : { pods: { metricName: pods.metric.name, ...said("selector", pods.metric.selector), currentAverageValue: pods.current.averageValue ?? "0" } }),
    ...(object === undefined
      ? {}
      : {
          object: {
            target: object.describedObject,
            metricName: object.metric.name,
            ...said("selector", object.metric.selector),
            currentValue: object.current.value ?? "0",
            ...said("averageValue", object.current.averageValue),
          },
        }),
    ...(external === undefined
      ? {}
      : {
          external: {
            metricName: external.metric.name,
            ...said("metricSelector", external.metric.selector),
            currentValue: external.current.value ?? "0",
            ...said("currentAverageValue", external.current.averageValue),
          },
        }),
  };
}

export function fromV1MetricStatus({ type, resource, containerResource, pods, object, external }: V1MetricStatus): MetricStatus | undefined {
  const use = ({ currentAverageUtilization, currentAverageValue }: V1ResourceStatus): MetricValueStatus => ({
    ...said("averageUtilization", currentAverageUtilization),
    ...said("averageValue", currentAverageValue),
  });
  if (resource !== undefined) return { type, resource: { name: resource.name, current: use(resource) } };
  if (containerResource !== undefined)
    return { type, containerResource: { name: containerResource.name, container: containerResource.container, current: use(containerResource) } };
  if (pods !== undefined) return { type, pods: { metric: identifier(pods.metricName, pods.selector), current: { averageValue: pods.currentAverageValue } } };
  if (object !== undefined)
    return {
      type,
      object: {
        describedObject: object.target,
        metric: identifier(object.metricName, object.selector),
        current: { value: object.currentValue, ...said("averageValue", object.averageValue) },
      },
    };
  return external === undefined
    ? undefined
    : {
        type,
        external: {
          metric: identifier(external.metricName, external.metricSelector),
          current: { value: external.currentValue, ...said("averageValue", external.currentAverageValue) },
        },
      };
}

function identifier(name: string, selector: LabelSelector | undefined): MetricIdentifier {
  return { name, ...said("selector", selector) };
}

/** A field, if there is something to say. */
function said<K extends string, V>(name: K, value: V | undefined): { readonly [key in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [key in K]: V }); // the only field it has
}
