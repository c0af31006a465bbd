import { afterEach, beforeEach, expect, test } from "vitest";
import { ConsistencyStore } from "../../../engine/client/consistency-store.ts";
import { Informer } from "../../../engine/client/informer.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import type { ConfigMap } from "../../../engine/resources/types.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { startTestApi, type TestApi } from "../../kit/test-api.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";
import { FlakyClient } from "./flaky-client.ts";

let clock: VirtualClock;
let api: TestApi;
let line: FlakyClient;
let informer: Informer<KubeObject>;
let running: AbortController;
let ended: Promise<void>;
const store = () => new ConsistencyStore();
const map: ConfigMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "default" } };

beforeEach(async () => {
  clock = new VirtualClock();
  api = await startTestApi({ clock, random: seededRandom(1), storage: openMemoryStorage({ clock }) });
  line = new FlakyClient(api.client);
  running = new AbortController();
  informer = new Informer<KubeObject>(configMapResource, { client: line.client, clock, random: seededRandom(2), logger: silentLogger });
  ended = informer.run(running.signal);
  await clock.settle();
});
afterEach(async () => {
  running.abort();
  await ended;
  await api.stop();
});

test("a key is held until the informer shows what was written for it, and other keys are not", async () => {
  const written = store();
  line.isDown = true;
  line.cut();
  written.wrote("key", configMapResource, await api.client.for(configMapResource).create(map));
  await clock.settle();
  const held = written.held("key", [informer], running.signal);
  expect(held).toBeInstanceOf(Promise);
  expect(written.held("other", [informer], running.signal)).toBeUndefined();
  line.isDown = false;
  await clock.advance(60_000);
  await held;
  expect(written.held("key", [informer], running.signal)).toBeUndefined();
});

test("an object deleted at once is waited for until it is gone from the informer", async () => {
  const written = store();
  const created = await api.client.for(configMapResource).create(map);
  await clock.settle();
  line.isDown = true;
  line.cut();
  await api.client.for(configMapResource).delete("default", "a");
  written.removed("key", configMapResource, created);
  await clock.settle();
  const held = written.held("key", [informer], running.signal);
  expect(held).toBeInstanceOf(Promise);
  line.isDown = false;
  await clock.advance(60_000);
  await held;
});

test("writes of kinds that nobody watches hold nothing, and a forgotten key is free", () => {
  const written = store();
  const far = { ...map, metadata: { ...map.metadata, resourceVersion: "999999" } };
  written.wrote("key", secretResource, far);
  expect(written.held("key", [informer], running.signal)).toBeUndefined();
  written.wrote("key", configMapResource, far);
  written.held("key", [informer], running.signal)?.catch(() => {}); // ends with the informer
  written.forget("key");
  expect(written.held("key", [informer], running.signal)).toBeUndefined();
});
