import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { resourceVersionTooLarge } from "../../../engine/apimachinery/list-options.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import type { Client } from "../../../engine/client/client.ts";
import { Informer, type InformerOptions } from "../../../engine/client/informer.ts";
import { InformerFactory } from "../../../engine/client/informer-factory.ts";
import { abortError } from "../../../engine/lib/abort.ts";
import { silentLogger, type Logger } from "../../../engine/lib/log.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import type { ResourceReference } from "../../../engine/resources/define-resource.ts";
import type { ConfigMap } from "../../../engine/resources/types.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { startTestApi, type TestApi } from "../../kit/test-api.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";
import { FlakyClient } from "./flaky-client.ts";

let clock: VirtualClock;
let api: TestApi;
let line: FlakyClient;
let running: AbortController;
let ended: Promise<void>[];
let told: string[];

beforeEach(async () => {
  clock = new VirtualClock();
  api = await startTestApi({ clock, random: seededRandom(1), storage: openMemoryStorage({ clock }) });
  line = new FlakyClient(api.client);
  running = new AbortController();
  ended = [];
  told = [];
});
afterEach(async () => {
  running.abort();
  await Promise.all(ended);
  await api.stop();
});

const maps = () => api.client.for(configMapResource);
const map = (name: string, value = "1"): ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default", labels: { of: "test" } }, data: { value } });
const change = (name: string, value: string) => maps().patch("default", name, "merge", { data: { value } });

async function start(options: Partial<InformerOptions> = {}): Promise<Informer<ConfigMap>> {
  const informer = new Informer(configMapResource, { client: line.client, clock, random: seededRandom(2), logger: silentLogger, labelSelector: "of=test", ...options });
  informer.addHandler({
    add: ({ metadata, data }) => told.push(`+${metadata.name}=${data?.["value"]}`),
    update: (old, { metadata, data }) => told.push(`~${metadata.name} ${old.data?.["value"]}→${data?.["value"]}`),
    delete: ({ metadata }) => told.push(`-${metadata.name}`),
  });
  ended.push(informer.run(running.signal));
  await clock.settle();
  return informer;
}

test("a watch that somebody else gave up is no end: another follows", async () => {
  line.watchFailures.push(abortError());
  await start();
  await maps().create(map("a"));
  await clock.advance(1_000);
  expect(told).toEqual(["+a=1"]);
});

describe.each([{ streamsInitialState: false }, { streamsInitialState: true }])("with $streamsInitialState as streamsInitialState", (options) => {
  test("handlers are told of what is there, then of every change, with the state before and after", async () => {
    await maps().create(map("a"));
    const informer = await start(options);
    expect(informer.hasSynced).toBe(true);
    await maps().create(map("b"));
    await change("a", "2");
    await maps().delete("default", "b");
    await clock.settle();
    expect(told).toEqual(["+a=1", "+b=1", "~a 1→2", "-b"]);
    expect(informer.list("default").map(({ metadata }) => metadata.name)).toEqual(["a"]);
    expect(line.counts.lists).toBe(options.streamsInitialState ? 0 : 1);
  });

  test.each([
    ["a 410", new StatusError("Expired", "too old resource version")],
    ["a word of a store that was set back", resourceVersionTooLarge(1_000, 5)],
  ])("after %s the difference is told, deletions included, and nothing twice", async (_, failure) => {
    for (const name of ["kept", "changed", "deleted", "replaced"]) await maps().create(map(name));
    await start(options);
    told.length = 0;
    line.watchFailures.push(failure);
    line.isDown = true;
    line.cut();
    await change("changed", "2");
    await maps().delete("default", "deleted");
    await maps().delete("default", "replaced");
    await maps().create(map("replaced", "9"));
    await clock.settle();
    expect(told).toEqual([]);
    line.isDown = false;
    await clock.advance(60_000);
    expect([...told].sort()).toEqual(["+replaced=9", "-deleted", "-replaced", "~changed 1→2"]);
    expect(told.indexOf("-replaced")).toBeLessThan(told.indexOf("+replaced=9"));
    expect(line.counts.lists).toBe(options.streamsInitialState ? 0 : 2);
  });
});

test("a cut watch resumes where it was, without a new list, and misses nothing", async () => {
  await maps().create(map("a"));
  await start();
  line.isDown = true;
  line.cut();
  await change("a", "2");
  await change("a", "3");
  await maps().create(map("b"));
  line.isDown = false;
  await clock.advance(60_000);
  expect(told).toEqual(["+a=1", "~a 1→2", "~a 2→3", "+b=1"]);
  expect(line.counts.lists).toBe(1);
});

test("a list that expires between two pages is made in one piece", async () => {
  await Promise.all(Array.from({ length: 501 }, (_unused, i) => maps().create(map(`m${i}`))));
  line.pageFailures.push(new StatusError("Expired", "the provided continue parameter is too old"));
  const informer = await start();
  expect(informer.list()).toHaveLength(501);
});

test("a server that hangs up at once is asked less and less often", async () => {
  await start();
  line.hangsUp = true;
  line.counts.watches = 0;
  line.cut();
  await clock.advance(60_000);
  expect(line.counts.watches).toBeGreaterThan(3);
  expect(line.counts.watches).toBeLessThan(15);
});

test("a watch that was refused for long is asked for at once when the server is said to answer others", async () => {
  const factory = new InformerFactory({ client: line.client, clock, random: seededRandom(2), logger: silentLogger });
  const informer = factory.informer(configMapResource);
  ended.push(factory.asService().run(running.signal));
  await clock.settle();
  line.isDown = true;
  line.cut();
  await clock.advance(300_000);
  line.isDown = false;
  await maps().create(map("a"));
  factory.retryNow();
  await clock.settle();
  expect(informer.get("default", "a")).toBeDefined();
});

test("what is said of the server while a try hangs that fails in the end counts for the time after it", async () => {
  let hanging: Promise<void> | undefined;
  const hangs = (client: Client): Client => ({
    ...client,
    for: (resource) => {
      const inner = client.for(resource);
      return {
        ...inner,
        async *watch(namespace, options, signal) {
          await hanging;
          yield* inner.watch(namespace, options, signal);
        },
      };
    },
  });
  const factory = new InformerFactory({ client: hangs(line.client), clock, random: seededRandom(2), logger: silentLogger });
  const informer = factory.informer(configMapResource);
  ended.push(factory.asService().run(running.signal));
  await clock.settle();
  line.isDown = true;
  line.cut();
  await clock.advance(300_000);
  let fail = (_error: Error) => {};
  hanging = new Promise((_resolve, reject) => (fail = reject));
  await clock.advance(60_000);
  line.isDown = false;
  await maps().create(map("a"));
  factory.retryNow();
  await clock.settle();
  expect(informer.get("default", "a")).toBeUndefined();
  fail(new Error("no answer"));
  hanging = undefined;
  await clock.settle();
  expect(informer.get("default", "a")).toBeDefined();
});

test("a list refused for a while is asked again until it is answered", async () => {
  line.isDown = true;
  const informer = await start();
  await clock.advance(20_000);
  expect(informer.hasSynced).toBe(false);
  line.isDown = false;
  await clock.advance(60_000);
  expect(informer.hasSynced).toBe(true);
});

test("one handler's mistake costs neither the others their events nor the copy its place", async () => {
  const errors: unknown[] = [];
  const logger: Logger = { ...silentLogger, error: (_message, fields) => errors.push(fields), with: () => logger };
  const informer = await start({ logger });
  informer.addHandler({
    add: () => {
      throw new Error("a bug");
    },
  });
  const others: string[] = [];
  informer.addHandler({ add: ({ metadata }) => void others.push(metadata.name ?? "") });
  await maps().create(map("a"));
  await maps().create(map("b"));
  await clock.settle();
  expect(others).toEqual(["a", "b"]);
  expect(errors).toHaveLength(2);
  expect(line.counts.lists).toBe(1);
});

test("a handler that comes late is told of everything known, and a removed one of nothing more", async () => {
  await maps().create(map("a"));
  const informer = await start();
  const late: string[] = [];
  const remove = informer.addHandler({ add: ({ metadata }) => void late.push(metadata.name ?? "") });
  remove();
  await maps().create(map("b"));
  await clock.settle();
  expect(late).toEqual(["a"]);
});

test("indexes follow their objects, and waiting for a revision ends when the copy shows it", async () => {
  const informer = await start();
  informer.addIndex("value", ({ data }) => [data?.["value"] ?? ""]);
  await maps().create(map("a", "x"));
  const changed = await change("a", "y");
  await informer.waitForRevision(Number(changed.metadata.resourceVersion), running.signal);
  expect(informer.byIndex("value", "x")).toEqual([]);
  expect(informer.byIndex("value", "y").map(({ metadata }) => metadata.name)).toEqual(["a"]);
  const given = new AbortController();
  const waiting = informer.waitForRevision(informer.revision + 1_000, given.signal);
  given.abort();
  await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
});

test("the factory shares one informer per kind and selection, and starts late ones at once", async () => {
  const factory = new InformerFactory({ client: line.client, clock, random: seededRandom(2), logger: silentLogger });
  expect(factory.informer(configMapResource)).toBe(factory.informer(configMapResource));
  expect(factory.informer(configMapResource, { namespace: "default" })).not.toBe(factory.informer(configMapResource));
  ended.push(factory.asService().run(running.signal));
  await clock.settle();
  const late = factory.informer(configMapResource, { labelSelector: "of=test" });
  await clock.settle();
  expect(late.hasSynced).toBe(true);
});

test("who needs identities alone shares the informer of whole objects where there is one, and else keeps nothing more", async () => {
  const factory = new InformerFactory({ client: line.client, clock, random: seededRandom(2), logger: silentLogger });
  const early = factory.identityInformer(configMapResource);
  expect(factory.informer(configMapResource)).toBe(early);
  const identities = factory.identityInformer(secretResource as unknown as ResourceReference); // its objects are read as KubeObject
  ended.push(factory.asService().run(running.signal));
  await maps().create(map("a", "x"));
  const owner = { apiVersion: "v1", kind: "ConfigMap", name: "a", uid: (await maps().get("default", "a")).metadata.uid ?? "" };
  const secret = await api.client.for(secretResource).create({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", namespace: "default", labels: { of: "test" }, finalizers: ["a.io/b"], ownerReferences: [owner] },
    stringData: { key: "value" },
  });
  await clock.settle();
  expect(factory.informer(configMapResource).get("default", "a")?.data).toEqual({ value: "x" });
  const { uid = "", resourceVersion = "" } = secret.metadata;
  expect(identities.get("default", "s")).toEqual({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", namespace: "default", uid, resourceVersion, finalizers: ["a.io/b"], ownerReferences: [owner] },
  });
  const whole = factory.informer(secretResource);
  await clock.settle();
  expect(whole.get("default", "s")?.data).toEqual({ key: "dmFsdWU=" });
  expect(identities.list("default")).toHaveLength(1);
});
