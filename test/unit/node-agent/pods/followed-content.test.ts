import { afterEach, beforeEach, expect, test } from "vitest";
import { StatusError } from "../../../../engine/apimachinery/status-error.ts";
import type { Client } from "../../../../engine/client/client.ts";
import { InformerFactory } from "../../../../engine/client/informer-factory.ts";
import { systemClock } from "../../../../engine/lib/clock.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { systemRandom } from "../../../../engine/lib/random.ts";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import { secretResource } from "../../../../engine/resources/core/secret.ts";
import type { ConfigMap, Pod, Secret } from "../../../../engine/resources/types.ts";
import { FollowedContent, type ContentAge } from "../../../../node-agent/pods/followed-content.ts";
import { aPod } from "../../../kit/objects.ts";
import { startTestApi, type TestApi } from "../../../kit/test-api.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

let api: TestApi;
let pods: Pod[];
let changes: string[];
let watched: Set<string>;
let reads: string[];
/** News come when this has resolved. */
let news: Promise<void>;
/** What becomes of reads, where anything does. */
let trouble: (() => Promise<never>) | undefined;
let clock: VirtualClock;
let content: FollowedContent;
let stop: AbortController;
let ended: Promise<void>;

const colors: ConfigMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "colors", namespace: "default" }, data: { sky: "blue" } };
const words: Secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "words", namespace: "default" }, data: { door: "c2VzYW1l" } };
const showsColors = (name: string) => aPod(name, { spec: { volumes: [{ name: "all", projected: { sources: [{ configMap: { name: "colors" } }] } }] } });
const showsWords = (name: string) => aPod(name, { spec: { volumes: [{ name: "words", secret: { secretName: "words" } }] } });

beforeEach(async () => {
  api = await startTestApi();
  pods = [];
  changes = [];
  watched = new Set();
  reads = [];
  news = Promise.resolve();
  trouble = undefined;
  clock = new VirtualClock();
  stop = new AbortController();
  const client = noteWatches(api.client, watched, reads);
  const informers = new InformerFactory({ client, clock: systemClock, random: systemRandom, logger: silentLogger });
  content = new FollowedContent({
    client,
    clock,
    logger: silentLogger,
    informers,
    pods: () => pods,
    onChange: ({ metadata, data }) => changes.push(`${metadata.name}: ${Object.values(data ?? {}).join()}`),
  });
  ended = informers.asService().run(stop.signal);
  await api.client.for(configMapResource).create(colors);
  await api.client.for(secretResource).create(words);
});

afterEach(async () => {
  stop.abort();
  await ended;
  await api.stop();
});

test("what a volume shows is followed until the last pod that shows it has ended", async () => {
  const [first, second] = [showsColors("first"), showsColors("second")];
  pods = [first, second, showsWords("third")];
  expect((await content.configMap("default", "colors", "fresh")).data).toEqual({ sky: "blue" });
  await content.secret("default", "words", "fresh");
  await expect.poll(() => [...watched].sort()).toEqual(["configmaps metadata.name=colors", "secrets metadata.name=words"]);
  await api.client.for(configMapResource).patch("default", "colors", "merge", { data: { sky: "grey" } });
  await expect.poll(() => changes).toContain("colors: grey");

  pods = [second];
  content.podEnded();
  await expect.poll(() => [...watched]).toEqual(["configmaps metadata.name=colors"]);
  pods = [];
  content.podEnded();
  await expect.poll(() => [...watched]).toEqual([]);
});

test("a pod that comes later hears of changes again", async () => {
  pods = [showsColors("first")];
  await content.configMap("default", "colors", "fresh");
  await expect.poll(() => watched.size).toBe(1);
  pods = [];
  content.podEnded();
  await expect.poll(() => watched.size).toBe(0);

  pods = [showsColors("second")];
  await content.configMap("default", "colors", "fresh");
  await api.client.for(configMapResource).patch("default", "colors", "merge", { data: { sky: "red" } });
  await expect.poll(() => changes).toContain("colors: red");
});

test("what is followed is not asked for again, is never older than what was read, and is found gone when it is", async () => {
  pods = [showsColors("first")];
  const sky = async (age: ContentAge) => (await content.configMap("default", "colors", age)).data?.["sky"];
  const paint = (color: string) => api.client.for(configMapResource).patch("default", "colors", "merge", { data: { sky: color } });
  await sky("fresh");
  await expect.poll(() => changes).toEqual(["colors: blue"]);
  reads.splice(0);
  expect([await sky("followed"), await sky("followed"), reads]).toEqual(["blue", "blue", []]);
  await paint("grey");
  await expect.poll(() => changes).toContain("colors: grey");
  expect([await sky("followed"), reads]).toEqual(["grey", []]);

  // Read before the news of it have come.
  const late = Promise.withResolvers<void>();
  news = late.promise;
  await paint("red");
  expect([await sky("fresh"), await sky("followed"), changes.at(-1)]).toEqual(["red", "red", "colors: grey"]);
  late.resolve();

  await expect.poll(() => changes).toContain("colors: red");
  await api.client.for(configMapResource).delete("default", "colors");
  await expect.poll(() => sky("followed").catch((error: unknown) => String(error))).toContain("not found");
});

test("a Secret that a pod pulls its images with is known also while nobody answers", async () => {
  const pullsWithWords = aPod("first", { spec: { imagePullSecrets: [{ name: "words" }] } });
  pods = [pullsWithWords];
  const word = async () => (await content.secret("default", "words", "followed")).data?.["door"];
  await word();
  await expect.poll(() => changes).toEqual(["words: c2VzYW1l"]);
  reads.splice(0);
  expect([await word(), reads]).toEqual(["c2VzYW1l", []]);
  pods = [];
  content.podEnded();
  await expect.poll(() => watched.size).toBe(0);
});

test("what is taken for the environment alone is read and not followed", async () => {
  pods = [aPod("first", { spec: { containers: [{ name: "app", image: "app:1", envFrom: [{ configMapRef: { name: "colors" } }] }] } }), showsWords("second")];
  expect((await content.configMap("default", "colors", "fresh")).data).toEqual({ sky: "blue" });
  await content.secret("default", "words", "fresh");
  await expect.poll(() => [...watched]).toEqual(["secrets metadata.name=words"]);
});

const isAway = () => Promise.reject(new StatusError("ServiceUnavailable", "connect ECONNREFUSED"));
const usesColors = aPod("first", { spec: { containers: [{ name: "app", image: "app:1", envFrom: [{ configMapRef: { name: "colors" } }] }] } });

test.each([
  ["for the environment alone", usesColors],
  ["for a volume", showsColors("first")],
])("what is needed %s is as it was known last while no server answers, as long as a pod needs it", async (_what, pod) => {
  pods = [pod, showsWords("second")];
  const sky = async () => (await content.configMap("default", "colors", "fresh")).data?.["sky"];
  await sky();
  await api.client.for(configMapResource).patch("default", "colors", "merge", { data: { sky: "grey" } });
  await sky();
  if (pod !== usesColors) await expect.poll(() => changes).toContain("colors: grey");
  trouble = isAway;
  expect(await sky()).toBe("grey");
  await expect(content.secret("default", "words", "fresh")).rejects.toThrow("ECONNREFUSED");
  // A machine that is switched off does not even say so.
  trouble = () => new Promise<never>(() => {});
  const waiting = sky();
  await clock.advance(5_000);
  expect(await waiting).toBe("grey");
  pods = [];
  content.podEnded();
  pods = [pod];
  trouble = isAway;
  await expect(sky()).rejects.toThrow("ECONNREFUSED");
});

test("of a server that hangs, not every object is waited for as long, until it answers", async () => {
  const names = Array.from({ length: 20 }, (_, index) => `colors-${index}`);
  for (const name of names) await api.client.for(configMapResource).create({ ...colors, metadata: { ...colors.metadata, name } });
  pods = [aPod("first", { spec: { containers: [{ name: "app", image: "app:1", envFrom: names.map((name) => ({ configMapRef: { name } })) }] } })];
  const skies = async () => {
    const all: unknown[] = [];
    for (const name of names) all.push((await content.configMap("default", name, "fresh")).data?.["sky"]);
    return all;
  };
  await skies();
  trouble = () => new Promise<never>(() => {});
  let known: readonly unknown[] | undefined;
  void skies().then((all) => (known = all));
  await clock.advance(7_000);
  expect(known).toEqual(names.map(() => "blue"));
  trouble = undefined;
  await content.configMap("default", "colors-0", "fresh");
  trouble = () => new Promise<never>(() => {});
  let isBack = false;
  void content.configMap("default", "colors-1", "fresh").then(() => (isBack = true));
  await clock.advance(4_000);
  expect(isBack).toBe(false);
  await clock.advance(1_000);
  expect(isBack).toBe(true);
});

test("what the server takes back is not taken from memory", async () => {
  pods = [usesColors];
  const sky = async () => (await content.configMap("default", "colors", "fresh")).data?.["sky"];
  await sky();
  trouble = () => Promise.reject(new StatusError("Forbidden", "not yours"));
  await expect(sky()).rejects.toThrow("not yours");
  trouble = undefined;
  await api.client.for(configMapResource).delete("default", "colors");
  await expect(sky()).rejects.toThrow("not found");
  trouble = isAway;
  await expect(sky()).rejects.toThrow("not found");
});

test("what was not there is known not to be there while no server answers, until it is read again", async () => {
  pods = [usesColors];
  await api.client.for(configMapResource).delete("default", "colors");
  const sky = async () => (await content.configMap("default", "colors", "fresh")).data?.["sky"];
  await expect(sky()).rejects.toThrow("not found");
  trouble = isAway;
  await expect(sky()).rejects.toThrow("not found");
  trouble = undefined;
  await api.client.for(configMapResource).create(colors);
  expect(await sky()).toBe("blue");
  trouble = isAway;
  expect(await sky()).toBe("blue");
});

test("what a pod takes that waited in vain is not remembered in the place of what another has read meanwhile", async () => {
  pods = [usesColors];
  const sky = async () => (await content.configMap("default", "colors", "fresh")).data?.["sky"];
  await sky();
  trouble = () => new Promise<never>(() => {});
  const waiting = sky();
  trouble = undefined;
  await api.client.for(configMapResource).patch("default", "colors", "merge", { data: { sky: "grey" } });
  expect(await sky()).toBe("grey");
  await clock.advance(5_000);
  expect(await waiting).toBe("blue");
  trouble = isAway;
  expect(await sky()).toBe("grey");
});

/** The client, with the watches that are open noted by kind and selector, and what is read by name. */
function noteWatches(client: Client, open: Set<string>, reads: string[]): Client {
  const noted: Client["for"] = (resource) => {
    const one = client.for(resource);
    return {
      ...one,
      get: (namespace, name) => {
        reads.push(name);
        return trouble?.() ?? one.get(namespace, name);
      },
      async *watch(namespace, options, signal) {
        const name = `${resource.resource} ${options.fieldSelector}`;
        open.add(name);
        try {
          for await (const event of one.watch(namespace, options, signal)) {
            await news;
            yield event;
          }
        } finally {
          open.delete(name);
        }
      },
    };
  };
  return { ...client, for: noted };
}
