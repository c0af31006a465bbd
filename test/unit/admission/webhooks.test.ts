import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { validatingAdmissionPolicyBindingResource } from "../../../engine/resources/admissionregistration/validating-admission-policy-binding.ts";
import { validatingAdmissionPolicyResource } from "../../../engine/resources/admissionregistration/validating-admission-policy.ts";
import { validatingWebhookConfigurationResource } from "../../../engine/resources/admissionregistration/validating-webhook-configuration.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { horizontalPodAutoscalerResource } from "../../../engine/resources/autoscaling/horizontal-pod-autoscaler.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import type { MutatingWebhook } from "../../../engine/resources/types.ts";
import { failure } from "../../kit/failure.ts";
import { adminUser, type TestApi } from "../../kit/test-api.ts";
import { allow, configMap, hook, HOOK_RULE, patch, startWebhookedApi, type WebhookedApi, webhooksOf } from "../../kit/webhooked-api.ts";

let api: TestApi;
let answers: WebhookedApi["answers"];
let asked: WebhookedApi["asked"];
beforeEach(async () => void ({ api, answers, asked } = await startWebhookedApi()));
afterEach(() => api.stop());

const { validating, mutating, configMaps } = webhooksOf(() => api);

describe("what a webhook is told", () => {
  test("a create has its object, options and user, and no old state", async () => {
    await validating("a", hook("look"));
    answers.set("https://look/", allow);
    await configMaps().create(configMap("m", { a: "1" }), { fieldManager: "me", dryRun: true });
    const { review, timeoutSeconds } = asked[0] ?? {};
    expect(timeoutSeconds).toBe(10);
    expect(review).toMatchObject({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      request: {
        kind: { group: "", version: "v1", kind: "ConfigMap" },
        resource: { group: "", version: "v1", resource: "configmaps" },
        requestKind: { group: "", version: "v1", kind: "ConfigMap" },
        name: "m",
        namespace: "shop",
        operation: "CREATE",
        userInfo: { username: "kubernetes-admin", groups: ["system:masters", "system:authenticated"] },
        object: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m", namespace: "shop" }, data: { a: "1" } },
        oldObject: null,
        dryRun: true,
        options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1", dryRun: ["All"], fieldManager: "me" },
      },
    });
    expect(review?.request.object?.metadata.uid).toBeDefined();
  });

  test("a delete has its old state only, and of many deletes none has a name", async () => {
    await configMaps().create(configMap("m1"));
    await configMaps().create(configMap("m2"));
    await validating("a", hook("look"));
    answers.set("https://look/", allow);
    await configMaps().delete("shop", "m1", { gracePeriodSeconds: 0 });
    await configMaps().deleteCollection("shop", {});
    expect(asked.map(({ review: { request } }) => [request["operation"], request["name"], request.object, request.oldObject?.metadata.name, request["options"]])).toEqual([
      ["DELETE", "m1", null, "m1", { kind: "DeleteOptions", apiVersion: "meta.k8s.io/v1", gracePeriodSeconds: 0 }],
      ["DELETE", undefined, null, "m2", { kind: "DeleteOptions", apiVersion: "meta.k8s.io/v1", preconditions: { uid: expect.any(String) as string } }],
    ]);
  });

  test("a scale is shown as one, and what a webhook makes of it holds", async () => {
    const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "nginx" }] } };
    await api.client
      .for(deploymentResource)
      .create({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "shop" }, spec: { replicas: 1, selector: { matchLabels: { app: "web" } }, template } });
    await mutating("a", hook("scale", { rules: [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*/scale"] }] }));
    answers.set("https://scale/", () => patch({ op: "replace", path: "/spec/replicas", value: 2 }));
    await api.client.for(deploymentResource).patch("shop", "web", "merge", { spec: { replicas: 9 } }, { subresource: "scale" });
    expect(asked[0]?.review.request).toMatchObject({
      kind: { group: "autoscaling", version: "v1", kind: "Scale" },
      resource: { resource: "deployments" },
      subResource: "scale",
      object: { kind: "Scale", spec: { replicas: 9 } },
      oldObject: { kind: "Scale", spec: { replicas: 1 } },
    });
    expect((await api.client.for(deploymentResource).get("shop", "web")).spec.replicas).toBe(2);
  });

  test("v1beta1 is spoken to those that know no other", async () => {
    await mutating("a", hook("old", { admissionReviewVersions: ["v2", "v1beta1"] }));
    answers.set("https://old/", () => ({ allowed: true, patch: Buffer.from('[{"op":"add","path":"/data/x","value":"y"}]').toString("base64") }));
    expect((await configMaps().create(configMap("m", { a: "b" }))).data).toEqual({ a: "b", x: "y" });
    expect(asked[0]?.review.apiVersion).toBe("admission.k8s.io/v1beta1");
  });
});

describe("which requests a webhook is asked about", () => {
  const count = async (more: Partial<MutatingWebhook>, act: () => Promise<unknown>): Promise<number> => {
    await validating("a", hook("look", more));
    answers.set("https://look/", allow);
    await act();
    return asked.length;
  };

  test.each<[string, Partial<MutatingWebhook>, number]>([
    ["an operation that no rule names", { rules: [{ ...HOOK_RULE, operations: ["DELETE"] }] }, 0],
    ["a resource by a star", { rules: [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*"] }] }, 1],
    ["subresources only", { rules: [{ ...HOOK_RULE, resources: ["configmaps/status"] }] }, 0],
    ["cluster scope", { rules: [{ ...HOOK_RULE, scope: "Cluster" }] }, 0],
    ["namespaced scope", { rules: [{ ...HOOK_RULE, scope: "Namespaced" }] }, 1],
    ["labels the namespace lacks", { namespaceSelector: { matchLabels: { team: "a" } } }, 0],
    ["the namespace's own name", { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "shop" } } }, 1],
    ["labels the object lacks", { objectSelector: { matchExpressions: [{ key: "app", operator: "In", values: ["other"] }] } }, 0],
    ["labels the object has", { objectSelector: { matchLabels: { app: "web" } } }, 1],
    ["a condition that is false", { matchConditions: [{ name: "no", expression: "request.userInfo.username == 'nobody'" }] }, 0],
    [
      "conditions that are true",
      {
        matchConditions: [
          { name: "yes", expression: "object.data.a == '1' && oldObject == null" },
          { name: "may", expression: "authorizer.requestResource.check('create').allowed() && !authorizer.serviceAccount('shop','default').group('').resource('pods').check('get').allowed()" },
        ],
      },
      1,
    ],
    [
      "a false condition beside one that fails",
      {
        matchConditions: [
          { name: "bad", expression: "object.nothing.here == 1" },
          { name: "no", expression: "false" },
        ],
      },
      0,
    ],
    ["a condition that fails, where failures are ignored", { failurePolicy: "Ignore", matchConditions: [{ name: "bad", expression: "object.nothing.here == 1" }] }, 0],
  ])("%s", async (_name, more, times) => expect(await count(more, () => configMaps().create(configMap("m", { a: "1" }, { app: "web" })))).toBe(times));

  test("conditions that ask too much together are told so, each by itself being within its bounds or not", async () => {
    const check = "authorizer.group('').resource('pods').check('create').allowed()";
    const condition = (name: string, expression: string) => ({ name, expression });
    const twice = ["a", "b", "c", "d"].map((name) => condition(name, `${check} && ${check}`));
    const runaway = ["a", "b", "c"].map((name) => condition(name, `${check} && ${check} && ${check}`));
    await validating("within", hook("three", { matchConditions: twice.slice(0, 3) }));
    answers.set("https://three/", allow);
    await configMaps().create(configMap("within"));
    expect(asked).toHaveLength(1);
    for (const matchConditions of [twice, runaway]) {
      const error = await failure(count({ matchConditions }, () => configMaps().create(configMap("m"))));
      expect(error.message).toBe('configmaps "m" is forbidden: validation failed due to running out of cost budget, no further validation rules will be run');
      await api.client.for(validatingWebhookConfigurationResource).delete("", "a");
    }
  });

  test("a condition that fails refuses what must not be missed", async () => {
    const error = await failure(count({ matchConditions: [{ name: "bad", expression: "object.nothing.here == 1" }] }, () => configMaps().create(configMap("m"))));
    expect(error.status).toMatchObject({
      code: 403,
      reason: "Forbidden",
      message: expect.stringMatching(/^configmaps "m" is forbidden: expression 'object.nothing.here == 1' resulted in error: no such key: nothing/) as string,
    });
  });

  test("labels that an update takes away still count", async () => {
    await configMaps().create(configMap("m", {}, { app: "web" }));
    expect(await count({ objectSelector: { matchLabels: { app: "web" } } }, () => configMaps().patch("shop", "m", "merge", { metadata: { labels: { app: null } } }))).toBe(1);
  });

  test("a namespace is chosen by the labels it will have", async () => {
    expect(
      await count({ rules: [{ ...HOOK_RULE, resources: ["namespaces"] }], namespaceSelector: { matchLabels: { team: "a" } } }, () =>
        api.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "n", labels: { team: "a" } } }),
      ),
    ).toBe(1);
    expect(asked[0]?.review.request).toMatchObject({ name: "n", namespace: "n" });
  });

  test("configurations themselves are never sent, so that a bad one can be removed", async () => {
    await validating("all", hook("all", { rules: [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*/*"] }] }));
    await failure(configMaps().create(configMap("m")));
    await api.client.for(validatingWebhookConfigurationResource).delete("", "all");
    expect(asked).toHaveLength(1);
    await configMaps().create(configMap("m"));
  });
});

describe("another version of the same resource", () => {
  const RULE_V1 = { operations: ["CREATE"], apiGroups: ["autoscaling"], apiVersions: ["v1"], resources: ["horizontalpodautoscalers"] };
  const create = () =>
    api.client.for(horizontalPodAutoscalerResource).create({
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "web", namespace: "shop" },
      spec: {
        scaleTargetRef: { kind: "Deployment", name: "web", apiVersion: "apps/v1" },
        maxReplicas: 5,
        metrics: [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } } }],
      },
    });

  test("is shown in the version that the webhook knows, and changed there", async () => {
    await mutating("a", hook("v1", { rules: [RULE_V1] }));
    answers.set("https://v1/", () => patch({ op: "replace", path: "/spec/targetCPUUtilizationPercentage", value: 50 }));
    const made = await create();
    expect(asked[0]?.review.request).toMatchObject({
      kind: { version: "v1" },
      resource: { version: "v1" },
      requestKind: { version: "v2" },
      requestResource: { version: "v2" },
      object: { apiVersion: "autoscaling/v1", spec: { targetCPUUtilizationPercentage: 70 } },
    });
    expect(made).toMatchObject({ apiVersion: "autoscaling/v2", spec: { metrics: [{ resource: { target: { averageUtilization: 50 } } }] } });
  });

  test("is not asked about where only the very version counts", async () => {
    await mutating("a", hook("v1", { rules: [RULE_V1], matchPolicy: "Exact" }));
    await create();
    expect(asked).toEqual([]);
  });
});

test("an expression that cannot be compiled is refused with its place", async () => {
  const error = await failure(validating("a", hook("bad", { matchConditions: [{ name: "bad", expression: "request.nothing == 1" }] })));
  expect(error.status.code).toBe(422);
  expect(error.message).toContain("webhooks[0].matchConditions[0].expression: Invalid value: \"request.nothing == 1\": compilation failed: ERROR: <input>:1:8: undefined field 'nothing'");
});

test("questions of who may what are shown to webhooks, but never to policies, and may be about a namespace that is not there", async () => {
  const rules = [{ operations: ["CREATE"], apiGroups: ["authorization.k8s.io"], apiVersions: ["v1"], resources: ["*"] }];
  await validating("a", hook("no", { rules }));
  answers.set("https://no/", () => ({ allowed: false, status: { message: "ask somebody else" } }));
  const reviews = { group: "authorization.k8s.io", version: "v1", resource: "selfsubjectaccessreviews" };
  const ask = (resource: typeof reviews, body: object, namespace = "") => api.server.handle({ verb: "create", user: adminUser, userAgent: "test", resource, namespace, body, options: {} });
  const review = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: { resourceAttributes: { verb: "get", resource: "pods" } } };
  expect((await failure(ask(reviews, review))).message).toBe('admission webhook "no.example.com" denied the request: ask somebody else');
  expect(asked[0]?.review.request).toMatchObject({ operation: "CREATE", object: { kind: "SelfSubjectAccessReview" }, oldObject: null });
  answers.set("https://no/", allow);
  const policy = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "never" },
    spec: { matchConstraints: { resourceRules: rules }, validations: [{ expression: "false" }] },
  };
  await api.client.for(validatingAdmissionPolicyResource).create(policy);
  await api.client
    .for(validatingAdmissionPolicyBindingResource)
    .create({ apiVersion: policy.apiVersion, kind: "ValidatingAdmissionPolicyBinding", metadata: { name: "never" }, spec: { policyName: "never", validationActions: ["Deny"] } });
  await api.store.caughtUp();
  expect(await ask(reviews, review)).toMatchObject({ code: 201 });
  const local = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "LocalSubjectAccessReview",
    metadata: { namespace: "none" },
    spec: { user: "jane", resourceAttributes: { namespace: "none", verb: "get", resource: "pods" } },
  };
  expect(await ask({ ...reviews, resource: "localsubjectaccessreviews" }, local, "none")).toMatchObject({ code: 201, encoded: { object: { status: { allowed: false } } } });
});
