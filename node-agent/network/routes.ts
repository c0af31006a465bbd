import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Node } from "../../engine/resources/types.ts";

const run = promisify(execFile);

/** Marks our routes in the kernel's table, so that we find them again and touch no other. */
const ROUTE_PROTOCOL = "177";

/** Destination range → next hop. */
export type Routes = ReadonlyMap<string, string>;

/** Pods of every other node are reached through that node's address. Pure. */
export function computeRoutes(nodes: readonly Node[], ownName: string): Routes {
  const routes = new Map<string, string>();
  for (const node of nodes) {
    const via = node.status?.addresses?.find((address) => address.type === "InternalIP")?.address;
    if (node.metadata.name === ownName || via === undefined || node.metadata.deletionTimestamp !== undefined) continue;
    for (const range of node.spec?.podCIDRs ?? (node.spec?.podCIDR ? [node.spec.podCIDR] : [])) routes.set(range, via);
  }
  return routes;
}

/** Brings the kernel's routes of ours to `desired`. A next hop that cannot be reached is an error naming the node's address. */
export async function applyRoutes(desired: Routes): Promise<void> {
  const present = await listRoutes();
  for (const [range, via] of desired) {
    if (present.get(range) === via) continue;
    try {
      await run("ip", ["route", "replace", range, "via", via, "proto", ROUTE_PROTOCOL]);
    } catch (error) {
      throw new Error(`route ${range} via ${via}: is that node on a network this one is attached to?`, { cause: error });
    }
  }
  for (const range of present.keys()) if (!desired.has(range)) await run("ip", ["route", "del", range, "proto", ROUTE_PROTOCOL]);
}

/** Removes all routes of ours. */
export async function removeAllRoutes(): Promise<void> {
  await run("ip", ["route", "flush", "proto", ROUTE_PROTOCOL]).catch(() => {}); // nothing to flush is an error to some versions of ip
}

async function listRoutes(): Promise<Map<string, string>> {
  const { stdout } = await run("ip", ["-4", "route", "show", "proto", ROUTE_PROTOCOL]);
  return new Map([...stdout.matchAll(/^(\S+) via (\S+)/gm)].map((found) => [found[1] ?? "", found[2] ?? ""]));
}
