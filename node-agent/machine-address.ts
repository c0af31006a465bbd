import { readFileSync } from "node:fs";
import os from "node:os";
import { familyOf, type IpFamily } from "../engine/lib/net/ip-address.ts";
import type { AgentConfig } from "./agent-options.ts";

/**
 * The machine's address towards the world: that of the interface with the default route, else the first that others could reach. Undefined
 * when there is none.
 */
export function machineAddress(family: IpFamily): string | undefined {
  const device = family === "IPv4" ? defaultInterface(readRoutes("/proc/net/route")) : defaultInterface6(readRoutes("/proc/net/ipv6_route"));
  const interfaces = os.networkInterfaces();
  const all = [...(device === undefined ? [] : (interfaces[device] ?? [])), ...Object.values(interfaces).flatMap((list) => list ?? [])];
  return all.find((candidate) => candidate.family === family && !candidate.internal && !/^fe[89ab]/i.test(candidate.address))?.address;
}

/** The addresses that the agent was told, or one of each family of the pods' ranges, as far as the machine has any; the first is what others come to. */
export function agentAddresses({ nodeIp, clusterCidr }: Pick<AgentConfig, "nodeIp" | "clusterCidr">): readonly [string, ...string[]] {
  const [first = "127.0.0.1", ...others] = nodeIp?.split(",") ?? clusterCidr.split(",").flatMap((range) => machineAddress(familyOf(range) ?? "IPv4") ?? []);
  return [first, ...others];
}

/** The interface of the cheapest route to everywhere, in the kernel's table of routes (proc(5), /proc/net/route). */
export function defaultInterface(routes: string): string | undefined {
  const rows = routes
    .split("\n")
    .slice(1)
    .map((line) => line.split(/\s+/));
  const toEverywhere = rows.filter(([, destination, , , , , , mask]) => destination === "00000000" && mask === "00000000");
  return toEverywhere.sort((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0];
}

/** The same for IPv6 (/proc/net/ipv6_route): destination, its prefix, source, its prefix, gateway, metric, counts, flags and interface. */
export function defaultInterface6(routes: string): string | undefined {
  const rows = routes.split("\n").map((line) => line.trim().split(/\s+/));
  const toEverywhere = rows.filter(
    ([destination = "", prefix, , , , , , , , device]) => /^0{32}$/.test(destination) && prefix === "00" && device !== undefined && device !== "lo",
  );
  return toEverywhere.sort((a, b) => parseInt(a[5] ?? "", 16) - parseInt(b[5] ?? "", 16))[0]?.[9];
}

function readRoutes(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
