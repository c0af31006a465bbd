import { objectKey, splitKey, type KubeObject } from "../../apimachinery/object-meta.ts";
import { formatTime } from "../../lib/clock.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { podResource } from "../../resources/core/pod.ts";
import { toleratesTaint } from "../../resources/device/device-taints.ts";
import { findDeviceClaims, isReservedFor } from "../../resources/device/pod-device-claims.ts";
import { resourceClaimResource } from "../../resources/device/resource-claim.ts";
import { resourceSliceResource } from "../../resources/device/resource-slice.ts";
import type { Device, DeviceRequestAllocationResult, DeviceTaint, Pod, ResourceClaim, ResourceSlice } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, tell, watch, type Action, type ControllerDefinition } from "../define-controller.ts";
import { disruption, isPodFinished } from "../pods.ts";

const POOL_INDEX = "devicePools";
const poolKey = (driver: string, pool: string) => `${driver}/${pool}`;
const usersOf = ({ metadata: { namespace = "" }, status }: ResourceClaim) =>
  (status?.reservedFor ?? []).flatMap(({ apiGroup = "", resource, name }) => (apiGroup === "" && resource === "pods" ? [`${namespace}/${name}`] : []));
const evictingTaints = (slice: ResourceSlice | undefined) =>
  (slice?.spec.devices ?? []).flatMap(({ name, taints = [] }) => taints.flatMap((taint) => (taint.effect === "NoExecute" ? [{ name, taint }] : [])));

/** A device that a pod was given, and the taints that it has now. */
export interface TaintedAllocation {
  readonly given: DeviceRequestAllocationResult;
  readonly taints: readonly DeviceTaint[];
}

/** When a device must be left: milliseconds since the epoch, undefined for never. Who says for how long a taint is no matter stays that much longer. */
function leaveDeviceAtMs({ given, taints }: TaintedAllocation): number | undefined {
  const times = taints.flatMap((taint) => {
    const fitting = (given.tolerations ?? []).filter((toleration) => toleration.effect === "NoExecute" && toleratesTaint(toleration, taint));
    if (taint.effect !== "NoExecute" || fitting.some(({ tolerationSeconds }) => tolerationSeconds === undefined)) return [];
    const seconds = fitting.map(({ tolerationSeconds = 0 }) => Math.max(0, tolerationSeconds));
    return [(Date.parse(taint.timeAdded ?? "") || 0) + (seconds.length === 0 ? 0 : Math.min(...seconds) * 1000)];
  });
  return times.length === 0 ? undefined : Math.min(...times);
}

export interface DeviceTaintInputs {
  readonly pod: Pod & KubeObject;
  readonly allocations: readonly TaintedAllocation[];
}

/** Deletes a pod one of whose devices must be left, when it is time. Pure. */
function planDeviceEviction({ pod, allocations }: DeviceTaintInputs, nowMs: number): readonly Action[] {
  const dueMs = Math.min(...allocations.map((allocation) => leaveDeviceAtMs(allocation) ?? Infinity));
  if (dueMs === Infinity) return [];
  if (dueMs > nowMs) return [{ do: "wait", forMs: dueMs - nowMs }];
  const condition = disruption("DeletionByDeviceTaintManager", "Device Taint manager: deleting due to NoExecute taint", formatTime(nowMs));
  return [
    tell(pod, "Normal", "DeviceTaintManagerEviction", "Marking for deletion"),
    { do: "patch", resource: podResource, object: pod, patch: { status: { conditions: [condition] } }, subresource: "status" },
    { do: "delete", resource: podResource, object: pod },
  ];
}

/** Evicts pods from devices that their drivers have tainted. */
export function deviceTaintController({ informers }: ControllerContext): ControllerDefinition<DeviceTaintInputs> {
  const pods = informers.informer(podResource);
  const claims = informers.informer(resourceClaimResource);
  const slices = informers.informer(resourceSliceResource);
  slices.addIndex(POOL_INDEX, ({ spec }) => [poolKey(spec.driver, spec.pool.name)]);
  claims.addIndex(POOL_INDEX, ({ status }) => [...new Set((status?.allocation?.devices?.results ?? []).map(({ driver, pool }) => poolKey(driver, pool)))]);
  const deviceOf = ({ driver, pool, device }: DeviceRequestAllocationResult): Device | undefined => {
    const known = slices.byIndex(POOL_INDEX, poolKey(driver, pool));
    const newest = Math.max(...known.map(({ spec }) => spec.pool.generation ?? 0));
    return known.flatMap(({ spec }) => ((spec.pool.generation ?? 0) === newest ? (spec.devices ?? []) : [])).find(({ name }) => name === device);
  };
  return {
    name: "device-taint-eviction",
    watches: [
      watch(
        slices,
        ({ spec }) => claims.byIndex(POOL_INDEX, poolKey(spec.driver, spec.pool.name)).flatMap(usersOf),
        (old, slice) => !jsonEqual(evictingTaints(old), evictingTaints(slice)),
      ),
      watch(claims, usersOf, (old, claim) => claim?.status?.allocation !== undefined && !jsonEqual(old?.status, claim.status)),
      watch(
        pods,
        (pod) => [objectKey(pod)],
        (old, pod) =>
          (pod?.spec.resourceClaims?.length ?? 0) > 0 &&
          Boolean(pod?.spec.nodeName) &&
          (old?.spec.nodeName !== pod?.spec.nodeName || !jsonEqual(old?.status?.resourceClaimStatuses, pod?.status?.resourceClaimStatuses)),
      ),
    ],
    observe(key) {
      const { namespace, name } = splitKey(key);
      const pod = pods.get(namespace, name);
      if (pod === undefined || !pod.spec.nodeName || isPodFinished(pod) || isBeingDeleted(pod as KubeObject)) return undefined; // stored, so it has its names
      const reserved = findDeviceClaims(pod, (claimName) => claims.get(namespace, claimName)).filter((claim) => isReservedFor(claim, pod));
      const allocations = reserved.flatMap(({ status }) =>
        (status?.allocation?.devices?.results ?? []).map((given) => ({ given, taints: deviceOf(given)?.taints ?? [] })),
      );
      return { pod: pod as Pod & KubeObject, allocations }; // likewise
    },
    plan: planDeviceEviction,
  };
}
