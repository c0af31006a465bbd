import { afterEach, beforeEach, expect, test } from "vitest";
import { createHttpClient } from "../../../engine/client/http-client.ts";
import { readKubeconfig } from "../../../engine/client/kubeconfig.ts";
import type { Client, ResourceClient } from "../../../engine/client/client.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { APPLICATION_LABEL, type DesiredObject } from "../../../engine/gitops/manifests/desired-state.ts";
import { readListed } from "../../../engine/gitops/plan/live-objects.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import { startTestListener, type TestListener } from "../../kit/test-listener.ts";

let api: TestListener;
beforeEach(async () => void (api = await startTestListener()));
afterEach(() => api.stop());

/** The client of a program elsewhere, with what it asked for. */
function recording(mayList = true): { readonly client: Client; readonly asked: string[] } {
  const inner = createHttpClient(readKubeconfig(api.kubeconfig), "test");
  const asked: string[] = [];
  const record = <T extends KubeObject>(one: ResourceClient<T>): ResourceClient<T> => ({
    ...one,
    get: (namespace, name) => (asked.push(name), one.get(namespace, name)),
    list: (namespace, options) => (asked.push("list"), mayList ? one.list(namespace, options) : Promise.reject(new StatusError("Forbidden", "no lists"))),
  });
  return { client: { ...inner, for: (resource) => record(inner.for(resource)) }, asked };
}

const configMap = (name: string, labels?: Readonly<Record<string, string>>) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default", ...(labels === undefined ? {} : { labels }) },
});
const desired = (name: string) => ({ resource: configMapResource as unknown as ResourceDefinition, object: configMap(name) }) as unknown as DesiredObject;
const names = Array.from({ length: 20 }, (_, index) => `m${index}`);

test("many objects of a kind are asked for at once, and those that are new or not the repository's by themselves", async () => {
  for (const name of names) await api.client.for(configMapResource).create(configMap(name, { [APPLICATION_LABEL]: "a" }));
  await api.client.for(configMapResource).create(configMap("foreign"));
  const objects = [...names, "foreign", "new"].map(desired);
  const { client, asked } = recording();
  const read = readListed(client, objects);
  const found = await Promise.all(objects.map(read));
  expect(found.map((object) => object?.metadata.name)).toEqual([...names, "foreign", undefined]);
  expect(found[0]).toEqual(await client.for(configMapResource).get("default", "m0"));
  expect(asked).toEqual(["list", "foreign", "new", "m0"]);
});

test("few are asked for by themselves, and so is everything by who may not list", async () => {
  for (const name of names) await api.client.for(configMapResource).create(configMap(name, { [APPLICATION_LABEL]: "a" }));
  const few = names.slice(0, 3);
  const one = recording();
  await Promise.all(few.map(desired).map(readListed(one.client, few.map(desired))));
  expect(one.asked).toEqual(few);
  const other = recording(false);
  const found = await Promise.all(names.map(desired).map(readListed(other.client, names.map(desired))));
  expect(found.map((object) => object?.metadata.name)).toEqual(names);
  expect(other.asked).toEqual(["list", ...names]);
});
