import { describe, expect, test } from "vitest";
import { limitFiles, sharesToWeight } from "../../../../node-agent/cgroups/cgroups.ts";
import { containerHugePages, podHugePages } from "../../../../node-agent/cgroups/huge-page-limits.ts";
import { computePodLimits, computeQosShares, qosFolder } from "../../../../node-agent/cgroups/pod-cgroup.ts";
import type { Pod, PodSpec } from "../../../../engine/resources/types.ts";

const MI = 2 ** 20;
const container = (name: string, requests: Record<string, string> = {}, limits: Record<string, string> = {}) => ({ name, image: "i", resources: { requests, limits } });
const pod = (name: string, spec: Partial<PodSpec> = {}, qosClass = "Burstable"): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "n", uid: name },
  spec: { containers: [container("c")], ...spec },
  status: { phase: "Running", qosClass },
});

describe("cgroups", () => {
  test("of pods hold what their containers are bounded to together", () => {
    const both = pod("p", { containers: [container("a", { cpu: "500m" }, { cpu: "1", memory: "64Mi" }), container("b", { cpu: "250m" }, { cpu: "500m", memory: "64Mi" })] });
    expect(computePodLimits(both, 100)).toEqual({ cpuShares: 768, cpuQuotaUs: 150_000, memoryBytes: 128 * MI, pidsMax: 100, hugePages: {} });
    expect(computePodLimits(pod("p", { containers: [container("a", { cpu: "1" }, { memory: "64Mi" }), container("b")] }))).toEqual({
      cpuShares: 1024,
      cpuQuotaUs: -1,
      memoryBytes: -1,
      pidsMax: -1,
      hugePages: {},
    });
    expect(computePodLimits(pod("p", {}, "BestEffort")).cpuShares).toBe(2);
    const unbounded = pod("p", { containers: [container("a", {}, { cpu: "0", memory: "0" })], resources: { limits: { cpu: "0", memory: "0" } } });
    expect(computePodLimits(unbounded)).toMatchObject({ cpuQuotaUs: -1, memoryBytes: -1 });
  });

  test("hold pods to the huge pages that they asked for, and to none of other sizes", () => {
    const sizes = [1 << 30, 2 * MI];
    const huge = (amount: string) => ({ "hugepages-2Mi": amount });
    const asking = pod("p", {
      initContainers: [container("first", huge("64Mi"), huge("64Mi"))],
      containers: [container("a", huge("16Mi"), huge("16Mi")), container("b")],
    });
    expect(podHugePages(asking, sizes)).toEqual({ "1GB": 0, "2MB": 64 * MI });
    expect(asking.spec.containers.map((each) => containerHugePages(asking, each, sizes))).toEqual([
      { "1GB": 0, "2MB": 16 * MI },
      { "1GB": 0, "2MB": 0 },
    ]);
    const whole = pod("p", { resources: { requests: huge("8Mi"), limits: huge("8Mi") }, containers: [container("a")] });
    expect([podHugePages(whole, sizes)["2MB"], containerHugePages(whole, { name: "a" }, sizes)["2MB"]]).toEqual([8 * MI, 8 * MI]);
    expect(limitFiles("hugetlb", { memoryBytes: 1, hugePages: { "2MB": 5 } })).toEqual([{ file: "hugetlb.2MB.limit_in_bytes", text: "5", amount: 5 }]);
    expect(limitFiles("", { hugePages: { "2MB": 5 } })).toEqual([{ file: "hugetlb.2MB.max", text: "5", amount: 5 }]);
  });

  test("of classes share by what their pods asked for", () => {
    expect(computeQosShares([pod("a", { containers: [container("c", { cpu: "2" })] }), pod("b", {}, "BestEffort"), pod("g", { containers: [container("c", { cpu: "9" })] }, "Guaranteed")])).toEqual({
      burstable: 2048,
      besteffort: 2,
    });
    expect([qosFolder("/m", "Guaranteed"), qosFolder("/m", "BestEffort")]).toEqual(["/m", "/m/besteffort"]);
    expect([sharesToWeight(2), sharesToWeight(1024), sharesToWeight(262_144)]).toEqual([1, 39, 10_000]);
  });
});
