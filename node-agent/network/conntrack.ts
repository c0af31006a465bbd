import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import { promisify } from "node:util";
import { hostAndPort, type IpFamily } from "../../engine/lib/net/ip-address.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { parseFlows, type FlowGroup } from "./stale-flows.ts";

const run = promisify(execFile);

const FAMILY: Readonly<Record<IpFamily, string>> = { IPv4: "ipv4", IPv6: "ipv6" };

/** The kernel's table of the largest machines takes this much to print. */
const TABLE_BYTES_MAX = 512 << 20;

/** The UDP flows of a family that the kernel knows. */
export async function listUdpFlows(family: IpFamily): Promise<readonly FlowGroup[]> {
  const { stdout } = await run("conntrack", ["-L", "-f", FAMILY[family], "-p", "udp"], { maxBuffer: TABLE_BYTES_MAX });
  return parseFlows(stdout);
}

/** Makes the kernel decide anew about these flows. Those that ended meanwhile are no failure. */
export async function forgetUdpFlows(family: IpFamily, groups: readonly FlowGroup[]): Promise<void> {
  for (const { to, toPort, from, fromPort } of groups) {
    try {
      await run(
        "conntrack",
        ["-D", "-f", FAMILY[family], "-p", "udp", "--orig-dst", to, "--dport", String(toPort), "--reply-src", from, "--reply-port-src", String(fromPort)],
        { maxBuffer: TABLE_BYTES_MAX },
      );
    } catch (error) {
      const said = (error as { stderr?: unknown }).stderr;
      if (typeof said === "string" && said.includes("0 flow entries")) continue;
      throw new Error(`forget UDP flows to ${hostAndPort(to, toPort)}`, { cause: error });
    }
  }
}

/**
 * Settings for machines that rewrite the connections of many pods, as kube-proxy makes them: half-closed connections are known for an
 * hour, silent ones for a day, and there is room for many. Where the machine keeps a setting to itself, as in a container, it stays.
 */
export function tuneConntrack(logger: Logger): void {
  const roomy = Math.max(131_072, 32_768 * os.availableParallelism());
  set("nf_conntrack_tcp_timeout_close_wait", () => 3_600);
  set("nf_conntrack_tcp_timeout_established", () => 86_400);
  set("nf_conntrack_max", (now) => Math.max(now, roomy));

  function set(name: string, wanted: (now: number) => number): void {
    const file = `/proc/sys/net/netfilter/${name}`;
    try {
      const now = Number(readFileSync(file, "utf8"));
      if (now !== wanted(now)) writeFileSync(file, String(wanted(now)));
    } catch (error) {
      logger.debug("kernel setting left as it is", { setting: name, error: describeError(error) });
    }
  }
}
