import { parseApiVersion } from "../../apimachinery/group-version.ts";
import { formatLabelSelector, type LabelSelector } from "../../apimachinery/selectors.ts";
import type { Client } from "../../client/client.ts";
import { describeError } from "../../lib/log.ts";
import { catalog } from "../../resources/catalog.ts";
import type { APIService, CrossVersionObjectReference, CustomResourceDefinition, MetricSpec } from "../../resources/types.ts";

/** One value out of a metrics API; of figures about pods with the pod's name. */
export interface CustomFigure {
  readonly name: string;
  readonly timestamp: string;
  readonly windowSeconds: number;
  /** A quantity. */
  readonly value: string;
}

/** What an API answered for one metric of an autoscaler; or why it did not, in upstream's words. */
export type CustomFigures = { readonly figures: readonly CustomFigure[] } | { readonly error: string };

export interface CustomFigureQuery {
  readonly namespace: string;
  /** Of the workload's pods, as text. */
  readonly podSelector: string;
  readonly definitions: readonly CustomResourceDefinition[];
  readonly services: readonly APIService[];
}

const CUSTOM = "custom.metrics.k8s.io";
const EXTERNAL = "external.metrics.k8s.io";
/** The newest first; a figure means the same in both. */
const CUSTOM_VERSIONS = ["v1beta2", "v1beta1"];
const DEFAULT_WINDOW_SECONDS = 60;

/** Reads the figures that a metric of an autoscaler is about; undefined for kinds of metrics that metrics.k8s.io answers. Never rejects. */
export async function readCustomFigures(client: Client, spec: MetricSpec, query: CustomFigureQuery): Promise<CustomFigures | undefined> {
  const plan = planFigurePath(spec, query);
  if (plan === undefined || "error" in plan) return plan;
  const { path, api } = plan;
  try {
    const { items } = (await client.read(path)) as { readonly items?: readonly RawFigure[] | null }; // a list of values, by protocol
    const figures = (items ?? []).map(figureOf);
    if (figures.length === 0) return { error: `no metrics returned from ${api} metrics API` };
    if (spec.type === "Object" && figures.length !== 1)
      return { error: fetching(api, `the custom metrics API server returned ${figures.length} results when we asked for exactly one`) };
    return { figures };
  } catch (error) {
    return { error: fetching(api, describeError(error)) };
  }
}

interface RawFigure {
  readonly describedObject?: { readonly name?: string };
  readonly timestamp?: string;
  readonly windowSeconds?: number;
  readonly window?: number;
  readonly value?: string;
}

function figureOf({ describedObject, timestamp = "", windowSeconds, window, value = "0" }: RawFigure): CustomFigure {
  return { name: describedObject?.name ?? "", timestamp, windowSeconds: windowSeconds ?? window ?? DEFAULT_WINDOW_SECONDS, value: String(value) };
}

/** Where the figures of a metric stand. Pure. */
export function planFigurePath(
  { type, pods, object, external }: MetricSpec,
  query: CustomFigureQuery,
): { readonly path: string; readonly api: "custom" | "external" } | { readonly error: string } | undefined {
  const namespace = encodeURIComponent(query.namespace);
  if (type === "External" && external !== undefined) {
    const { name, selector } = external.metric;
    return {
      path: `/apis/${EXTERNAL}/v1beta1/namespaces/${namespace}/${encodeURIComponent(name)}${queryOf({ labelSelector: selectorText(selector) })}`,
      api: "external",
    };
  }
  if ((type !== "Pods" || pods === undefined) && (type !== "Object" || object === undefined)) return undefined;
  const registered = new Set(query.services.map(({ metadata }) => metadata.name));
  const version = CUSTOM_VERSIONS.find((candidate) => registered.has(`${candidate}.${CUSTOM}`));
  if (version === undefined) return { error: fetching("custom", `no custom metrics API (${CUSTOM}) registered`) };
  const root = `/apis/${CUSTOM}/${version}/namespaces/${namespace}`;
  if (pods !== undefined) {
    return {
      path: `${root}/pods/*/${encodeURIComponent(pods.metric.name)}${queryOf({ labelSelector: query.podSelector, metricLabelSelector: selectorText(pods.metric.selector) })}`,
      api: "custom",
    };
  }
  const { metric, describedObject } = object ?? { metric: { name: "" }, describedObject: { kind: "", name: "" } };
  const tail = `${encodeURIComponent(metric.name)}${queryOf({ metricLabelSelector: selectorText(metric.selector) })}`;
  // A namespace describes itself only: whatever its name, nobody asks beyond the autoscaler's own.
  if (describedObject.kind === "Namespace" && parseApiVersion(describedObject.apiVersion ?? "").group === "")
    return { path: `${root}/metrics/${tail}`, api: "custom" };
  const resource = resourceOf(describedObject, query.definitions);
  if (resource === undefined)
    return {
      error: fetching(
        "custom",
        `no matches for kind ${JSON.stringify(describedObject.kind)} in group ${JSON.stringify(parseApiVersion(describedObject.apiVersion ?? "").group)}`,
      ),
    };
  return { path: `${root}/${resource}/${encodeURIComponent(describedObject.name)}/${tail}`, api: "custom" };
}

function resourceOf({ apiVersion = "", kind }: CrossVersionObjectReference, definitions: readonly CustomResourceDefinition[]): string | undefined {
  const { group } = parseApiVersion(apiVersion);
  const resource =
    catalog.find((definition) => definition.kind === kind && definition.group === group)?.resource ??
    definitions.find(({ spec }) => spec.group === group && spec.names.kind === kind)?.spec.names.plural;
  return resource === undefined || group === "" ? resource : `${resource}.${group}`;
}

function selectorText(selector: LabelSelector | undefined): string {
  return selector === undefined ? "" : formatLabelSelector(selector);
}

function queryOf(parameters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== ""));
  return query.size === 0 ? "" : `?${query}`;
}

function fetching(api: string, why: string): string {
  return `unable to fetch metrics from ${api} metrics API: ${why}`;
}
