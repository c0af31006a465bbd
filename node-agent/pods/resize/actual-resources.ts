import { formatQuantity, milliValue } from "../../../engine/apimachinery/quantity.ts";
import type { ContainerStatus, ResourceRequirements } from "../../../engine/resources/types.ts";
import type { ContainerState } from "../../cri/runtime.ts";

/** The least that the kernel can hold a container to, and share between containers; smaller amounts are shown as they were granted. */
const LIMIT_MILLI_MIN = 10;
const SHARES_MIN = 2;

/**
 * What a container's status says it has: of one that runs, what the runtime says, of processors and memory; of any other what it was granted.
 * What the runtime does not know stays as `old`, the status before, told it of the same container. Nothing says what request for memory
 * holds while a resize is being done (`isResizing`): the one before it. Pure.
 */
export function actualResources(
  granted: ResourceRequirements = {},
  container: ContainerState | undefined,
  old: ContainerStatus | undefined,
  isResizing: boolean,
): ResourceRequirements {
  if (container?.state !== "running") return granted;
  const before = old?.state?.running !== undefined && old.containerID === `containerd://${container.id}` ? old.resources : undefined;
  const { cpuShares = 0, cpuQuota = 0, memoryLimitBytes = 0 } = container.resources ?? {};
  const knows = container.resources !== undefined;
  const cpuLimitMilli = Math.floor(Math.max(0, cpuQuota) / 100);
  const cpuMilli = cpuShares < SHARES_MIN ? 0 : Math.ceil((cpuShares * 1000) / 1024);
  const { limits, requests } = granted;
  return {
    ...granted,
    ...(limits === undefined
      ? {}
      : {
          limits: amounts(limits, {
            cpu: cpuLimitMilli > 0 ? processors(cpuLimitMilli, limits["cpu"], LIMIT_MILLI_MIN) : (before?.limits?.["cpu"] ?? limits["cpu"]),
            memory: memoryLimitBytes > 0 ? formatQuantity(memoryLimitBytes, "BinarySI") : (before?.limits?.["memory"] ?? limits["memory"]),
          }),
        }),
    ...(requests === undefined
      ? {}
      : {
          requests: amounts(requests, {
            cpu: cpuMilli > 0 ? processors(cpuMilli, requests["cpu"], SHARES_MIN) : (before?.requests?.["cpu"] ?? requests["cpu"]),
            memory: isResizing || !knows ? (before?.requests?.["memory"] ?? requests["memory"]) : requests["memory"],
          }),
        }),
  };
}

/** As it is, unless both it and what was granted are below what can be told apart. */
function processors(milli: number, granted: string | undefined, leastMilli: number): string | undefined {
  return milli > leastMilli || milliValue(granted ?? "0") > leastMilli ? formatQuantity(milli / 1000, "DecimalSI") : granted;
}

function amounts(granted: Readonly<Record<string, string>>, actual: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  const known = Object.entries({ ...granted, ...actual }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(known);
}
