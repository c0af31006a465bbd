import { nameColumn, ageColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerBehavior, HPAScalingRules, MetricSpec } from "../types.ts";
import { describeMetrics } from "./describe-metrics.ts";
import { validateAutoscaler, validateAutoscalerStatus } from "./autoscaler-validation.ts";

export const CPU_UTILIZATION_DEFAULT = 80;

/** What applies when a rule says nothing: up at once, down as far as the last five minutes allow. */
export const SCALE_UP_DEFAULTS: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Pods", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ],
};
export const SCALE_DOWN_DEFAULTS: HPAScalingRules = { selectPolicy: "Max", policies: [{ type: "Percent", value: 100, periodSeconds: 15 }] };

export const horizontalPodAutoscalerResource = defineResource<HorizontalPodAutoscaler>({
  group: "autoscaling",
  version: "v2",
  resource: "horizontalpodautoscalers",
  kind: "HorizontalPodAutoscaler",
  namespaced: true,
  shortNames: ["hpa"],
  categories: ["all"],
  schema: () => loadSchema("autoscaling/v2/horizontal-pod-autoscaler.yaml"),
  strategy: {
    setDefaults: withDefaults,
    prepareForCreate: (autoscaler) => ({ ...autoscaler, status: { currentMetrics: null, desiredReplicas: 0 } }),
    validateNew: (autoscaler) => validateAutoscaler(autoscaler),
    validateUpdate: validateAutoscaler,
    validateStatusUpdate: validateAutoscalerStatus,
  },
  subresources: [{ name: "status" }],
  columns: [
    nameColumn,
    { name: "Reference", type: "string", description: "What is scaled.", cell: ({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}` },
    {
      name: "Targets",
      type: "string",
      description: "Each figure, as it is and as it should be.",
      cell: ({ spec, status }) => describeMetrics(spec.metrics ?? [], status?.currentMetrics ?? []),
    },
    {
      name: "MinPods",
      type: "string",
      description: "The fewest replicas.",
      cell: ({ spec }) => (spec.minReplicas === undefined ? "<unset>" : String(spec.minReplicas)),
    },
    { name: "MaxPods", type: "string", description: "The most replicas.", cell: ({ spec }) => spec.maxReplicas },
    { name: "Replicas", type: "string", description: "How many there are.", cell: ({ status }) => status?.currentReplicas ?? 0 },
    ageColumn,
  ],
});

function withDefaults(autoscaler: HorizontalPodAutoscaler): HorizontalPodAutoscaler {
  const { spec } = autoscaler;
  const metrics: readonly MetricSpec[] =
    (spec.metrics ?? []).length === 0
      ? [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: CPU_UTILIZATION_DEFAULT } } }]
      : (spec.metrics ?? []);
  const behavior = spec.behavior === undefined ? {} : { behavior: withBehaviorDefaults(spec.behavior) };
  return { ...autoscaler, spec: { ...spec, minReplicas: spec.minReplicas ?? 1, metrics, ...behavior } };
}

/** Whoever rules one direction sees the rules of both. */
export function withBehaviorDefaults({ scaleUp, scaleDown }: HorizontalPodAutoscalerBehavior): HorizontalPodAutoscalerBehavior {
  return { scaleUp: { ...SCALE_UP_DEFAULTS, ...scaleUp }, scaleDown: { ...SCALE_DOWN_DEFAULTS, ...scaleDown } };
}
