import { counted, plural } from "../../lib/plural.ts";
import type { DesiredState } from "../manifests/desired-state.ts";
import { formatFieldChange, isBookkeeping } from "./field-diff.ts";
import { shortId } from "../git/git-source.ts";
import { code, plain, plainHtml } from "../status/markdown.ts";
import { formatQuota, type QuotaForecast } from "./plan-quota.ts";
import { actionsOf, type Action, type SyncPlan } from "./plan-sync.ts";
import { renderAction, renderPlan, summarisePlan } from "./plan-text.ts";
import type { PlannedPods, PodForecast } from "./plan-workloads.ts";
import { countProblems, formatProblem, type Problem } from "../manifests/problem.ts";
import type { Substitution } from "../manifests/substitute-variables.ts";

/** Everything that is known about a commit before it is applied. */
export interface CommitForecast {
  readonly state: DesiredState;
  readonly plan: SyncPlan;
  /** Not empty: the commit would be refused. */
  readonly problems: readonly Problem[];
  readonly planned: readonly PlannedPods[];
  readonly pods: readonly PodForecast[];
  readonly quotas: readonly QuotaForecast[];
}

const PROBLEMS_MAX = 200;
const NOTICES_MAX = 20;
const ACTIONS_MAX = 500;
const SUBSTITUTIONS_MAX = 50;

/** `3 changes, 1 delete, 11 unchanged`, or how many problems there are. */
export function summariseForecast({ plan, problems }: Pick<CommitForecast, "plan" | "problems">): string {
  return problems.length > 0 ? `would be refused: ${countProblems(problems)}` : summarisePlan(plan);
}

/** The forecast as a terminal shows it, without the summary. */
export function renderForecast(forecast: CommitForecast, linesMax?: number): readonly string[] {
  const { plan, problems, state } = forecast;
  if (problems.length > 0) return firstOf(problems, PROBLEMS_MAX, formatProblem);
  return [
    ...renderPlan(plan, linesMax),
    ...podLines(forecast),
    ...usedVariables(forecast).map(formatSubstitution),
    ...firstOf(state.notices, NOTICES_MAX, (notice) => `note: ${notice}`),
  ];
}

/** `web: 3 of 4 pods fit: n2 lacks 212Mi of memory`, what would be pulled, and what would be left of quotas. */
export function podLines({ pods, planned, quotas }: Pick<CommitForecast, "pods" | "planned" | "quotas">): readonly string[] {
  return [
    ...pods.flatMap((pod) => {
      const rollout = planned.find((group) => group.workload === pod.workload)?.rollout ?? "at once";
      const fit =
        pod.fits === pod.count
          ? `${counted(pod.count, "pod")} ${plural(pod.count, "fits", "fit")} (${rollout})`
          : `${pod.fits} of ${counted(pod.count, "pod")} fit: ${pod.reasons.join("; ")}`;
      return [
        `${pod.fits === pod.count ? "✓" : "!"} ${pod.workload}: ${fit}`,
        ...pod.pulls.map(({ image, nodes }) => `  ${image} is not on ${nodes.join(", ")} yet and will be pulled`),
      ];
    }),
    ...quotas.map(formatQuota),
  ];
}

export interface PlanPageFacts extends CommitForecast {
  readonly cluster: string;
  /** The branch, without `refs/heads/`. */
  readonly branch: string;
  /** The commit that the cluster runs now; undefined when it runs none. */
  readonly base: string | undefined;
}

/** `plans/<branch>.md`: what merging a branch would do. Equal facts give equal bytes; no value of a Secret is among them. */
export function renderPlanPage(facts: PlanPageFacts): string {
  const { cluster, branch, base, state, plan, problems } = facts;
  const head = `# Plan for ${plain(branch)} on ${plain(cluster)}: ${summariseForecast(facts)}\n\nhead ${code(shortId(state.commit.id))} ${plain(state.commit.message.split("\n", 1)[0] ?? "")} · ${base === undefined ? "nothing runs yet" : `base ${code(shortId(base))}`}`;
  if (problems.length > 0)
    return `${head}\n\n🟥 The commit would be refused as it is:\n\n${list(firstOf(problems, PROBLEMS_MAX, (problem) => code(formatProblem(problem))))}\n`;
  const actions = actionsOf(plan);
  const sections = [
    head,
    warnings(facts),
    fits(facts),
    actions.length === 0 ? "Nothing changes in the cluster." : actions.slice(0, ACTIONS_MAX).map(renderDetails).join("\n"),
  ];
  if (actions.length > ACTIONS_MAX) sections.push(`… and ${actions.length - ACTIONS_MAX} more`);
  const uses = usedVariables(facts);
  if (uses.length > 0) sections.push(`## Variables\n\n${list(uses.map((use) => code(formatSubstitution(use))))}`);
  if (state.notices.length > 0) sections.push(`## Notes\n\n${list(firstOf(state.notices, NOTICES_MAX, plain))}`);
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

function warnings({ plan }: PlanPageFacts): string {
  const lines = actionsOf(plan)
    .filter((action) => action.do === "prune" || action.do === "replace")
    .map((action) => `⚠️ ${plain(renderAction(action).slice(2))}${action.do === "prune" ? " is deleted" : ""}`);
  const kept = plan.kept.map(({ entry, why }) => `⚠️ ${plain(`${entry.kind} ${entry.name}`)} stays although it left the repository: ${plain(why)}`);
  return list([...lines, ...kept]);
}

function fits(facts: PlanPageFacts): string {
  return list(
    podLines(facts)
      .filter((line) => !line.startsWith("  "))
      .map((line) => plain(line).replace(/^✓/, "✅").replace(/^!/, "🟥"))
      .concat(
        podLines(facts)
          .filter((line) => line.startsWith("  "))
          .map((line) => `📦 ${plain(line.trim())}`),
      ),
  );
}

/** The summary of one object, its fields folded below. */
function renderDetails(action: Action): string {
  const title = renderAction(action);
  const changes = action.do === "update" ? action.changes.filter((change) => !isBookkeeping(change)) : [];
  if (changes.length === 0) return `- ${plain(title)}`;
  const rows = changes.map((change) => formatFieldChange(change).replaceAll("```", "'''"));
  return `<details><summary>${plainHtml(title)}</summary>\n\n\`\`\`diff\n${rows.map((row) => (row.startsWith("+") || row.startsWith("-") ? row : `! ${row}`)).join("\n")}\n\`\`\`\n\n</details>`;
}

/** Variables in the files of what changes; all others changed nothing. */
function usedVariables({ plan, state }: CommitForecast): readonly Substitution[] {
  const files = new Set(actionsOf(plan).flatMap((action) => (action.do === "prune" ? [] : [action.desired.file])));
  return [...state.substitutions.values()]
    .flat()
    .filter((use) => files.has(use.file))
    .slice(0, SUBSTITUTIONS_MAX);
}

function formatSubstitution({ file, line, name, value }: Substitution): string {
  return `${file}:${line} \${${name}} is ${JSON.stringify(value)}`;
}

/** Of many, the first ones, and how many more there are. */
function firstOf<T>(all: readonly T[], max: number, format: (one: T) => string): readonly string[] {
  const shown = all.slice(0, max).map(format);
  return all.length <= max ? shown : [...shown, `… and ${all.length - max} more`];
}

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join("\n");
}
