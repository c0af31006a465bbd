import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { silentLogger, type LogFields } from "../../../../engine/lib/log.ts";
import { runServices } from "../../../../engine/lib/service.ts";
import { cniConfig } from "../../../../node-agent/network/cni.ts";
import { anyAddress, rangesByFamily } from "../../../../node-agent/network/families.ts";
import { createCniKeeper } from "../../../../node-agent/network/keep-cni.ts";
import { computeRoutes } from "../../../../node-agent/network/routes.ts";
import type { Node } from "../../../../engine/resources/types.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const node = (name: string, podCIDRs: readonly string[], addresses: readonly string[], deletionTimestamp?: string): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
  spec: { podCIDR: podCIDRs[0] ?? "", podCIDRs },
  status: { addresses: [...addresses.map((address) => ({ type: "InternalIP", address })), { type: "Hostname", address: name }] },
});

describe("routes to other nodes' pods", () => {
  test.each<[string, readonly Node[], readonly (readonly [string, string])[]]>([
    [
      "lead through the node's address of the same family",
      [node("b", ["10.42.1.0/24", "fd00:42:0:1::/64"], ["fd00:88::2", "192.0.2.2"])],
      [
        ["10.42.1.0/24", "192.0.2.2"],
        ["fd00:42:0:1::/64", "fd00:88::2"],
      ],
    ],
    ["leave a family out in which the node has no address", [node("b", ["10.42.1.0/24", "fd00:42:0:1::/64"], ["192.0.2.2"])], [["10.42.1.0/24", "192.0.2.2"]]],
    ["are written as the kernel writes them, or the next look would delete them", [node("b", ["FD00:42:0:1:0::/64"], ["FD00:88:0::2"])], [["fd00:42:0:1::/64", "fd00:88::2"]]],
    ["are none to this node, and to one that goes", [node("a", ["10.42.0.0/24"], ["192.0.2.1"]), node("c", ["10.42.2.0/24"], ["192.0.2.3"], "2026-01-01T00:00:00Z")], []],
  ])("%s", (_what, nodes, expected) => {
    expect([...computeRoutes(nodes, "a")]).toEqual(expected);
  });
});

test("pods get an address and a way out for each range of their node", () => {
  const { plugins } = JSON.parse(cniConfig(["10.42.0.0/24", "fd00:42::/64"], "/ipam", false)) as { plugins: { ipam: object }[] };
  expect(plugins[0]?.ipam).toMatchObject({ ranges: [[{ subnet: "10.42.0.0/24" }], [{ subnet: "fd00:42::/64" }]], routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] });
});

test("pods are held to a bandwidth where there is a plugin for it", () => {
  const names = (boundsBandwidth: boolean) => (JSON.parse(cniConfig(["10.42.0.0/24"], "/ipam", boundsBandwidth)) as { plugins: { type: string }[] }).plugins.map(({ type }) => type);
  expect([names(false), names(true)]).toEqual([
    ["ptp", "portmap"],
    ["ptp", "portmap", "bandwidth"],
  ]);
});

describe("the runtime's network configuration", () => {
  const setUp = async (problemOf: (restarts: number) => string | undefined) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "cni-"));
    const clock = new VirtualClock();
    const places = { configDir: path.join(folder, "net.d"), ipamDir: path.join(folder, "ipam"), binDir: folder };
    const stop = new AbortController();
    let restarts = 0;
    const warnings: (LogFields | undefined)[] = [];
    const keeper = createCniKeeper({
      places,
      podCidrs: () => ["10.42.0.0/24"],
      problem: async () => problemOf(restarts),
      restart: async () => void restarts++,
      clock,
      logger: { ...silentLogger, warn: (_message, fields) => void warnings.push(fields) },
    });
    const running = runServices([keeper], stop.signal);
    const end = async () => {
      stop.abort();
      await running;
      rmSync(folder, { recursive: true });
    };
    return { clock, places, restarts: () => restarts, warnings, end };
  };
  const file = (configDir: string) => path.join(configDir, "10-mainstay.conflist");

  test("is put back when somebody changes it or deletes its folder", async () => {
    const { clock, places, restarts, end } = await setUp(() => undefined);
    await clock.advance(5_000);
    const content = readFileSync(file(places.configDir), "utf8");
    writeFileSync(file(places.configDir), "{}");
    await clock.advance(5_000);
    expect(readFileSync(file(places.configDir), "utf8")).toBe(content);
    rmSync(places.configDir, { recursive: true });
    await clock.advance(5_000);
    expect(readFileSync(file(places.configDir), "utf8")).toBe(content);
    expect(restarts()).toBe(0);
    await end();
  });

  test("is shown to a runtime that does not see it by restarting that, and less and less often where it does not help", async () => {
    const blind = "NetworkReady: Network plugin returns error: cni plugin not initialized";
    const seeing = await setUp((restarts) => (restarts === 0 ? blind : undefined));
    await seeing.clock.advance(600_000);
    expect(seeing.restarts()).toBe(1);
    await seeing.end();
    const without = await setUp(() => blind);
    await without.clock.advance(6_000);
    expect(without.restarts()).toBe(0);
    await without.clock.advance(10_000);
    expect(without.restarts()).toBe(1);
    await without.clock.advance(600_000);
    expect(without.restarts()).toBe(4);
    await without.end();
    const other = await setUp(() => "RuntimeReady: shutting down");
    await other.clock.advance(60_000);
    expect(other.restarts()).toBe(0);
    await other.end();
  });

  test("is said to be behind others of its folder, where there are any, when the runtime does not see it", async () => {
    const { clock, places, warnings, end } = await setUp(() => "NetworkReady: Network plugin returns error: cni plugin not initialized");
    mkdirSync(places.configDir, { recursive: true });
    for (const name of ["05-other.conf", "00-half.conflist", "00-notes.txt", "20-later.conflist"]) writeFileSync(path.join(places.configDir, name), "{");
    await clock.advance(20_000);
    expect(warnings).toEqual([{ folder: places.configDir, before: ["00-half.conflist", "05-other.conf"] }]);
    await end();
  });
});

test("all addresses of a machine are those of the families that pods have", () => {
  expect(rangesByFamily("fd00:42::/56,10.42.0.0/16")).toEqual({ IPv4: "10.42.0.0/16", IPv6: "fd00:42::/56" });
  expect([anyAddress({ IPv4: "10.42.0.0/16" }), anyAddress({ IPv6: "fd00:42::/56" })]).toEqual(["0.0.0.0", "::"]);
});
