import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { CHAIN_PREFIXES, JUMPS } from "./iptables-rules.ts";
import { POLICY_JUMPS } from "./policy-rules.ts";

const run = promisify(execFile);

/** Seconds to wait for another program that holds the iptables lock. */
const LOCK_SECONDS = "5";

/** Applies one `iptables-restore` input; each of its tables changes atomically. Throws with iptables' own words and the offending line. */
export async function restoreRules(text: string): Promise<void> {
  const child = spawn("iptables-restore", ["--noflush", "-w", LOCK_SECONDS], { stdio: ["pipe", "ignore", "pipe"] });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (complaint += chunk));
  const ended = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  child.stdin.on("error", () => {}); // a child that died early reports through its exit status
  child.stdin.end(text);
  const status = await ended;
  if (status !== 0) throw new Error(`iptables-restore failed (${status}): ${complaint.trim()}${offendingLine(complaint, text)}`);
}

type Table = "nat" | "filter" | "mangle";

interface Jump {
  readonly table: Table;
  readonly from: string;
  readonly rule: string;
}

/** Puts the jumps from the machine's chains into ours in place; says whether any had been missing. */
export async function ensureJumps(jumps: readonly Jump[] = JUMPS): Promise<boolean> {
  let wasMissing = false;
  for (const { table, from, rule } of jumps) {
    const words = rule.split(" ");
    try {
      await run("iptables", ["-w", LOCK_SECONDS, "-t", table, "-C", from, ...words]);
    } catch {
      wasMissing = true;
      await run("iptables", ["-w", LOCK_SECONDS, "-t", table, "-I", from, "1", ...words]);
    }
  }
  return wasMissing;
}

/** The chains of ours that exist in a table, whoever left them. */
export async function listOwnChains(table: Table): Promise<string[]> {
  const { stdout } = await run("iptables-save", ["-t", table], { maxBuffer: 256 << 20 });
  return [...stdout.matchAll(/^:(\S+) /gm)].map((found) => found[1] ?? "").filter((chain) => CHAIN_PREFIXES.some((prefix) => chain.startsWith(prefix)));
}

/** Takes everything of ours out of the machine's rules. Safe to repeat. */
export async function removeAllRules(): Promise<void> {
  for (const { table, from, rule } of [...JUMPS, ...POLICY_JUMPS]) {
    // The same jump may be there more than once after crashes of older versions.
    for (let tries = 0; tries < 8; tries++) {
      try {
        await run("iptables", ["-w", LOCK_SECONDS, "-t", table, "-D", from, ...rule.split(" ")]);
      } catch {
        break;
      }
    }
  }
  for (const table of ["nat", "filter", "mangle"] as const) {
    const chains = await listOwnChains(table);
    if (chains.length === 0) continue;
    await restoreRules([`*${table}`, ...chains.map((chain) => `:${chain} - [0:0]`), ...chains.map((chain) => `-X ${chain}`), "COMMIT", ""].join("\n"));
  }
}

function offendingLine(complaint: string, text: string): string {
  const line = Number(/line:? (\d+)/.exec(complaint)?.[1]);
  return Number.isInteger(line) ? ` in: ${text.split("\n")[line - 1] ?? ""}` : "";
}
