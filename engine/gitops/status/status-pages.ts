import { counted } from "../../lib/plural.ts";
import { HEALTH_ORDER } from "../health/health.ts";
import { renderApplicationParts } from "./application-parts.ts";
import { code, duration, healthMark, link, markdownTable, plain, ROWS_MAX, shortTime } from "./markdown.ts";
import { previewTable } from "./preview-pages.ts";
import { deployPage, overallHealth, type ApplicationFacts, type DeployFacts, type RepositoryFacts, type StatusFacts } from "./status-facts.ts";

const DEPLOYS_SHOWN = 10;

/** The page that a forge shows: state, one row per application, worst first, nodes, last deploys. Readable in ten seconds. */
export function renderReadme(facts: StatusFacts): string {
  const apps = worstFirst(facts.applications);
  return page([
    `# ${headline(facts)}`,
    summaryLine(facts),
    ...syncNotes(facts),
    apps.length === 0
      ? facts.sync.state === "empty" || facts.sync.state === "applied"
        ? "Nothing to run yet: push manifests to the branch " + code(facts.repository.branch) + "."
        : ""
      : applicationTable(apps.slice(0, ROWS_MAX), facts, "README.md"),
    ...(apps.length > ROWS_MAX
      ? [
          `${apps.length - ROWS_MAX} more: ${pageNames(apps.length)
            .map((name) => link(name, "README.md", name))
            .join(", ")}`,
        ]
      : []),
    ...(facts.incidents.some((incident) => incident.closed === undefined) ? ["## Incidents", incidentList(facts)] : []),
    ...(facts.applications.every((app) => (app.holds ?? []).length === 0) ? [] : ["## Held", holdList(facts)]),
    ...(facts.repositories === undefined ? [] : ["## Repositories", repositoryTable(facts.repositories)]),
    ...(facts.nodes.length === 0 ? [] : ["## Nodes", nodeTable(facts)]),
    ...(facts.deploys.length === 0 ? [] : ["## Last deploys", deployTable(facts.deploys.slice(0, DEPLOYS_SHOWN), "README.md")]),
    ...(facts.plans === undefined
      ? []
      : [
          "## Open plans",
          markdownTable(
            ["Branch", "Plan", "Commit"],
            facts.plans.map((plan) => [link(plain(plan.branch), "README.md", plan.file), plain(plan.summary), code(plan.commit.slice(0, 7))]),
          ),
        ]),
    ...(facts.previews === undefined ? [] : ["## Previews", previewTable(facts.previews, "README.md")]),
    ...(facts.drift.length === 0
      ? []
      : [
          "## Put back",
          markdownTable(
            ["When (UTC)", "Object", "Change", "By", "From"],
            facts.drift.map((drift) => [
              shortTime(drift.time),
              plain(drift.object),
              plain(drift.change),
              plain(drift.writer),
              drift.source === undefined ? "" : code(drift.source),
            ]),
          ),
        ]),
    ...(facts.notices.length === 0
      ? []
      : [
          "## Notes",
          facts.notices
            .slice(0, 20)
            .map((notice) => `- ${plain(notice)}`)
            .join("\n"),
        ]),
    `Written by Mainstay. Times are UTC. As data: ${link("status.json", "README.md", "status.json")}.`,
  ]);
}

/** Pages two and on of the application table, for clusters with very many. */
export function renderFurtherPages(facts: StatusFacts): ReadonlyMap<string, string> {
  const apps = worstFirst(facts.applications);
  return new Map(
    pageNames(apps.length).map((name, index) => [
      name,
      page([`# ${facts.cluster}: applications, page ${index + 2}`, applicationTable(apps.slice((index + 1) * ROWS_MAX, (index + 2) * ROWS_MAX), facts, name)]),
    ]),
  );
}

export function renderApplicationPage(app: ApplicationFacts, facts: StatusFacts): string {
  const at = `apps/${app.name}.md`;
  const deploys = facts.deploys.filter((deploy) => deploy.commit === app.commit);
  return page([
    `# ${app.name}: ${healthMark(app.health)} ${app.health}${app.ready === "" ? "" : ` · ${app.ready} ready`} · since ${shortTime(app.since)}`,
    `From ${code(app.path === "" ? "." : app.path)}${app.repository === undefined ? "" : ` of repository ${plain(app.repository)}`}${app.commit === "" ? "; nothing of it is applied yet" : `, commit ${commitLink(app.commit, facts, at)}`}.${app.dependsOn.length === 0 ? "" : ` Waits for ${app.dependsOn.map((name) => link(name, at, `apps/${name}.md`)).join(", ")}.`}`,
    app.reason === "" ? "" : `**Why:** ${plain(app.reason)}`,
    ...renderApplicationParts(app),
    ...(app.kept.length === 0 ? [] : ["## Kept although removed from the repository", app.kept.map((kept) => `- ${plain(kept)}`).join("\n")]),
    ...(deploys.length === 0 ? [] : ["## Deployed by", deployTable(deploys, at)]),
    `${link("All applications", at, "README.md")}`,
  ]);
}

export function renderNodesPage(facts: StatusFacts): string {
  return page([`# ${facts.cluster}: nodes`, facts.nodes.length === 0 ? "No nodes." : nodeTable(facts)]);
}

export function renderDeployPage(deploy: DeployFacts, cluster: string): string {
  const how = deploy.appliedMs === undefined ? "" : ` in ${duration(deploy.appliedMs)}`;
  const words = { applied: `applied${how}`, rejected: "rejected, nothing changed", "rolled-back": `rolled back${how}` };
  const healthy =
    deploy.healthyMs !== undefined
      ? `healthy after ${duration(deploy.healthyMs)}`
      : deploy.result === "rejected"
        ? ""
        : deploy.superseded === true
          ? "superseded before it was healthy"
          : "not healthy yet";
  return page([
    `# ${cluster}: ${code(deploy.commit.slice(0, 10))} ${plain(deploy.subject)}`,
    `${plain(deploy.author)}${pushedBy(deploy)} · ${deploy.time.replace("T", " ").replace("Z", " UTC")} · ${[words[deploy.result], healthy].filter((part) => part !== "").join(", ")}${revisionText(deploy)}`,
    ...(deploy.problems.length === 0 ? [] : ["## Problems", deploy.problems.map((problem) => `- ${plain(problem)}`).join("\n")]),
    ...(deploy.plan.length === 0 ? [] : ["## Plan", `\`\`\`diff\n${deploy.plan.map((line) => line.replace(/```/g, "'''")).join("\n")}\n\`\`\``]),
  ]);
}

function revisionText({ revisions = [] }: DeployFacts): string {
  if (revisions.length === 0) return "";
  return revisions.length === 1
    ? ` · stored whole as revision ${revisions[0]}`
    : ` · a large commit, stored in ${revisions.length} parts up to revision ${revisions.at(-1)}`;
}

/** What people keep as it is, application by application. */
function holdList(facts: StatusFacts): string {
  return facts.applications
    .flatMap((app) => (app.holds ?? []).map((hold) => `- ${link(plain(app.name), "README.md", `apps/${app.name}.md`)}: ${plain(hold)}`))
    .join("\n");
}

function headline(facts: StatusFacts): string {
  const state = overallHealth(facts);
  const deploy = facts.deploys.find((candidate) => candidate.commit === facts.commit?.id && candidate.result !== "rejected");
  const timings = [
    deploy?.appliedMs === undefined ? "" : `applied in ${duration(deploy.appliedMs)}`,
    deploy?.healthyMs === undefined ? "" : `healthy after ${duration(deploy.healthyMs)}`,
  ]
    .filter((part) => part !== "")
    .join(", ");
  const commit = facts.commit === undefined ? "" : ` · commit ${commitLink(facts.commit.id, facts, "README.md", 10)} "${plain(facts.commit.subject)}"`;
  return `${facts.cluster}: ${healthMark(state)} ${state}${commit}${timings === "" ? "" : ` · ${timings}`}`;
}

function summaryLine(facts: StatusFacts): string {
  const count = (mark: string) => facts.applications.filter((app) => healthMark(app.health) === mark).length;
  const white = count("⬜") === 0 ? "" : ` · ${count("⬜")} ⬜`;
  const held = facts.applications.reduce((sum, app) => sum + app.kept.length + app.objects.filter((object) => object.leftToOthers.length > 0).length, 0);
  const apps = `${counted(facts.applications.length, "app")}: ${count("🟩")} 🟩 · ${count("🟧")} 🟧 · ${count("🟥")} 🟥${white}`;
  return `${apps} — nodes ${facts.nodes.filter((node) => node.ready).length}/${facts.nodes.length} — drift ${facts.drift.length} — held ${held}${facts.deploys.length === 0 ? "" : " — [last 10 deploys](deploys/)"}`;
}

/** What stands between the branch and the cluster, when something does. */
function syncNotes(facts: StatusFacts): readonly string[] {
  const { state, message, problems = [], newest } = facts.sync;
  const commit = newest === undefined ? "" : ` ${code(newest.slice(0, 10))}`;
  const lead = {
    empty: "",
    applied: "",
    syncing: `Commit${commit} is being applied.`,
    rejected: `**Commit${commit} is rejected; the one before keeps running.**`,
    unreachable: "**The repository cannot be reached; its last known state keeps running.**",
    unreadable: "**The newest commit cannot be read; the last known state keeps running.**",
    deleted: `**The branch ${code(facts.repository.branch)} is gone; its last state keeps running.**`,
  }[state];
  const text = [lead, message === undefined ? "" : plain(message)].filter((part) => part !== "").join(" ");
  const list = problems.slice(0, 50).map((problem) => `- ${plain(problem)}`);
  return [text, ...(list.length === 0 ? [] : [list.join("\n")])].filter((part) => part !== "");
}

function applicationTable(apps: readonly ApplicationFacts[], facts: StatusFacts, at: string): string {
  return markdownTable(
    ["App", "State", "Ready", "Commit", "Image", "Since (UTC)", "Why"],
    apps.map((app) => [
      `${healthMark(app.health)} ${link(app.name, at, `apps/${app.name}.md`)}`,
      app.health,
      app.ready,
      commitLink(app.commit, facts, at),
      plain(app.images.map(shortImage).join(", ")),
      shortTime(app.since),
      plain(app.reason),
    ]),
  );
}

function nodeTable(facts: StatusFacts): string {
  const rows = [...facts.nodes].sort((a, b) => Number(a.ready) - Number(b.ready) || (a.name < b.name ? -1 : 1)).slice(0, ROWS_MAX);
  return markdownTable(
    ["Node", "State", "Since (UTC)", "Address", "Capacity", "Version", "Why"],
    rows.map((node) => [
      plain(node.name),
      node.ready ? "🟩 Ready" : "🟥 NotReady",
      shortTime(node.since),
      node.address,
      plain(node.capacity),
      plain(node.version),
      plain(node.reason),
    ]),
  );
}

function deployTable(deploys: readonly DeployFacts[], at: string): string {
  return markdownTable(
    ["When (UTC)", "Commit", "What", "By", "Result"],
    deploys.map((deploy) => [
      shortTime(deploy.time),
      link(code(deploy.commit.slice(0, 7)), at, deployPage(deploy)),
      plain(deploy.subject),
      `${plain(deploy.author)}${pushedBy(deploy)}`,
      resultOf(deploy),
    ]),
  );
}

function resultOf(deploy: DeployFacts): string {
  if (deploy.result === "rejected") return "🟥 rejected";
  if (deploy.healthyMs !== undefined) return `🟩 ${deploy.result}, healthy after ${duration(deploy.healthyMs)}`;
  return deploy.superseded === true ? `⬜ ${deploy.result}, superseded` : `🟧 ${deploy.result}`;
}

function incidentList(facts: StatusFacts): string {
  return facts.incidents
    .filter((incident) => incident.closed === undefined)
    .map((incident) => `- ${link(plain(incident.application), "README.md", incident.file)} since ${shortTime(incident.opened)}: ${plain(incident.reason)}`)
    .join("\n");
}

function commitLink(commit: string, facts: StatusFacts, at: string, length = 7): string {
  if (commit === "") return "";
  const deploy = facts.deploys.find((candidate) => candidate.commit === commit);
  return deploy === undefined ? code(commit.slice(0, length)) : link(code(commit.slice(0, length)), at, deployPage(deploy));
}

function worstFirst(apps: readonly ApplicationFacts[]): readonly ApplicationFacts[] {
  return [...apps].sort((a, b) => HEALTH_ORDER.indexOf(b.health) - HEALTH_ORDER.indexOf(a.health) || (a.name < b.name ? -1 : 1));
}

function pageNames(apps: number): readonly string[] {
  return Array.from({ length: Math.max(0, Math.ceil(apps / ROWS_MAX) - 1) }, (_, index) => `applications-${index + 2}.md`);
}

/** Without registry and folders: `api:1.4.2`. */
function shortImage(image: string): string {
  return image.slice(image.lastIndexOf("/") + 1);
}

function page(parts: readonly string[]): string {
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** A commit's author is what the commit says; who pushed it has logged in. */
function pushedBy({ pusher, author }: DeployFacts): string {
  return pusher === undefined || pusher === author ? "" : `, pushed by ${plain(pusher)}`;
}

function repositoryTable(repositories: readonly RepositoryFacts[]): string {
  return markdownTable(
    ["Repository", "State", "Commit", "Applications", "From", "Why"],
    repositories.map(({ name, url, branch, state, commit, applications, healthy, message }) => [
      plain(name),
      state,
      commit === undefined ? "" : `${code(commit.id.slice(0, 7))} ${plain(commit.subject)}`,
      `${healthy}/${applications} healthy`,
      plain(`${url} ${branch}`),
      plain(message ?? ""),
    ]),
  );
}
