import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import type { IpFamily } from "../../engine/lib/net/ip-address.ts";
import { CHAIN_PREFIXES, JUMPS } from "./iptables-rules.ts";
import { POLICY_JUMPS } from "./policy-rules.ts";

const run = promisify(execFile);

/** The programs of each family. */
const PROGRAM: Readonly<Record<IpFamily, string>> = { IPv4: "iptables", IPv6: "ip6tables" };

const OWN_JUMP = new RegExp(`-j (?:${CHAIN_PREFIXES.join("|")})\\S*$`);

/** Seconds to wait for another program that holds the iptables lock. */
const LOCK_SECONDS = "5";

/** iptables did not take what it was given. */
export class RestoreError extends Error {
  /** It was the rules: another program that holds the lock, or a kernel short of memory, would be said otherwise. */
  readonly isRefusal: boolean;

  constructor(message: string, isRefusal: boolean) {
    super(message);
    this.isRefusal = isRefusal;
  }
}

/** What iptables' programs exit with for a rule that the kernel or they themselves do not know. */
const REFUSALS: readonly (number | null)[] = [1, 2];

/** The chain in which rules are tried; nothing leads to it. */
const TRIAL_CHAIN = "MS-TRIAL";

/** Applies one `iptables-restore` input to a family's rules; each of its tables changes atomically. Throws a RestoreError with iptables' own words and the offending line. */
export async function restoreRules(family: IpFamily, text: string): Promise<void> {
  const program = `${PROGRAM[family]}-restore`;
  const child = spawn(program, ["--noflush", "-w", LOCK_SECONDS], { stdio: ["pipe", "ignore", "pipe"] });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (complaint += chunk));
  const ended = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  child.stdin.on("error", () => {}); // a child that died early reports through its exit status
  child.stdin.end(text);
  const status = await ended;
  if (status === 0) return;
  throw new RestoreError(`${program} failed (${status}): ${complaint.trim()}${offendingLine(complaint, text)}`, REFUSALS.includes(status));
}

/** Whether the machine can express these rules, wherever those that jump to chains of ours lead. Throws where it does not say. */
export async function acceptsRules(family: IpFamily, table: Table, rules: readonly string[]): Promise<boolean> {
  const withoutJumps = rules.map((rule) => rule.replace(OWN_JUMP, "-j RETURN"));
  try {
    await restoreRules(family, [`*${table}`, `:${TRIAL_CHAIN} - [0:0]`, ...withoutJumps.map((rule) => `-A ${TRIAL_CHAIN} ${rule}`), "COMMIT", ""].join("\n"));
  } catch (error) {
    if (error instanceof RestoreError && error.isRefusal) return false;
    throw error;
  }
  await restoreRules(family, [`*${table}`, `:${TRIAL_CHAIN} - [0:0]`, `-X ${TRIAL_CHAIN}`, "COMMIT", ""].join("\n"));
  return true;
}

export type Table = "nat" | "filter" | "mangle";

interface Jump {
  readonly table: Table;
  readonly from: string;
  readonly rule: string;
}

/** Puts the jumps from the machine's chains into ours in place; says whether any had been missing. */
export async function ensureJumps(family: IpFamily, jumps: readonly Jump[] = JUMPS): Promise<boolean> {
  let wasMissing = false;
  for (const { table, from, rule } of jumps) {
    const words = rule.split(" ");
    try {
      await run(PROGRAM[family], ["-w", LOCK_SECONDS, "-t", table, "-C", from, ...words]);
    } catch {
      wasMissing = true;
      await run(PROGRAM[family], ["-w", LOCK_SECONDS, "-t", table, "-I", from, "1", ...words]);
    }
  }
  return wasMissing;
}

/** The same for several families; whether any of them was missing one. */
export async function restoreJumps(families: readonly IpFamily[], jumps: readonly Jump[] = JUMPS): Promise<boolean> {
  let wasMissing = false;
  for (const family of families) if (await ensureJumps(family, jumps)) wasMissing = true;
  return wasMissing;
}

/** The chains of ours that exist in a table, whoever left them. */
export async function listOwnChains(family: IpFamily, table: Table): Promise<string[]> {
  const { stdout } = await run(`${PROGRAM[family]}-save`, ["-t", table], { maxBuffer: 256 << 20 });
  return [...stdout.matchAll(/^:(\S+) /gm)].map((found) => found[1] ?? "").filter((chain) => CHAIN_PREFIXES.some((prefix) => chain.startsWith(prefix)));
}

/** Takes everything of ours out of the machine's rules. Safe to repeat. */
export async function removeAllRules(): Promise<void> {
  await removeRules("IPv4");
  // A kernel without IPv6 has no such tables, and so nothing of ours in them.
  if (existsSync("/proc/net/if_inet6")) await removeRules("IPv6");
}

async function removeRules(family: IpFamily): Promise<void> {
  for (const { table, from, rule } of [...JUMPS, ...POLICY_JUMPS]) {
    // The same jump may be there more than once after crashes of older versions.
    for (let tries = 0; tries < 8; tries++) {
      try {
        await run(PROGRAM[family], ["-w", LOCK_SECONDS, "-t", table, "-D", from, ...rule.split(" ")]);
      } catch {
        break;
      }
    }
  }
  for (const table of ["nat", "filter", "mangle"] as const) {
    const chains = await listOwnChains(family, table);
    if (chains.length === 0) continue;
    await restoreRules(family, [`*${table}`, ...chains.map((chain) => `:${chain} - [0:0]`), ...chains.map((chain) => `-X ${chain}`), "COMMIT", ""].join("\n"));
  }
}

function offendingLine(complaint: string, text: string): string {
  const line = Number(/line:? (\d+)/.exec(complaint)?.[1]);
  return Number.isInteger(line) ? ` in: ${text.split("\n")[line - 1] ?? ""}` : "";
}
