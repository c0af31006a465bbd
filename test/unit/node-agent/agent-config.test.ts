import { describe, expect, it } from "vitest";
import { describeError } from "../../../engine/lib/log.ts";
import { isToldNetwork, resolveAgentConfig } from "../../../node-agent/config.ts";

const JOINS = { server: "https://192.0.2.1:6443", token: "t" };
const DUAL = { clusterCidr: "10.42.0.0/16,fd00:42::/56", clusterDns: "10.43.0.10,fd00:43::a", clusterDomain: "cluster.example.org" };

describe("what an agent knows of the cluster's network", () => {
  it("is what it was told by flag or variable, else what a server says, else the usual", () => {
    expect(resolveAgentConfig(JOINS, {})).toMatchObject({ clusterCidr: "10.42.0.0/16", clusterDns: "10.43.0.10", clusterDomain: "cluster.local" });
    expect(resolveAgentConfig(JOINS, {}, DUAL)).toMatchObject(DUAL);
    expect(resolveAgentConfig({ ...JOINS, clusterCidr: "10.9.0.0/16" }, { MAINSTAY_CLUSTER_DOMAIN: "mine.example.org" }, DUAL)).toMatchObject({
      clusterCidr: "10.9.0.0/16",
      clusterDns: DUAL.clusterDns,
      clusterDomain: "mine.example.org",
    });
  });

  it("is not asked for when all of it was told", () => {
    expect(isToldNetwork(DUAL, {})).toBe(true);
    expect(isToldNetwork({ clusterCidr: DUAL.clusterCidr, clusterDns: DUAL.clusterDns }, { MAINSTAY_CLUSTER_DOMAIN: "mine" })).toBe(true);
    expect(isToldNetwork({ clusterCidr: DUAL.clusterCidr, clusterDns: DUAL.clusterDns }, {})).toBe(false);
  });

  it("is refused when it cannot be, whoever says it", () => {
    expect(() => resolveAgentConfig({ ...JOINS, clusterDomain: "Not A Domain" }, {})).toThrow('--cluster-domain "Not A Domain": a lowercase RFC 1123 subdomain must consist of');
    expect(() => resolveAgentConfig(JOINS, {}, { clusterCidr: "everywhere" })).toThrow('--cluster-cidr "everywhere": must be a range of addresses');
  });
});

describe("what an agent makes its Node with", () => {
  it("is named with its option when it cannot be", () => {
    expect(resolveAgentConfig({ ...JOINS, nodeLabels: "disk=ssd", registerWithTaints: "a:NoSchedule", maxPods: "30" }, {})).toMatchObject({
      nodeLabels: "disk=ssd",
      registerWithTaints: "a:NoSchedule",
      maxPods: 30,
    });
    const refusal = (flags: Readonly<Record<string, string>>) => {
      try {
        return resolveAgentConfig({ ...JOINS, ...flags }, {});
      } catch (error) {
        return describeError(error);
      }
    };
    expect(refusal({ nodeLabels: "a b" })).toMatch(/^--node-labels: label "a b": /);
    expect(refusal({ registerWithTaints: "a" })).toMatch(/^--register-with-taints: taint "a": /);
    expect(refusal({ maxPods: "many" })).toBe('--max-pods "many": must be a whole number from 0 to 2147483647');
  });
});
