import { baselineChecks } from "./baseline-checks.ts";
import type { Check, PodParts, Violation } from "./check.ts";
import type { LevelVersion } from "./policy.ts";
import { restrictedChecks } from "./restricted-checks.ts";

/** Everything in which a pod breaks a level as it was in a release, the baseline's rules first. Pure. */
export function evaluatePod(pod: PodParts, { level, minor }: LevelVersion): readonly Violation[] {
  if (level === "privileged") return [];
  const strict = level === "restricted" ? restrictedChecks.filter((check) => revisionOf(check, minor) !== undefined) : [];
  const replaced = new Set(strict.map(({ replaces }) => replaces));
  return [...baselineChecks.filter(({ id }) => !replaced.has(id)), ...strict].flatMap((check) => revisionOf(check, minor)?.test(pod) ?? []);
}

/** `hostPort (container "a" uses hostPort 80), privileged (…)`. */
export function describeViolations(violations: readonly Violation[]): string {
  return violations.map(({ reason, detail }) => `${reason} (${detail})`).join(", ");
}

function revisionOf({ revisions }: Check, minor: number): Check["revisions"][number] | undefined {
  return revisions.findLast(({ since }) => since <= minor);
}
