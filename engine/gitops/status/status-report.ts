import { formatYaml } from "../../apimachinery/yaml/yaml.ts";
import { formatMessage } from "../git/commit-message.ts";
import type { HealthState } from "../health/health.ts";
import { incidentPage } from "./incidents.ts";
import { previewPage, renderPreviewPage } from "./preview-pages.ts";
import { deployPage, overallHealth, type ApplicationFacts, type StatusFacts } from "./status-facts.ts";
import { STATUS_SCHEMA } from "./status-schema.ts";
import { renderApplicationPage, renderDeployPage, renderFurtherPages, renderNodesPage, renderReadme } from "./status-pages.ts";

/** Folders that keep what earlier reports wrote; everything else is exactly what the newest report says. */
export const PAST_FOLDERS: readonly string[] = ["deploys", "incidents"];

/** The whole status branch for these facts: path → content. Equal facts give equal bytes. */
export function renderStatusReport(facts: StatusFacts): ReadonlyMap<string, string> {
  // Each object and event is told once, in its application's own file: the summary stays small however much runs.
  const withoutObjects = (apps: readonly ApplicationFacts[]) => apps.map(({ events: _events, ...app }) => ({ ...app, objects: [] }));
  const summary = {
    ...facts,
    applications: withoutObjects(facts.applications),
    ...(facts.previews === undefined
      ? {}
      : { previews: facts.previews.map((preview) => ({ ...preview, applications: withoutObjects(preview.applications) })) }),
  };
  const files = new Map<string, string>([
    ["README.md", renderReadme(facts)],
    ["status.json", json(summary)],
    ["status.schema.json", json(STATUS_SCHEMA)],
    ["status.yaml", formatYaml(summary)],
    ["nodes.md", renderNodesPage(facts)],
    ["nodes.json", json({ schemaVersion: 1, nodes: facts.nodes })],
    ["badges/cluster.json", badge(facts.cluster, overallHealth(facts))],
    ...renderFurtherPages(facts),
  ]);
  for (const app of facts.applications) {
    files.set(`apps/${app.name}.md`, renderApplicationPage(app, facts));
    files.set(`apps/${app.name}.json`, json({ schemaVersion: 1, ...app }));
    // An application called `cluster` must not take the cluster's badge.
    files.set(`badges/${app.name === "cluster" ? "app-cluster" : app.name}.json`, badge(app.name, app.health, app.ready));
  }
  for (const preview of facts.previews ?? []) if (preview.namespace !== "") files.set(previewPage(preview), renderPreviewPage(preview, facts.cluster));
  for (const deploy of facts.deploys) files.set(deployPage(deploy), renderDeployPage(deploy, facts.cluster));
  for (const incident of facts.incidents) files.set(incident.file, incidentPage(incident, facts.cluster));
  return files;
}

export interface StatusTrailers {
  readonly desiredCommit: string | undefined;
  /** The store revision that the report describes. */
  readonly revision: string;
  readonly result: string;
  readonly durationMs: number | undefined;
}

/** The message of a status commit: what changed since the report before, and the trailers that tools read. */
export function statusMessage(before: StatusFacts | undefined, facts: StatusFacts, trailers: StatusTrailers): string {
  const { desiredCommit, revision, result, durationMs } = trailers;
  return formatMessage(`status(${facts.cluster}): ${whatChanged(before, facts)}`, "[skip ci]", [
    { key: "Mainstay-Cluster", value: facts.cluster },
    ...(desiredCommit === undefined
      ? []
      : [
          { key: "Mainstay-Desired-Commit", value: desiredCommit },
          { key: "Mainstay-Commit", value: desiredCommit },
        ]),
    { key: "Mainstay-Etcd-Revision", value: revision },
    { key: "Mainstay-Result", value: result },
    ...(durationMs === undefined ? [] : [{ key: "Mainstay-Duration-Ms", value: String(Math.round(durationMs)) }]),
  ]);
}

/** `api Progressing → Healthy (a1b2c3d)`. */
function whatChanged(before: StatusFacts | undefined, facts: StatusFacts): string {
  const commit = facts.commit === undefined ? "" : ` (${facts.commit.id.slice(0, 7)})`;
  if (before === undefined) return facts.commit === undefined ? "nothing to run yet" : `first report${commit}`;
  if (before.sync.state !== facts.sync.state && ["rejected", "unreachable", "unreadable", "deleted"].includes(facts.sync.state)) {
    return {
      rejected: `commit ${(facts.sync.newest ?? "").slice(0, 7)} rejected`,
      unreachable: "repository unreachable",
      unreadable: "commit not read",
      deleted: "branch deleted",
    }[facts.sync.state as "rejected" | "unreachable" | "unreadable" | "deleted"];
  }
  const old = new Map(before.applications.map((app) => [app.name, app.health]));
  const changes = [
    ...facts.applications
      .filter((app) => old.get(app.name) !== app.health)
      .map((app) => `${app.name} ${old.has(app.name) ? `${old.get(app.name)} → ` : ""}${app.health}`),
    ...before.applications.filter((app) => !facts.applications.some((other) => other.name === app.name)).map((app) => `${app.name} removed`),
  ];
  if (changes.length > 3) return `${changes.length} applications changed${commit}`;
  if (changes.length > 0) return `${changes.join(", ")}${commit}`;
  if (before.commit?.id !== facts.commit?.id) return `applied${commit}`;
  const node = facts.nodes.find((candidate) => before.nodes.find((other) => other.name === candidate.name)?.ready !== candidate.ready);
  if (node !== undefined) return `node ${node.name} ${node.ready ? "Ready" : "NotReady"}`;
  if (facts.drift.length > 0 && JSON.stringify(facts.drift) !== JSON.stringify(before.drift)) return `${facts.drift[0]?.object} put back`;
  return `details changed${commit}`;
}

/** In the form that shields.io and its kin read. */
function badge(label: string, health: HealthState, message?: string): string {
  const colours: Readonly<Record<HealthState, string>> = {
    Healthy: "green",
    Suspended: "lightgrey",
    Progressing: "orange",
    Unknown: "lightgrey",
    Missing: "red",
    Degraded: "red",
  };
  return json({ schemaVersion: 1, label, message: message === undefined || message === "" ? health : message, color: colours[health] });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
