import { findCondition, withCondition } from "../../../engine/apimachinery/conditions.ts";
import { formatTime } from "../../../engine/lib/clock.ts";
import { podContainers } from "../../../engine/resources/pod-containers.ts";
import type { ContainerStatus, Pod, PodCondition } from "../../../engine/resources/types.ts";
import { currentSandbox, resetSources, type PodState } from "../compute-pod-actions.ts";

export interface ConditionInputs {
  readonly pod: Pod;
  readonly state: PodState;
  readonly nowMs: number;
}

type Verdict = Pick<PodCondition, "status" | "reason" | "message">;

const TRUE: Verdict = { status: "True" };

/** A pod's conditions in upstream's words, with those that others have written. `containers` and `inits` are what its status says of them. Pure. */
export function computeConditions(
  { pod, state, nowMs }: ConditionInputs,
  phase: string,
  containers: readonly ContainerStatus[],
  inits: readonly ContainerStatus[],
): PodCondition[] {
  const containersReady = judgeContainers(pod, phase, containers, inits);
  const verdicts: [string, Verdict][] = [
    ["PodReadyToStartContainers", { status: currentSandbox(state)?.isReady === true ? "True" : "False" }],
    ["Initialized", judgeInitialization(pod, phase, containers, inits)],
    ["Ready", containersReady.status === "True" ? judgeGates(pod) : containersReady],
    ["ContainersReady", containersReady],
    ["PodScheduled", TRUE],
  ];
  if (podContainers(pod.spec).some(({ restartPolicyRules = [] }) => restartPolicyRules.some(({ action }) => action === "RestartAllContainers")))
    verdicts.push(["AllContainersRestarting", judgeReset(pod, state, phase)]);
  let conditions: readonly PodCondition[] = pod.status?.conditions ?? [];
  for (const [type, verdict] of verdicts) {
    // Reasons and words that no longer hold must not linger beside the new ones.
    conditions = conditions.map((known) => (known.type === type ? withoutWords(known) : known));
    conditions = withCondition(conditions, { type, ...verdict, observedGeneration: pod.metadata.generation ?? 1 } as PodCondition, formatTime(nowMs));
  }
  return [...conditions];
}

function withoutWords({ reason: _reason, message: _message, ...condition }: PodCondition): PodCondition {
  return condition;
}

function judgeContainers({ spec }: Pod, phase: string, containers: readonly ContainerStatus[], inits: readonly ContainerStatus[]): Verdict {
  if (phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { status: "False", reason: "PodFailed" };
  const sidecars = inits.filter((_status, index) => spec.initContainers?.[index]?.restartPolicy === "Always");
  const unready = [...sidecars, ...containers].filter(({ ready }) => !ready).map(({ name }) => name);
  return unready.length === 0 ? TRUE : { status: "False", reason: "ContainersNotReady", message: `containers with unready status: [${unready.join(" ")}]` };
}

/** A pod whose containers are ready is so itself when all agree whom it asks. */
function judgeGates({ spec, status }: Pod): Verdict {
  const faults = (spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = findCondition(status?.conditions, conditionType);
    if (found === undefined) return [`corresponding condition of pod readiness gate ${JSON.stringify(conditionType)} does not exist.`];
    return found.status === "True" ? [] : [`the status of pod readiness gate ${JSON.stringify(conditionType)} is not "True", but ${found.status}`];
  });
  return faults.length === 0 ? TRUE : { status: "False", reason: "ReadinessGatesNotReady", message: faults.join(", ") };
}

/** Once a pod is initialized it stays so, also while a sidecar is restarted, or everything begins again. */
function judgeInitialization({ spec, status }: Pod, phase: string, containers: readonly ContainerStatus[], inits: readonly ContainerStatus[]): Verdict {
  if (phase === "Succeeded") return { status: "True", reason: "PodCompleted" };
  const isDone = (init: ContainerStatus, index: number) => (spec.initContainers?.[index]?.restartPolicy === "Always" ? init.started === true : init.ready);
  const incomplete = inits.filter((init, index) => !isDone(init, index)).map(({ name }) => name);
  const hasBegun = containers.some(({ state }) => state?.running !== undefined || state?.terminated !== undefined);
  if (incomplete.length === 0 || hasBegun || findCondition(status?.conditions, "Initialized")?.status === "True") return TRUE;
  return { status: "False", reason: "ContainersNotInitialized", message: `containers with incomplete status: [${incomplete.join(" ")}]` };
}

function judgeReset(pod: Pod, state: PodState, phase: string): Verdict {
  if (phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { status: "False", reason: "PodFailed" };
  return resetSources(pod, state).length === 0
    ? { status: "False" }
    : { status: "True", reason: "RestartAllContainersStarted", message: "container exited with restart policy rule" };
}
