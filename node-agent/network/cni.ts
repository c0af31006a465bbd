import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { familyOf } from "../../engine/lib/ip-address.ts";
import { writeWholeFile } from "../../engine/lib/whole-file.ts";

const FILE = "10-mainstay.conflist";

/**
 * The CNI configuration of a node: a point-to-point link per pod with an address out of each of the node's ranges, and host ports.
 * No bridge, so that packets between pods of one node pass iptables like all others; masquerading is one rule per node, not one per pod.
 */
export function cniConfig(podCidrs: readonly string[], ipamDir: string): string {
  const ipam = {
    type: "host-local",
    dataDir: ipamDir,
    ranges: podCidrs.map((subnet) => [{ subnet }]),
    routes: podCidrs.map((range) => ({ dst: familyOf(range) === "IPv6" ? "::/0" : "0.0.0.0/0" })),
  };
  return JSON.stringify({
    cniVersion: "0.4.0",
    name: "mainstay",
    plugins: [
      { type: "ptp", ipMasq: false, ipam },
      { type: "portmap", capabilities: { portMappings: true }, snat: true },
    ],
  });
}

/** Puts the configuration where the runtime looks for it, in one step; a no-op when it is there already. */
export function writeCniConfig(configDir: string, ipamDir: string, podCidrs: readonly string[]): void {
  mkdirSync(configDir, { recursive: true });
  mkdirSync(ipamDir, { recursive: true });
  const file = path.join(configDir, FILE);
  const content = cniConfig(podCidrs, ipamDir);
  try {
    if (readFileSync(file, "utf8") === content) return;
  } catch {
    // Not there yet.
  }
  writeWholeFile(file, content, 0o644);
}
