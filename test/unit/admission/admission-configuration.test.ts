import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { setUpAdmission } from "../../../engine/setup/admission-setup.ts";
import { missingSettings, parseAdmissionConfiguration, type AdmissionSettings } from "../../../engine/admission/admission-configuration.ts";
import { UsageError } from "../../../engine/options/config.ts";
import { systemClock } from "../../../engine/lib/clock.ts";
import { systemRandom } from "../../../engine/lib/random.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { resourceQuotaResource } from "../../../engine/resources/core/resource-quota.ts";
import { priorityClassResource } from "../../../engine/resources/scheduling/priority-class.ts";
import type { Pod, PodSpec } from "../../../engine/resources/types.ts";
import { chooseUser } from "../../../engine/server/webhooks/choose-user.ts";
import { adminUser, createTestNamespace, startTestApi } from "../../kit/test-api.ts";

const HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n";
const plugin = (name: string, configuration: object): string => `${HEAD}- name: ${name}\n  configuration: ${JSON.stringify(configuration)}\n`;
const security = (more: object) => plugin("PodSecurity", { apiVersion: "pod-security.admission.config.k8s.io/v1", kind: "PodSecurityConfiguration", ...more });
const quota = (...limitedResources: object[]) => plugin("ResourceQuota", { apiVersion: "apiserver.config.k8s.io/v1", kind: "ResourceQuotaConfiguration", limitedResources });
const events = (...limits: object[]) => plugin("EventRateLimit", { apiVersion: "eventratelimit.admission.k8s.io/v1alpha1", kind: "Configuration", limits });
const usual = { defaultNotReadyTolerationSeconds: 300, defaultUnreachableTolerationSeconds: 300 };
const parts = { clock: systemClock, random: systemRandom };
const noFile = (path: string): string => {
  throw new Error(`there is no ${path}`);
};
const parse = (text: string): AdmissionSettings => parseAdmissionConfiguration(text, noFile);
const pod = (namespace: string, spec: Partial<PodSpec> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { generateName: "p-", namespace },
  spec: { containers: [{ name: "c", image: "i" }], ...spec },
});

describe("an AdmissionConfiguration", () => {
  test("may keep the settings of a plugin in a file of their own", () => {
    const other = "apiVersion: apiserver.config.k8s.io/v1\nkind: WebhookAdmissionConfiguration\nkubeConfigFile: /etc/hooks.yaml\n";
    expect(parseAdmissionConfiguration(`${HEAD}- name: MutatingAdmissionWebhook\n  path: hooks/all.yaml\n`, (path) => (path === "hooks/all.yaml" ? other : noFile(path)))).toMatchObject({
      webhookKubeconfigs: { mutating: "/etc/hooks.yaml" },
    });
  });

  test.each<[string, string, string]>([
    ["another kind", "apiVersion: v1\nkind: ConfigMap\n", "must be an AdmissionConfiguration of apiserver.config.k8s.io/v1"],
    ["no object", "- a\n", "the file: must be an object"],
    ["a plugin that nobody knows", `${HEAD}- name: Odd\n`, 'plugins[0].name: the admission plugin "Odd" does not exist here'],
    ["a plugin of upstream's that is not here", `${HEAD}- name: JobValidation\n  path: x\n`, 'plugins[0].name: the admission plugin "JobValidation" does not exist here'],
    ["a plugin without settings", `${HEAD}- name: Priority\n`, 'plugins[0].name: the admission plugin "Priority" has no settings'],
    ["a plugin twice", `${HEAD}- name: PodSecurity\n- name: PodSecurity\n`, 'plugins[1].name: "PodSecurity" is there twice'],
    ["a field that nobody knows", `${HEAD}- name: PodSecurity\n  config: {}\n`, "plugins[0].config: is not known"],
    ["a file that is not there", `${HEAD}- name: PodSecurity\n  path: x.yaml\n`, "plugins[0].path: x.yaml: there is no x.yaml"],
    [
      "settings of another plugin",
      plugin("PodSecurity", { apiVersion: "apiserver.config.k8s.io/v1", kind: "ResourceQuotaConfiguration" }),
      "plugins[0].configuration: must be a PodSecurityConfiguration of pod-security.admission.config.k8s.io/v1",
    ],
    ["a level that is none", security({ defaults: { enforce: "strict" } }), "plugins[0].configuration.defaults.enforce: must be one of privileged, baseline, restricted"],
    ["a version that is none", security({ defaults: { "warn-version": "1.2" } }), 'plugins[0].configuration.defaults.warn-version: must be "latest" or "v1.x"'],
    ["an exempt namespace that cannot be", security({ exemptions: { namespaces: ["ok", "Not_ok"] } }), 'plugins[0].configuration.exemptions.namespaces[1]: "Not_ok": a lowercase RFC 1123 label'],
    ["an exempt user twice", security({ exemptions: { usernames: ["a", "a"] } }), 'plugins[0].configuration.exemptions.usernames[1]: "a": is there twice'],
    ["a limit of nothing", quota({ matchContains: ["cpu"] }), "plugins[0].configuration.limitedResources[0].resource: must be set"],
    [
      "an operator that is none",
      quota({ resource: "pods", matchScopes: [{ scopeName: "PriorityClass", operator: "Is" }] }),
      "plugins[0].configuration.limitedResources[0].matchScopes[0].operator: must be one of In, NotIn, Exists, DoesNotExist",
    ],
    [
      "a kubeconfig that could be anywhere",
      plugin("ValidatingAdmissionWebhook", { apiVersion: "apiserver.config.k8s.io/v1", kind: "WebhookAdmissionConfiguration", kubeConfigFile: "hooks.yaml" }),
      'plugins[0].configuration.kubeConfigFile: "hooks.yaml": must be an absolute file path',
    ],
    ["no limit for Events", events(), "plugins[0].configuration.limits: must be set"],
    ["a limit of nobody", events({ type: "Pod", qps: 1, burst: 1 }), "plugins[0].configuration.limits[0].type: must be one of Namespace, Server, SourceAndObject, User"],
    ["a limit that lets nothing in", events({ type: "Server", qps: 0, burst: 1 }), "plugins[0].configuration.limits[0].qps: must be a whole number from 1"],
    ["a limit without a burst", events({ type: "Server", qps: 1 }), "plugins[0].configuration.limits[0].burst: must be set"],
    [
      "a toleration that cannot be",
      plugin("PodTolerationRestriction", { apiVersion: "podtolerationrestriction.admission.k8s.io/v1alpha1", kind: "Configuration", whitelist: [{ operator: "Equal", value: "x" }] }),
      "plugins[0].configuration.whitelist[0].operator: Invalid value",
    ],
    ["labels that are none", plugin("PodNodeSelector", { podNodeSelectorPluginConfig: { shop: "a=b,c" } }), "plugins[0].configuration.podNodeSelectorPluginConfig.shop: invalid selector: [c]"],
    ["nobody to ask about images", plugin("ImagePolicyWebhook", { imagePolicy: { allowTTL: 5 } }), "plugins[0].configuration.imagePolicy.kubeConfigFile: must be set"],
    [
      "answers that are good for too long",
      plugin("ImagePolicyWebhook", { imagePolicy: { kubeConfigFile: "/k", allowTTL: 1801 } }),
      "plugins[0].configuration.imagePolicy.allowTTL: must be at most 1800",
    ],
  ])("with %s is refused", (_name, text, problem) => {
    expect(() => parse(text)).toThrow(problem);
  });
});

test("the files of the switch are read from beside it, and named with what is wrong in them", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "admission-"));
  try {
    const file = (name: string, text: string) => {
      writeFileSync(path.join(folder, name), text);
      return path.join(folder, name);
    };
    const hooks = file("hooks.yaml", "users:\n- name: '*'\n  user: {token: secret}\n");
    file("mutating.yaml", `apiVersion: apiserver.config.k8s.io/v1\nkind: WebhookAdmissionConfiguration\nkubeConfigFile: ${hooks}\n`);
    const switched = { ...usual, enableAdmissionPlugins: [], admissionControlConfigFile: file("admission.yaml", `${HEAD}- name: MutatingAdmissionWebhook\n  path: mutating.yaml\n`) };
    expect(setUpAdmission(switched, parts).webhookUsers.mutating?.byName.get("*")).toEqual({ token: "secret" });
    file("hooks.yaml", "users:\n- name: '*'\n  user: {exec: {command: x}}\n");
    expect(() => setUpAdmission(switched, parts)).toThrow(`--admission-control-config-file "${folder}/admission.yaml": ${hooks}: users "*": exec is not known here`);
    expect(() => setUpAdmission({ ...switched, admissionControlConfigFile: path.join(folder, "none.yaml") }, parts)).toThrow(UsageError);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a plugin that can do nothing without settings is not switched on without them", () => {
  expect(() => setUpAdmission({ ...usual, enableAdmissionPlugins: ["EventRateLimit"], admissionControlConfigFile: undefined }, parts)).toThrow(
    "--enable-admission-plugins: EventRateLimit needs settings",
  );
  expect(missingSettings(parse(events({ type: "Server", qps: 5, burst: 5 })), ["EventRateLimit", "PodNodeSelector"])).toBeUndefined();
  expect(missingSettings(parse(events({ type: "Server", qps: 5, burst: 5 })), ["ImagePolicyWebhook"])).toBe("ImagePolicyWebhook");
});

test("times without a number are upstream's, and -1 is none", () => {
  const policy = (more: object) => parse(plugin("ImagePolicyWebhook", { imagePolicy: { kubeConfigFile: "/k", ...more } })).imagePolicy;
  expect(policy({})).toEqual({ kubeconfigFile: "/k", allowedTtlMs: 300_000, refusedTtlMs: 30_000, retryMs: 500, allowsUnasked: false });
  expect(policy({ allowTTL: 50, denyTTL: -1, retryBackoff: 20, defaultAllow: true })).toEqual({ kubeconfigFile: "/k", allowedTtlMs: 50_000, refusedTtlMs: 0, retryMs: 20, allowsUnasked: true });
});

describe("PodSecurity with settings", () => {
  const settings = parse(security({ defaults: { enforce: "baseline", "enforce-version": "v1.30" }, exemptions: { namespaces: ["free"], usernames: ["trusted"], runtimeClasses: ["gvisor"] } }));

  test("holds pods of namespaces that say nothing to its defaults, but for whoever is exempt", async () => {
    await using api = await startTestApi({ admissionSettings: settings, admissionChoice: { enabled: [], disabled: ["RuntimeClass"] } });
    for (const name of ["plain", "free"]) await createTestNamespace(api.client, name);
    await createTestNamespace(api.client, "open");
    await api.client.for(namespaceResource).patch("", "open", "merge", { metadata: { labels: { "pod-security.kubernetes.io/enforce": "privileged" } } });
    const host = { hostNetwork: true };
    const make = (namespace: string, spec: Partial<PodSpec>, client = api.client) => client.for(podResource).create(pod(namespace, spec));
    await expect(make("plain", host)).rejects.toThrow('violates PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)');
    await make("open", host);
    await make("free", host);
    await make("plain", { ...host, runtimeClassName: "gvisor" });
    await make("plain", host, api.as("trusted", ["system:masters"]));
  });
});

test("who asks for a level in an exempt namespace is told that nothing comes of it", async () => {
  await using api = await startTestApi({ admissionSettings: parse(security({ exemptions: { namespaces: ["free"] } })) });
  const body = { apiVersion: "v1", kind: "Namespace", metadata: { name: "free", labels: { "pod-security.kubernetes.io/enforce": "baseline" } } };
  const result = await api.server.handle({ verb: "create", resource: namespaceResource, namespace: "", body, options: {}, user: adminUser, userAgent: "test" });
  expect("warnings" in result ? result.warnings : []).toEqual(['namespace "free" is exempt from Pod Security, and the policy (enforce=baseline:latest) will be ignored']);
});

describe("ResourceQuota with limited resources", () => {
  test("lets nobody use them where no quota bounds them", async () => {
    await using api = await startTestApi({ admissionSettings: parse(quota({ resource: "pods", matchContains: ["requests.cpu"] })) });
    await createTestNamespace(api.client, "shop");
    const pods = api.client.for(podResource);
    const asking = { containers: [{ name: "c", image: "i", resources: { requests: { cpu: "1" } } }] };
    await pods.create(pod("shop"));
    await expect(pods.create(pod("shop", asking))).rejects.toMatchObject({ status: { code: 403, message: expect.stringContaining("insufficient quota to consume: requests.cpu") as unknown } });
    const made = await api.client.for(resourceQuotaResource).create({ apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q", namespace: "shop" }, spec: { hard: { "requests.cpu": "2" } } });
    await api.client.for(resourceQuotaResource).updateStatus({ ...made, status: { hard: { "requests.cpu": "2" }, used: { "requests.cpu": "0" } } });
    await pods.create(pod("shop", asking));
  });

  test("asks for a quota of the scope that a pod is in", async () => {
    await using api = await startTestApi({ admissionSettings: parse(quota({ resource: "pods", matchScopes: [{ scopeName: "PriorityClass", operator: "In", values: ["high"] }] })) });
    await createTestNamespace(api.client, "shop");
    await api.client.for(priorityClassResource).create({ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name: "high" }, value: 10 });
    const pods = api.client.for(podResource);
    await pods.create(pod("shop"));
    await expect(pods.create(pod("shop", { priorityClassName: "high" }))).rejects.toMatchObject({
      status: { code: 500, message: "insufficient quota to match these scopes: [{PriorityClass In [high]}]" },
      reason: undefined,
    });
    const made = await api.client.for(resourceQuotaResource).create({
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "q", namespace: "shop" },
      spec: { hard: { pods: "5" }, scopeSelector: { matchExpressions: [{ scopeName: "PriorityClass", operator: "In", values: ["high"] }] } },
    });
    await api.client.for(resourceQuotaResource).updateStatus({ ...made, status: { hard: { pods: "5" }, used: { pods: "0" } } });
    await pods.create(pod("shop", { priorityClassName: "high" }));
  });
});

describe("a webhook is called as", () => {
  const users = (...names: string[]) => ({ byName: new Map(names.map((name) => [name, { token: name }])), current: { token: "current" } });
  test.each<[string, string[], string, number, string]>([
    ["the user of its address", ["*", "*.shop.svc:8443", "hook.shop.svc:8443"], "hook.shop.svc", 8443, "hook.shop.svc:8443"],
    ["the user of the nearest star", ["*", "*.svc:8443", "*.shop.svc:8443"], "hook.shop.svc", 8443, "*.shop.svc:8443"],
    ["a user named without the usual port", ["*", "hook.shop.svc"], "hook.shop.svc", 443, "hook.shop.svc"],
    ["nobody named without an unusual port", ["*", "hook.shop.svc"], "hook.shop.svc", 8443, "*"],
    ["the user of the current context", ["other.svc"], "hook.shop.svc", 443, "current"],
  ])("%s", (_name, names, host, port, token) => {
    expect(chooseUser(users(...names), host, port)).toEqual({ token });
  });
});
