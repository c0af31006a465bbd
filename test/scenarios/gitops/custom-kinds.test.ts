import { load } from "js-yaml";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CONTROLLER_USER } from "../../../engine/apimachinery/known-users.ts";
import { ConsistencyStore } from "../../../engine/client/consistency-store.ts";
import { EventRecorder } from "../../../engine/client/event-recorder.ts";
import { InformerFactory } from "../../../engine/client/informer-factory.ts";
import { customKindController } from "../../../engine/controllers/custom-kinds/custom-kind.ts";
import { runController } from "../../../engine/controllers/run-controller.ts";
import { DEFAULT_TIMINGS } from "../../../engine/controllers/timings.ts";
import { systemClock } from "../../../engine/lib/clock.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { MetricsRegistry } from "../../../engine/lib/metrics.ts";
import { systemRandom } from "../../../engine/lib/random.ts";
import { runServices } from "../../../engine/lib/service.ts";
import { customResourceDefinitionResource } from "../../../engine/resources/apiextensions/custom-resource-definition.ts";
import type { CustomResourceDefinition } from "../../../engine/resources/types.ts";
import { tabs } from "../../kit/custom-kinds.ts";
import { startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";

const DEFINITION = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, kind: CronTab}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties: {cronSpec: {type: string, maxLength: 9}, replicas: {type: integer, default: 1}}
`;
const tab = (name: string, spec: string) => `apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: ${name}, namespace: default}
spec: ${spec}
`;

let cluster: GitCluster;
let copy: WorkingCopy;
let stopController: () => Promise<void>;
beforeEach(async () => {
  cluster = await startGitCluster();
  const client = cluster.api.as(CONTROLLER_USER);
  const base = { client, clock: systemClock, random: systemRandom, logger: silentLogger };
  const informers = new InformerFactory(base);
  const context = { ...base, informers, events: new EventRecorder({ ...base, component: "test" }), consistency: new ConsistencyStore(), metrics: new MetricsRegistry(), timings: DEFAULT_TIMINGS };
  const abort = new AbortController();
  const ended = runServices([runController(customKindController(context), context), informers.asService()], abort.signal);
  stopController = async () => {
    abort.abort();
    await ended;
  };
  copy = await cluster.clone();
});
afterEach(async () => {
  await stopController();
  await cluster[Symbol.asyncDispose]();
});

const objects = async () =>
  (
    await cluster.client
      .for(tabs)
      .list("default")
      .catch(() => ({ items: [] }))
  ).items.map(({ metadata, spec }) => [metadata.name, spec]);
const push = async (files: Readonly<Record<string, string | undefined>>, message?: string) => {
  await copy.commit(files, message);
  return copy.push("origin", "HEAD:main");
};

describe("a commit with a kind and objects of it", () => {
  test("is deployed whole (pain 10): the kind first, its objects as soon as it is served, and changes to both", async () => {
    const first = await push({ "apps/cron/definition.yaml": DEFINITION, "apps/cron/one.yaml": tab("one", '{cronSpec: "* * * *"}') });
    expect([first.code, first.text]).toEqual([0, first.text]);
    await expect.poll(objects, { timeout: 30_000 }).toEqual([["one", { cronSpec: "* * * *", replicas: 1 }]]);
    const second = await push({
      "apps/cron/definition.yaml": DEFINITION.replace("maxLength: 9", "maxLength: 20"),
      "apps/cron/one.yaml": tab("one", '{cronSpec: "*/5 * * * * *", replicas: 2}'),
      "apps/cron/two.yaml": tab("two", "{}"),
    });
    expect([second.code, second.text]).toEqual([0, second.text]);
    await expect.poll(objects, { timeout: 30_000 }).toEqual([
      ["one", { cronSpec: "*/5 * * * * *", replicas: 2 }],
      ["two", { replicas: 1 }],
    ]);
    const third = await push({ "apps/cron/two.yaml": undefined });
    expect([third.code, third.text]).toEqual([0, third.text]);
    await expect.poll(objects, { timeout: 30_000 }).toHaveLength(1);
  });

  test("is refused with the line of what its own kind does not allow, and nothing of it is made", async () => {
    const unknown = await push({ "apps/cron/definition.yaml": DEFINITION, "apps/cron/one.yaml": tab("one", "{wrong: 1}") });
    expect(unknown.text).toContain("apps/cron/one.yaml:4");
    expect(unknown.text).toContain("wrong");
    const tooLong = await push({ "apps/cron/one.yaml": tab("one", '{cronSpec: "0123456789"}') });
    expect(tooLong.text).toContain("apps/cron/one.yaml:4");
    expect(tooLong.text).toContain("may not be more than 9 bytes");
    expect([unknown.code, tooLong.code]).not.toContain(0);
    expect((await cluster.client.for(customResourceDefinitionResource).list("")).items).toEqual([]);
  });

  test("needs nothing but the objects where the cluster has the kind already", async () => {
    const missing = await push({ "apps/cron/one.yaml": tab("one", "{}") });
    expect(missing.text).toContain("no kind CronTab in stable.example.com/v1");
    await cluster.client.for(customResourceDefinitionResource).create(load(DEFINITION) as CustomResourceDefinition);
    await expect.poll(async () => (await copy.push("origin", "HEAD:main")).code, { timeout: 30_000 }).toBe(0);
    await expect.poll(objects, { timeout: 30_000 }).toEqual([["one", { replicas: 1 }]]);
  });

  test("leaves nothing of its kind behind when it is refused or is only proposed: the next one is read without", async () => {
    const refused = await push({ "apps/cron/definition.yaml": DEFINITION, "apps/cron/one.yaml": tab("one", "{wrong: 1}") });
    expect(refused.code).not.toBe(0);
    await copy.commit({ "apps/cron/one.yaml": tab("one", "{}") });
    expect((await copy.push("origin", "HEAD:refs/heads/with")).text).toContain("+ CronTab default/one");
    await copy.commit({ "apps/cron/definition.yaml": undefined });
    const proposed = await copy.push("origin", "HEAD:refs/heads/without");
    expect(proposed.text).toContain("it would be refused");
    expect(proposed.text).toContain("no kind CronTab in stable.example.com/v1");
    const pushed = await copy.push("origin", "HEAD:main");
    expect([pushed.code, pushed.text]).toEqual([1, expect.stringContaining("no kind CronTab in stable.example.com/v1")]);
  });
});
