import { describe, expect, test } from "vitest";
import { USUAL_SETTINGS, type AdmissionSettings } from "../../../engine/admission/admission-configuration.ts";
import { covers, mergeTolerations } from "../../../engine/admission/plugins/merge-tolerations.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { Pod, PodSpec, Toleration } from "../../../engine/resources/types.ts";
import { createTestNamespace, startTestApi, type TestApi } from "../../kit/test-api.ts";

const pod = (spec: Partial<PodSpec> = {}, namespace = "shop"): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { generateName: "p-", namespace },
  spec: { containers: [{ name: "c", image: "nginx" }], ...spec },
});
const taint = (key: string, more: Partial<Toleration> = {}): Toleration => ({ key, operator: "Exists", effect: "NoSchedule", ...more });

async function switched(enabled: readonly string[], settings: Partial<AdmissionSettings> = {}, annotations: Readonly<Record<string, string>> = {}): Promise<TestApi> {
  const api = await startTestApi({ admissionSettings: { ...USUAL_SETTINGS, ...settings }, admissionChoice: { enabled, disabled: ["DefaultTolerationSeconds"] } });
  await createTestNamespace(api.client, "shop");
  await api.client.for(namespaceResource).patch("", "shop", "merge", { metadata: { annotations } });
  await api.store.caughtUp();
  return api;
}

describe("tolerations", () => {
  test.each<[string, Toleration, Toleration, boolean]>([
    ["the same", taint("a"), taint("a"), true],
    ["any effect over one", { key: "a", operator: "Exists" }, taint("a"), true],
    ["one effect over any", taint("a"), { key: "a", operator: "Exists" }, false],
    ["any key over one", { operator: "Exists" }, taint("a"), true],
    ["another key", taint("b"), taint("a"), false],
    ["existence over a value", taint("a"), taint("a", { operator: "Equal", value: "x" }), true],
    ["a value over existence", taint("a", { operator: "Equal", value: "x" }), taint("a"), false],
    ["another value", taint("a", { operator: "Equal", value: "x" }), taint("a", { operator: "Equal", value: "y" }), false],
    ["long over short", taint("a", { effect: "NoExecute", tolerationSeconds: 60 }), taint("a", { effect: "NoExecute", tolerationSeconds: 30 }), true],
    ["short over long", taint("a", { effect: "NoExecute", tolerationSeconds: 30 }), taint("a", { effect: "NoExecute", tolerationSeconds: 60 }), false],
    ["some time over all", taint("a", { effect: "NoExecute", tolerationSeconds: 30 }), taint("a", { effect: "NoExecute" }), false],
  ])("%s: whether the first covers the second", (_name, wide, narrow, expected) => {
    expect(covers(wide, narrow)).toBe(expected);
  });

  test("are merged without those that others cover", () => {
    expect(mergeTolerations([taint("a"), taint("b", { operator: "Equal", value: "x" })], [{ key: "b", operator: "Exists" }, taint("a"), taint("c")])).toEqual([
      taint("a"),
      { key: "b", operator: "Exists" },
      taint("c"),
    ]);
  });
});

describe("PodTolerationRestriction", () => {
  const DEFAULTS = "scheduler.alpha.kubernetes.io/defaultTolerations";
  const WHITELIST = "scheduler.alpha.kubernetes.io/tolerationsWhitelist";
  const on = (annotations = {}, tolerations = {}) => switched(["PodTolerationRestriction"], { tolerations: { defaults: [], whitelist: [], ...tolerations } }, annotations);

  test("gives pods the tolerations of their namespace, or of the cluster where it has none", async () => {
    await using own = await on({ [DEFAULTS]: JSON.stringify([taint("mine")]) }, { defaults: [taint("cluster")] });
    expect((await own.client.for(podResource).create(pod({ tolerations: [taint("a")] }))).spec.tolerations).toEqual([taint("a"), taint("mine")]);
    await using cluster = await on({}, { defaults: [taint("cluster")] });
    expect((await cluster.client.for(podResource).create(pod())).spec.tolerations).toEqual([taint("cluster")]);
    await using none = await on({ [DEFAULTS]: "" }, { defaults: [taint("cluster")] });
    expect((await none.client.for(podResource).create(pod())).spec.tolerations).toBeUndefined();
  });

  test("lets pods that ask for something stay on nodes short of memory", async () => {
    await using api = await on();
    const asking = pod({ containers: [{ name: "c", image: "nginx", resources: { requests: { cpu: "1m" } } }] });
    expect((await api.client.for(podResource).create(asking)).spec.tolerations).toEqual([taint("node.kubernetes.io/memory-pressure")]);
    expect((await api.client.for(podResource).create(pod())).spec.tolerations).toBeUndefined();
  });

  test("refuses what is not listed, by the namespace's list or the cluster's", async () => {
    const conflict = (scope: string) => `pod tolerations (possibly merged with namespace default tolerations) conflict with its ${scope} whitelist`;
    await using own = await on({ [WHITELIST]: JSON.stringify([taint("a")]) });
    await own.client.for(podResource).create(pod({ tolerations: [taint("a")] }));
    await expect(own.client.for(podResource).create(pod({ tolerations: [taint("b")] }))).rejects.toMatchObject({ status: { code: 500, message: conflict("namespace"), metadata: {} } });
    await using cluster = await on({}, { whitelist: [taint("a")] });
    await expect(cluster.client.for(podResource).create(pod({ tolerations: [taint("b")] }))).rejects.toMatchObject({ message: conflict("cluster"), reason: undefined });
    await using broken = await on({ [WHITELIST]: "[" });
    await expect(broken.client.for(podResource).create(pod({ tolerations: [taint("b")] }))).rejects.toMatchObject({
      status: { code: 500, message: expect.stringContaining(`annotation ${WHITELIST} of namespace shop`) },
    });
    await using nothing = await on({ [WHITELIST]: "null" }, { whitelist: [taint("a")] });
    await nothing.client.for(podResource).create(pod({ tolerations: [taint("b")] }));
  });
});

describe("PodNodeSelector", () => {
  const ANNOTATION = "scheduler.alpha.kubernetes.io/node-selector";
  const on = (annotations = {}, nodeSelectors = {}) => switched(["PodNodeSelector"], { nodeSelectors }, annotations);

  test("sends pods to the nodes of their namespace, or of the cluster where it names none", async () => {
    await using own = await on({ [ANNOTATION]: "env=prod, team=a" }, { clusterDefaultNodeSelector: { env: "any" } });
    expect((await own.client.for(podResource).create(pod({ nodeSelector: { disk: "ssd" } }))).spec.nodeSelector).toEqual({ env: "prod", team: "a", disk: "ssd" });
    await using cluster = await on({}, { clusterDefaultNodeSelector: { env: "any" } });
    expect((await cluster.client.for(podResource).create(pod())).spec.nodeSelector).toEqual({ env: "any" });
    await using empty = await on({ [ANNOTATION]: "" }, { clusterDefaultNodeSelector: { env: "any" } });
    expect((await empty.client.for(podResource).create(pod())).spec.nodeSelector).toBeUndefined();
  });

  test("refuses pods that want others", async () => {
    await using api = await on({ [ANNOTATION]: "env=prod" }, { shop: { env: "prod", disk: "ssd" } });
    await api.client.for(podResource).create(pod({ nodeSelector: { disk: "ssd" } }));
    await expect(api.client.for(podResource).create(pod({ nodeSelector: { env: "test" } }))).rejects.toThrow("pod node label selector conflicts with its namespace node label selector");
    await expect(api.client.for(podResource).create(pod({ nodeSelector: { disk: "hdd" } }))).rejects.toThrow("pod node label selector labels conflict with its namespace whitelist");
  });

  test.each([
    ["env", "invalid selector: [env]"],
    ["a b=c", '<nil>: Invalid value: "a b": name part must consist of'],
    ["a=-", '[a]: Invalid value: "-": a valid label must be'],
  ])("refuses pods of a namespace whose nodes nobody can tell, as upstream answers it: %s", async (selector, message) => {
    await using broken = await on({ [ANNOTATION]: selector });
    await expect(broken.client.for(podResource).create(pod())).rejects.toMatchObject({ reason: undefined, status: { code: 500, message: expect.stringContaining(message) as unknown } });
  });
});

test("a pod that asks for devices tolerates the taints of their nodes", async () => {
  await using api = await switched(["ExtendedResourceToleration"]);
  const of = (resource: string) => ({ name: resource.replace(/\W/g, "-"), image: "i", resources: { limits: { [resource]: "1" } } });
  const { spec } = await api.client.for(podResource).create(pod({ containers: [of("example.com/b"), of("cpu")], initContainers: [of("example.com/a")], tolerations: [taint("example.com/b")] }));
  expect(spec.tolerations).toEqual([taint("example.com/b"), taint("example.com/a")]);
});

test("a pod keeps others off its node, not off a zone", async () => {
  await using api = await switched(["LimitPodHardAntiAffinityTopology"]);
  const apart = (topologyKey: string) => pod({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: {} }] } } });
  await api.client.for(podResource).create(apart("kubernetes.io/hostname"));
  await expect(api.client.for(podResource).create(apart("topology.kubernetes.io/zone"))).rejects.toThrow(
    "affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey topology.kubernetes.io/zone but only key kubernetes.io/hostname is allowed",
  );
});

describe("a pod that runs", () => {
  const running = async (api: TestApi, declaredFeatures: readonly string[], spec: Partial<PodSpec> = {}): Promise<Pod> => {
    await api.client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
    await api.client.for(nodeResource).patch("", "n1", "merge", { status: { allocatable: { cpu: "2", memory: "1Gi" }, declaredFeatures } }, { subresource: "status" });
    await api.store.caughtUp();
    return api.client.for(podResource).create(pod({ nodeName: "n1", containers: [{ name: "c", image: "i", resources: { requests: { cpu: "1" } } }], ...spec }));
  };
  const resize = (api: TestApi, { metadata: { name = "" } }: Pod, spec: object) => api.client.for(podResource).patch("shop", name, "strategic", { spec }, { subresource: "resize" });
  const containers = (cpu: string) => ({ containers: [{ name: "c", resources: { requests: { cpu } } }] });

  test("does not grow beyond what its node has", async () => {
    await using api = await switched([]);
    const made = await running(api, []);
    await resize(api, made, containers("1500m"));
    await expect(resize(api, made, containers("3"))).rejects.toMatchObject({
      status: {
        reason: "Forbidden",
        message: expect.stringContaining("node didn't have enough allocatable resources: cpu, requested: 3000, allocatable: 2000") as unknown,
        details: { causes: [{ reason: "NodeCapacity" }] },
      },
    });
  });

  test("changes only in ways of which its node says that it can", async () => {
    const whole = { resources: { requests: { cpu: "1" } } };
    const wider = { resources: { requests: { cpu: "1500m" } } };
    await using old = await switched([]);
    await expect(resize(old, await running(old, [], whole), wider)).rejects.toThrow('pod update requires features InPlacePodLevelResourcesVerticalScaling which are not available on node "n1"');
    await using able = await switched([]);
    expect((await resize(able, await running(able, ["InPlacePodLevelResourcesVerticalScaling"], whole), wider)).spec.resources).toEqual(wider.resources);
  });
});
