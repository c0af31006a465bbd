import type { LabelSelector } from "../../apimachinery/selectors.ts";
import type { CrossVersionObjectReference, MetricIdentifier, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from "../types.ts";

/** Whether a figure is as it should be, or as it was last read: both versions name their fields by that. */
type Word = "target" | "current";

/** A figure's amounts, each where it is said. */
interface Amounts {
  readonly value?: string | undefined;
  readonly averageValue?: string | undefined;
  readonly averageUtilization?: number | undefined;
}

/** In the words of autoscaling/v2. */
interface V2Of<W extends Word, A> {
  readonly type: string;
  readonly resource?: { readonly name: string } & Readonly<Record<W, A>>;
  readonly containerResource?: { readonly name: string; readonly container: string } & Readonly<Record<W, A>>;
  readonly pods?: { readonly metric: MetricIdentifier } & Readonly<Record<W, A>>;
  readonly object?: { readonly describedObject: CrossVersionObjectReference; readonly metric: MetricIdentifier } & Readonly<Record<W, A>>;
  readonly external?: { readonly metric: MetricIdentifier } & Readonly<Record<W, A>>;
}

/** In those of autoscaling/v1, which only its annotations use. */
interface V1Of<W extends Word> {
  readonly type: string;
  readonly resource?: { readonly name: string } & V1Amounts<W>;
  readonly containerResource?: { readonly name: string; readonly container: string } & V1Amounts<W>;
  readonly pods?: { readonly metricName: string; readonly selector?: LabelSelector } & V1Amounts<W>;
  readonly object?: {
    readonly target?: CrossVersionObjectReference;
    readonly metricName: string;
    readonly selector?: LabelSelector;
    readonly averageValue?: string;
  } & V1Amounts<W>;
  readonly external?: { readonly metricName: string; readonly metricSelector?: LabelSelector } & V1Amounts<W>;
}

type V1Amounts<W extends Word> = { readonly [Name in `${W}Value` | `${W}AverageValue`]?: string } & { readonly [Name in `${W}AverageUtilization`]?: number };

export type V1Metric = V1Of<"target">;
export type V1MetricStatus = V1Of<"current">;

export const toV1Metric = (metric: MetricSpec): V1Metric => toV1(metric, "target");
export const toV1MetricStatus = (metric: MetricStatus): V1MetricStatus => toV1(metric, "current");

/** Undefined for what is none: annotations may hold anything. */
export const fromV1Metric = (metric: V1Metric): MetricSpec | undefined => fromV1(metric, "target", targetOf);
export const fromV1MetricStatus = (metric: V1MetricStatus): MetricStatus | undefined => fromV1(metric, "current", currentOf);

function toV1<W extends Word, A extends Amounts>({ type, resource, containerResource, pods, object, external }: V2Of<W, A>, word: W): V1Of<W> {
  // What was read is a zero where nothing is said.
  const read = (amount: string | undefined) => (word === "current" ? (amount ?? "0") : amount);
  const used = ({ averageUtilization, averageValue }: Amounts) => ({
    ...said(`${word}AverageUtilization`, averageUtilization),
    ...said(`${word}AverageValue`, read(averageValue)),
  });
  return {
    type,
    ...(resource === undefined ? {} : { resource: { name: resource.name, ...used(resource[word]) } }),
    ...(containerResource === undefined
      ? {}
      : { containerResource: { name: containerResource.name, container: containerResource.container, ...used(containerResource[word]) } }),
    ...(pods === undefined
      ? {}
      : { pods: { metricName: pods.metric.name, ...said("selector", pods.metric.selector), [`${word}AverageValue`]: pods[word].averageValue ?? "0" } }),
    ...(object === undefined
      ? {}
      : {
          object: {
            target: object.describedObject,
            metricName: object.metric.name,
            ...said("selector", object.metric.selector),
            [`${word}Value`]: object[word].value ?? "0",
            ...said("averageValue", object[word].averageValue),
          },
        }),
    ...(external === undefined
      ? {}
      : {
          external: {
            metricName: external.metric.name,
            ...said("metricSelector", external.metric.selector),
            ...said(`${word}Value`, read(external[word].value)),
            ...said(`${word}AverageValue`, external[word].averageValue),
          },
        }),
  } as V1Of<W>; // its fields are named after the word
}

function fromV1<W extends Word, A>(
  { type, resource, containerResource, pods, object, external }: V1Of<W>,
  word: W,
  amountOf: (amounts: Amounts, isAverage: boolean) => A,
): V2Of<W, A> | undefined {
  const given = (from: V1Amounts<W>) => amountsOf(from as V1Amounts<Word>, word); // of this word
  const at = (amounts: Amounts, isAverage = false) => ({ [word]: amountOf(amounts, isAverage) });
  const use = (from: V1Amounts<W>) => at({ ...given(from), value: undefined }, true);
  const of = (source: object) => ({ type, ...source }) as V2Of<W, A>; // as above
  if (resource !== undefined) return of({ resource: { name: textOf(resource.name), ...use(resource) } });
  if (containerResource !== undefined)
    return of({ containerResource: { name: textOf(containerResource.name), container: textOf(containerResource.container), ...use(containerResource) } });
  if (pods !== undefined) return of({ pods: { metric: identifier(pods.metricName, pods.selector), ...at({ averageValue: given(pods).averageValue }, true) } });
  if (object !== undefined) {
    const { target, metricName, selector, averageValue } = object;
    const describedObject = { ...target, kind: textOf(target?.kind), name: textOf(target?.name) };
    return of({ object: { describedObject, metric: identifier(metricName, selector), ...at({ value: given(object).value, averageValue }) } });
  }
  if (external === undefined) return undefined;
  return of({ external: { metric: identifier(external.metricName, external.metricSelector), ...at({ ...given(external), averageUtilization: undefined }) } });
}

function amountsOf(from: V1Amounts<Word>, word: Word): Amounts {
  return {
    ...said("value", from[`${word}Value`]),
    ...said("averageValue", from[`${word}AverageValue`]),
    ...said("averageUtilization", from[`${word}AverageUtilization`]),
  };
}

/** A figure should be one thing only. */
function targetOf({ value, averageValue, averageUtilization }: Amounts, isAverage: boolean): MetricTarget {
  if (averageUtilization !== undefined) return { type: "Utilization", averageUtilization };
  return isAverage || averageValue !== undefined ? { type: "AverageValue", ...said("averageValue", averageValue) } : { type: "Value", ...said("value", value) };
}

function currentOf({ value, averageValue, averageUtilization }: Amounts): MetricValueStatus {
  return { ...said("value", value), ...said("averageValue", averageValue), ...said("averageUtilization", averageUtilization) };
}

function identifier(name: unknown, selector: LabelSelector | undefined): MetricIdentifier {
  return { name: textOf(name), ...said("selector", selector) };
}

/** Go has an empty text where an annotation says none. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A field, if there is something to say. */
function said<K extends string, V>(name: K, value: V | undefined): { readonly [key in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [key in K]: V }); // the only field it has
}
