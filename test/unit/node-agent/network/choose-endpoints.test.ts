import { describe, expect, it } from "vitest";
import { chooseEndpoints, type KnownEndpoint } from "../../../../node-agent/network/choose-endpoints.ts";

const here = { nodeName: "a", zone: "z1" };
const both = { cluster: true, local: true };
const endpoint = (ip: string, shape: Partial<KnownEndpoint> = {}): KnownEndpoint => ({
  ip,
  port: 80,
  nodeName: "a",
  ready: true,
  serving: true,
  terminating: false,
  zoneHints: [],
  nodeHints: [],
  ...shape,
});
const draining = { ready: false, serving: true, terminating: true };
const ips = (endpoints: readonly { readonly ip: string }[]) => endpoints.map(({ ip }) => ip);

describe("chooseEndpoints", () => {
  it.each<[string, readonly KnownEndpoint[], { cluster: string[]; local: string[]; hasEndpoints: boolean }]>([
    ["takes ready ones, wherever they are, and those here for a Local policy", [endpoint("1"), endpoint("2", { nodeName: "b" })], { cluster: ["1", "2"], local: ["1"], hasEndpoints: true }],
    ["leaves out those that neither are ready nor end", [endpoint("1", { ready: false, serving: false })], { cluster: [], local: [], hasEndpoints: false }],
    ["falls back to those that end but serve", [endpoint("1", draining), endpoint("2", { ...draining, serving: false })], { cluster: ["1"], local: ["1"], hasEndpoints: true }],
    ["falls back on this node alone when only other nodes have ready ones", [endpoint("1", draining), endpoint("2", { nodeName: "b" })], { cluster: ["2"], local: ["1"], hasEndpoints: true }],
    ["has none here when all are elsewhere", [endpoint("2", { nodeName: "b" })], { cluster: ["2"], local: [], hasEndpoints: true }],
  ])("%s", (_name, all, { cluster, local, hasEndpoints }) => {
    const chosen = chooseEndpoints(all, here, both);
    expect([ips(chosen.clusterEndpoints), ips(chosen.localEndpoints), chosen.hasEndpoints]).toEqual([cluster, local, hasEndpoints]);
  });

  const near = (ip: string, zone: string, node?: string) => endpoint(ip, { nodeName: node ?? "x", zoneHints: [zone], nodeHints: node === undefined ? [] : [node] });
  it.each<[string, readonly KnownEndpoint[], string[]]>([
    ["those hinted to this zone", [near("1", "z1"), near("2", "z2")], ["1"]],
    ["those hinted to this node before those of its zone", [near("1", "z1", "b"), near("2", "z1", "a")], ["2"]],
    ["those of the zone when none is for this node", [near("1", "z1", "b"), near("2", "z2", "c")], ["1"]],
    ["all of them when one has no hint yet", [near("1", "z1"), endpoint("2")], ["1", "2"]],
    ["all of them when none is for this zone", [near("1", "z2"), near("2", "z3")], ["1", "2"]],
    ["the ready ones, whatever those that are not say", [near("1", "z2"), { ...near("2", "z1"), ready: false }], ["1"]],
  ])("chooses %s", (_name, all, expected) => expect(ips(chooseEndpoints(all, here, both).clusterEndpoints)).toEqual(expected));

  it("takes no zone hint on a node without a zone", () => {
    expect(ips(chooseEndpoints([near("1", "z1"), near("2", "z2")], { nodeName: "a", zone: undefined }, both).clusterEndpoints)).toEqual(["1", "2"]);
  });
  it("does not let hints keep a Local policy from an endpoint here", () => {
    expect(ips(chooseEndpoints([endpoint("1", { zoneHints: ["z2"] }), near("2", "z1")], here, both).localEndpoints)).toEqual(["1"]);
  });
  it("lets old flows go on to what serves, chosen or not", () => {
    expect(ips(chooseEndpoints([near("1", "z1"), near("2", "z2"), endpoint("3", draining), endpoint("4", { serving: false, ready: false })], here, both).servingEndpoints)).toEqual(["1", "2", "3"]);
  });
});
