import { describe, expect, it } from "vitest";
import { disabledFeatures } from "../../../engine/apimachinery/feature-gates.ts";
import { setUpAdmission } from "../../../engine/setup/admission-setup.ts";
import { choosePlugins, pluginChoiceProblem } from "../../../engine/admission/choose-plugins.ts";
import { resolveServerConfig } from "../../../engine/options/config.ts";
import { systemClock } from "../../../engine/lib/clock.ts";
import { systemRandom } from "../../../engine/lib/random.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { ingressClassResource } from "../../../engine/resources/networking/ingress-class.ts";
import { ingressResource } from "../../../engine/resources/networking/ingress.ts";
import { runtimeClassResource } from "../../../engine/resources/node/runtime-class.ts";
import type { Ingress, Pod, PodSpec, RuntimeClass } from "../../../engine/resources/types.ts";
import { startTestApi } from "../../kit/test-api.ts";

const pod = (name: string, spec: Partial<PodSpec>): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default" },
  spec: { containers: [{ name: "c", image: "nginx:1" }], ...spec },
});
const kata: RuntimeClass = {
  apiVersion: "node.k8s.io/v1",
  kind: "RuntimeClass",
  metadata: { name: "kata" },
  handler: "kata",
  overhead: { podFixed: { cpu: "250m", memory: "120Mi" } },
  scheduling: { nodeSelector: { kata: "yes" }, tolerations: [{ key: "kata", operator: "Exists" }] },
};

describe("a pod of a RuntimeClass", () => {
  it("gets its overhead, its nodes and its tolerations", async () => {
    await using api = await startTestApi();
    await api.client.for(runtimeClassResource).create(kata);
    const { spec } = await api.client.for(podResource).create(pod("a", { runtimeClassName: "kata", nodeSelector: { disk: "ssd" } }));
    expect(spec).toMatchObject({ overhead: { cpu: "250m", memory: "120Mi" }, nodeSelector: { disk: "ssd", kata: "yes" } });
    expect(spec.tolerations?.filter(({ key }) => key === "kata")).toHaveLength(1);
  });

  it.each<[string, Partial<PodSpec>, string]>([
    ["that does not exist", { runtimeClassName: "gvisor" }, 'pods "b" is forbidden: pod rejected: RuntimeClass "gvisor" not found'],
    ["that says another overhead", { runtimeClassName: "kata", overhead: { cpu: "1" } }, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"],
    ["that wants other nodes", { runtimeClassName: "kata", nodeSelector: { kata: "no" } }, "conflict: runtimeClass.scheduling.nodeSelector[kata] = yes; pod.spec.nodeSelector[kata] = no"],
  ])("%s is refused", async (_what, spec, message) => {
    await using api = await startTestApi();
    await api.client.for(runtimeClassResource).create(kata);
    await expect(api.client.for(podResource).create(pod("b", spec))).rejects.toThrow(message);
  });

  it("is the only one that may have an overhead", async () => {
    await using api = await startTestApi();
    await expect(api.client.for(podResource).create(pod("c", { overhead: { cpu: "1" } }))).rejects.toThrow("Pod Overhead set without corresponding RuntimeClass defined Overhead");
  });
});

describe("an Ingress", () => {
  const ingress = (name: string, more: object = {}): Ingress => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: { name, namespace: "default" },
    spec: { defaultBackend: { service: { name: "web", port: { number: 80 } } } },
    ...more,
  });

  it("that names no class gets the default one, in whichever way classes are named", async () => {
    await using api = await startTestApi();
    const classes = api.client.for(ingressClassResource);
    const ingresses = api.client.for(ingressResource);
    await classes.create({ apiVersion: "networking.k8s.io/v1", kind: "IngressClass", metadata: { name: "other" }, spec: { controller: "a.b/c" } });
    expect((await ingresses.create(ingress("none"))).spec?.ingressClassName).toBeUndefined();
    await classes.create({
      apiVersion: "networking.k8s.io/v1",
      kind: "IngressClass",
      metadata: { name: "main", annotations: { "ingressclass.kubernetes.io/is-default-class": "true" } },
      spec: { controller: "a.b/c" },
    });
    await api.store.caughtUp();
    expect((await ingresses.create(ingress("silent"))).spec?.ingressClassName).toBe("main");
    expect(
      (await ingresses.create(ingress("old", { metadata: { name: "old", namespace: "default", annotations: { "kubernetes.io/ingress.class": "nginx" } } }))).spec?.ingressClassName,
    ).toBeUndefined();
    expect((await ingresses.create(ingress("own", { spec: { ...ingress("own").spec, ingressClassName: "other" } }))).spec?.ingressClassName).toBe("other");
  });
});

describe("the tolerations that every pod gets", () => {
  it("come back when somebody replaces a pod's own", async () => {
    await using api = await startTestApi();
    const pods = api.client.for(podResource);
    const made = await pods.create(pod("a", {}));
    const mine = { key: "mine", operator: "Exists", effect: "NoSchedule" };
    const { spec } = await pods.update({ ...made, spec: { ...made.spec, tolerations: [mine] } });
    expect(spec.tolerations).toEqual([mine, ...(made.spec.tolerations ?? [])]);
    expect(spec.tolerations).toHaveLength(3);
  });
});

describe("the switches of admission", () => {
  it("say how long pods wait for lost nodes", async () => {
    const { admissionSettings } = setUpAdmission(resolveServerConfig({ defaultNotReadyTolerationSeconds: "30", defaultUnreachableTolerationSeconds: "60" }, {}), {
      clock: systemClock,
      random: systemRandom,
    });
    await using api = await startTestApi({ admissionSettings });
    expect((await api.client.for(podResource).create(pod("a", {}))).spec.tolerations?.map(({ tolerationSeconds }) => tolerationSeconds)).toEqual([30, 60]);
  });

  it("let images always be pulled where that is asked for, and nowhere else", async () => {
    await using usual = await startTestApi();
    expect((await usual.client.for(podResource).create(pod("a", {}))).spec.containers[0]?.imagePullPolicy).toBe("IfNotPresent");
    await using strict = await startTestApi({ admissionChoice: { enabled: ["AlwaysPullImages"], disabled: [] } });
    const { spec } = await strict.client.for(podResource).create(pod("a", { initContainers: [{ name: "i", image: "busybox:1", imagePullPolicy: "Never" }] }));
    expect([spec.containers[0]?.imagePullPolicy, spec.initContainers?.[0]?.imagePullPolicy]).toEqual(["Always", "Always"]);
  });

  it("take a usual plugin out", async () => {
    await using api = await startTestApi({ admissionChoice: { enabled: [], disabled: ["DefaultTolerationSeconds"] } });
    expect((await api.client.for(podResource).create(pod("a", {}))).spec.tolerations).toBeUndefined();
  });

  it("leave what is part of the server alone, and keep the order", () => {
    const plugins = ["NamespaceLifecycle", "AlwaysPullImages", "RBACEscalation", "ResourceQuota"].map((name) => ({ name }));
    expect(choosePlugins(plugins, { enabled: ["AlwaysPullImages"], disabled: ["ResourceQuota", "Priority"] }).map(({ name }) => name)).toEqual([
      "NamespaceLifecycle",
      "AlwaysPullImages",
      "RBACEscalation",
    ]);
    expect(choosePlugins(plugins, { enabled: [], disabled: [] }).map(({ name }) => name)).toEqual(["NamespaceLifecycle", "RBACEscalation", "ResourceQuota"]);
  });

  it.each([
    [["Priorities"], [], 'admission-control plugin "Priorities" is unknown'],
    [[], ["RBACEscalation"], 'admission-control plugin "RBACEscalation" is unknown'],
    [["ClusterTrustBundleAttest"], [], 'admission-control plugin "ClusterTrustBundleAttest" does not exist here'],
    [[], ["ClusterTrustBundleAttest"], undefined],
    [["ImagePolicyWebhook"], ["PodResizeValidator"], undefined],
    [["NodeRestriction"], ["NodeRestriction"], 'admission-control plugin "NodeRestriction" cannot be both enabled and disabled'],
    [["NodeRestriction", "AlwaysPullImages"], ["LimitRanger"], undefined],
  ])("%j and %j: %s", (enabled, disabled, problem) => {
    expect(pluginChoiceProblem({ enabled, disabled })).toBe(problem);
  });

  it("are checked when the server starts", () => {
    expect(() => resolveServerConfig({ enableAdmissionPlugins: "Nonsense" }, {})).toThrow('admission-control plugin "Nonsense" is unknown');
    expect(resolveServerConfig({ featureGates: "SomeFeature=true,Other=false" }, {}).featureGates).toEqual({ SomeFeature: true, Other: false });
    const unusual = ["MaxUnavailableStatefulSet", "VolumeLimitScaling"];
    const table: readonly (readonly [string, readonly string[]])[] = [
      ["", unusual],
      ["OpenAPIEnums=false,SomeFeature=false", ["OpenAPIEnums", ...unusual]],
      ["AllBeta=false", ["ComponentFlagz", "ComponentStatusz", "OpenAPIEnums", "StrictIPCIDRValidation", ...unusual]],
      ["AllBeta=false,OpenAPIEnums=true", ["ComponentFlagz", "ComponentStatusz", "StrictIPCIDRValidation", ...unusual]],
      ["AllBeta=true", ["VolumeLimitScaling"]],
      ["AllAlpha=true,MaxUnavailableStatefulSet=true", []],
      ["AllAlpha=true,VolumeLimitScaling=false", unusual],
    ];
    for (const [featureGates, expected] of table) expect([...disabledFeatures(resolveServerConfig({ featureGates }, {}).featureGates)]).toEqual(expected);
    expect(() => resolveServerConfig({ featureGates: "SomeFeature" }, {})).toThrow("must be pairs such as SomeFeature=true");
  });
});
