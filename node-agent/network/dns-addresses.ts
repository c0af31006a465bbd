import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { familyOf } from "../../engine/lib/net/ip-address.ts";
import { writeWholeFile } from "../../engine/lib/whole-file.ts";
import { singleBlock } from "./families.ts";

const run = promisify(execFile);

/** Notes where this node answers for the cluster's names: `mainstay reset` is told of the data directory only. */
export function writeDnsAddresses(dataDir: string, addresses: readonly string[]): void {
  writeWholeFile(note(dataDir), `${addresses.join("\n")}\n`);
}

/** The addresses of the agent that last ran with this data directory; earlier ones left no note, and the usual address. */
export function readDnsAddresses(dataDir: string): readonly string[] {
  return existsSync(note(dataDir)) ? readFileSync(note(dataDir), "utf8").trim().split("\n") : ["10.43.0.10"];
}

/** Puts an address on the loopback device, where it can be used at once. */
export async function addDnsAddress(address: string): Promise<void> {
  await run("ip", ["addr", "replace", blockOf(address), "dev", "lo", ...(familyOf(address) === "IPv6" ? ["nodad"] : [])]);
}

/** Takes it away again. Safe to repeat. */
export async function removeDnsAddress(address: string): Promise<void> {
  await run("ip", ["addr", "del", blockOf(address), "dev", "lo"]).catch(() => {}); // not there is what we want
}

function blockOf(address: string): string {
  return singleBlock(address, familyOf(address) ?? "IPv4");
}

function note(dataDir: string): string {
  return path.join(dataDir, "dns-addresses");
}
