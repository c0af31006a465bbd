import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { RequestNotes } from "../../../engine/apimachinery/request-notes.ts";
import type { WebhookRequest } from "../../../engine/apimachinery/webhook-call.ts";
import { mutatingWebhookConfigurationResource } from "../../../engine/resources/admissionregistration/mutating-webhook-configuration.ts";
import { validatingAdmissionPolicyBindingResource } from "../../../engine/resources/admissionregistration/validating-admission-policy-binding.ts";
import { validatingAdmissionPolicyResource } from "../../../engine/resources/admissionregistration/validating-admission-policy.ts";
import { validatingWebhookConfigurationResource } from "../../../engine/resources/admissionregistration/validating-webhook-configuration.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { horizontalPodAutoscalerResource } from "../../../engine/resources/autoscaling/horizontal-pod-autoscaler.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { MutatingWebhook, ValidatingWebhook } from "../../../engine/resources/types.ts";
import { failure } from "../../kit/failure.ts";
import { adminUser, createTestNamespace, startTestApi, type TestApi } from "../../kit/test-api.ts";

/** What was noted beside the decision of the authorizer. */
const admissionNotes = (notes: RequestNotes) => [...notes.annotations].filter(([key]) => !key.startsWith("authorization.k8s.io/"));

interface Review {
  readonly apiVersion: string;
  readonly request: Readonly<Record<string, unknown>> & { readonly uid: string; readonly object: KubeObject | null; readonly oldObject: KubeObject | null };
}
type Answer = Readonly<Record<string, unknown>>;

let api: TestApi;
/** What each webhook answers, by its address; what it was asked, in order. */
let answers: Map<string, (review: Review) => Answer | Promise<Answer>>;
let asked: { readonly at: string; readonly review: Review; readonly timeoutSeconds: number }[];

beforeEach(async () => {
  answers = new Map();
  asked = [];
  const post = async ({ endpoint, body, timeoutSeconds }: WebhookRequest): Promise<unknown> => {
    const review = body as Review;
    const at = endpoint.url ?? "";
    asked.push({ at, review, timeoutSeconds });
    const answer = answers.get(at);
    if (answer === undefined) throw new Error(`Post "${at}?timeout=${timeoutSeconds}s": dial tcp 192.0.2.9:443: connect: connection refused`);
    return { apiVersion: review.apiVersion, kind: "AdmissionReview", response: { uid: review.request.uid, ...(await answer(review)) } };
  };
  api = await startTestApi({ webhooks: { post } });
  await createTestNamespace(api.client, "shop");
});
afterEach(() => api.stop());

const RULE = { operations: ["CREATE", "UPDATE", "DELETE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] };
const hook = (name: string, more: Partial<MutatingWebhook> = {}) => ({
  name: `${name}.example.com`,
  clientConfig: { url: `https://${name}/` },
  rules: [RULE],
  sideEffects: "None",
  admissionReviewVersions: ["v1"],
  ...more,
});
const validating = (name: string, ...webhooks: readonly ValidatingWebhook[]) =>
  api.client.for(validatingWebhookConfigurationResource).create({ apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingWebhookConfiguration", metadata: { name }, webhooks });
const mutating = (name: string, ...webhooks: readonly MutatingWebhook[]) =>
  api.client.for(mutatingWebhookConfigurationResource).create({ apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingWebhookConfiguration", metadata: { name }, webhooks });
const configMap = (name: string, data: Readonly<Record<string, string>> = {}, labels: Readonly<Record<string, string>> = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "shop", labels },
  data,
});
const configMaps = () => api.client.for(configMapResource);
const patch = (...operations: readonly object[]) => ({ allowed: true, patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(operations)).toString("base64") });
const addData = (key: string, value: string) => patch({ op: "add", path: `/data/${key}`, value });
const allow = () => ({ allowed: true });

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
    ["an operation that no rule names", { rules: [{ ...RULE, operations: ["DELETE"] }] }, 0],
    ["a resource by a star", { rules: [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*"] }] }, 1],
    ["subresources only", { rules: [{ ...RULE, resources: ["configmaps/status"] }] }, 0],
    ["cluster scope", { rules: [{ ...RULE, scope: "Cluster" }] }, 0],
    ["namespaced scope", { rules: [{ ...RULE, scope: "Namespaced" }] }, 1],
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
      await count({ rules: [{ ...RULE, resources: ["namespaces"] }], namespaceSelector: { matchLabels: { team: "a" } } }, () =>
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

describe("refusals and failures", () => {
  const create = () => configMaps().create(configMap("m", { a: "1" }));

  test.each<[string, Answer, object]>([
    ["without a word", { allowed: false }, { code: 400, message: 'admission webhook "no.example.com" denied the request without explanation' }],
    ["with a message", { allowed: false, status: { message: "not today", code: 418 } }, { code: 418, message: 'admission webhook "no.example.com" denied the request: not today' }],
    [
      "with a reason",
      { allowed: false, status: { reason: "Forbidden", code: 403, status: "Success" } },
      { code: 403, reason: "Forbidden", status: "Failure", message: 'admission webhook "no.example.com" denied the request: Forbidden' },
    ],
    [
      "with a wrong uid",
      { allowed: true, uid: "x" },
      {
        code: 500,
        message: expect.stringMatching(/^Internal error occurred: failed calling webhook "no.example.com": received invalid webhook response: expected response.uid="[-0-9a-f]+", got "x"$/) as string,
      },
    ],
    [
      "with a patch it may not give",
      { ...addData("x", "y") },
      { code: 500, message: 'Internal error occurred: failed calling webhook "no.example.com": received invalid webhook response: validating webhook may not return response.patch' },
    ],
  ])("%s", async (_name, answer, status) => {
    await validating("a", hook("no"));
    answers.set("https://no/", () => answer);
    expect((await failure(create())).status).toMatchObject(status);
  });

  test.each<[Answer, string]>([
    [{ allowed: "yes" }, "string into Go struct field AdmissionResponse.response.allowed of type bool"],
    [{ allowed: false, status: { code: "403" } }, "string into Go struct field Status.response.status.code of type int32"],
    [{ allowed: false, status: { message: 5 } }, "number into Go struct field Status.response.status.message of type string"],
    [{ allowed: false, status: { details: "all" } }, "string into Go struct field Status.response.status.details of type v1.StatusDetails"],
    [{ allowed: false, status: { details: { causes: [{ field: 1 }] } } }, "number into Go struct field StatusCause.response.status.details.causes.field of type string"],
    [{ allowed: false, status: { metadata: [] } }, "array into Go struct field Status.response.status.metadata of type v1.ListMeta"],
    [{ allowed: true, warnings: [1] }, "number into Go struct field AdmissionResponse.response.warnings of type string"],
    [{ allowed: true, auditAnnotations: { a: true } }, "bool into Go struct field AdmissionResponse.response.auditAnnotations of type string"],
  ])("a field of a wrong type is no answer: %j", async (answer, why) => {
    await validating("a", hook("no"));
    answers.set("https://no/", () => answer);
    expect((await failure(create())).status).toMatchObject({
      code: 500,
      message: `Internal error occurred: failed calling webhook "no.example.com": failed to call webhook: json: cannot unmarshal ${why}`,
    });
  });

  test("one that cannot be asked refuses, or is passed over with a note", async () => {
    await validating("a", hook("gone"));
    expect((await failure(create())).status).toMatchObject({
      code: 500,
      reason: "InternalError",
      message: 'Internal error occurred: failed calling webhook "gone.example.com": failed to call webhook: Post "https://gone/?timeout=10s": dial tcp 192.0.2.9:443: connect: connection refused',
    });
    await api.client.for(validatingWebhookConfigurationResource).patch("", "a", "json", [{ op: "replace", path: "/webhooks/0/failurePolicy", value: "Ignore" }]);
    const notes = new RequestNotes();
    await api.server.handle({ verb: "create", user: adminUser, userAgent: "test", resource: configMapResource, namespace: "shop", body: configMap("m"), options: {}, notes });
    expect(admissionNotes(notes)).toEqual([["failed-open.validating.webhook.admission.k8s.io/round_0_index_0", "gone.example.com"]]);
  });

  test("the first in order speaks when several refuse, and all were asked at once", async () => {
    let waiting = 0;
    const together = Promise.withResolvers<void>();
    for (const name of ["z", "y"]) {
      answers.set(`https://${name}/`, async () => {
        if (++waiting === 2) together.resolve();
        await together.promise;
        return { allowed: false, status: { message: name } };
      });
    }
    await validating("a", hook("z"), hook("y"));
    expect((await failure(create())).message).toBe('admission webhook "z.example.com" denied the request: z');
  });

  test("warnings and notes for the audit log are kept, also of a refusal", async () => {
    await validating("a", hook("no"));
    answers.set("https://no/", () => ({ allowed: false, warnings: ["mind the gap"], auditAnnotations: { why: "because" } }));
    const notes = new RequestNotes();
    await failure(api.server.handle({ verb: "create", user: adminUser, userAgent: "test", resource: configMapResource, namespace: "shop", body: configMap("m"), options: {}, notes }));
    expect(notes.warnings).toEqual(["mind the gap"]);
    expect(admissionNotes(notes)).toEqual([["no.example.com/why", "because"]]);
  });
});

describe("webhooks that change objects", () => {
  const create = (data: Readonly<Record<string, string>> = { a: "1" }) => configMaps().create(configMap("m", data));

  test("are asked one after the other, configurations by name", async () => {
    await mutating("b", hook("second"));
    await mutating("a", hook("first"));
    answers.set("https://first/", () => addData("first", "x"));
    answers.set("https://second/", ({ request }) => addData("second", Object.keys((request.object as unknown as { readonly data: object }).data).join("+")));
    expect((await create()).data).toEqual({ a: "1", first: "x", second: "a+first" });
  });

  test("fail as those that cannot be asked when their patch is nested deeper than anybody reads", async () => {
    await mutating("a", hook("deep"));
    const text = `[{"op":"add","path":"/data/b","value":${"[".repeat(20_000)}${"]".repeat(20_000)}}]`;
    answers.set("https://deep/", () => ({ allowed: true, patchType: "JSONPatch", patch: Buffer.from(text).toString("base64") }));
    expect((await failure(create())).status).toMatchObject({
      code: 500,
      reason: "InternalError",
      message: 'Internal error occurred: failed calling webhook "deep.example.com": received undecodable patch in webhook response: exceeded max depth',
    });
    await api.client.for(mutatingWebhookConfigurationResource).patch("", "a", "json", [{ op: "replace", path: "/webhooks/0/failurePolicy", value: "Ignore" }]);
    expect((await create()).data).toEqual({ a: "1" });
  });

  test("are asked again, once, when others changed what they had seen", async () => {
    await mutating("a", hook("again", { reinvocationPolicy: "IfNeeded" }), hook("never"), hook("last", { reinvocationPolicy: "IfNeeded" }));
    const counts = { again: 0, never: 0, last: 0 };
    for (const name of ["again", "never", "last"] as const) answers.set(`https://${name}/`, () => addData(name, String(++counts[name])));
    expect((await create()).data).toEqual({ a: "1", again: "2", never: "1", last: "2" });
    expect(asked.map(({ at }) => at)).toEqual(["again", "never", "last", "again", "last"].map((name) => `https://${name}/`));
  });

  test("what they add gets defaults and is checked like anything else", async () => {
    await mutating("a", hook("pod", { rules: [{ ...RULE, resources: ["pods"] }] }));
    answers.set("https://pod/", () => patch({ op: "add", path: "/spec/containers/-", value: { name: "side", image: "busybox", ports: [{ containerPort: 80 }], unknown: 1 } }));
    const made = await api.client.for(podResource).create({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "shop" }, spec: { containers: [{ name: "c", image: "nginx" }] } });
    // The plugins before the webhooks have seen the second container too.
    expect(made.spec.containers[1]).toMatchObject({
      name: "side",
      imagePullPolicy: "Always",
      ports: [{ containerPort: 80, protocol: "TCP" }],
      volumeMounts: [{ mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" }],
    });
    expect(made.spec.containers[1]).not.toHaveProperty("unknown");
    answers.set("https://pod/", () => patch({ op: "replace", path: "/spec/containers/0/name", value: "Not A Name" }));
    expect(
      (await failure(api.client.for(podResource).create({ apiVersion: "v1", kind: "Pod", metadata: { name: "q", namespace: "shop" }, spec: { containers: [{ name: "c", image: "nginx" }] } }))).status,
    ).toMatchObject({ code: 422, reason: "Invalid" });
  });

  test.each<[string, Answer, string]>([
    ["a patch that does not fit", patch({ op: "remove", path: "/data/none" }), "Internal error occurred: the server rejected our request due to an error in our request"],
    [
      "a patch that is no list",
      { allowed: true, patchType: "JSONPatch", patch: Buffer.from("{").toString("base64") },
      'Internal error occurred: failed calling webhook "bad.example.com": received undecodable patch in webhook response:',
    ],
    [
      "a patch without a type",
      { allowed: true, patch: "W10=" },
      'Internal error occurred: failed calling webhook "bad.example.com": received invalid webhook response: webhook returned response.patch but not response.patchType',
    ],
    ["a patch of another type", { ...addData("x", "y"), patchType: "Merge" }, 'Internal error occurred: failed calling webhook "bad.example.com": unsupported patch type "Merge"'],
    ["values of another shape", patch({ op: "replace", path: "/data", value: [1] }), "Internal error occurred: data"],
    ["another kind", patch({ op: "replace", path: "/kind", value: "Secret" }), "Internal error occurred: the object became a v1 Secret on its way"],
  ])("%s is a failure", async (_name, answer, message) => {
    await mutating("a", hook("bad"));
    answers.set("https://bad/", () => answer);
    const error = await failure(create());
    expect(error.message.slice(0, message.length)).toBe(message);
    expect(error.status.code).toBe(500);
  });

  test("cannot change what is deleted", async () => {
    await create();
    await mutating("a", hook("bad"));
    answers.set("https://bad/", () => addData("x", "y"));
    expect((await failure(configMaps().delete("shop", "m"))).message).toBe(
      'Internal error occurred: admission webhook "bad.example.com" attempted to modify the object, which is not supported for this operation',
    );
    answers.set("https://bad/", () => ({ allowed: false }));
    expect((await failure(configMaps().delete("shop", "m"))).message).toBe('admission webhook "bad.example.com" denied the request without explanation');
  });

  test("keep the record of field owners, whatever they make of it", async () => {
    await mutating("a", hook("spoil"));
    answers.set("https://spoil/", () => patch({ op: "replace", path: "/metadata/managedFields", value: [{ manager: "x" }] }));
    const notes = new RequestNotes();
    const result = await api.server.handle({ verb: "create", user: adminUser, userAgent: "me", resource: configMapResource, namespace: "shop", body: configMap("m", { a: "b" }), options: {}, notes });
    expect(result.is === "object" && result.encoded.object.metadata.managedFields?.map(({ manager }) => manager)).toEqual(["me"]);
    expect(notes.warnings).toEqual([
      ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests: operation must be `Apply` or `Update`",
    ]);
    expect(admissionNotes(notes).map(([key]) => key)).toEqual(["patch.webhook.admission.k8s.io/round_0_index_0", "mutation.webhook.admission.k8s.io/round_0_index_0"]);
  });
});

test("an expression that cannot be compiled is refused with its place", async () => {
  const error = await failure(validating("a", hook("bad", { matchConditions: [{ name: "bad", expression: "request.nothing == 1" }] })));
  expect(error.status.code).toBe(422);
  expect(error.message).toContain("webhooks[0].matchConditions[0].expression: Invalid value: \"request.nothing == 1\": compilation failed: ERROR: <input>:1:8: undefined field 'nothing'");
});

test("webhooks are counted by what they answered, and by what became of those that did not", async () => {
  await validating("a", hook("yes"), hook("no"), hook("gone", { failurePolicy: "Ignore" }));
  await mutating("b", hook("change"));
  answers.set("https://yes/", allow);
  answers.set("https://change/", () => addData("x", "1"));
  answers.set("https://no/", () => ({ allowed: false, status: { code: 409 } }));
  await failure(configMaps().create(configMap("m", { a: "1" })));
  answers.set("https://no/", allow);
  await configMaps().create(configMap("m", { a: "1" }));
  await mutating("c", hook("away", { failurePolicy: "Fail" }));
  await failure(configMaps().create(configMap("n", { a: "1" })));
  const lines = api.server.metrics
    .render()
    .split("\n")
    .filter((line) => line.startsWith("apiserver_admission_webhook") && !/_bucket|_sum/.test(line))
    .map((line) => line.replaceAll(".example.com", ""))
    .sort();
  expect(lines).toEqual([
    'apiserver_admission_webhook_admission_duration_seconds_count{name="away",operation="CREATE",rejected="true",type="admit"} 1',
    'apiserver_admission_webhook_admission_duration_seconds_count{name="change",operation="CREATE",rejected="false",type="admit"} 3',
    'apiserver_admission_webhook_admission_duration_seconds_count{name="gone",operation="CREATE",rejected="false",type="validating"} 2',
    'apiserver_admission_webhook_admission_duration_seconds_count{name="no",operation="CREATE",rejected="false",type="validating"} 1',
    'apiserver_admission_webhook_admission_duration_seconds_count{name="no",operation="CREATE",rejected="true",type="validating"} 1',
    'apiserver_admission_webhook_admission_duration_seconds_count{name="yes",operation="CREATE",rejected="false",type="validating"} 2',
    'apiserver_admission_webhook_fail_open_count{name="gone",type="validating"} 2',
    'apiserver_admission_webhook_rejection_count{error_type="calling_webhook_error",name="away",operation="CREATE",rejection_code="503",type="admit"} 1',
    'apiserver_admission_webhook_rejection_count{error_type="no_error",name="no",operation="CREATE",rejection_code="409",type="validating"} 1',
    'apiserver_admission_webhook_request_total{code="200",name="change",operation="CREATE",rejected="false",type="admit"} 3',
    'apiserver_admission_webhook_request_total{code="200",name="no",operation="CREATE",rejected="false",type="validating"} 1',
    'apiserver_admission_webhook_request_total{code="200",name="yes",operation="CREATE",rejected="false",type="validating"} 2',
    'apiserver_admission_webhook_request_total{code="409",name="no",operation="CREATE",rejected="true",type="validating"} 1',
    'apiserver_admission_webhook_request_total{code="503",name="away",operation="CREATE",rejected="true",type="admit"} 1',
    'apiserver_admission_webhook_request_total{code="503",name="gone",operation="CREATE",rejected="false",type="validating"} 2',
  ]);
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
