import { withoutControls } from "../../lib/without-controls.ts";
import { escapeMarkup } from "../../lib/escape-markup.ts";
import type { HealthState } from "../health/health.ts";

/** Longer tables are no longer read; the rest goes to further pages. */
export const ROWS_MAX = 200;

const COLOURS: Readonly<Record<HealthState, string>> = { Healthy: "🟩", Suspended: "⬜", Progressing: "🟧", Unknown: "⬜", Missing: "🟥", Degraded: "🟥" };

/** Colour and word: neither alone is readable for everyone. */
export function healthMark(state: HealthState): string {
  return COLOURS[state];
}

/** A table with a header; every cell on one line. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(oneLine).join(" | ")} |`;
  return [line(header), `|${header.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}

/** Text that came from elsewhere, without power over the page: no table cells, tags, links or mentions of its own. */
export function plain(text: string): string {
  return plainHtml(text).replace(/([\\`*_[\]~|])/g, "\\$1");
}

/** The same within a tag, where nothing of Markdown counts, also no backslash. */
export function plainHtml(text: string): string {
  return escapeMarkup(withoutControls(text)).replace(/@/g, "@\u200b").replace(/\s+/g, " ").trim();
}

/** Text in code style; a backtick in it would end the style. */
export function code(text: string): string {
  return `\`${withoutControls(text).replace(/[`|\n]/g, "'")}\``;
}

/** `08-22 10:31`: short, absolute, UTC. */
export function shortTime(time: string): string {
  return time === "" ? "" : `${time.slice(5, 10)} ${time.slice(11, 16)}`;
}

/** `412 ms`, `6.2 s`, `3 min 20 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** A link relative to the page it stands on, so it works on every forge and offline. */
export function link(text: string, fromPage: string, toPage: string): string {
  const up = "../".repeat(fromPage.split("/").length - 1);
  return `[${text}](${up}${toPage.split("/").map(encodeURIComponent).join("/")})`;
}

function oneLine(cell: string): string {
  return cell.replace(/\n/g, " ");
}
