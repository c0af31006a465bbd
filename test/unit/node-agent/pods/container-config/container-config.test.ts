import { expect, test } from "vitest";
import type { PodSpec, ResourceRequirements } from "../../../../../engine/resources/types.ts";
import { computeContainerConfig, computeResources, computeSandboxConfig } from "../../../../../node-agent/pods/container-config/container-config.ts";
import { aPod } from "../../../../kit/objects.ts";
import { nodeSettings } from "../../../../kit/pod-context.ts";

const SETTINGS = nodeSettings("/node", { clusterDns: ["10.43.0.10"] });

const sandboxOf = (spec: Partial<PodSpec>, shape: object = {}) => computeSandboxConfig(aPod("web", { spec, ...shape }), 0, SETTINGS, undefined);

test.each<[string, Partial<PodSpec>, boolean]>([
  ["none", {}, false],
  ["a main one", { containers: [{ name: "app", securityContext: { privileged: true } }] }, true],
  ["an init container", { initContainers: [{ name: "tune", securityContext: { privileged: true } }] }, true],
  ["a debugging one", { ephemeralContainers: [{ name: "look", securityContext: { privileged: true } }] }, true],
])("a sandbox is privileged when one of the pod's containers is: %s", (_which, spec, expected) => {
  expect(sandboxOf(spec).linux?.securityContext?.privileged).toBe(expected);
});

test("a runtime is shown a pod's labels and annotations, and finds it by what the node says of it", () => {
  const config = sandboxOf({}, { labels: { app: "web", "io.kubernetes.pod.name": "another" }, annotations: { "kubernetes.io/ingress-bandwidth": "1M" } });
  expect(config.labels).toMatchObject({ app: "web", "io.kubernetes.pod.name": "web" });
  expect(config.annotations).toEqual({ "kubernetes.io/ingress-bandwidth": "1M" });
});

test.each<[string, ResourceRequirements, ResourceRequirements | undefined, object]>([
  ["of its own", { limits: { cpu: "500m", memory: "1Mi" } }, { limits: { cpu: "2" } }, { cpuShares: 512n, cpuQuota: 50_000n, memoryLimitInBytes: 1n << 20n }],
  ["of next to nothing", { limits: { cpu: "1m" } }, undefined, { cpuShares: 2n, cpuQuota: 1_000n, memoryLimitInBytes: 0n }],
  ["of nothing, which is none", { limits: { cpu: "0", memory: "0" } }, undefined, { cpuShares: 2n, cpuQuota: 0n, memoryLimitInBytes: 0n }],
  ["of nothing, where its pod has one", { limits: { cpu: "0", memory: "0" } }, { limits: { cpu: "1", memory: "1Mi" } }, { cpuShares: 1024n, cpuQuota: 100_000n, memoryLimitInBytes: 1n << 20n }],
  ["beyond what the kernel can share", { limits: { cpu: "1k" } }, undefined, { cpuShares: 262_144n, cpuQuota: 100_000_000n, memoryLimitInBytes: 0n }],
])("a container with a limit %s is held to what upstream holds it to", (_what, resources, whole, expected) => {
  const pod = aPod("web", { spec: { containers: [{ name: "app", resources }], ...(whole === undefined ? {} : { resources: whole }) } });
  expect(computeResources(pod, pod.spec.containers[0]!, SETTINGS)).toMatchObject(expected);
});

test("a container is held to its huge pages by the runtime", () => {
  const pod = aPod("web", { spec: { containers: [{ name: "app", resources: { limits: { "hugepages-2Mi": "4Mi" } } }] } });
  const start = { image: { id: "i", name: "i", uid: 0, username: "" }, attempt: 0, backoffBase: 0 };
  const config = computeContainerConfig(pod, pod.spec.containers[0]!, start as never, new Map(), [], { ...SETTINGS, hugePageSizes: [1 << 30, 2 << 20] });
  expect(config.linux?.resources?.hugepageLimits).toEqual([
    { pageSize: "1GB", limit: 0n },
    { pageSize: "2MB", limit: 4n << 20n },
  ]);
});
