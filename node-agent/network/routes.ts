import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { canonicalAddress, FAMILIES, familyOf, standardBlock, type IpFamily } from "../../engine/lib/net/ip-address.ts";
import { podCidrsOf } from "../../engine/resources/core/node.ts";
import type { Node } from "../../engine/resources/types.ts";

const run = promisify(execFile);

/** Marks our routes in the kernel's table, so that we find them again and touch no other. */
const ROUTE_PROTOCOL = "177";

const FLAG: Readonly<Record<IpFamily, string>> = { IPv4: "-4", IPv6: "-6" };
const flagOf = (range: string) => FLAG[familyOf(range) ?? "IPv4"];

/** Destination range → next hop, both as the kernel writes them. */
export type Routes = ReadonlyMap<string, string>;

/** Pods of every other node are reached through that node's address of the same family. Pure. */
export function computeRoutes(nodes: readonly Node[], ownName: string): Routes {
  const routes = new Map<string, string>();
  for (const node of nodes) {
    if (node.metadata.name === ownName || node.metadata.deletionTimestamp !== undefined) continue;
    const own = (node.status?.addresses ?? []).filter(({ type }) => type === "InternalIP").map(({ address }) => address);
    for (const range of podCidrsOf(node)) {
      const via = own.find((address) => familyOf(address) === familyOf(range));
      if (via !== undefined) routes.set(standardBlock(range), canonicalAddress(via));
    }
  }
  return routes;
}

/** Brings the kernel's routes of ours in the given families to `desired`. A next hop that cannot be reached is an error naming the node's address. */
export async function applyRoutes(desired: Routes, families: readonly IpFamily[]): Promise<void> {
  const present = new Map<string, string>();
  for (const family of families) for (const [range, via] of await listRoutes(family)) present.set(range, via);
  for (const [range, via] of desired) {
    if (present.get(range) === via) continue;
    try {
      await run("ip", [flagOf(range), "route", "replace", range, "via", via, "proto", ROUTE_PROTOCOL]);
    } catch (error) {
      throw new Error(`route ${range} via ${via}: is that node on a network this one is attached to?`, { cause: error });
    }
  }
  for (const range of present.keys()) if (!desired.has(range)) await run("ip", [flagOf(range), "route", "del", range, "proto", ROUTE_PROTOCOL]);
}

/** Removes all routes of ours. */
export async function removeAllRoutes(): Promise<void> {
  for (const family of FAMILIES) await run("ip", [FLAG[family], "route", "flush", "proto", ROUTE_PROTOCOL]).catch(() => {}); // nothing to flush is an error to some versions of ip
}

async function listRoutes(family: IpFamily): Promise<Map<string, string>> {
  const { stdout } = await run("ip", [FLAG[family], "route", "show", "proto", ROUTE_PROTOCOL]);
  return new Map([...stdout.matchAll(/^(\S+) via (\S+)/gm)].map((found) => [found[1] ?? "", found[2] ?? ""]));
}
