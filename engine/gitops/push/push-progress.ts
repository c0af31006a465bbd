import type { HealthState } from "../health/health.ts";
import { duration } from "../status/markdown.ts";

/** How a pushed commit fares at one moment. */
export interface RolloutView {
  readonly appliedMs: number | undefined;
  readonly healthyMs: number | undefined;
  readonly isSuperseded: boolean;
  /** It takes longer than usual until all of the commit is applied. */
  readonly isHeldUp: boolean;
  /** What keeps all of it from being applied; it is tried again. */
  readonly trouble?: string | undefined;
  readonly units: readonly UnitView[];
}

export interface UnitView {
  readonly name: string;
  readonly health: HealthState;
  readonly ready: string;
  readonly reason: string;
  /** The last step of the reason chain: what the container or the runtime says. */
  readonly detail: string;
}

const MARKS: Readonly<Record<HealthState, string>> = { Healthy: "✓", Suspended: "=", Progressing: "…", Unknown: "?", Missing: "✗", Degraded: "✗" };

/** Lines to print for what changed since the last look; each unit only when its line differs. */
export function progressLines(before: RolloutView | undefined, now: RolloutView): readonly string[] {
  const lines: string[] = [];
  if (now.appliedMs !== undefined && before?.appliedMs === undefined) lines.push(`applied in ${duration(now.appliedMs)}`);
  if (now.isHeldUp && now.trouble !== undefined && (now.trouble !== before?.trouble || before.isHeldUp === false))
    lines.push(`… not applied yet: ${now.trouble}`);
  const known = new Map((before === undefined ? [] : toldUnits(before)).map((unit) => [unit.name, unit] as const));
  for (const unit of toldUnits(now)) {
    const text = unitLine(unit);
    const old = known.get(unit.name);
    if (old === undefined || unitLine(old) !== text) lines.push(...text.split("\n"));
  }
  return lines;
}

/** Until the commit is applied, units may still be as the commit before left them; where that takes long, what they wait for is worth telling. */
function toldUnits({ appliedMs, isHeldUp, units }: RolloutView): readonly UnitView[] {
  if (appliedMs !== undefined) return units.filter((unit) => unit.health !== "Unknown" || unit.reason !== ""); // else it was not looked at yet
  return isHeldUp ? units.filter((unit) => unit.health !== "Healthy") : [];
}

/** Whether there is nothing more to wait for, and the last line then; undefined while it goes on. */
export function finalLine(view: RolloutView): string | undefined {
  if (view.isSuperseded) return "a newer commit has taken over";
  if (view.healthyMs !== undefined) return `healthy after ${duration(view.healthyMs)}`;
  const [open] = view.units.filter((unit) => unit.health !== "Healthy");
  if (open !== undefined && view.units.every((unit) => unit.health === "Healthy" || unit.health === "Suspended"))
    return `${open.name} is left as it is: ${open.reason}`;
  const failed = view.appliedMs === undefined ? undefined : view.units.find((unit) => unit.health === "Degraded");
  return failed === undefined ? undefined : `${failed.name} is degraded; fix it with another push, or go back with: git revert HEAD && git push`;
}

/** The last line when the time to wait is over. */
export function timeoutLine(view: RolloutView, waitMs: number, statusBranch: string): string {
  const open = view.units.filter((unit) => unit.health !== "Healthy").map((unit) => unit.name);
  const what = view.appliedMs === undefined ? "not applied yet" : `${open.join(", ") || "the rollout"} not healthy yet`;
  const why = view.appliedMs === undefined && view.trouble !== undefined ? `: ${view.trouble}` : "";
  return `${what} after ${duration(waitMs)}${why}; it goes on. See: git fetch && git show origin/${statusBranch}:README.md`;
}

function unitLine(unit: UnitView): string {
  const head = `${MARKS[unit.health]} ${unit.name} ${unit.health}${unit.ready === "" ? "" : ` ${unit.ready}`}${unit.reason === "" ? "" : ` — ${unit.reason}`}`;
  return unit.detail === "" || unit.reason.includes(unit.detail) ? head : `${head}\n    ${unit.detail}`;
}

export interface PushOptions {
  readonly waitMs: number;
  readonly dryRun: boolean;
  /** A protected branch shall be rewritten or deleted, by whoever has the right to. */
  readonly isForced: boolean;
  /** Options that mean nothing here. */
  readonly unknown: readonly string[];
}

const DEFAULT_WAIT_MS = 60_000;
const WAIT_MAX_MS = 30 * 60_000;

/** `git push -o wait=10s`, `-o no-wait`, `-o dry-run`, `-o force`. */
export function parsePushOptions(options: readonly string[]): PushOptions {
  let waitMs = DEFAULT_WAIT_MS;
  let dryRun = false;
  let isForced = false;
  const unknown: string[] = [];
  for (const option of options) {
    const wait = /^wait=(\d+)(ms|s|m)?$/.exec(option);
    if (option === "dry-run") dryRun = true;
    else if (option === "no-wait") waitMs = 0;
    else if (option === "force") isForced = true;
    else if (wait !== null) waitMs = Math.min(WAIT_MAX_MS, Number(wait[1]) * { ms: 1, s: 1000, m: 60_000 }[(wait[2] ?? "s") as "ms" | "s" | "m"]);
    else unknown.push(option);
  }
  return { waitMs, dryRun, isForced, unknown };
}
