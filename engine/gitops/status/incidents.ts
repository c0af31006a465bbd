import { formatTime } from "../../lib/clock.ts";
import { plain } from "./markdown.ts";
import type { ApplicationFacts, IncidentFacts } from "./status-facts.ts";

/** An application that is Degraded this long is an incident; a shorter dip is not worth a page. */
export const INCIDENT_AFTER_MS = 120_000;
/** Closed incidents that stay in the report; their pages stay on the branch longer. */
const CLOSED_KEPT = 10;

/** Opens and closes incidents. `nextDueMs` is when the answer changes by time alone; Infinity: not at all. */
export function computeIncidents(
  known: readonly IncidentFacts[],
  applications: readonly ApplicationFacts[],
  now: number,
): { readonly incidents: readonly IncidentFacts[]; readonly nextDueMs: number } {
  let nextDueMs = Infinity;
  const open = known.filter((incident) => incident.closed === undefined);
  const closed = known.filter((incident) => incident.closed !== undefined);
  const stillOpen: IncidentFacts[] = [];
  for (const incident of open) {
    const app = applications.find((candidate) => candidate.name === incident.application);
    if (app?.health === "Degraded") stillOpen.push(incident);
    // Progressing is on the way, not there: only what is well again, or gone, is over.
    else if (app !== undefined && (app.health === "Progressing" || app.health === "Unknown" || app.health === "Missing")) stillOpen.push(incident);
    else closed.unshift({ ...incident, closed: formatTime(now) });
  }
  for (const app of applications) {
    if (app.health !== "Degraded" || stillOpen.some((incident) => incident.application === app.name)) continue;
    const dueMs = Date.parse(app.since) + INCIDENT_AFTER_MS;
    if (now < dueMs) nextDueMs = Math.min(nextDueMs, dueMs);
    else stillOpen.push({ file: freeFile(app, [...known, ...stillOpen]), application: app.name, opened: app.since, reason: app.reason });
  }
  return { incidents: [...stillOpen, ...closed.slice(0, CLOSED_KEPT)], nextDueMs };
}

export function incidentPage(incident: IncidentFacts, cluster: string): string {
  const end = incident.closed === undefined ? "It is still open." : `Closed ${incident.closed.replace("T", " ").replace("Z", " UTC")}.`;
  return `# ${cluster}: ${plain(incident.application)} was Degraded\n\nOpened ${incident.opened.replace("T", " ").replace("Z", " UTC")}. ${end}\n\n**Why:** ${plain(incident.reason)}\n`;
}

function freeFile(app: ApplicationFacts, known: readonly IncidentFacts[]): string {
  const base = `incidents/${app.since.slice(0, 10)}-${app.name}`;
  const taken = new Set(known.map((incident) => incident.file));
  for (let count = 1; ; count++) {
    const file = count === 1 ? `${base}.md` : `${base}-${count}.md`;
    if (!taken.has(file)) return file;
  }
}
