import { formatQuantity, parseQuantity } from "../../apimachinery/quantity.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { claimClassName } from "../core/persistent-volume-claim.ts";
import type { ResourceReference } from "../define-resource.ts";
import { effectiveSpec } from "../effective-spec.ts";
import { podLimits, podRequests, type ResourceAmounts } from "../pod-requests.ts";
import type { PersistentVolumeClaim, Pod, ResourceClaim, Service } from "../types.ts";
import { deviceUsage, isDeviceCount, isExtendedResourceBound } from "./device-usage.ts";
import { needsDeviceFacts, type QuotaFacts } from "./quota-facts.ts";
import { isHugePages } from "../huge-pages.ts";

/** Amounts by the names that quotas use, in thousandths: whole numbers, so that sums are exact. */
export type QuotaAmounts = Readonly<Record<string, number>>;

/** Kinds that had a name of their own in quotas before everything could be counted. */
const PLAIN_COUNTS = new Set(["configmaps", "secrets", "replicationcontrollers", "resourcequotas", "services", "persistentvolumeclaims"]);
const NATIVE = new Set(["cpu", "memory", "ephemeral-storage"]);

/** `count/pods`, `count/deployments.apps`. */
function countName({ group, resource }: Pick<ResourceReference, "group" | "resource">): string {
  return `count/${resource}${group === "" ? "" : `.${group}`}`;
}

/** What an object takes of the quotas of its namespace. Pure. */
export function quotaUsage(kind: Pick<ResourceReference, "group" | "resource">, object: KubeObject, { nowMs, devices }: QuotaFacts): QuotaAmounts {
  const counted: QuotaAmounts = { [countName(kind)]: 1000, ...(kind.group === "" && PLAIN_COUNTS.has(kind.resource) ? { [kind.resource]: 1000 } : {}) };
  if (needsDeviceFacts(kind)) return { ...counted, ...deviceUsage(object as KubeObject & ResourceClaim, devices) }; // the kind decides
  if (kind.group !== "") return counted;
  switch (kind.resource) {
    case "pods":
      return { ...counted, ...podUsage(object as Pod, nowMs) }; // the kind decides
    case "services":
      return { ...counted, ...serviceUsage(object as Service) }; // likewise
    case "persistentvolumeclaims":
      return { ...counted, ...claimUsage(object as PersistentVolumeClaim) }; // likewise
    default:
      return counted;
  }
}

/** A pod counts until it is over, or should have been gone by now. */
function isCharged({ metadata, status, spec }: Pod, nowMs: number): boolean {
  if (status?.phase === "Succeeded" || status?.phase === "Failed") return false;
  if (metadata.deletionTimestamp === undefined) return true;
  const graceSeconds = metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 0;
  return nowMs <= Date.parse(metadata.deletionTimestamp) + graceSeconds * 1000;
}

/** What a pod takes beyond its place among all objects. While its containers are resized, the most that they have or shall have counts. Pure. */
export function podUsage(pod: Pod, nowMs: number): QuotaAmounts {
  if (!isCharged(pod, nowMs)) return {};
  const spec = effectiveSpec(pod, { countsWhole: false });
  return { pods: 1000, ...computeUsage(podRequests(spec), podLimits(spec)) };
}

/** Of requests and limits in the units of `podRequests`: processors in thousandths already. */
function computeUsage(requests: ResourceAmounts, limits: ResourceAmounts): QuotaAmounts {
  const usage: Record<string, number> = {};
  const milli = (name: string, amount: number) => (name === "cpu" ? Math.round(amount) : Math.round(amount * 1000));
  for (const [name, amount] of Object.entries(requests)) {
    usage[`requests.${name}`] = milli(name, amount);
    if (NATIVE.has(name) || isHugePages(name)) usage[name] = milli(name, amount);
  }
  for (const [name, amount] of Object.entries(limits)) if (NATIVE.has(name)) usage[`limits.${name}`] = milli(name, amount);
  return usage;
}

function serviceUsage({ spec }: Service): QuotaAmounts {
  const ports = spec?.ports ?? [];
  const isBalanced = spec?.type === "LoadBalancer";
  // Ports are not given yet when a Service is admitted: what it will get counts.
  const wanted = isBalanced && spec.allocateLoadBalancerNodePorts === false ? ports.filter(({ nodePort }) => (nodePort ?? 0) > 0).length : ports.length;
  return { "services.nodeports": spec?.type === "NodePort" || isBalanced ? wanted * 1000 : 0, "services.loadbalancers": isBalanced ? 1000 : 0 };
}

function claimUsage(claim: PersistentVolumeClaim): QuotaAmounts {
  const asked = claim.spec?.resources?.requests?.["storage"];
  const granted = claim.status?.allocatedResources?.["storage"];
  const bytes = asked === undefined ? undefined : Math.ceil(Math.max(parseQuantity(asked), parseQuantity(granted ?? "0")));
  const className = claimClassName(claim);
  const usage: Record<string, number> = bytes === undefined ? {} : { "requests.storage": bytes * 1000 };
  if (className === "") return usage;
  usage[`${className}.storageclass.storage.k8s.io/persistentvolumeclaims`] = 1000;
  if (bytes !== undefined) usage[`${className}.storageclass.storage.k8s.io/requests.storage`] = bytes * 1000;
  return usage;
}

/** Which of these names objects of a kind can take anything of. */
export function quotaNamesOf(kind: Pick<ResourceReference, "group" | "resource">, names: readonly string[]): readonly string[] {
  return names.filter((name) => {
    if (name === countName(kind)) return true;
    if (needsDeviceFacts(kind)) return isDeviceCount(name);
    if (kind.group !== "") return false;
    if (kind.resource === "pods")
      return (
        name === "pods" ||
        /^((requests|limits)\.)?(cpu|memory|ephemeral-storage)$/.test(name) ||
        /^(requests\.)?hugepages-/.test(name) ||
        isExtendedResourceBound(name)
      );
    if (kind.resource === "services") return name === "services" || name.startsWith("services.");
    if (kind.resource === "persistentvolumeclaims")
      return (
        name === "persistentvolumeclaims" ||
        name === "requests.storage" ||
        /\.storageclass\.storage\.k8s\.io\/(persistentvolumeclaims|requests\.storage)$/.test(name)
      );
    return PLAIN_COUNTS.has(kind.resource) && name === kind.resource;
  });
}

/** As written: in thousandths. */
export function toQuotaAmounts(list: Readonly<Record<string, string>> | undefined): QuotaAmounts {
  return Object.fromEntries(Object.entries(list ?? {}).map(([name, amount]) => [name, Math.round(parseQuantity(amount) * 1000)]));
}

/** Bytes that are multiples of 1024 are written with binary suffixes, all else with decimal ones. */
export function formatQuotaAmount(name: string, thousandths: number): string {
  const isBytes = /(memory|storage|hugepages-[^/]*)$/.test(name) && thousandths % 1_024_000 === 0;
  return formatQuantity(thousandths / 1000, isBytes ? "BinarySI" : "DecimalSI");
}

export function fromQuotaAmounts(amounts: QuotaAmounts): Record<string, string> {
  return Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, formatQuotaAmount(name, amount)]));
}
