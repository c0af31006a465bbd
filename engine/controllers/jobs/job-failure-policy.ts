import type { Job, Pod, PodFailurePolicyRule } from "../../resources/types.ts";

/** What a Job's policy makes of a pod that failed. */
export interface FailureJudgement {
  /** Ignore, Count, FailIndex or FailJob; undefined when no rule matches, which counts. */
  readonly action: string | undefined;
  readonly counts: boolean;
  /** For people; when the Job is to fail. */
  readonly message: string;
}

/** The first rule that matches decides. Pure. */
export function judgeFailure({ spec }: Job, pod: Pod): FailureJudgement {
  for (const [index, rule] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    const why = rule.onExitCodes !== undefined ? matchExitCodes(rule, pod) : matchConditions(rule, pod);
    if (why !== undefined) return { action: rule.action, counts: rule.action !== "Ignore", message: `${why} matching ${rule.action} rule at index ${index}` };
  }
  return { action: undefined, counts: true, message: "" };
}

function matchExitCodes({ onExitCodes }: PodFailurePolicyRule, { metadata, status }: Pod): string | undefined {
  const { containerName, operator = "", values = [] } = onExitCodes ?? {};
  for (const container of [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]) {
    const code = container.state?.terminated?.exitCode;
    if (code === undefined || code === 0 || (containerName !== undefined && containerName !== container.name)) continue;
    if (values.includes(code) === (operator === "In"))
      return `Container ${container.name} for pod ${metadata.namespace}/${metadata.name} failed with exit code ${code}`;
  }
  return undefined;
}

function matchConditions({ onPodConditions = [] }: PodFailurePolicyRule, { metadata, status }: Pod): string | undefined {
  const found = onPodConditions.find((pattern) =>
    (status?.conditions ?? []).some((condition) => condition.type === pattern.type && condition.status === (pattern.status ?? "True")),
  );
  return found === undefined ? undefined : `Pod ${metadata.namespace}/${metadata.name} has condition ${found.type}`;
}
