import { findCondition } from "../../apimachinery/conditions.ts";
import { describeObject } from "../../apimachinery/object-meta.ts";
import type { ContainerStatus, Pod } from "../../resources/types.ts";
import type { HealthState, ObjectHealth } from "./health.ts";

/** A pod may wait this long for a node before that counts as a problem: nodes come and go. */
const UNSCHEDULED_GRACE_MS = 15_000;
/** So many restarts show that trying again does not help. */
const RESTARTS_UNTIL_FINAL = 3;
/** So much of what keeps a container from being made is told in a line. */
const BLOCKER_MAX = 200;
/** Waiting reasons that are not progress. */
const FAILING_REASON = /BackOff|^Err|Error$|^Invalid|^CreateContainer|^RunContainer/;

/** A pod's health from its phase, its conditions and its containers, down to the message of the one that is worst off. */
export function computePodHealth(pod: Pod, now: number): ObjectHealth {
  const name = pod.metadata.name ?? "";
  const node = pod.spec?.nodeName === undefined ? "" : ` on ${pod.spec.nodeName}`;
  const images = (pod.spec?.containers ?? []).map((container) => container.image ?? "").filter((image) => image !== "");
  const base = { images, chain: [] as readonly string[] };
  const told = (state: HealthState, reason: string, detail: readonly string[]): ObjectHealth => ({
    ...base,
    state,
    reason: `${name}: ${reason}${node}`,
    chain: [`${describeObject(pod)}${node}`, ...detail],
  });
  const { phase, conditions, message, reason } = pod.status ?? {};
  if (phase === "Succeeded") return { ...base, state: "Healthy", reason: "" };
  if (phase === "Failed") {
    const ended = describeContainers(pod);
    return told("Degraded", reason ?? ended?.short ?? "failed", [message ?? ended?.long ?? "failed"]);
  }
  const scheduled = findCondition(conditions, "PodScheduled");
  if (pod.spec?.nodeName === undefined && scheduled?.status === "False") {
    const since = Date.parse(pod.metadata.creationTimestamp ?? "");
    const state = now - since > UNSCHEDULED_GRACE_MS ? "Degraded" : "Progressing";
    return told(state, `no node for it: ${scheduled.message ?? scheduled.reason ?? "unschedulable"}`, [
      scheduled.message ?? scheduled.reason ?? "unschedulable",
    ]);
  }
  if (pod.spec?.nodeName === undefined) return told("Progressing", "waits for a node", ["waits for a node"]);
  const trouble = describeContainers(pod);
  if (trouble !== undefined) return told(trouble.isFailing ? "Degraded" : "Progressing", trouble.short, [`container ${trouble.container}`, trouble.long]);
  if (findCondition(conditions, "Ready")?.status === "True") return { ...base, state: "Healthy", reason: "" };
  if (phase !== "Running") return told("Progressing", message ?? reason ?? "starting", [message ?? "starting"]);
  const unready = findCondition(conditions, "Ready");
  return told("Progressing", "not ready yet", [unready?.message ?? "its readiness probe has not passed yet"]);
}

/** Whether a pod keeps failing in a way that waiting does not mend, so that its owner need not wait for its deadline. */
export function isFailingForGood(pod: Pod): boolean {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return statuses.some((status) => status.state?.waiting?.reason === "CrashLoopBackOff" && (status.restartCount ?? 0) >= RESTARTS_UNTIL_FINAL);
}

interface Trouble {
  readonly container: string;
  readonly short: string;
  readonly long: string;
  readonly isFailing: boolean;
}

/** The container that is worst off; undefined when none has anything to say. */
function describeContainers(pod: Pod): Trouble | undefined {
  const all = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const troubles = all.map(describeContainer).filter((trouble) => trouble !== undefined);
  return troubles.find((trouble) => trouble.isFailing) ?? troubles[0];
}

function describeContainer(status: ContainerStatus): Trouble | undefined {
  const container = status.name ?? "";
  const waiting = status.state?.waiting;
  if (waiting !== undefined) {
    // It is tried and put off by turns, and both mean the same: telling of each turn would never end.
    const reason = waiting.reason === "ErrImagePull" ? "ImagePullBackOff" : (waiting.reason ?? "waiting");
    const message = reason === "ImagePullBackOff" ? waiting.message?.replace(/^Back-off pulling image "[^"]*": ErrImagePull: /, "") : waiting.message;
    const last = status.lastState?.terminated;
    const exit = last === undefined ? "" : ` (${last.reason ?? "ended"}, exit code ${last.exitCode ?? 0})`;
    const words = [message, runtimeMessage(last)].filter((text) => text !== undefined && text !== "").join("; ");
    // A container that is merely being made has no message; one that cannot be made has.
    const blocker = reason === "ContainerCreating" && waiting.message !== undefined ? `: ${waiting.message.slice(0, BLOCKER_MAX)}` : "";
    return {
      container,
      short: `${reason}${exit}${blocker}`,
      long: `${reason}${exit}${words === "" ? "" : `: ${words}`}`,
      isFailing: FAILING_REASON.test(reason),
    };
  }
  const ended = status.state?.terminated;
  if (ended === undefined || ended.exitCode === 0) return undefined;
  const short = `${ended.reason ?? "Error"} (exit code ${ended.exitCode ?? 0})`;
  const words = runtimeMessage(ended) ?? "";
  return { container, short, long: `${short}${words === "" ? "" : `: ${words}`}`, isFailing: true };
}

/**
 * What the runtime says about a container that could not start, such as a command that does not exist. A container that did run
 * writes its termination message itself, and may write secrets into it; health is published in a repository, so that stays out.
 */
function runtimeMessage(ended: { readonly reason?: string; readonly message?: string } | undefined): string | undefined {
  return ended?.reason === "StartError" || ended?.reason === "ContainerCannotRun" ? ended.message : undefined;
}
