import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RequestNotes } from "../../../engine/apimachinery/request-notes.ts";
import { mutatingWebhookConfigurationResource } from "../../../engine/resources/admissionregistration/mutating-webhook-configuration.ts";
import { validatingWebhookConfigurationResource } from "../../../engine/resources/admissionregistration/validating-webhook-configuration.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { failure } from "../../kit/failure.ts";
import { adminUser, type TestApi } from "../../kit/test-api.ts";
import { addData, admissionNotes, allow, type Answer, configMap, hook, HOOK_RULE, patch, startWebhookedApi, type WebhookedApi, webhooksOf } from "../../kit/webhooked-api.ts";

let api: TestApi;
let answers: WebhookedApi["answers"];
let asked: WebhookedApi["asked"];
beforeEach(async () => void ({ api, answers, asked } = await startWebhookedApi()));
afterEach(() => api.stop());

const { validating, mutating, configMaps } = webhooksOf(() => api);

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
    await mutating("a", hook("pod", { rules: [{ ...HOOK_RULE, resources: ["pods"] }] }));
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
