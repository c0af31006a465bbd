import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { familyOf } from "../../engine/lib/net/ip-address.ts";
import { writeWholeFile } from "../../engine/lib/whole-file.ts";

const FILE = "10-mainstay.conflist";

/** Where the plugins are, in the order in which they are looked for. */
const BIN_DIRS = ["/usr/lib/cni", "/opt/cni/bin"];

/** Where the runtime finds its network. */
export interface CniPlaces {
  readonly configDir: string;
  /** Where it is noted which addresses pods have. */
  readonly ipamDir: string;
  readonly binDir: string;
}

export function cniPlaces(agentDir: string): CniPlaces {
  const binDir = BIN_DIRS.find((candidate) => existsSync(path.join(candidate, "ptp"))) ?? "/usr/lib/cni";
  return { configDir: path.join(agentDir, "cni", "net.d"), ipamDir: path.join(agentDir, "cni", "ipam"), binDir };
}

/** Whether pods can be held to a bandwidth: a plugin for it is not always installed. */
export function hasBandwidthPlugin({ binDir }: Pick<CniPlaces, "binDir">): boolean {
  return existsSync(path.join(binDir, "bandwidth"));
}

/**
 * The CNI configuration of a node: a point-to-point link per pod with an address out of each of the node's ranges, host ports, and bounds
 * of bandwidth where there is a plugin for them. No bridge, so that packets between pods of one node pass iptables like all others;
 * masquerading is one rule per node, not one per pod. Pure.
 */
export function cniConfig(podCidrs: readonly string[], ipamDir: string, boundsBandwidth: boolean): string {
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
      ...(boundsBandwidth ? [{ type: "bandwidth", capabilities: { bandwidth: true } }] : []),
    ],
  });
}

/** Puts the configuration where the runtime looks for it, in one step. Whether it was not there already. */
export function writeCniConfig(places: CniPlaces, podCidrs: readonly string[]): boolean {
  const { configDir, ipamDir } = places;
  mkdirSync(configDir, { recursive: true });
  mkdirSync(ipamDir, { recursive: true });
  const file = path.join(configDir, FILE);
  const content = cniConfig(podCidrs, ipamDir, hasBandwidthPlugin(places));
  if (existsSync(file) && readFileSync(file, "utf8") === content) return false;
  writeWholeFile(file, content, 0o644);
  return true;
}

/** Other people's configurations that the runtime reads before ours, and takes instead: the first by name counts. */
export function configsBefore({ configDir }: Pick<CniPlaces, "configDir">): readonly string[] {
  return readdirSync(configDir)
    .filter((name) => /\.(conf|conflist|json)$/.test(name) && name < FILE)
    .sort();
}
