import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { formatQuantity, milliValue } from "../../apimachinery/quantity.ts";
import type { LabelSelector } from "../../apimachinery/selectors.ts";
import type { MetricSpec, MetricTarget, MetricValueStatus, PodMetrics } from "../../resources/types.ts";
import type { CustomFigure, CustomFigures } from "./custom-figures.ts";
import { groupPods } from "./pod-usage.ts";
import { isWithin, judgeUsage, MetricError, type MetricInputs, type MetricResult, rounded } from "./replica-calculator.ts";

type PodsSource = NonNullable<MetricSpec["pods"]>;
type ObjectSource = NonNullable<MetricSpec["object"]>;
type ExternalSource = NonNullable<MetricSpec["external"]>;

/** How many replicas a figure about every pod asks for. Throws a MetricError. */
export function replicasOfPods({ metric, target }: PodsSource, found: CustomFigures | undefined, inputs: MetricInputs, nowMs: number): MetricResult {
  const fail = (why: string) => new MetricError("FailedGetPodsMetric", why, `failed to get pods metric value: ${why}`);
  const figures = figuresOf(found, (why) => fail(`unable to get metric ${metric.name}: ${why}`));
  if (inputs.pods.length === 0) throw fail("no pods returned by selector while calculating replica count");
  const groups = groupPods(inputs.pods, figures.map(asUsage), { resource: VALUE, container: undefined }, nowMs);
  if (groups.usage.size === 0) throw fail("did not receive metrics for targeted pods (pods might be unready)");
  const goal = milliValue(target.averageValue ?? "0") / 1000;
  const average = (usage: ReadonlyMap<string, number>) => [...usage.values()].reduce((sum, value) => sum + value, 0) / usage.size;
  const replicas = judgeUsage(
    groups,
    inputs,
    (usage) => average(usage) / goal,
    () => goal,
  );
  return {
    replicas,
    name: `pods metric ${metric.name}`,
    status: { type: "Pods", pods: { metric, current: { averageValue: quantity(Math.floor(average(groups.usage) * 1000)) } } },
  };
}

/** How many replicas a figure about one object asks for. Throws a MetricError. */
export function replicasOfObject(
  { metric, target, describedObject }: ObjectSource,
  found: CustomFigures | undefined,
  inputs: MetricInputs,
  namespace: string,
): MetricResult {
  const fail = (why: string) => new MetricError("FailedGetObjectMetric", why, `failed to get object metric value: ${why}`);
  // The words stand in this order upstream.
  const figures = figuresOf(found, (why) =>
    fail(`unable to get metric ${metric.name}: ${describedObject.kind} on ${namespace} ${describedObject.name}/${why}`),
  );
  const { replicas, current } = byTotal(total(figures), target, inputs, fail);
  const name =
    target.averageValue === undefined ? `${describedObject.kind} metric ${metric.name}` : `external metric ${metric.name}(${selectorText(metric.selector)})`;
  return { replicas, name, status: { type: "Object", object: { metric, describedObject, current } } };
}

/** How many replicas a figure from outside of the cluster asks for. Throws a MetricError. */
export function replicasOfExternal(
  { metric, target }: ExternalSource,
  found: CustomFigures | undefined,
  inputs: MetricInputs,
  namespace: string,
): MetricResult {
  const shown = selectorText(metric.selector);
  const fail = (why: string) => {
    const told =
      target.averageValue === undefined ? `failed to get external metric ${metric.name}: ${why}` : `failed to get ${metric.name} external metric: ${why}`;
    return new MetricError("FailedGetExternalMetric", why, `failed to get ${metric.name} external metric value: ${told}`);
  };
  const figures = figuresOf(found, (why) => fail(`unable to get external metric ${namespace}/${metric.name}/${shown}: ${why}`));
  const { replicas, current } = byTotal(total(figures), target, inputs, fail);
  return { replicas, name: `external metric ${metric.name}(${shown})`, status: { type: "External", external: { metric, current } } };
}

const VALUE = "value";

/** A pod's figure as one of metrics.k8s.io, so that pods are judged by the same rules. */
function asUsage({ name, timestamp, windowSeconds, value }: CustomFigure): PodMetrics {
  return {
    apiVersion: "metrics.k8s.io/v1beta1",
    kind: "PodMetrics",
    metadata: { name },
    timestamp,
    window: `${windowSeconds}s`,
    containers: [{ name: "", usage: { [VALUE]: value } }],
  };
}

function figuresOf(found: CustomFigures | undefined, fail: (why: string) => MetricError): readonly CustomFigure[] {
  if (found === undefined) throw fail("it was not asked for");
  if ("error" in found) throw fail(found.error);
  return found.figures;
}

/** In thousandths. */
function total(figures: readonly CustomFigure[]): number {
  return figures.reduce((sum, { value }) => sum + milliValue(value), 0);
}

/** A total either has a value to be kept at, which more pods bring down, or is shared out among all of them. */
function byTotal(
  milli: number,
  target: MetricTarget,
  { currentReplicas, statusReplicas, pods, tolerances }: MetricInputs,
  fail: (why: string) => MetricError,
): { readonly replicas: number; readonly current: MetricValueStatus } {
  if (target.averageValue !== undefined) {
    const goal = milliValue(target.averageValue);
    const replicas = isWithin(milli / (goal * statusReplicas), tolerances) ? statusReplicas : Math.ceil(rounded(milli / goal));
    return { replicas, current: { averageValue: quantity(Math.ceil(milli / Math.max(statusReplicas, 1))) } };
  }
  const ratio = milli / milliValue(target.value ?? "0");
  const current = { value: quantity(milli) };
  if (currentReplicas === 0) return { replicas: Math.ceil(rounded(ratio)), current };
  if (isWithin(ratio, tolerances)) return { replicas: currentReplicas, current };
  if (pods.length === 0) throw fail("unable to calculate ready pods: no pods returned by selector while calculating replica count");
  const ready = pods.filter(({ status }) => status?.phase === "Running" && isConditionTrue(status.conditions, "Ready")).length;
  return { replicas: Math.ceil(rounded(ratio * ready)), current };
}

function quantity(milli: number): string {
  return formatQuantity(milli / 1000, "DecimalSI");
}

/** As upstream's messages show a selector. */
function selectorText(selector: LabelSelector | undefined): string {
  if (selector === undefined) return "nil";
  const labels = Object.entries(selector.matchLabels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`);
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) => `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(" ")}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join("")}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join("")}},}`;
}
