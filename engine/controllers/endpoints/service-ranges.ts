import { findCondition, withCondition } from "../../apimachinery/conditions.ts";
import { withMetadata } from "../../apimachinery/object-copy.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { formatTime } from "../../lib/clock.ts";
import { ipAddressResource } from "../../resources/networking/ip-address.ts";
import { isServiceAddress } from "../../resources/networking/service-address.ts";
import { serviceCidrResource } from "../../resources/networking/service-cidr.ts";
import type { IPAddress, ServiceCIDR } from "../../resources/types.ts";
import { cidrContains, parseAddress, parseCidr } from "../../lib/net/ip-address.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, update, watch, type Action, type ControllerDefinition } from "../define-controller.ts";

const FINALIZER = "networking.k8s.io/service-cidr-finalizer";
/** Every server gives addresses from the ranges that it knows; until then all of them know that this one is ending. */
const GRACE_MS = 10_000;
const READY = { type: "Ready", status: "True", reason: "", message: "Kubernetes Service CIDR is ready" };
const TERMINATING = {
  type: "Ready",
  status: "False",
  reason: "Terminating",
  message: "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
};

export interface ServiceRangeInputs {
  readonly range: ServiceCIDR;
  /** Whether an address would be in no range without this one. */
  readonly isNeeded: boolean;
}

/** A range is ready as long as it is wanted, and goes when no Service has an address that only it contains. Pure. */
function planServiceRange({ range, isNeeded }: ServiceRangeInputs, nowMs: number): readonly Action[] {
  const finalizers = range.metadata.finalizers ?? [];
  if (!isBeingDeleted(range as KubeObject))
    return finalizers.includes(FINALIZER)
      ? withReadiness(range, READY, nowMs)
      : [update(serviceCidrResource, withMetadata(range as KubeObject & ServiceCIDR, { finalizers: [...finalizers, FINALIZER] }))];
  if (isNeeded) return withReadiness(range, TERMINATING, nowMs);
  const leftMs = Date.parse(range.metadata.deletionTimestamp ?? "") + GRACE_MS - nowMs;
  if (leftMs > 0) return [{ do: "wait", forMs: leftMs }];
  return finalizers.includes(FINALIZER)
    ? [update(serviceCidrResource, withMetadata(range as KubeObject & ServiceCIDR, { finalizers: finalizers.filter((finalizer) => finalizer !== FINALIZER) }))]
    : []; // stored, so it has its names
}

/** Whether the deletion of a range would leave an address without one. Pure. */
function isRangeNeeded(range: ServiceCIDR, ranges: readonly ServiceCIDR[], addresses: readonly IPAddress[]): boolean {
  const own = blocksOf(range);
  const others = ranges.filter(({ metadata }) => metadata.name !== range.metadata.name).flatMap(blocksOf);
  if (own.every((block) => others.some((other) => other.prefix <= block.prefix && cidrContains(other, block)))) return false;
  return addresses.some((address) => {
    const parsed = parseAddress(address.metadata.name ?? "");
    if (parsed === undefined || !isServiceAddress(address)) return false;
    const place = { family: parsed.family, network: parsed.value };
    return own.some((block) => cidrContains(block, place)) && !others.some((block) => cidrContains(block, place));
  });
}

function blocksOf({ spec }: ServiceCIDR) {
  return (spec?.cidrs ?? []).flatMap((cidr) => parseCidr(cidr) ?? []);
}

function withReadiness(range: ServiceCIDR, condition: typeof READY, nowMs: number): readonly Action[] {
  const known = findCondition(range.status?.conditions, condition.type);
  if (known?.status === condition.status && known.message === condition.message) return [];
  return [
    update(
      serviceCidrResource,
      { ...range, status: { ...range.status, conditions: withCondition(range.status?.conditions, condition, formatTime(nowMs)) } } as ServiceCIDR & KubeObject,
      "status",
    ),
  ]; // stored, so it has its names
}

/** Keeps the ranges that addresses of Services are given from as long as they are needed. */
export function serviceRangeController({ client, informers }: ControllerContext): ControllerDefinition<ServiceRangeInputs> {
  const ranges = informers.informer(serviceCidrResource);
  const addresses = informers.informer(ipAddressResource);
  const names = () => ranges.list().map(({ metadata }) => metadata.name ?? "");
  return {
    name: "service-cidr-controller",
    // Ranges are few: whatever comes or goes may decide about any of them.
    watches: [watch(ranges, names), watch(addresses, names, (old, address) => old === undefined || address === undefined)],
    async observe(name) {
      const range = ranges.get("", name);
      if (range === undefined) return undefined;
      if (!isBeingDeleted(range as KubeObject)) return { range, isNeeded: true };
      // A cache that lags must not take the range of a Service that was made just now.
      const [all, given] = [await client.for(serviceCidrResource).list(""), await client.for(ipAddressResource).list("")];
      return { range, isNeeded: isRangeNeeded(range, all.items, given.items) };
    },
    plan: planServiceRange,
  };
}
