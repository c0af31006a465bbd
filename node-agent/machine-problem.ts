import { existsSync, readFileSync } from "node:fs";
import type { AgentConfig } from "./agent-options.ts";

/** Kernels that know no swap, and some sandboxes, lack it. */
const SWAPS = "/proc/swaps";

/** Why the agent may not run on this machine, as it was told; undefined when it may. */
export function machineProblem(config: Pick<AgentConfig, "failSwapOn" | "failCgroupv1">): string | undefined {
  return judgeMachine(config, { swaps: existsSync(SWAPS) ? readFileSync(SWAPS, "utf8") : "", hasCgroup2: existsSync("/sys/fs/cgroup/cgroup.controllers") });
}

/** `swaps` is the text of /proc/swaps. Pure. */
export function judgeMachine(
  { failSwapOn, failCgroupv1 }: Pick<AgentConfig, "failSwapOn" | "failCgroupv1">,
  { swaps, hasCgroup2 }: { readonly swaps: string; readonly hasCgroup2: boolean },
): string | undefined {
  // The first line names the columns.
  if (failSwapOn && swaps.trim().split("\n").length > 1)
    return "the machine swaps, and --fail-swap-on says that the agent does not run then: switch swapping off (swapoff -a), or set it to false";
  if (failCgroupv1 && !hasCgroup2) return "the machine's cgroups are of version 1, and --fail-cgroupv1 says that the agent does not run then";
  return undefined;
}
