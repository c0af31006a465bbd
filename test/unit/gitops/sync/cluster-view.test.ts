import { afterEach, beforeEach, expect, test } from "vitest";
import { ClusterView } from "../../../../engine/gitops/sync/cluster-view.ts";
import type { Client } from "../../../../engine/client/client.ts";
import { InformerFactory } from "../../../../engine/client/informer-factory.ts";
import { systemClock } from "../../../../engine/lib/clock.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { systemRandom } from "../../../../engine/lib/random.ts";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import type { ResourceDefinition, ResourceReference } from "../../../../engine/resources/define-resource.ts";
import { startTestApi, type TestApi } from "../../../kit/test-api.ts";

const KIND = configMapResource as unknown as ResourceDefinition; // all objects are read as KubeObject there
let api: TestApi;
let running: AbortController;
let ended: Promise<void>;
beforeEach(async () => {
  api = await startTestApi();
  running = new AbortController();
});
afterEach(async () => {
  running.abort();
  await ended;
  await api.stop();
});

function start(client: Client): ClusterView {
  const informers = new InformerFactory({ client, clock: systemClock, random: systemRandom, logger: silentLogger });
  const view = new ClusterView(informers);
  ended = informers.asService().run(running.signal);
  return view;
}

test("objects of a kind that is served no more are gone, also those whose end no watch has told", async () => {
  await api.client.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "default" } });
  const view = start(api.client);
  const told: string[] = [];
  view.listen((_object, identity, isGone) => told.push(`${isGone ? "-" : "+"}${identity}`));
  await view.ensure([KIND], running.signal);
  const [known = ""] = told.splice(0).filter((one) => one.endsWith("/a"));
  expect(known).toMatch(/^\+.*ConfigMap/);
  view.forget(KIND);
  expect(told).toContain(known.replace("+", "-"));
  expect(view.get(KIND, "default", "a")).toBeUndefined();
  told.splice(0);
  await view.ensure([KIND], running.signal);
  expect(told).toContain(known);
});

test("who waits until the objects of a kind are known waits no longer when it is served no more", async () => {
  const broken = { list: () => Promise.reject(new Error("its webhook does not answer")) };
  const client = { for: (resource: ResourceReference) => (resource.resource === KIND.resource ? broken : api.client.for(resource)) } as unknown as Client; // nothing else of it is used
  const view = start(client);
  let isKnown = false;
  const known = view.ensure([KIND], running.signal).then(() => (isKnown = true));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(isKnown).toBe(false);
  view.forget(KIND);
  await known;
});
