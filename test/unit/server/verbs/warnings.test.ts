import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import { podResource } from "../../../../engine/resources/core/pod.ts";
import { deploymentResource } from "../../../../engine/resources/apps/deployment.ts";
import type { ApiRequest } from "../../../../engine/apimachinery/api-request.ts";
import { RequestNotes } from "../../../../engine/apimachinery/request-notes.ts";
import { failure } from "../../../kit/failure.ts";
import { sentConfigMap, sentDeployment, sentPod } from "../../../kit/sent-objects.ts";
import { createTestNamespace, startTestApi, type TestApi } from "../../../kit/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await createTestNamespace(api.client, "shop");
});
afterAll(() => api.stop());

describe("what is accepted, yet hardly meant", () => {
  const resources = { requests: { memory: "100m" } };
  const warning = 'resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer';
  const write = async (request: object): Promise<readonly string[]> => {
    const result = await api.server.handle({
      user: { username: "a", groups: ["system:masters"] },
      userAgent: "t",
      resource: deploymentResource,
      namespace: "shop",
      options: {},
      ...request,
    } as unknown as ApiRequest); // each says its verb and what belongs to it
    return result.is === "object" ? (result.warnings ?? []) : ["no object"];
  };
  const odd = (name: string, more: object = {}) => ({
    ...sentDeployment(name),
    spec: { ...sentDeployment(name).spec, template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "c", image: "nginx:1", resources }] } }, ...more },
  });

  test("is told to whoever creates it, also by an apply, and to whoever changes the spec", async () => {
    const told = [`spec.template.spec.containers[0].${warning}`];
    expect(await write({ verb: "create", body: odd("told") })).toEqual(told);
    expect(await write({ verb: "patch", patchType: "apply", name: "applied", body: odd("applied"), options: { fieldManager: "m" } })).toEqual(told);
    expect(await write({ verb: "update", name: "told", body: odd("told", { replicas: 3 }) })).toEqual(told);
    expect(await write({ verb: "patch", patchType: "merge", name: "told", body: { metadata: { labels: { a: "b" } } } })).toEqual([]);
    expect(await write({ verb: "patch", patchType: "merge", subresource: "status", name: "told", body: { status: { replicas: 1 } } })).toEqual([]);
  });

  test("is told of a pod once, when it is made", async () => {
    const resource = podResource;
    expect(await write({ verb: "create", resource, body: sentPod("twice", { containers: [{ name: "c", image: "nginx", resources }] }) })).toEqual([`spec.containers[0].${warning}`]);
    expect(await write({ verb: "patch", patchType: "strategic", resource, name: "twice", body: { spec: { containers: [{ name: "c", image: "nginx:2" }] } } })).toEqual([]);
  });

  test("that a text repeats a key is said after who owns what", async () => {
    await write({ verb: "patch", patchType: "apply", name: "owned", body: sentDeployment("owned"), options: { fieldManager: "m" } });
    const repeated = { is: "yaml", problems: ['line 9: key "replicas" already set in map'] };
    const again = (fieldManager: string) =>
      failure(
        write({
          verb: "patch",
          patchType: "apply",
          name: "owned",
          body: { ...sentDeployment("owned"), spec: { ...sentDeployment("owned").spec, replicas: 5 } },
          options: { fieldManager, fieldValidation: "Strict", repeated },
        }),
      );
    expect((await again("other")).reason).toBe("Conflict");
    expect((await again("m")).message).toBe('error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 9: key "replicas" already set in map');
  });
});

describe("owners that are named twice", () => {
  const owner = { apiVersion: "v1", kind: "ConfigMap", name: "o", uid: "u-1" };
  const write = async (verb: "create" | "update") => {
    const body = sentConfigMap("owned", {}, { ownerReferences: [owner, { ...owner, name: "p" }, owner] });
    const result = await api.server.handle({
      verb,
      user: { username: "a", groups: ["system:masters"] },
      userAgent: "t",
      resource: configMapResource,
      namespace: "shop",
      ...(verb === "update" ? { name: "owned" } : {}),
      body,
      options: {},
    } as ApiRequest);
    return result.is === "object" ? [result.encoded.object.metadata.ownerReferences, result.warnings] : [];
  };

  test("are kept once, with a warning", async () => {
    for (const verb of ["create", "update"] as const)
      expect(await write(verb)).toEqual([[owner, { ...owner, name: "p" }], [expect.stringMatching(/^\.metadata\.ownerReferences contains duplicate entries; .*observed: u-1$/)]]);
  });
});

test.each(["create", "update", "patch"] as const)("what nobody knows in an object is told by %s as well when the object is refused", async (verb) => {
  if (verb !== "create") await api.client.for(configMapResource).create(sentConfigMap(`warned-${verb}`, {}));
  const notes = new RequestNotes();
  const body = { ...(verb === "patch" ? {} : sentConfigMap(`warned-${verb}`, {})), data: { "not a key": "x" }, surprise: 1 };
  const request = {
    verb,
    user: { username: "a", groups: ["system:masters"] },
    userAgent: "t",
    resource: configMapResource,
    namespace: "shop",
    ...(verb === "create" ? {} : { name: `warned-${verb}` }),
    ...(verb === "patch" ? { patchType: "merge" } : {}),
    body,
    options: { fieldValidation: "Warn" },
    notes,
  };
  expect((await failure(api.server.handle(request as ApiRequest))).status).toMatchObject({ code: 422 });
  expect(notes.warnings).toEqual(['unknown field "surprise"']);
});
