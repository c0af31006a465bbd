import type { Container, Pod } from "../../engine/resources/types.ts";
import type { ContainerState } from "../cri/runtime.ts";
import { ContainerAnnotation } from "./container-config/container-config.ts";

const BACKOFF_INITIAL_MS = 10_000;
/** The longest that a container waits, where nothing else is said. */
export const RESTART_MAX_MS = 300_000;
/** A container that ran this long starts with a clean slate. */
const BACKOFF_RESET_MS = 600_000;

/** Whether a container is started again after it ended so: the first of its rules that fits says, else its own policy, else the pod's. Pure. */
export function restartsAfter({ spec }: Pod, container: Container, exitCode: number): boolean {
  if (ruleFor(container, exitCode) !== undefined) return true;
  const isInit = spec.initContainers?.some(({ name }) => name === container.name) === true;
  // An init container that did its work is not asked to do it again.
  const policy = container.restartPolicy ?? (isInit && spec.restartPolicy !== "Never" ? "OnFailure" : (spec.restartPolicy ?? "Always"));
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

/** Whether the whole pod begins again when this container ends so. Pure. */
export function restartsPodAfter(container: Container, exitCode: number): boolean {
  return ruleFor(container, exitCode)?.action === "RestartAllContainers";
}

/** Whether the container was made from another image than its spec names now; containers of agents that did not write it down pass for unchanged. */
export function hasOtherImage(container: Container, state: ContainerState): boolean {
  const image = state.annotations[ContainerAnnotation.image];
  return image !== undefined && image !== (container.image ?? "");
}

/** Milliseconds that a container waits between its end and its next start: none at first, then doubling from ten seconds on, up to `maxMs`. Pure. */
export function restartBackoffMs(last: ContainerState, maxMs = RESTART_MAX_MS): number {
  const restarts = last.attempt - baseOf(last);
  if (hasLasted(last) || restarts <= 0) return 0;
  return Math.min(maxMs, BACKOFF_INITIAL_MS * 2 ** Math.min(restarts - 1, 10));
}

/** The start from which the next one's back-off counts: a new one after a change of the image or a long run, else that of the last. Pure. */
export function nextBackoffBase(container: Container, last: ContainerState | undefined, attempt: number): number {
  return last === undefined || hasLasted(last) || hasOtherImage(container, last) ? attempt : baseOf(last);
}

function baseOf({ annotations }: ContainerState): number {
  return Number(annotations[ContainerAnnotation.backoffBase] ?? 0);
}

function hasLasted({ startedAtMs, finishedAtMs }: ContainerState): boolean {
  return finishedAtMs - startedAtMs >= BACKOFF_RESET_MS;
}

function ruleFor({ restartPolicyRules = [] }: Container, exitCode: number) {
  return restartPolicyRules.find(({ exitCodes }) => exitCodes !== undefined && (exitCodes.values ?? []).includes(exitCode) === (exitCodes.operator === "In"));
}
