import { describe, expect, test } from "vitest";
import { cniConfig } from "../../../node-agent/network/cni.ts";
import { anyAddress, rangesByFamily } from "../../../node-agent/network/families.ts";
import { computeRoutes } from "../../../node-agent/network/routes.ts";
import type { Node } from "../../../engine/resources/types.ts";

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
  const { plugins } = JSON.parse(cniConfig(["10.42.0.0/24", "fd00:42::/64"], "/ipam")) as { plugins: { ipam: object }[] };
  expect(plugins[0]?.ipam).toMatchObject({ ranges: [[{ subnet: "10.42.0.0/24" }], [{ subnet: "fd00:42::/64" }]], routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] });
});

test("all addresses of a machine are those of the families that pods have", () => {
  expect(rangesByFamily("fd00:42::/56,10.42.0.0/16")).toEqual({ IPv4: "10.42.0.0/16", IPv6: "fd00:42::/56" });
  expect([anyAddress({ IPv4: "10.42.0.0/16" }), anyAddress({ IPv6: "fd00:42::/56" })]).toEqual(["0.0.0.0", "::"]);
});
