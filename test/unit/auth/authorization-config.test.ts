import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { accessReviewSpec, conditionView } from "../../../engine/auth/access-review-spec.ts";
import { parseAuthorizationConfig } from "../../../engine/auth/authorization-config.ts";
import { setUpAuthorization, type AuthorizationSetup } from "../../../engine/setup/authorization-setup.ts";
import { resolveServerConfig, UsageError } from "../../../engine/options/config.ts";
import { systemClock } from "../../../engine/lib/clock.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { MetricsRegistry } from "../../../engine/lib/metrics.ts";
import { systemRandom } from "../../../engine/lib/random.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { startTestApi } from "../../kit/test-api.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const webhook = (more: object = {}) => ({ timeout: "3s", subjectAccessReviewVersion: "v1", failurePolicy: "Deny", connectionInfo: { type: "KubeConfigFile", kubeConfigFile: "/hook.yaml" }, ...more });
const config = (...authorizers: object[]) => JSON.stringify({ apiVersion: "apiserver.config.k8s.io/v1", kind: "AuthorizationConfiguration", authorizers });
const hook = (more: object = {}) => ({ type: "Webhook", name: "hook.example", webhook: webhook(more) });
const expression = (text: string) => ({ matchConditionSubjectAccessReviewVersion: "v1", matchConditions: [{ expression: text }] });

describe("an AuthorizationConfiguration", () => {
  test("names who decides in their order, webhooks with their own times", () => {
    const [first, second, third] = parseAuthorizationConfig(
      config({ type: "Node", name: "node" }, hook({ authorizedTTL: "1m", cacheUnauthorizedRequests: false }), {
        ...hook({ failurePolicy: "NoOpinion", subjectAccessReviewVersion: "v1beta1" }),
        name: "other",
      }),
    );
    expect(first).toEqual({ type: "Node", name: "node" });
    expect(second).toEqual({
      type: "Webhook",
      name: "hook.example",
      kubeconfigFile: "/hook.yaml",
      settings: { name: "hook.example", version: "v1", timeoutMs: 3000, allowedTtlMs: 60_000, refusedTtlMs: 0, deniesOnFailure: true, conditions: [] },
    });
    expect(third).toMatchObject({ settings: { name: "other", version: "v1beta1", allowedTtlMs: 300_000, refusedTtlMs: 30_000, deniesOnFailure: false } });
  });

  test("has conditions over the review", () => {
    const [parsed] = parseAuthorizationConfig(config(hook(expression("has(request.resourceAttributes) && request.resourceAttributes.namespace == 'shop' && !('ops' in request.groups)"))));
    const condition = parsed?.type === "Webhook" ? parsed.settings.conditions[0] : undefined;
    const holds = (namespace: string, ...groups: string[]) =>
      condition?.evaluate({ request: conditionView(accessReviewSpec({ is: "resource", user: { username: "ann", groups }, verb: "get", group: "", resource: "pods", namespace, name: "" })) }).value;
    expect([holds("shop"), holds("shop", "ops"), holds("other"), holds("")]).toEqual([true, false, false, false]);
  });

  test.each<[string, string, string]>([
    ["another kind", "kind: Config\n", "must be an AuthorizationConfiguration of apiserver.config.k8s.io/v1"],
    ["nobody", config(), "authorizers: must be set"],
    ["an unknown type", config({ type: "Magic", name: "a" }), "authorizers[0].type: must be one of Node, RBAC, ABAC, Webhook, AlwaysAllow, AlwaysDeny"],
    ["no name", config({ type: "RBAC" }), "authorizers[0].name: must be set"],
    ["a type twice", config({ type: "RBAC", name: "a" }, { type: "RBAC", name: "b" }), "authorizers[1].type: RBAC is there twice"],
    ["a name of one's own for what there is once", config({ type: "Node", name: "node" }, { type: "RBAC", name: "rights" }), "expected name rbac for authorizer RBAC instead of rights"],
    ["a name twice", config(hook(), hook()), 'authorizers[1].name: "hook.example" is there twice'],
    ["a webhook of another type", config({ type: "RBAC", name: "a", webhook: webhook() }), "authorizers[0].webhook: may only be specified when type=Webhook"],
    ["no webhook", config({ type: "Webhook", name: "a" }), "authorizers[0].webhook: must be set"],
    ["a webhook without a time", config(hook({ timeout: undefined })), "authorizers[0].webhook.timeout: must be set"],
    ["one that may take too long", config(hook({ timeout: "31s" })), "authorizers[0].webhook.timeout: must be > 0s and <= 30s"],
    ["one that says not what happens without it", config(hook({ failurePolicy: "Ignore" })), "authorizers[0].webhook.failurePolicy: must be one of NoOpinion, Deny"],
    ["one that is the cluster itself", config(hook({ connectionInfo: { type: "InClusterConfig" } })), "authorizers[0].webhook.connectionInfo.type: must be one of KubeConfigFile"],
    ["a condition of no known version", config(hook({ matchConditions: [{ expression: "true" }] })), "matchConditionSubjectAccessReviewVersion: must be set"],
    ["a condition about what no review has", config(hook(expression("request.nonsense == 'x'"))), "authorizers[0].webhook.matchConditions[0].expression: compilation failed"],
    ["a condition that is no question", config(hook(expression("request.user"))), "matchConditions[0].expression: compilation failed"],
  ])("with %s is refused", (_name, text, problem) => {
    expect(() => parseAuthorizationConfig(text)).toThrow(problem);
  });
});

test("a request is told to others with its selectors as requirements", () => {
  const spec = accessReviewSpec({
    is: "resource",
    user: { username: "ann", uid: "7", groups: ["ops"], extra: { a: ["b"] } },
    verb: "list",
    group: "apps",
    version: "v1",
    resource: "deployments",
    namespace: "",
    name: "",
    fieldSelector: "metadata.name=web,spec.x!=y",
    labelSelector: "app in (a,b),!old,size>3",
  });
  expect(spec).toEqual({
    user: "ann",
    uid: "7",
    groups: ["ops"],
    extra: { a: ["b"] },
    resourceAttributes: {
      verb: "list",
      group: "apps",
      version: "v1",
      resource: "deployments",
      fieldSelector: {
        requirements: [
          { key: "metadata.name", operator: "In", values: ["web"] },
          { key: "spec.x", operator: "NotIn", values: ["y"] },
        ],
      },
      labelSelector: {
        requirements: [
          { key: "app", operator: "In", values: ["a", "b"] },
          { key: "old", operator: "DoesNotExist" },
        ],
      },
    },
  });
  expect(
    accessReviewSpec({ is: "resource", user: { username: "ann", groups: [] }, verb: "list", group: "", resource: "pods", namespace: "", name: "", fieldSelector: "odd" }).resourceAttributes,
  ).toEqual({ verb: "list", resource: "pods" });
});

describe("the switches of authorization", () => {
  const parts = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: new MetricsRegistry(), serverName: "m1" };
  const typesOf = ({ modes }: AuthorizationSetup) => modes.current.map((mode) => (typeof mode === "string" ? mode : mode.type));
  const modes = (flags: Readonly<Record<string, string>>) => typesOf(setUpAuthorization(resolveServerConfig(flags, {}), parts));

  test("let a configuration be changed while the server runs, and go on with the last good one", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "authz-"));
    const [clock, metrics, stop] = [new VirtualClock(), new MetricsRegistry(), new AbortController()];
    const said: string[] = [];
    const file = path.join(folder, "authz.yaml");
    /** At once: nobody reads half of it. */
    const write = (text: string) => {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    };
    write(config({ type: "RBAC", name: "rbac" }));
    const setup = setUpAuthorization(resolveServerConfig({ authorizationConfig: file }, {}), {
      ...parts,
      clock,
      metrics,
      logger: { ...silentLogger, warn: (_message, fields) => void said.push(String(fields?.["error"])) },
    });
    const running = setup.services.map((service) => service.run(stop.signal));
    await using api = await startTestApi({ authorization: setup.modes });
    const pods = api.as("ann").for(podResource);
    /** Files are read on the machine's time, not on the clock's. */
    const until = async (isSo: () => boolean) => {
      while (!isSo()) await clock.advance(5_000);
    };
    const failures = () => Number(/automatic_reloads_total\{[^}]*status="failure"\} (\d+)/.exec(metrics.render())?.[1] ?? 0);
    try {
      await expect(pods.list("default")).rejects.toMatchObject({ reason: "Forbidden" });
      write("nonsense");
      await until(() => failures() === 1);
      expect(typesOf(setup)).toEqual(["RBAC"]);
      write(config({ type: "AlwaysAllow", name: "alwaysallow" }));
      await until(() => failures() === 2);
      write(config({ type: "RBAC", name: "rbac" }, { type: "Node", name: "node" }));
      await until(() => failures() === 3);
      expect(said).toEqual([expect.stringContaining("must be a"), "missing required types: [RBAC]", "authorizer type Node is not allowed if it was not enabled at initial server startup"]);
      expect(typesOf(setup)).toEqual(["RBAC"]);
      write(config({ type: "AlwaysAllow", name: "alwaysallow" }, { type: "RBAC", name: "rbac" }));
      await until(() => typesOf(setup)[0] === "AlwaysAllow");
      expect((await pods.list("default")).items).toEqual([]);
      expect(metrics.render()).toMatch(/config_controller_last_config_info\{apiserver_id_hash="sha256:[0-9a-f]{64}",hash="sha256:[0-9a-f]{64}"\} 1/);
      expect(metrics.render()).toMatch(/automatic_reloads_total\{[^}]*status="success"\} 1/);
    } finally {
      stop.abort();
      await Promise.all(running);
      rmSync(folder, { recursive: true });
    }
  });

  test("take every mode in any order, with the files that belong to it", () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "authz-"));
    try {
      const file = (name: string, text: string) => {
        writeFileSync(path.join(folder, name), text);
        return path.join(folder, name);
      };
      const policies = file("policies.jsonl", `# all\n{"user":"ann"}\n`);
      const hooks = file("hook.yaml", "clusters: [{name: c, cluster: {server: 'https://hook.test'}}]\ncontexts: [{name: c, context: {cluster: c, user: ''}}]\ncurrent-context: c\n");
      expect(modes({ authorizationMode: "ABAC,RBAC,Webhook,Node", authorizationPolicyFile: policies, authorizationWebhookConfigFile: hooks })).toEqual(["ABAC", "RBAC", "Webhook", "Node"]);
      const own = file("authz.yaml", config({ type: "RBAC", name: "rbac" }, { type: "ABAC", name: "abac" }, hook({ connectionInfo: { type: "KubeConfigFile", kubeConfigFile: hooks } })));
      expect(modes({ authorizationConfig: own, authorizationPolicyFile: policies })).toEqual(["RBAC", "ABAC", "Webhook"]);
      expect(() => modes({ authorizationMode: "ABAC", authorizationPolicyFile: file("bad", "\n{}x\n") })).toThrow(`--authorization-policy-file "${folder}/bad": ${folder}/bad:2: `);
      expect(() => modes({ authorizationMode: "RBAC", authorizationPolicyFile: policies })).toThrow("--authorization-policy-file belongs to --authorization-mode ABAC");
      expect(() => modes({ authorizationWebhookConfigFile: hooks })).toThrow("--authorization-webhook-config-file belongs to --authorization-mode Webhook");
      expect(() => modes({ authorizationMode: "ABAC" })).toThrow(UsageError);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
