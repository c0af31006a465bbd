import { canonicalQuantity, formatQuantity, parseQuantity } from "../../apimachinery/quantity.ts";
import { withMetadata } from "../../apimachinery/object-copy.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { forbidden, joinProblems } from "../../apimachinery/status-error.ts";
import { limitRangeResource } from "../../resources/core/limit-range.ts";
import { podLimits, podRequests, type ResourceAmounts } from "../../resources/pod-requests.ts";
import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from "../../resources/types.ts";
import { isKind, type AdmissionAttributes, type AdmissionPlugin } from "../admission.ts";

type Amounts = Readonly<Record<string, string>>;

const ANNOTATION = "kubernetes.io/limit-ranger";

/** Gives containers the amounts that a namespace's LimitRanges say when nobody says others, and refuses what is beyond their bounds. */
export const limitRanger: AdmissionPlugin = {
  name: "LimitRanger",
  async mutate(attributes, reader) {
    if (!isKind(attributes, "", "pods") || !concerns(attributes)) return attributes.object;
    let pod = attributes.object as Pod; // isKind
    for (const range of await reader.list(limitRangeResource, attributes.namespace)) pod = withDefaults(pod, range);
    return pod as KubeObject;
  },
  async validate(attributes, reader) {
    if (!concerns(attributes) || attributes.object === undefined) return;
    const problems: string[] = [];
    for (const range of await reader.list(limitRangeResource, attributes.namespace)) {
      problems.push(
        ...(isKind(attributes, "", "pods") ? podProblems(attributes.object as Pod, range) : claimProblems(attributes.object as PersistentVolumeClaim, range)),
      ); // concerns
      if (problems.length > 0) break; // as upstream, which asks one range after the other
    }
    if (problems.length === 0) return;
    const name = attributes.name || (attributes.object.metadata.generateName ?? "");
    throw forbidden(attributes.definition, name, joinProblems(problems));
  },
};

/** Pods when they come and when their resources change, and claims; nothing that is about to go. */
function concerns(attributes: AdmissionAttributes): boolean {
  const { operation, subresource, object } = attributes;
  if (object === undefined || (operation !== "CREATE" && operation !== "UPDATE")) return false;
  if (operation === "UPDATE" && object.metadata.deletionTimestamp !== undefined) return false;
  if (isKind(attributes, "", "pods")) return operation === "CREATE" ? subresource === undefined : subresource === "resize";
  return isKind(attributes, "", "persistentvolumeclaims") && subresource === undefined;
}

/** The pod with what the range says of containers that say nothing; an annotation tells what was filled in. Pure. */
export function withDefaults(pod: Pod, range: LimitRange): Pod {
  const items = (range.spec?.limits ?? []).filter(({ type }) => type === "Container");
  const defaults = {
    requests: Object.assign({}, ...items.map((item) => item.defaultRequest ?? {})) as Amounts,
    limits: Object.assign({}, ...items.map((item) => item.default ?? {})) as Amounts,
  };
  const filled: string[] = [];
  const fill =
    (what: string) =>
    (container: Container): Container => {
      const added = (["requests", "limits"] as const)
        .map((list) => ({
          list,
          names: Object.keys(defaults[list])
            .filter((name) => container.resources?.[list]?.[name] === undefined)
            .sort(),
        }))
        .filter(({ names }) => names.length > 0);
      for (const { list, names } of added) filled.push(`${names.join(", ")} ${list === "requests" ? "request" : "limit"} for ${what} ${container.name}`);
      if (added.length === 0) return container;
      return {
        ...container,
        resources: { ...container.resources, ...Object.fromEntries(added.map(({ list }) => [list, { ...defaults[list], ...container.resources?.[list] }])) },
      };
    };
  const containers = pod.spec.containers.map(fill("container"));
  const initContainers = pod.spec.initContainers?.map(fill("init container"));
  if (filled.length === 0) return pod;
  const annotations = { ...pod.metadata.annotations, [ANNOTATION]: `LimitRanger plugin set: ${filled.join("; ")}` };
  return {
    ...withMetadata(pod as Pod & KubeObject, { annotations }),
    spec: { ...pod.spec, containers, ...(initContainers === undefined ? {} : { initContainers }) },
  };
}

/** In what a pod is beyond the bounds of a range, in upstream's sentences. Pure. */
export function podProblems(pod: Pod, range: LimitRange): readonly string[] {
  return (range.spec?.limits ?? []).flatMap((item) => {
    if (item.type === "Pod") return boundProblems(item, texts(podRequests(pod.spec)), texts(podLimits(pod.spec)));
    if (item.type !== "Container") return [];
    return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].flatMap(({ resources }) =>
      boundProblems(item, resources?.requests ?? {}, resources?.limits ?? {}),
    );
  });
}

function claimProblems({ spec }: PersistentVolumeClaim, range: LimitRange): readonly string[] {
  const requests = spec?.resources?.requests ?? {};
  return (range.spec?.limits ?? [])
    .filter(({ type }) => type === "PersistentVolumeClaim")
    .flatMap((item) => [
      ...each(item.min, (name, bound) => requestProblem("minimum", item.type, name, bound, requests[name])),
      ...each(item.max, (name, bound) => requestProblem("maximum", item.type, name, bound, requests[name])),
    ]);
}

function boundProblems(item: LimitRangeItem, requests: Amounts, limits: Amounts): readonly string[] {
  const { type } = item;
  return [
    ...each(
      item.min,
      (name, bound) => requestProblem("minimum", type, name, bound, requests[name]) ?? beyond("minimum", type, name, bound, "limit", limits[name]),
    ),
    ...each(item.max, (name, bound) => {
      if (limits[name] === undefined) return `maximum ${name} usage per ${type} is ${canonicalQuantity(bound)}.  No limit is specified`;
      return beyond("maximum", type, name, bound, "limit", limits[name]) ?? beyond("maximum", type, name, bound, "request", requests[name]);
    }),
    ...each(item.maxLimitRequestRatio, (name, bound) => ratioProblem(type, name, bound, requests[name], limits[name])),
  ];
}

function requestProblem(end: "minimum" | "maximum", type: string, name: string, bound: string, request: string | undefined): string | undefined {
  if (request === undefined) return `${end} ${name} usage per ${type} is ${canonicalQuantity(bound)}.  No request is specified`;
  return beyond(end, type, name, bound, "request", request);
}

function beyond(end: "minimum" | "maximum", type: string, name: string, bound: string, what: string, amount: string | undefined): string | undefined {
  if (amount === undefined) return undefined;
  const difference = parseQuantity(amount) - parseQuantity(bound);
  const isBeyond = end === "minimum" ? difference < 0 : difference > 0;
  return isBeyond ? `${end} ${name} usage per ${type} is ${canonicalQuantity(bound)}, but ${what} is ${canonicalQuantity(amount)}` : undefined;
}

function ratioProblem(type: string, name: string, bound: string, request: string | undefined, limit: string | undefined): string | undefined {
  const start = `${name} max limit to request ratio per ${type} is ${canonicalQuantity(bound)}, but`;
  if (request === undefined || parseQuantity(request) === 0) return `${start} no request is specified or request is 0`;
  if (limit === undefined || parseQuantity(limit) === 0) return `${start} no limit is specified or limit is 0`;
  const ratio = parseQuantity(limit) / parseQuantity(request);
  return ratio > parseQuantity(bound) ? `${start} provided ratio is ${ratio.toFixed(6)}` : undefined;
}

/** What is found wrong of each resource, by name. */
function each(list: Amounts | undefined, judge: (name: string, bound: string) => string | undefined): readonly string[] {
  return Object.keys(list ?? {})
    .sort()
    .flatMap((name) => judge(name, list?.[name] ?? "0") ?? []);
}

/** Sums back in the form in which amounts are written; processors are counted in thousandths. */
function texts(sums: ResourceAmounts): Amounts {
  return Object.fromEntries(
    Object.entries(sums).map(([name, amount]) => [name, formatQuantity(name === "cpu" ? amount / 1000 : amount, name === "cpu" ? "DecimalSI" : "BinarySI")]),
  );
}
