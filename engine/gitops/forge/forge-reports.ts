import type { PlannedPages } from "../status/status-reporter.ts";
import { renderPreviewSummary } from "../status/preview-pages.ts";
import type { PreviewFacts, StatusFacts } from "../status/status-facts.ts";
import { DESCRIPTION_MAX, type CommitStatus, type OpenRequest } from "./forge.ts";

/** The one comment of a request. */
export interface RequestComment {
  readonly request: number;
  readonly body: string;
}

export interface ForgeReports {
  readonly comments: readonly RequestComment[];
  readonly statuses: readonly CommitStatus[];
}

/** Nobody looks at older ones any more, and after a start each is told again. */
const SUPERSEDED_MAX = 10;

/** By which our comment is found again, one for each cluster. It does not show. */
export function commentMark(cluster: string): string {
  return `<!-- mainstay: plan for ${cluster} -->`;
}

/** What the forge should say: a plan in each open request (undefined: all that are planned), and on each commit how it fares. Pure. */
export function computeForgeReports(
  facts: StatusFacts,
  planned: PlannedPages | undefined,
  open: readonly OpenRequest[] | undefined,
  commentMax: number,
): ForgeReports {
  const { cluster } = facts;
  const numbers = open === undefined ? undefined : new Set(open.map((request) => request.number));
  const plans = (planned?.plans ?? []).flatMap((plan) => {
    const request = Number(/^(?:pr|mr)-(\d+)$/.exec(plan.branch)?.[1]);
    return Number.isNaN(request) || numbers?.has(request) === false ? [] : [{ plan, request, page: planned?.pages.get(plan.file) ?? "" }];
  });
  const previewOf = (branch: string) => facts.previews?.find(({ name }) => name === branch);
  const whole = (page: string, preview: PreviewFacts | undefined) =>
    `${page.replace(/^# /, "### ")}${preview === undefined ? "" : `\n${renderPreviewSummary(preview).replace(/^## /, "### ")}\n`}`;
  return {
    comments: plans.map(({ plan, request, page }) => ({
      request,
      body: shorten(
        `${commentMark(cluster)}\n${whole(page, previewOf(plan.branch))}`,
        commentMax,
        `… cut here; the whole plan is \`${plan.file}\` on the status branch.`,
      ),
    })),
    statuses: [
      ...plans.map(({ plan }): CommitStatus => ({
        commit: plan.commit,
        context: `mainstay/${cluster}/plan`,
        state: plan.summary.startsWith("would be refused") ? "failure" : "success",
        description: oneLine(plan.summary),
      })),
      ...(facts.previews ?? []).flatMap((preview) => previewStatus(preview, cluster)),
      ...deployStatus(facts),
    ],
  };
}

/** Of a preview's commit: pending until it has settled. One that waits or has left says nothing about it. */
function previewStatus({ state, commit, reason, namespace }: PreviewFacts, cluster: string): readonly CommitStatus[] {
  if (state === "Waiting" || state === "Expired" || state === "Leaving") return [];
  const of = (result: CommitStatus["state"], description: string): readonly CommitStatus[] => [
    { commit, context: `mainstay/${cluster}/preview`, state: result, description: oneLine(description) },
  ];
  if (state === "Healthy" || state === "Suspended") return of("success", `runs in ${namespace}`);
  return state === "Progressing" || state === "Unknown" ? of("pending", "is coming up") : of("failure", `${state}: ${reason}`);
}

/** Of the newest commit of the desired branch: pending until something final was observed, never green before; then of those it took over from. */
function deployStatus(facts: StatusFacts): readonly CommitStatus[] {
  const context = `mainstay/${facts.cluster}`;
  const rejected =
    facts.sync.state === "rejected" && facts.sync.newest !== undefined
      ? [{ commit: facts.sync.newest, context, state: "failure" as const, description: oneLine(`rejected: ${facts.sync.problems?.[0] ?? ""}`) }]
      : [];
  const current = facts.commit?.id;
  const left = facts.deploys
    .filter(({ commit, superseded, result }) => superseded === true && result !== "rejected" && commit !== current)
    .slice(0, SUPERSEDED_MAX)
    .map(({ commit }) => ({ commit, context, state: "superseded" as const, description: "a newer commit took over before it was healthy" }));
  const settled = [...left, ...rejected];
  const deploy = facts.deploys.find((candidate) => candidate.commit === current && candidate.result !== "rejected");
  if (deploy === undefined) return settled;
  const unwell = facts.applications.find((app) => app.health === "Degraded" && app.commit === deploy.commit);
  const of = (state: CommitStatus["state"], description: string) => [...settled, { commit: deploy.commit, context, state, description: oneLine(description) }];
  if (deploy.healthyMs !== undefined) return of("success", `healthy after ${(deploy.healthyMs / 1000).toFixed(1)} s`);
  if (unwell !== undefined) return of("failure", `${unwell.name}: ${unwell.reason}`);
  return of("pending", deploy.appliedMs === undefined ? "being applied" : "applied, not healthy yet");
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= DESCRIPTION_MAX ? line : `${line.slice(0, DESCRIPTION_MAX - 1)}…`;
}

/** Cut at a line, with folded parts closed. */
function shorten(text: string, max: number, note: string): string {
  if (text.length <= max) return text;
  const room = max - note.length - 40;
  const kept = text.slice(0, text.lastIndexOf("\n", room));
  const fences = (kept.match(/^```/gm) ?? []).length % 2 === 1 ? "\n```" : "";
  const folds = (kept.match(/<details>/g) ?? []).length > (kept.match(/<\/details>/g) ?? []).length ? "\n</details>" : "";
  return `${kept}${fences}${folds}\n\n${note}\n`;
}
