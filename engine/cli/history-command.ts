import { jsonWithoutControls } from "../lib/without-controls.ts";
import { UsageError } from "../options/config.ts";
import { duration } from "../gitops/status/markdown.ts";
import type { ApplicationFacts, StatusFacts } from "../gitops/status/status-facts.ts";
import { openStatusLog, shortTime, type LogFlags, type StatusEntry, type StatusLog } from "./status-log.ts";
import { formatTable } from "./text-table.ts";

type Output = { write(text: string): unknown };

export interface HistoryFlags extends LogFlags {
  readonly limit: number;
}

/** `mainstay history [application]`: what was deployed and what became of it, as the status branch tells it. */
export async function runHistoryCommand(application: string | undefined, flags: HistoryFlags, output: Output): Promise<void> {
  const log = await openStatusLog(flags);
  if (application !== undefined) {
    const entries = await log.entries(flags.limit, `apps/${application}.json`);
    if (entries.length === 0) throw new UsageError(`nothing is known of ${application}`);
    const rows = await Promise.all(
      entries.map(async (entry) => {
        const app = await applicationAt(log, entry.id, application);
        return [
          shortTime(entry.time),
          app?.commit.slice(0, 10) ?? "",
          app?.health ?? "gone",
          app?.ready ?? "",
          app?.images.join(", ") ?? "",
          app?.reason ?? "",
        ];
      }),
    );
    output.write(`${formatTable(["WHEN (UTC)", "COMMIT", "HEALTH", "READY", "IMAGE", "WHY"], rows)}\n`);
    return;
  }
  const deploys = latestOfEach(await log.entries(flags.limit * 20)).slice(0, flags.limit);
  const rows = await Promise.all(
    deploys.map(async (entry) => {
      const [subject = "", author = ""] = (await log.git("log", "-1", "--format=%s%x1f%an", entry.desiredCommit).catch(() => "")).trim().split("\x1f");
      return [
        shortTime(entry.time),
        entry.desiredCommit.slice(0, 10),
        entry.result,
        entry.durationMs === undefined ? "" : duration(entry.durationMs),
        author,
        subject,
      ];
    }),
  );
  output.write(`${formatTable(["WHEN (UTC)", "COMMIT", "RESULT", "AFTER", "BY", "WHAT"], rows)}\n`);
}

/** `mainstay at <commit|time>`: the status page as it was. */
export async function runAtCommand(moment: string, flags: LogFlags & { readonly json?: boolean }, output: Output): Promise<void> {
  const log = await openStatusLog(flags);
  const entry = await log.find(moment);
  const text = (await log.file(entry.id, flags.json === true ? "status.json" : "README.md")) ?? "";
  output.write(flags.json === true ? jsonWithoutControls(text) : text);
}

/** `mainstay diff <from> [to]`: what changed in the cluster between two commits or moments. Returns whether anything did. */
export async function runDiffCommand(from: string, to: string | undefined, flags: LogFlags, output: Output): Promise<boolean> {
  const log = await openStatusLog(flags);
  const before = await log.find(from);
  const after = to === undefined ? (await log.entries(1))[0] : await log.find(to);
  if (after === undefined) return false;
  const [old, now] = await Promise.all([log.facts(before.id), log.facts(after.id)]);
  const lines = compareFacts(old, now);
  output.write(`${describe(before)} → ${describe(after)}\n${(lines.length === 0 ? ["nothing differs"] : lines).map((line) => `${line}\n`).join("")}`);
  if (before.desiredCommit !== "" && after.desiredCommit !== "" && before.desiredCommit !== after.desiredCommit)
    output.write(await log.git("diff", "--stat", before.desiredCommit, after.desiredCommit).catch(() => ""));
  return lines.length > 0;
}

/** One line per application and node that differs. Pure. */
function compareFacts(before: StatusFacts, after: StatusFacts): readonly string[] {
  const lines: string[] = [];
  const old = new Map(before.applications.map((app) => [app.name, app]));
  for (const app of after.applications) {
    const was = old.get(app.name);
    if (was === undefined) lines.push(`+ ${app.name}: ${app.health} ${app.ready}`.trimEnd());
    else {
      const parts = [
        changed("", was.health, app.health),
        changed("ready ", was.ready, app.ready),
        changed("image ", was.images.join(", "), app.images.join(", ")),
        changed("commit ", was.commit.slice(0, 7), app.commit.slice(0, 7)),
        changed("why ", was.reason, app.reason),
      ].filter((part) => part !== "");
      if (parts.length > 0) lines.push(`~ ${app.name}: ${parts.join("; ")}`);
    }
  }
  for (const app of before.applications) if (!after.applications.some(({ name }) => name === app.name)) lines.push(`- ${app.name}`);
  const nodes = new Map(before.nodes.map((node) => [node.name, node.ready]));
  for (const node of after.nodes) if (nodes.get(node.name) !== node.ready) lines.push(`~ node ${node.name}: ${node.ready ? "Ready" : "NotReady"}`);
  for (const node of before.nodes) if (!after.nodes.some(({ name }) => name === node.name)) lines.push(`- node ${node.name}`);
  return lines;
}

/** An application's own page of data at one report. */
export async function applicationAt(log: StatusLog, entry: string, name: string): Promise<ApplicationFacts | undefined> {
  const text = await log.file(entry, `apps/${name}.json`);
  return text === undefined ? undefined : (JSON.parse(text) as ApplicationFacts); // written by the system
}

function changed(label: string, from: string, to: string): string {
  return from === to ? "" : `${label}${from === "" ? "nothing" : from} → ${to === "" ? "nothing" : to}`;
}

/** Each desired commit once, as its last report tells it; of reports that come newest first. Their times are those of a clock that may have been set. */
export function latestOfEach<E extends Pick<StatusEntry, "desiredCommit">>(entries: readonly E[]): readonly E[] {
  const latest = new Map<string, E>();
  for (const entry of entries) if (!latest.has(entry.desiredCommit)) latest.set(entry.desiredCommit, entry);
  latest.delete("");
  return [...latest.values()];
}

function describe(entry: StatusEntry): string {
  return `${shortTime(entry.time)} ${entry.desiredCommit.slice(0, 10)}`.trim();
}
