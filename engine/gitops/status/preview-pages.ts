import type { HealthState } from "../health/health.ts";
import { renderApplicationParts } from "./application-parts.ts";
import { code, healthMark, link, markdownTable, plain, shortTime } from "./markdown.ts";
import type { PreviewFacts } from "./status-facts.ts";

const PROBLEMS_SHOWN = 20;
const MARKS: Readonly<Record<Exclude<PreviewFacts["state"], HealthState>, string>> = { Refused: "🟥", Waiting: "⬜", Expired: "⬜", Leaving: "⬜" };

/** Where a preview's page is; only those with a namespace have one. */
export function previewPage({ namespace }: Pick<PreviewFacts, "namespace">): string {
  return `previews/${namespace}.md`;
}

/** One row per preview, for the page that a forge shows. */
export function previewTable(previews: readonly PreviewFacts[], at: string): string {
  return markdownTable(
    ["Preview", "State", "Commit", "Namespace", "Until (UTC)", "Why"],
    previews.map((preview) => [
      preview.namespace === "" ? plain(preview.name) : link(plain(preview.name), at, previewPage(preview)),
      `${mark(preview)} ${preview.state}`,
      preview.commit === "" ? "" : code(preview.commit.slice(0, 7)),
      preview.namespace === "" ? "" : code(preview.namespace),
      shortTime(preview.expires),
      plain(preview.reason),
    ]),
  );
}

/** What stands in the request itself: how its preview fares, or why there is none. It says nothing that changes from second to second. */
export function renderPreviewSummary(preview: PreviewFacts): string {
  const { name, namespace, state, commit, problems, notices, applications, reason, expires } = preview;
  const where = namespace === "" ? "" : ` in namespace ${code(namespace)}`;
  const why = state === "Healthy" || state === "Refused" || reason === "" ? "" : `: ${plain(reason)}`;
  const lines = [
    `## Preview: ${mark(preview)} ${state}${where}`,
    `${commit === "" ? plain(name) : `commit ${code(commit.slice(0, 10))}`}${expires === "" ? "" : ` · until ${shortTime(expires)} UTC unless something is pushed`}${why}`,
  ];
  if (problems.length > 0)
    lines.push(
      "The commit cannot be applied there; what ran before goes on:",
      problems
        .slice(0, PROBLEMS_SHOWN)
        .map((problem) => `- ${code(problem)}`)
        .join("\n"),
    );
  else if (applications.length > 0)
    lines.push(
      markdownTable(
        ["App", "State", "Why"],
        applications.map((app) => [
          plain(shortName(app.name, namespace)),
          `${healthMark(app.health)} ${app.health}`,
          app.health === "Progressing" ? "" : plain(app.reason),
        ]),
      ),
    );
  if (notices.length > 0)
    lines.push(
      notices
        .slice(0, PROBLEMS_SHOWN)
        .map((notice) => `- ${plain(notice)}`)
        .join("\n"),
    );
  return lines.join("\n\n");
}

/** The page of one preview: the summary, and everything of its applications. */
export function renderPreviewPage(preview: PreviewFacts, cluster: string): string {
  const [, ...summary] = renderPreviewSummary(preview).split("\n\n");
  const parts = [`# ${plain(cluster)}: preview of ${plain(preview.name)}: ${mark(preview)} ${preview.state}`, ...summary];
  for (const app of preview.applications)
    parts.push(
      `## ${plain(shortName(app.name, preview.namespace))}: ${healthMark(app.health)} ${app.health}${app.ready === "" ? "" : ` · ${app.ready} ready`}`,
      ...renderApplicationParts(app),
    );
  return `${[...parts, link("All applications", previewPage(preview), "README.md")].filter((part) => part !== "").join("\n\n")}\n`;
}

function mark({ state }: PreviewFacts): string {
  return state === "Refused" || state === "Waiting" || state === "Expired" || state === "Leaving" ? MARKS[state] : healthMark(state);
}

/** Without the namespace that tells it from the application it is a preview of. */
function shortName(application: string, namespace: string): string {
  return application.endsWith(`.${namespace}`) ? application.slice(0, -namespace.length - 1) : application;
}
