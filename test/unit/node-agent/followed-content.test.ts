import { afterEach, beforeEach, expect, test } from "vitest";
import type { Client } from "../../../engine/client/client.ts";
import { InformerFactory } from "../../../engine/client/informer-factory.ts";
import { systemClock } from "../../../engine/lib/clock.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { systemRandom } from "../../../engine/lib/random.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import type { ConfigMap, Pod, Secret } from "../../../engine/resources/types.ts";
import { FollowedContent } from "../../../node-agent/pods/followed-content.ts";
import { aPod } from "../../kit/objects.ts";
import { startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
let pods: Pod[];
let changes: string[];
let watched: Set<string>;
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
  stop = new AbortController();
  const client = noteWatches(api.client, watched);
  const informers = new InformerFactory({ client, clock: systemClock, random: systemRandom, logger: silentLogger });
  content = new FollowedContent({ client, informers, pods: () => pods, onChange: ({ metadata, data }) => changes.push(`${metadata.name}: ${Object.values(data ?? {}).join()}`) });
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
  expect((await content.configMap("default", "colors")).data).toEqual({ sky: "blue" });
  await content.secret("default", "words");
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
  await content.configMap("default", "colors");
  await expect.poll(() => watched.size).toBe(1);
  pods = [];
  content.podEnded();
  await expect.poll(() => watched.size).toBe(0);

  pods = [showsColors("second")];
  await content.configMap("default", "colors");
  await api.client.for(configMapResource).patch("default", "colors", "merge", { data: { sky: "red" } });
  await expect.poll(() => changes).toContain("colors: red");
});

test("what is taken for the environment alone is read and not followed", async () => {
  pods = [aPod("first", { spec: { containers: [{ name: "app", image: "app:1", envFrom: [{ configMapRef: { name: "colors" } }] }] } }), showsWords("second")];
  expect((await content.configMap("default", "colors")).data).toEqual({ sky: "blue" });
  await content.secret("default", "words");
  await expect.poll(() => [...watched]).toEqual(["secrets metadata.name=words"]);
});

/** The client, with the watches that are open noted by kind and selector. */
function noteWatches(client: Client, open: Set<string>): Client {
  const noted: Client["for"] = (resource) => {
    const one = client.for(resource);
    return {
      ...one,
      async *watch(namespace, options, signal) {
        const name = `${resource.resource} ${options.fieldSelector}`;
        open.add(name);
        try {
          yield* one.watch(namespace, options, signal);
        } finally {
          open.delete(name);
        }
      },
    };
  };
  return { ...client, for: noted };
}
