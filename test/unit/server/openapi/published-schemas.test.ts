import { afterAll, beforeAll, expect, test } from "vitest";
import { wholeOf } from "../../../../engine/server/http/response.ts";
import { Paths } from "../../../../engine/server/paths.ts";
import { adminUser, startTestApi, type TestApi } from "../../../kit/test-api.ts";

type Schemas = Readonly<Record<string, { readonly properties?: Readonly<Record<string, { readonly default?: unknown; readonly enum?: readonly string[] }>> }>>;

let api: TestApi;
let paths: Paths;
beforeAll(async () => {
  api = await startTestApi();
  paths = new Paths({ server: api.server, isStarted: () => true });
});
afterAll(() => api.stop());

async function propertiesOf(path: string, type: string) {
  const answer = await paths.answer({ method: "GET", path, query: new URLSearchParams(), headers: {}, body: undefined, user: adminUser, signal: new AbortController().signal });
  if (answer === undefined) throw new Error(`nothing at ${path}`);
  const document = JSON.parse(wholeOf(answer.body).toString("utf8")) as { readonly components?: { readonly schemas?: Schemas }; readonly definitions?: Schemas };
  return (document.components?.schemas ?? document.definitions)?.[`io.k8s.api.${type}`]?.properties ?? {};
}

test("what Kubernetes writes where nothing is in it is a default in version 3, and what is filled in is none", async () => {
  const spec = await propertiesOf("/openapi/v3/apis/apps/v1", "apps.v1.DeploymentSpec");
  expect([spec["template"]?.default, spec["replicas"]?.default, spec["paused"]?.default]).toEqual([{}, undefined, undefined]);
  const port = await propertiesOf("/openapi/v3/api/v1", "core.v1.ContainerPort");
  expect([port["containerPort"]?.default, port["protocol"]?.default, port["name"]?.default]).toEqual([0, "TCP", undefined]);
  expect((await propertiesOf("/openapi/v3/api/v1", "core.v1.PodList"))["metadata"]?.default).toEqual({});
});

test("version 2 knows no defaults", async () => {
  expect((await propertiesOf("/openapi/v2", "core.v1.ContainerPort"))["protocol"]).toEqual({ description: expect.any(String) as string, type: "string", enum: ["SCTP", "TCP", "UDP"] });
  expect((await propertiesOf("/openapi/v2", "core.v1.PodList"))["metadata"]).not.toHaveProperty("default");
});

test("enumerations are published also where rules judge the values", async () => {
  const enumOf = async (type: string, property: string) => (await propertiesOf("/openapi/v3/api/v1", `core.v1.${type}`))[property]?.enum;
  expect(await enumOf("PodStatus", "phase")).toEqual(["Failed", "Pending", "Running", "Succeeded", "Unknown"]);
  expect(await enumOf("Toleration", "effect")).toEqual(["NoExecute", "NoSchedule", "PreferNoSchedule"]);
  expect((await enumOf("HostPathVolumeSource", "type"))?.[0]).toBe("");
});
