import { withMetadata } from "../../apimachinery/object-copy.ts";
import { defineResource, storedForm } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type {
  HPAScalingRules,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerBehavior,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerV1,
  MetricSpec,
  MetricStatus,
} from "../types.ts";
import { validateAutoscaler, validateAutoscalerStatus } from "./autoscaler-validation.ts";
import { CPU_UTILIZATION_DEFAULT, horizontalPodAutoscalerResource } from "./horizontal-pod-autoscaler.ts";
import { fromV1Metric, fromV1MetricStatus, toV1Metric, toV1MetricStatus, type V1Metric, type V1MetricStatus } from "./v1-metrics.ts";

/** What v1 has no fields for, as JSON in the words of its time. */
const METRICS = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior";

/** The autoscalers of v2 as clients from before it know them. */
export const horizontalPodAutoscalerV1Resource = defineResource<HorizontalPodAutoscalerV1>({
  group: "autoscaling",
  version: "v1",
  resource: "horizontalpodautoscalers",
  kind: "HorizontalPodAutoscaler",
  namespaced: true,
  shortNames: ["hpa"],
  categories: ["all"],
  schema: () => loadSchema("autoscaling/v1/horizontal-pod-autoscaler.yaml"),
  storedAs: storedForm({ definition: horizontalPodAutoscalerResource, fromStored: toV1, toStored: fromV1 }),
  strategy: {
    setDefaults: withDefaults,
    prepareForCreate: (autoscaler) => ({ ...autoscaler, status: { currentReplicas: 0, desiredReplicas: 0 } }),
    validateNew: (autoscaler) => validateAutoscaler(fromV1(autoscaler)),
    validateUpdate: (autoscaler, old) => validateAutoscaler(fromV1(autoscaler), fromV1(old)),
    validateStatusUpdate: (autoscaler) => validateAutoscalerStatus(fromV1(autoscaler)),
  },
  subresources: [{ name: "status" }],
  columns: horizontalPodAutoscalerResource.columns.map((column) => ({
    ...column,
    cell: (autoscaler: HorizontalPodAutoscalerV1, now: number) => column.cell(fromV1(autoscaler), now),
  })),
});

/** Who goes by no figure at all goes by the use of processors, as in v2. */
function withDefaults(autoscaler: HorizontalPodAutoscalerV1): HorizontalPodAutoscalerV1 {
  const { spec, metadata } = autoscaler;
  const target = spec.targetCPUUtilizationPercentage ?? (metricsOf(metadata.annotations).length === 0 ? CPU_UTILIZATION_DEFAULT : undefined);
  return { ...autoscaler, spec: { ...spec, minReplicas: spec.minReplicas ?? 1, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) } };
}

export function toV1({ metadata, spec, status }: HorizontalPodAutoscaler): HorizontalPodAutoscalerV1 {
  const { metrics = [], behavior, ...plainSpec } = spec;
  const { currentMetrics: givenMetrics, conditions = [], ...plainStatus } = status ?? { desiredReplicas: 0 };
  const currentMetrics = givenMetrics ?? [];
  const cpu = metrics.find(isCpuUse);
  const others = metrics.filter((metric) => metric !== cpu);
  const cpuNow = currentMetrics.find((metric) => metric.resource?.name === "cpu" && metric.resource.current.averageUtilization !== undefined);
  const annotations = {
    ...metadata.annotations,
    ...(others.length === 0 ? {} : { [METRICS]: JSON.stringify(others.map(toV1Metric)) }),
    ...(currentMetrics.length === 0 ? {} : { [CURRENT_METRICS]: JSON.stringify(currentMetrics.map(toV1MetricStatus)) }),
    ...(conditions.length === 0 ? {} : { [CONDITIONS]: JSON.stringify(conditions) }),
    ...(behavior === undefined ? {} : { [BEHAVIOR]: JSON.stringify(toOldBehavior(behavior)) }),
  };
  const now = cpuNow?.resource?.current.averageUtilization;
  const target = cpu?.resource?.target.averageUtilization;
  return {
    apiVersion: "autoscaling/v1",
    kind: "HorizontalPodAutoscaler",
    metadata: Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations },
    spec: { ...plainSpec, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    status: { ...plainStatus, currentReplicas: plainStatus.currentReplicas ?? 0, ...(now === undefined ? {} : { currentCPUUtilizationPercentage: now }) },
  };
}

export function fromV1(autoscaler: HorizontalPodAutoscalerV1): HorizontalPodAutoscaler {
  const { targetCPUUtilizationPercentage: target, ...spec } = autoscaler.spec;
  const { currentCPUUtilizationPercentage: now, currentReplicas = 0, ...status } = autoscaler.status ?? { currentReplicas: 0, desiredReplicas: 0 };
  const { [METRICS]: _m, [CURRENT_METRICS]: _c, [CONDITIONS]: _k, [BEHAVIOR]: _b, ...annotations } = autoscaler.metadata.annotations ?? {};
  const listed = (key: string): readonly unknown[] => readList(autoscaler.metadata.annotations?.[key]);
  const others = metricsOf(autoscaler.metadata.annotations);
  const cpu: readonly MetricSpec[] =
    target === undefined ? [] : [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: target } } }];
  const known = listed(CURRENT_METRICS)
    .map((metric) => fromV1MetricStatus(metric as V1MetricStatus))
    .filter((metric) => metric !== undefined) as MetricStatus[]; // as above
  const currentMetrics: readonly MetricStatus[] =
    known.length > 0 || now === undefined ? known : [{ type: "Resource", resource: { name: "cpu", current: { averageUtilization: now } } }];
  const conditions = listed(CONDITIONS) as readonly HorizontalPodAutoscalerCondition[]; // written by us, or else validated as any status
  const behavior = fromOldBehavior(readObject(autoscaler.metadata.annotations?.[BEHAVIOR])) as HorizontalPodAutoscalerBehavior | undefined; // as above
  const metrics = [...cpu, ...others];
  const plain = withMetadata(autoscaler, { annotations: Object.keys(annotations).length === 0 ? undefined : annotations });
  const fallback: readonly MetricSpec[] = [
    { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: CPU_UTILIZATION_DEFAULT } } },
  ];
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: plain.metadata,
    spec: { ...spec, metrics: metrics.length === 0 ? fallback : metrics, ...(behavior === undefined ? {} : { behavior }) },
    // No replicas go without saying there, and no figures are a null.
    status: {
      ...(currentReplicas === 0 ? {} : { currentReplicas }),
      ...status,
      currentMetrics: currentMetrics.length === 0 ? null : currentMetrics,
      ...(conditions.length === 0 ? {} : { conditions }),
    },
  };
}

/** What the annotation says, of figures that there are. */
function metricsOf(annotations: Readonly<Record<string, string>> | undefined): readonly MetricSpec[] {
  return readList(annotations?.[METRICS])
    .map((metric) => fromV1Metric(metric as V1Metric))
    .filter((metric) => metric !== undefined) as MetricSpec[]; // undefined was filtered out
}

/** Upstream writes this annotation by the names that Go's fields have, with all of them. */
function toOldBehavior({ scaleUp, scaleDown }: HorizontalPodAutoscalerBehavior): object {
  const rules = (given: HPAScalingRules | undefined) =>
    given === undefined
      ? null
      : {
          StabilizationWindowSeconds: given.stabilizationWindowSeconds ?? null,
          SelectPolicy: given.selectPolicy ?? null,
          Policies: given.policies?.map(({ type, value, periodSeconds }) => ({ Type: type, Value: value, PeriodSeconds: periodSeconds })) ?? null,
          Tolerance: given.tolerance ?? null,
        };
  return { ScaleUp: rules(scaleUp), ScaleDown: rules(scaleDown) };
}

/** Go reads names in any case. */
function fromOldBehavior(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromOldBehavior);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [`${name.charAt(0).toLowerCase()}${name.slice(1)}`, fromOldBehavior(part)]));
}

function isCpuUse({ type, resource }: MetricSpec): boolean {
  return type === "Resource" && resource?.name === "cpu" && resource.target.averageUtilization !== undefined;
}

/** People may write annotations: what is no list of objects counts as none. */
function readList(text: string | undefined): readonly object[] {
  const value = parse(text);
  return Array.isArray(value) ? value.filter((item: unknown): item is object => typeof item === "object" && item !== null) : [];
}

function readObject(text: string | undefined): object | undefined {
  const value = parse(text);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}

/** What is null is not there. */
function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text, (_name, part: unknown) => part ?? undefined) as unknown);
  } catch {
    return undefined;
  }
}
