import { counted, plural } from "../../lib/plural.ts";
import { APPLICATION_LABEL, describeDesired } from "../manifests/desired-state.ts";
import { formatFieldChange, isBookkeeping } from "./field-diff.ts";
import { describeEntry } from "../sync/inventory.ts";
import { actionsOf, type Action, type SyncPlan } from "./plan-sync.ts";
import type { Restraints } from "./restraints.ts";

const LINES_MAX = 60;
const CHANGES_MAX = 8;

/** A plan as people read it after `git push`: one line per object, `~ Deployment web/web: replicas 3→5`. */
export function renderPlan(plan: SyncPlan, linesMax = LINES_MAX): readonly string[] {
  const actions = actionsOf(plan);
  const lines = actions.slice(0, linesMax).map(renderAction);
  if (actions.length > linesMax) lines.push(`… and ${actions.length - linesMax} more`);
  for (const { entry, why } of plan.kept) lines.push(`! ${describeEntry(entry)} stays although it left the repository: ${why}`);
  const told = new Set(plan.kept.map(({ identity }) => identity));
  const changes = plan.held.filter(({ identity }) => !told.has(identity));
  for (const [why, held] of Map.groupBy(changes, ({ unit, why: reason }) => `${unit}: ${reason}`))
    lines.push(`= ${why}; ${counted(held.length, "change")} ${plural(held.length, "waits", "wait")}`);
  for (const { desired, by } of plan.blocked.values()) lines.push(`… ${describeDesired(desired)} waits for ${by}`);
  for (const [unit, dependency] of plan.waiting) lines.push(`… ${unit} waits until ${dependency} is healthy`);
  return lines;
}

/** Deletions of a plan that have to wait for a hold, a window or a suspension to end. */
export function renderResting(plan: Pick<SyncPlan, "waves">, restraints: Pick<Restraints, "ofObject">): readonly string[] {
  return actionsOf(plan).flatMap((action) => {
    if (action.do !== "prune") return [];
    const { unit, entry } = action.entry;
    const restraint = restraints.ofObject(unit, entry.kind, entry.namespace, entry.name);
    return restraint === undefined ? [] : [`= ${describeEntry(entry)} stays for now: ${restraint.why}`];
  });
}

/** `2 changes, 1 delete, 11 unchanged`. */
export function summarisePlan(plan: SyncPlan): string {
  const actions = actionsOf(plan);
  const count = (kinds: readonly Action["do"][]) => actions.filter((action) => kinds.includes(action.do)).length;
  const some = (number: number, noun: string) => (number === 0 ? [] : [counted(number, noun)]);
  const parts = [...some(count(["create"]), "new object"), ...some(count(["update", "replace"]), "change"), ...some(count(["prune"]), "delete")];
  return parts.length === 0 ? "no changes" : `${parts.join(", ")}, ${plan.unchanged} unchanged`;
}

export function renderAction(action: Action): string {
  switch (action.do) {
    case "create":
      return `+ ${describeDesired(action.desired)}`;
    case "replace":
      return `± ${describeDesired(action.desired)}: deleted and made anew (${action.why})`;
    case "prune":
      return `- ${describeEntry(action.entry.entry)}`;
    case "update": {
      const shown = action.changes.filter((change) => !isBookkeeping(change));
      const what =
        shown.length === 0 ? `now from ${action.desired.file}:${action.desired.line}` : shown.slice(0, CHANGES_MAX).map(formatFieldChange).join(", ");
      const more = shown.length > CHANGES_MAX ? `, and ${shown.length - CHANGES_MAX} more` : "";
      const left =
        action.candidate.outcome.is === "update" && action.candidate.outcome.leftToOthers.length > 0
          ? ` (left to others: ${action.candidate.outcome.leftToOthers.join(", ")})`
          : "";
      return `~ ${describeDesired(action.desired)}: ${what}${more}${left}${ownerChange(action)}`;
    }
  }
}

/** Taking over what was not from Git, and moving between applications, never deletes anything; it is said. */
function ownerChange(action: Action & { readonly do: "update" }): string {
  const before = action.live.metadata.labels?.[APPLICATION_LABEL];
  if (before === action.desired.unit || action.candidate.cause === "drift") return "";
  return before === undefined ? " (adopted: it was in the cluster, but not from Git)" : ` (moves here from ${before})`;
}
