import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubeObject } from "../../../../engine/apimachinery/object-meta.ts";
import { RequestNotes } from "../../../../engine/apimachinery/request-notes.ts";
import { namespaceResource } from "../../../../engine/resources/core/namespace.ts";
import { podResource } from "../../../../engine/resources/core/pod.ts";
import { serviceAccountResource } from "../../../../engine/resources/core/service-account.ts";
import { virtualResources } from "../../../../engine/server/virtual-resources/virtual-resources.ts";
import { failure } from "../../../kit/failure.ts";
import { sentPod } from "../../../kit/sent-objects.ts";
import { createTestNamespace, startTestApi, type TestApi } from "../../../kit/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await createTestNamespace(api.client, "shop");
});
afterAll(() => api.stop());

test("a pod is bound once, with its condition, and a second binding conflicts", async () => {
  const pods = api.client.for(podResource);
  await pods.create(sentPod("bound"));
  await pods.patch("shop", "bound", "merge", { status: { nominatedNodeName: "n2" } }, { subresource: "status" });
  const binding = { apiVersion: "v1", kind: "Binding", metadata: { name: "bound" }, target: { kind: "Node", name: "n1" } };
  expect(await pods.createSubresource("shop", "bound", "binding", binding)).toMatchObject({ status: "Success", code: 201 });
  const bound = await pods.get("shop", "bound");
  expect(bound.spec.nodeName).toBe("n1");
  expect(bound.status?.conditions).toEqual([{ type: "PodScheduled", status: "True", lastProbeTime: null, lastTransitionTime: expect.any(String) as string }]);
  expect(bound.status).not.toHaveProperty("nominatedNodeName");
  const again = await failure(pods.createSubresource("shop", "bound", "binding", binding));
  expect(again.status).toMatchObject({ code: 409, message: 'Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned to node "n1"' });
});

test("a pod is bound by the older address as well, which names it in the body", async () => {
  const pods = api.client.for(podResource);
  const { definition } = virtualResources.find((virtual) => virtual.definition.resource === "bindings")!;
  const bind = (body: unknown) =>
    api.server.handle({ verb: "create", user: { username: "a", groups: ["system:masters"] }, userAgent: "t", resource: definition, namespace: "shop", body, options: {} });
  await pods.create({ apiVersion: "v1", kind: "Pod", metadata: { name: "bound-by-body", namespace: "shop" }, spec: { containers: [{ name: "c", image: "i" }] } });
  const binding = { apiVersion: "v1", kind: "Binding", metadata: { name: "bound-by-body", namespace: "shop" }, target: { kind: "Node", name: "n1" } };
  expect(await bind(binding)).toMatchObject({ is: "status", status: { status: "Success", code: 201 } });
  expect((await pods.get("shop", "bound-by-body")).spec.nodeName).toBe("n1");
  expect((await failure(bind(binding))).status.code).toBe(409);
  expect((await failure(bind({ ...binding, metadata: { namespace: "shop" } }))).status).toMatchObject({ code: 400, message: "name must be provided" });
});

test.each<[string, object, object]>([
  ["of another name", { metadata: { name: "other" } }, { code: 400, message: "name in URL does not match name in Binding object" }],
  ["of no name", { metadata: {} }, { code: 400, message: "name in URL does not match name in Binding object" }],
  ["of another namespace", { metadata: { name: "loose", namespace: "default" } }, { code: 400, message: "the namespace of the provided object does not match the namespace sent on the request" }],
  ["to nowhere", { target: { kind: "Pod", name: "" } }, { code: 500, message: '[target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", target.name: Required value]' }],
  [
    "of a pod that was there before",
    { metadata: { name: "loose", uid: "u" } },
    {
      code: 409,
      reason: "Conflict",
      message: expect.stringMatching(
        /^Operation cannot be fulfilled on pods "loose": StorageError: invalid object, Code: 4, Key: \/registry\/pods\/shop\/loose, .*: UID in precondition: u, UID in object meta: .+/,
      ),
    },
  ],
  [
    "of what the pod was before",
    { metadata: { name: "loose", resourceVersion: "1" } },
    { code: 409, reason: "Conflict", message: expect.stringMatching(/ResourceVersion in precondition: 1, ResourceVersion in object meta: \d+$/) },
  ],
])("a binding %s is refused as upstream refuses it", async (_what, changed, status) => {
  const pods = api.client.for(podResource);
  await pods.create(sentPod("loose"));
  const binding = { apiVersion: "v1", kind: "Binding", metadata: { name: "loose" }, target: { kind: "Node", name: "n1" } };
  expect((await failure(pods.createSubresource("shop", "loose", "binding", { ...binding, ...changed }))).status).toMatchObject(status);
  await pods.delete("shop", "loose", { gracePeriodSeconds: 0 });
});

test("a body for a pod says which, and what nobody knows in it is told", async () => {
  const pods = api.client.for(podResource);
  await pods.create(sentPod("leaving"));
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: {} };
  expect((await failure(pods.createSubresource("shop", "leaving", "eviction", eviction))).status).toMatchObject({ code: 400, message: "name in URL does not match name in Eviction object" });
  const notes = new RequestNotes();
  const body = { ...eviction, metadata: { name: "leaving" }, surprise: 1 };
  await api.server.handle({
    verb: "create",
    user: { username: "a", groups: ["system:masters"] },
    userAgent: "t",
    resource: podResource,
    namespace: "shop",
    name: "leaving",
    subresource: "eviction",
    body,
    options: { fieldValidation: "Warn" },
    notes,
  });
  expect(notes.warnings).toEqual(['unknown field "surprise"']);
});

describe("a request for a token", () => {
  const accounts = () => api.client.for(serviceAccountResource);
  const request = (spec: object = {}, metadata: object = {}) => ({ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata, spec }) as KubeObject;
  const ask = (body: KubeObject) => accounts().createSubresource("shop", "robot", "token", body);
  beforeAll(async () => void (await accounts().create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot", namespace: "shop" } })));

  test("is answered with all that it left open", async () => {
    const { metadata } = await accounts().get("shop", "robot");
    const issuer = "https://kubernetes.default.svc.cluster.local";
    expect(await ask(request())).toMatchObject({
      metadata: { name: "robot", namespace: "shop", uid: metadata.uid, creationTimestamp: expect.any(String) as unknown },
      spec: { audiences: [issuer], expirationSeconds: 3600 },
      status: { token: expect.any(String) as unknown },
    });
    expect(await ask(request({ audiences: ["a"] }, { name: "robot", namespace: "shop", uid: metadata.uid }))).toMatchObject({ spec: { audiences: ["a"] } });
  });

  test.each<[string, KubeObject, object]>([
    [
      "for another account",
      request({}, { name: "other" }),
      { code: 422, message: 'TokenRequest.authentication.k8s.io "robot" is invalid: metadata.name: Invalid value: "other": must match the service account name if specified' },
    ],
    ["in another namespace", request({}, { namespace: "default" }), { code: 400, message: "the namespace of the provided object does not match the namespace sent on the request" }],
    [
      "for one that was there before",
      request({}, { uid: "u" }),
      {
        code: 409,
        message: expect.stringMatching(
          /^Operation cannot be fulfilled on TokenRequest\.authentication\.k8s\.io "robot": the UID in the token request \(u\) does not match the UID of the service account \(.+\)$/,
        ),
      },
    ],
    [
      "for too short a time",
      request({ expirationSeconds: 599 }),
      { code: 422, message: 'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes' },
    ],
    [
      "of another's pod",
      request({ boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "of-default" } }),
      { code: 400, message: 'cannot bind token for serviceaccount "robot" to pod running with different serviceaccount name.' },
    ],
    [
      "of a pod that was there before",
      request({ boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "of-robot", uid: "u" } }),
      {
        code: 409,
        message: 'Operation cannot be fulfilled on Pod "of-robot": the UID in the bound object reference (u) does not match the UID in record. The object might have been deleted and then recreated',
      },
    ],
    [
      "of what no token is bound to",
      request({ boundObjectRef: { apiVersion: "apps/v1", kind: "Deployment", name: "d" } }),
      { code: 400, message: "cannot bind token to object of type apps/v1, Kind=Deployment" },
    ],
  ])("%s is refused as upstream refuses it", async (_what, body, status) => {
    const pods = api.client.for(podResource);
    for (const name of ["default", "robot"]) await pods.create(sentPod(`of-${name}`, { serviceAccountName: name }));
    expect((await failure(ask(body))).status).toMatchObject(status);
    for (const name of ["default", "robot"]) await pods.delete("shop", `of-${name}`, { gracePeriodSeconds: 0 });
  });

  test("is told when its token lives for a shorter time, and its token is named to the audit log", async () => {
    await using bounded = await startTestApi({ tokenSettings: { secondsMax: 7200 } });
    await createTestNamespace(bounded.client, "shop");
    const notes = new RequestNotes();
    const ask = (expirationSeconds: number) =>
      bounded.server.handle({
        verb: "create",
        user: { username: "a", groups: ["system:masters"] },
        userAgent: "t",
        resource: serviceAccountResource,
        namespace: "shop",
        name: "default",
        subresource: "token",
        body: request({ expirationSeconds }),
        options: {},
        notes,
      });
    await ask(7200);
    expect(notes.warnings).toEqual([]);
    expect(await ask(8000)).toMatchObject({ encoded: { object: { spec: { expirationSeconds: 7200 } } } });
    expect(notes.warnings).toEqual(["requested expiration of 8000 seconds shortened to 7200 seconds"]);
    expect(notes.annotations.get("authentication.kubernetes.io/issued-credential-id")).toMatch(/^JTI=[0-9a-f-]{36}$/);
  });
});

test("a namespace's finalizers are judged, and who takes the last of them is shown that there are none", async () => {
  const namespaces = api.client.for(namespaceResource);
  await createTestNamespace(api.client, "going");
  const finalize = (...finalizers: string[]) => namespaces.updateSubresource({ apiVersion: "v1", kind: "Namespace", metadata: { name: "going" }, spec: { finalizers } }, "finalize");
  expect((await failure(finalize("kubernetes", "mine"))).status.message).toBe(
    'Namespace "going" is invalid: spec.finalizers[1]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
  );
  expect((await finalize("kubernetes", "x.y/z")).spec?.finalizers).toEqual(["kubernetes", "x.y/z"]);
  await namespaces.delete("", "going");
  expect((await finalize()).spec?.finalizers ?? []).toEqual([]);
  expect((await failure(namespaces.get("", "going"))).status.code).toBe(404);
});

test("what others may do is asked with selectors that say something", async () => {
  const reviews = api.client.for<KubeObject>({ group: "authorization.k8s.io", version: "v1", resource: "subjectaccessreviews", kind: "SubjectAccessReview", namespaced: false });
  const review = (spec: object) => reviews.create({ apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", metadata: {}, spec } as KubeObject);
  const at = "spec.resourceAttributes.fieldSelector";
  expect((await failure(review({ user: "bob", resourceAttributes: { verb: "list", resource: "pods", fieldSelector: {} } }))).status.message).toBe(
    `.authorization.k8s.io "" is invalid: ${at}.requirements: Required value: when ${at} is specified, requirements or rawSelector is required`,
  );
});

test("three namespaces cannot be deleted, and that of the nodes' leases can", async () => {
  const namespaces = api.client.for(namespaceResource);
  for (const name of ["kube-system", "kube-public", "kube-node-lease"]) await createTestNamespace(api.client, name).catch(() => undefined); // they may be there
  for (const name of ["default", "kube-system", "kube-public"])
    expect((await failure(namespaces.delete("", name))).status.message).toBe(`namespaces "${name}" is forbidden: this namespace may not be deleted`);
  expect(await namespaces.delete("", "kube-node-lease")).toMatchObject({ metadata: { deletionTimestamp: expect.any(String) as string } });
});
