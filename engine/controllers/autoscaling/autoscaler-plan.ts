import { hasStatus } from "../kept-status.ts";
import { withCondition } from "../../apimachinery/conditions.ts";
import { formatTime } from "../../lib/clock.ts";
import { describeError } from "../../lib/log.ts";
import { horizontalPodAutoscalerResource } from "../../resources/autoscaling/horizontal-pod-autoscaler.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition, MetricSpec, MetricStatus, Pod, PodMetrics } from "../../resources/types.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { tell, update, type Action, type Outcome } from "../define-controller.ts";
import type { CustomFigures } from "./custom-figures.ts";
import { replicasOfExternal, replicasOfObject, replicasOfPods } from "./custom-replicas.ts";
import { MetricError, replicasOfResource, type MetricInputs, type MetricResult } from "./replica-calculator.ts";
import { limitReplicas, tolerancesOf, type ScalingHistory } from "./scaling-limits.ts";

/** What is scaled, as its scale subresource says. */
export interface ScaleTarget {
  readonly resource: ResourceReference;
  readonly object: KubeObject;
  readonly replicas: number;
  /** How many there are, by its status. */
  readonly statusReplicas: number;
  /** Empty when it has none. */
  readonly selector: string;
}

export interface AutoscalerInputs {
  readonly autoscaler: HorizontalPodAutoscaler;
  /** Why there is none, otherwise. */
  readonly target: ScaleTarget | { readonly error: string };
  readonly pods: readonly Pod[];
  readonly metrics: readonly PodMetrics[];
  /** What other APIs say of each of the autoscaler's metrics, in its order; undefined where metrics.k8s.io is asked. */
  readonly figures: readonly (CustomFigures | undefined)[];
  readonly history: ScalingHistory;
  /** How long until the next look, in milliseconds. */
  readonly periodMs: number;
}

export interface AutoscalerDecision {
  readonly current: number;
  readonly desired: number;
  /** What the figures asked for, to be remembered; undefined when they were not asked. */
  readonly recommendation: number | undefined;
  readonly metrics: readonly MetricStatus[];
  readonly conditions: readonly Fact[];
  readonly tales: readonly { readonly reason: string; readonly message: string }[];
  /** For the event of a change. */
  readonly why: string;
}

interface Fact {
  readonly type: "AbleToScale" | "ScalingActive" | "ScalingLimited";
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

/** How many replicas there should be and why, by upstream's rules. Pure. */
export function decideReplicas(inputs: AutoscalerInputs, nowMs: number): AutoscalerDecision {
  const { autoscaler, target } = inputs;
  const { minReplicas = 1, maxReplicas } = autoscaler.spec;
  const known = autoscaler.status?.currentReplicas ?? 0;
  const idle = { metrics: autoscaler.status?.currentMetrics ?? [], recommendation: undefined, tales: [], why: "" };
  if ("error" in target) {
    const message = `the HPA controller was unable to get the target's current scale: ${target.error}`;
    return {
      ...idle,
      current: known,
      desired: autoscaler.status?.desiredReplicas ?? 0,
      conditions: [{ type: "AbleToScale", status: "False", reason: "FailedGetScale", message }],
      tales: [{ reason: "FailedGetScale", message: target.error }],
    };
  }
  const able: Fact = {
    type: "AbleToScale",
    status: "True",
    reason: "SucceededGetScale",
    message: "the HPA controller was able to get the target's current scale",
  };
  const current = target.replicas;
  if (current === 0 && minReplicas !== 0) {
    return {
      ...idle,
      current,
      desired: 0,
      conditions: [
        able,
        { type: "ScalingActive", status: "False", reason: "ScalingDisabled", message: "scaling is disabled since the replica count of the target is zero" },
      ],
    };
  }
  if (current > maxReplicas) return { ...idle, current, desired: maxReplicas, conditions: [able], why: "Current number of replicas above Spec.MaxReplicas" };
  if (current < minReplicas) return { ...idle, current, desired: minReplicas, conditions: [able], why: "Current number of replicas below Spec.MinReplicas" };
  return decideByMetrics(inputs, target, able, nowMs);
}

function decideByMetrics(inputs: AutoscalerInputs, target: ScaleTarget, able: Fact, nowMs: number): AutoscalerDecision {
  const { autoscaler, history } = inputs;
  const current = target.replicas;
  if (target.selector === "") {
    const inactive: Fact = { type: "ScalingActive", status: "False", reason: "InvalidSelector", message: "the HPA target's scale is missing a selector" };
    return {
      current,
      desired: current,
      recommendation: undefined,
      metrics: [],
      conditions: [able, inactive],
      tales: [{ reason: "SelectorRequired", message: "selector is required" }],
      why: "",
    };
  }
  const { results, failures } = askMetrics(inputs, target, nowMs);
  const best = results.reduce<MetricResult | undefined>((most, next) => (most === undefined || next.replicas > most.replicas ? next : most), undefined);
  const [failure] = failures;
  // With figures missing there may still be more pods, but not fewer: nobody knows what the missing ones would have asked for.
  if (best === undefined || (failure !== undefined && best.replicas < current)) {
    const why = failure?.message ?? "no metrics";
    const inactive: Fact = {
      type: "ScalingActive",
      status: "False",
      reason: failure?.reason ?? "InvalidMetricSourceType",
      message: `the HPA was unable to compute the replica count: ${why}`,
    };
    const all = {
      reason: "FailedComputeMetricsReplicas",
      message: `invalid metrics (${failures.length} invalid out of ${(autoscaler.spec.metrics ?? []).length}), first error is: ${failure?.summary ?? why}`,
    };
    return {
      current,
      desired: current,
      recommendation: undefined,
      metrics: results.map(({ status }) => status),
      conditions: [able, inactive],
      tales: [...failures.map(storyOf), all],
      why: "",
    };
  }
  const active: Fact = {
    type: "ScalingActive",
    status: "True",
    reason: "ValidMetricFound",
    message: `the HPA was able to successfully calculate a replica count from ${best.name}`,
  };
  const { replicas: desired, stabilized, limit } = limitReplicas(autoscaler, current, best.replicas, history, nowMs);
  const ready: Fact = {
    ...able,
    ...(stabilized === "down"
      ? { reason: "ScaleDownStabilized", message: "recent recommendations were higher than current one, applying the highest recent recommendation" }
      : stabilized === "up"
        ? { reason: "ScaleUpStabilized", message: "recent recommendations were lower than current one, applying the lowest recent recommendation" }
        : { reason: "ReadyForNewScale", message: "recommended size matches current size" }),
  };
  const limited: Fact =
    limit === undefined
      ? { type: "ScalingLimited", status: "False", reason: "DesiredWithinRange", message: "the desired count is within the acceptable range" }
      : { type: "ScalingLimited", status: "True", ...limit };
  return {
    current,
    desired,
    recommendation: best.replicas,
    metrics: results.map(({ status }) => status),
    conditions: [ready, active, limited],
    tales: failures.map(storyOf),
    why: desired > current ? `${best.name} above target` : "All metrics below target",
  };
}

function storyOf({ reason, message }: MetricFailure): AutoscalerDecision["tales"][number] {
  return { reason, message };
}

interface MetricFailure {
  readonly reason: string;
  readonly message: string;
  readonly summary: string;
}

function askMetrics(
  { autoscaler, pods, metrics, figures }: AutoscalerInputs,
  { replicas, statusReplicas }: ScaleTarget,
  nowMs: number,
): { readonly results: readonly MetricResult[]; readonly failures: readonly MetricFailure[] } {
  const results: MetricResult[] = [];
  const failures: MetricFailure[] = [];
  const inputs = { currentReplicas: replicas, statusReplicas, pods, metrics, tolerances: tolerancesOf(autoscaler) };
  for (const [index, spec] of (autoscaler.spec.metrics ?? []).entries()) {
    try {
      results.push(computeReplicas(spec, figures[index], inputs, autoscaler.metadata.namespace ?? "", nowMs));
    } catch (error) {
      if (!(error instanceof MetricError)) throw error;
      failures.push({ reason: error.reason, message: error.message, summary: error.summary });
    }
  }
  return { results, failures };
}

/** How many replicas a metric asks for. Throws a MetricError when it cannot be told. */
export function computeReplicas(spec: MetricSpec, found: CustomFigures | undefined, inputs: MetricInputs, namespace: string, nowMs: number): MetricResult {
  const { pods, object, external } = spec;
  if (spec.type === "Pods" && pods !== undefined) return replicasOfPods(pods, found, inputs, nowMs);
  if (spec.type === "Object" && object !== undefined) return replicasOfObject(object, found, inputs, namespace);
  if (spec.type === "External" && external !== undefined) return replicasOfExternal(external, found, inputs, namespace);
  const result = replicasOfResource(spec, inputs, nowMs);
  if (result !== undefined) return result;
  const why = `unknown metric source type ${JSON.stringify(spec.type)}`;
  throw new MetricError("InvalidMetricSourceType", why, why);
}

/** The change, if there is one; its status follows. Pure. */
export function planAutoscaler({ autoscaler, target, periodMs }: AutoscalerInputs, { current, desired, tales }: AutoscalerDecision): readonly Action[] {
  const again: Action = { do: "wait", forMs: periodMs };
  const stories = tales.map(({ reason, message }) => tell(autoscaler, "Warning", reason, message));
  if ("error" in target || desired === current) return [again, ...stories];
  return [
    again,
    ...stories,
    { do: "patch", resource: target.resource, object: target.object, patch: { spec: { replicas: desired } }, type: "merge", subresource: "scale" },
  ];
}

/** What the autoscaler says of itself, given how the change went. Pure. */
export function concludeAutoscaler(
  { autoscaler, target }: AutoscalerInputs,
  decision: AutoscalerDecision,
  { failure }: Outcome,
  nowMs: number,
): readonly Action[] {
  const { current, desired, metrics, why } = decision;
  const now = formatTime(nowMs);
  const isChange = !("error" in target) && desired !== current;
  const outcome: readonly Fact[] = !isChange
    ? []
    : failure === undefined
      ? [{ type: "AbleToScale", status: "True", reason: "SucceededRescale", message: `the HPA controller was able to update the target scale to ${desired}` }]
      : [
          {
            type: "AbleToScale",
            status: "False",
            reason: "FailedUpdateScale",
            message: `the HPA controller was unable to update the target scale: ${describeError(failure)}`,
          },
        ];
  const conditions = [...decision.conditions, ...outcome].reduce<readonly HorizontalPodAutoscalerCondition[]>(
    (list, fact) => withCondition(list, fact, now),
    autoscaler.status?.conditions ?? [],
  );
  const { lastScaleTime, observedGeneration } = autoscaler.status ?? {};
  const scaledAt = isChange && failure === undefined ? now : lastScaleTime;
  const status = {
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    ...(scaledAt === undefined ? {} : { lastScaleTime: scaledAt }),
    currentReplicas: current,
    desiredReplicas: failure === undefined ? desired : current,
    ...(metrics.length === 0 ? {} : { currentMetrics: metrics }),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
  return [
    ...(!isChange
      ? []
      : failure === undefined
        ? [tell(autoscaler, "Normal", "SuccessfulRescale", `New size: ${desired}; reason: ${why}`)]
        : [tell(autoscaler, "Warning", "FailedRescale", `New size: ${desired}; reason: ${why}; error: ${describeError(failure)}`)]),
    ...(hasStatus(horizontalPodAutoscalerResource, autoscaler, status) ? [] : [update(horizontalPodAutoscalerResource, { ...autoscaler, status }, "status")]),
  ];
}
