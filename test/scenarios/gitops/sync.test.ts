import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import type { Client } from "../../../engine/client/client.ts";
import { EventRecorder } from "../../../engine/client/event-recorder.ts";
import { InformerFactory } from "../../../engine/client/informer-factory.ts";
import { ClusterView } from "../../../engine/gitops/sync/cluster-view.ts";
import { ManifestLoader } from "../../../engine/gitops/manifests/load-manifests.ts";
import { formatProblem } from "../../../engine/gitops/manifests/problem.ts";
import { Synchroniser } from "../../../engine/gitops/sync/synchroniser.ts";
import { systemClock, type Clock } from "../../../engine/lib/clock.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { systemRandom } from "../../../engine/lib/random.ts";
import { runServices, service } from "../../../engine/lib/service.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { applicationResource } from "../../../engine/resources/mainstay/application.ts";
import { configMapYaml, createTestRepository, deploymentYaml, namespaceYaml, type TestRepository } from "../../kit/git.ts";
import { startTestApi, type TestApi } from "../../kit/test-api.ts";

/** The synchroniser on a real API in this process, fed with commits of a repository in a temporary folder. */
let repository: TestRepository;
let api: TestApi;
let loader: ManifestLoader;
let running: { readonly synchroniser: Synchroniser; readonly stop: () => Promise<void> };
let writes: string[];
let dryRuns: string[];

beforeEach(async () => {
  repository = await createTestRepository();
  api = await startTestApi();
  loader = new ManifestLoader({ catalog, cluster: "local", basePath: "." });
  writes = [];
  dryRuns = [];
  running = start(recording(api.client));
});
afterEach(async () => {
  await running.stop();
  await api.stop();
  repository[Symbol.dispose]();
});

function start(client: Client, clock: Clock = systemClock): typeof running {
  const base = { client, clock, random: systemRandom, logger: silentLogger };
  const informers = new InformerFactory(base);
  const synchroniser = new Synchroniser({ ...base, view: new ClusterView(informers), kinds: loader.kinds, events: new EventRecorder({ ...base, component: "test" }), repositoryUrl: "test" });
  const abort = new AbortController();
  const ended = runServices([informers.asService(), service("sync", (signal) => synchroniser.run(signal))], abort.signal);
  return {
    synchroniser,
    stop: async () => {
      abort.abort();
      await ended;
    },
  };
}

/** A client that notes every dry run, and every real write of an object other than Applications and Events; `failing` makes some fail. */
let failing: (name: string) => boolean = () => false;
function recording(client: Client): Client {
  return {
    read: (path) => client.read(path),
    as: (userAgent) => recording(client.as(userAgent)),
    for: (resource) => {
      const inner = client.for(resource);
      return {
        ...inner,
        apply: (object, options) => {
          if (options.dryRun === true) dryRuns.push(`${resource.kind} ${object.metadata.name}`);
          if (resource.kind === "Application" && failing(`Application ${object.metadata.name}`)) return Promise.reject(new StatusError("ServiceUnavailable", "the disk is full"));
          if (options.dryRun !== true && resource.kind !== "Application") {
            writes.push(`${resource.kind} ${object.metadata.name}`);
            if (failing(object.metadata.name ?? "")) return Promise.reject(new StatusError("ServiceUnavailable", "not now"));
          }
          return inner.apply(object, options);
        },
      };
    },
  };
}

async function deploy(files: Record<string, string | undefined>, message?: string): Promise<readonly string[]> {
  const { synchroniser } = running;
  const objects = repository.store.objects;
  const commit = await objects.commit(await repository.commit(files, message));
  const state = await loader.load(objects, commit);
  const messages = [commit.message];
  const { problems, outcomes } = await synchroniser.preview(state, objects, messages);
  if (problems.length === 0) synchroniser.admit({ state, objects, messages, outcomes, startedMs: systemClock.monotonic() });
  return problems.map(formatProblem);
}

/** Waits for the synchroniser's own changes, without a clock. */
function until(what: string, holds: (synchroniser: Synchroniser) => boolean): Promise<void> {
  const { synchroniser } = running;
  return new Promise((resolve, reject) => {
    const give = setTimeout(() => reject(new Error(`never: ${what}; ${JSON.stringify(synchroniser.units.facts().map((app) => [app.name, app.health, app.reason]))}`)), 10_000);
    const look = () => {
      if (!holds(synchroniser)) return;
      clearTimeout(give);
      unsubscribe();
      resolve();
    };
    const unsubscribe = synchroniser.subscribe(look);
    look();
  });
}
const healthy = () => until("the commit to be healthy", ({ rollouts }) => rollouts.current?.healthyMs !== undefined);
const health = (name: string) => running.synchroniser.units.facts().find((app) => app.name === name);
async function finishRollout(name: string): Promise<void> {
  const found = await api.client.for(deploymentResource).get("default", name);
  const count = found.spec?.replicas ?? 1;
  await api.client
    .for(deploymentResource)
    .updateStatus({ ...found, status: { observedGeneration: found.metadata.generation ?? 1, replicas: count, updatedReplicas: count, readyReplicas: count, availableReplicas: count } });
}
const units = (text: string) => `apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits:\n${text}`;

describe("units that depend on others", () => {
  test("wait until those are healthy with this commit (pain 6), and go on by the event, not by a timer (pain 7)", async () => {
    await deploy({ "mainstay.yaml": units("- {path: base}\n- {path: app, dependsOn: [base]}\n"), "base/d.yaml": deploymentYaml("db", 1), "app/c.yaml": configMapYaml("app") });
    await until("app to wait", () => health("app")?.reason === "waits until base is healthy");
    expect(writes).toEqual(["Deployment db"]);
    await finishRollout("db");
    await healthy();
    expect(writes).toEqual(["Deployment db", "ConfigMap app"]);
  });

  test("do not wait for a unit that the commit leaves alone", async () => {
    await deploy({ "mainstay.yaml": units("- {path: base}\n- {path: app, dependsOn: [base]}\n"), "base/d.yaml": deploymentYaml("db", 1), "app/c.yaml": configMapYaml("app") });
    await until("base to roll out", () => health("base")?.health === "Progressing");
    await finishRollout("db");
    await healthy();
    await api.client.for(deploymentResource).updateStatus({ ...(await api.client.for(deploymentResource).get("default", "db")), status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1 } });
    await until("base to be unwell", () => health("base")?.health !== "Healthy");
    await deploy({ "app/c.yaml": configMapYaml("app", { key: "new" }) });
    await healthy();
    expect((await api.client.for(configMapResource).get("default", "app")).data).toEqual({ key: "new" });
  });
});

describe("writes", () => {
  test("are made for what differs, and for nothing else (pain 3)", async () => {
    await deploy({ "apps/a/ns.yaml": namespaceYaml("x"), "apps/a/one.yaml": configMapYaml("one"), "apps/a/two.yaml": configMapYaml("two") });
    await healthy();
    writes.length = 0;
    await deploy({ "apps/a/two.yaml": configMapYaml("two", { key: "changed" }), "README.md": "x" });
    await healthy();
    expect(writes).toEqual(["ConfigMap two"]);
  });

  test("of a restart on an unchanged cluster are none", async () => {
    await deploy({ "apps/a/one.yaml": configMapYaml("one"), "apps/a/d.yaml": deploymentYaml("web", 0) });
    await until("the rollout", () => health("a")?.health === "Progressing");
    await finishRollout("web");
    await healthy();
    await running.stop();
    writes.length = dryRuns.length = 0;
    running = start(recording(api.client));
    await deploy({});
    await healthy();
    expect([writes, dryRuns]).toEqual([[], []]);
  });

  test("of others to fields that Git does not state cost nothing; one to a field of Git is put back, also the second time", async () => {
    await deploy({ "apps/a/d.yaml": deploymentYaml("web", 1) });
    await until("the object", () => health("a")?.objects[0]?.health === "Progressing");
    writes.length = dryRuns.length = 0;
    const controller = api.as("system:serviceaccount:kube-system:deployment-controller", ["system:masters"], "kube-controller-manager").for(deploymentResource);
    await controller.patch("default", "web", "merge", { metadata: { annotations: { "deployment.kubernetes.io/revision": "1" } }, spec: { revisionHistoryLimit: 3 } });
    await finishRollout("web");
    await healthy();
    expect([writes, dryRuns]).toEqual([[], []]);
    for (const count of [1, 2]) {
      await api
        .as("eve", ["system:masters"], "kubectl-edit")
        .for(deploymentResource)
        .patch("default", "web", "merge", { spec: { replicas: 5 } });
      await until(`correction ${count}`, ({ drift }) => drift.length === count);
    }
    // What is as wanted but no longer known to be ours is still watched.
    dryRuns.length = 0;
    await controller.patch("default", "web", "merge", { metadata: { managedFields: [{}] } });
    await until("the look at it", () => dryRuns.length === 1);
    await api
      .as("eve", ["system:masters"], "kubectl-edit")
      .for(deploymentResource)
      .patch("default", "web", "merge", { spec: { replicas: 6 } });
    await until("the last correction", ({ drift }) => drift[0]?.change === "replicas 6→1");
    expect((await api.client.for(deploymentResource).get("default", "web")).spec?.replicas).toBe(1);
  });

  test("of an item of a list, where both cannot be, take away the one by hand; what else was added by hand stays", async () => {
    await deploy({ "apps/a/s.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: web}\n  ports:\n    - port: 80\n" });
    await until("the object", () => health("a")?.objects[0]?.health === "Healthy");
    const services = api.as("eve", ["system:masters"], "kubectl-edit").for(serviceResource);
    const [{ ports }] = [(await services.get("default", "web")).spec ?? {}];
    await services.patch("default", "web", "json", [
      { op: "replace", path: "/spec/ports", value: [{ ...ports?.[0], port: 81 }] },
      { op: "add", path: "/metadata/labels", value: { by: "hand" } },
    ]);
    await until("the correction", ({ drift }) => drift.length === 1);
    const { spec, metadata } = await services.get("default", "web");
    expect(spec?.ports?.map(({ port }) => port)).toEqual([80]);
    expect(metadata.labels).toMatchObject({ by: "hand" });
    expect(health("a")?.health).toBe("Healthy");
  });

  test("that fail are tried again, and the inventory knew the object before it was made", async () => {
    failing = (name) => name === "two" && writes.filter((write) => write === "ConfigMap two").length < 2;
    try {
      await deploy({ "apps/a/one.yaml": configMapYaml("one"), "apps/a/two.yaml": configMapYaml("two") });
      await until("the failure to show", () => health("a")?.health === "Degraded");
      expect(health("a")?.reason).toContain("create ConfigMap default/two: not now");
      const held = (await api.client.for(applicationResource).get("", "a")).status?.inventory ?? [];
      expect(held.map((entry) => entry.name)).toEqual(["one", "two"]);
      await healthy();
    } finally {
      failing = () => false;
    }
    expect(writes.filter((write) => write === "ConfigMap two")).toHaveLength(2);
  });
});

test("what keeps everything from being applied is known as long as it does", async () => {
  let isFull = true;
  failing = (name) => isFull && name.startsWith("Application ");
  try {
    await deploy({ "apps/a/one.yaml": configMapYaml("one") });
    await until("the failure to be known", ({ trouble }) => trouble === "the disk is full");
    isFull = false;
    await healthy();
    expect(running.synchroniser.trouble).toBeUndefined();
  } finally {
    failing = () => false;
  }
});

describe("leaving", () => {
  test("a folder takes its objects and its Application with it (pain 12)", async () => {
    await deploy({ "apps/a/one.yaml": configMapYaml("one"), "apps/b/two.yaml": configMapYaml("two") });
    await healthy();
    await deploy({ "apps/b/two.yaml": undefined });
    await until("b to be gone", () => health("b") === undefined && running.synchroniser.rollouts.current?.healthyMs !== undefined);
    expect((await api.client.for(applicationResource).list("")).items.map((app) => app.metadata.name)).toEqual(["a"]);
    expect((await api.client.for(configMapResource).list("default")).items.map((map) => map.metadata.name)).toEqual(["one"]);
  });

  test("a folder that leaves is held to its rule still: nothing goes where nothing is to be deleted, nor before it may", async () => {
    const config = (rule: string) => `apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: apps/a${rule}}, {path: apps/*}]\n`;
    const names = async () => (await api.client.for(configMapResource).list("default")).items.map((map) => map.metadata.name);
    const applied = (rule: string) => until(rule, ({ state, rollouts }) => state?.config.source !== undefined && rollouts.current?.appliedMs !== undefined);
    await deploy({ "mainstay.yaml": config(""), "apps/a/one.yaml": configMapYaml("one"), "apps/b/two.yaml": configMapYaml("two") });
    await healthy();
    for (const rule of [", suspend: true", ", prune: false"]) {
      await deploy({ "mainstay.yaml": config(rule), "apps/a/one.yaml": undefined });
      await applied(rule);
      expect(await names()).toEqual(["one", "two"]);
      // What is to stay keeps no push and no start waiting.
      await until("a to be told as what stays", () => health("a")?.health === "Suspended" && running.synchroniser.units.isHealthy);
    }
    expect(health("a")).toMatchObject({ reason: "left the repository, and stays: prune is off for its unit", kept: ["ConfigMap default/one"] });
    // The rule has gone with the folder: what it said last counts.
    await deploy({ "apps/a/one.yaml": configMapYaml("one") });
    await healthy();
    await deploy({ "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: apps/b}]\n", "apps/a/one.yaml": undefined });
    await applied("the rule's end");
    expect(await names()).toEqual(["one", "two"]);
    await deploy({ "mainstay.yaml": config("") });
    await expect.poll(names).toEqual(["two"]);
  });

  test("what holds a finalizer stays in the inventory until it is gone", async () => {
    await deploy({ "apps/a/one.yaml": configMapYaml("one"), "apps/a/two.yaml": configMapYaml("two").replace("  name: two\n", "  name: two\n  finalizers: [example.org/wait]\n") });
    await healthy();
    await deploy({ "apps/a/two.yaml": undefined });
    await until("the commit to be applied", ({ rollouts }) => rollouts.current?.appliedMs !== undefined);
    const inventory = async () => (await api.client.for(applicationResource).get("", "a")).status?.inventory?.map((entry) => entry.name);
    expect(await inventory()).toEqual(["one", "two"]);
    await api.client.for(configMapResource).patch("default", "two", "merge", { metadata: { finalizers: null } });
    for (let tries = 0; (await inventory())?.length !== 1 && tries < 200; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await inventory()).toEqual(["one"]);
  });

  test("needs the word of the commit for a large share", async () => {
    const many = (content: (name: string) => string | undefined) =>
      Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`apps/a/${index}.yaml`, index < 8 ? content(`m${index}`) : configMapYaml(`m${index}`)]));
    await deploy(many(configMapYaml));
    await healthy();
    expect(await deploy(many(() => undefined))).toEqual([expect.stringContaining("deletes 8 of the 10 objects of a, more than 20 %")]);
    expect(await deploy({}, "remove most\n\nAllow-Delete: a")).toEqual([]);
    await until("the rest", () => health("a")?.objects.length === 2);
  });

  test("a namespace stays as long as something in it is wanted, whoever has allowed that it goes", async () => {
    const within = configMapYaml("within").replace("metadata:", "metadata:\n  namespace: team");
    await deploy({ "apps/a/ns.yaml": namespaceYaml("team"), "apps/b/b.yaml": within });
    await healthy();
    expect(await deploy({ "apps/a/ns.yaml": undefined, "apps/a/a.yaml": configMapYaml("a") }, "less\n\nAllow-Delete: Namespace/team")).toEqual([]);
    await until("what is kept", () => health("a")?.kept.includes("Namespace team: ConfigMap team/within would go with it") === true);
    expect((await api.client.for(namespaceResource).get("", "team")).metadata.deletionTimestamp).toBeUndefined();
    expect(await deploy({ "apps/b/b.yaml": configMapYaml("b") })).toEqual([]);
    await expect.poll(async () => (await api.client.for(namespaceResource).list("")).items.some(({ metadata }) => metadata.name === "team" && metadata.deletionTimestamp === undefined)).toBe(false);
  });

  test("and allowed, may wait for its window without keeping anybody else's commit back, over a restart and until it may go", async () => {
    const config = (rule: string) => `apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: apps/a${rule}}, {path: apps/*}]\n`;
    const a = (count: number) => Array.from({ length: count }, (_, index) => configMapYaml(`m${index}`)).join("---\n");
    await deploy({ "mainstay.yaml": config(", suspend: true"), "apps/a/a.yaml": a(1), "apps/b/b.yaml": configMapYaml("b") });
    await deploy({ "mainstay.yaml": config(""), "apps/a/a.yaml": a(8) });
    await healthy();
    await deploy({ "mainstay.yaml": config(", suspend: true") });
    const entries = async () => (await api.client.for(applicationResource).get("", "a")).status?.inventory ?? [];
    const leaving = async () => (await entries()).filter((entry) => entry.leaving === true).map(({ name }) => name);
    expect(await deploy({ "apps/a/a.yaml": a(1) }, "less\n\nAllow-Delete: a")).toEqual([]);
    await expect.poll(leaving).toHaveLength(7);
    expect(await deploy({ "apps/b/b.yaml": configMapYaml("b", { other: "1" }) })).toEqual([]);
    // What comes back is wanted like anything else, and is asked about when it is to go again.
    expect(await deploy({ "apps/a/a.yaml": a(7) })).toEqual([]);
    await expect.poll(leaving).toEqual(["m7"]);
    expect(await deploy({ "apps/a/a.yaml": a(1) })).toEqual([expect.stringContaining("deletes 6 of the 8 objects of a")]);
    expect(await deploy({}, "less\n\nAllow-Delete: a")).toEqual([]);
    await expect.poll(leaving).toHaveLength(7);
    await running.stop();
    running = start(recording(api.client));
    expect(await deploy({ "apps/b/b.yaml": configMapYaml("b", { other: "2" }) })).toEqual([]);
    expect(await deploy({ "mainstay.yaml": config("") })).toEqual([]);
    await expect.poll(async () => (await entries()).map(({ name }) => name)).toEqual(["m0"]);
  });
});

test("an object that exists already is adopted, its foreign fields kept", async () => {
  await api.client.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "one", namespace: "default" }, data: { theirs: "1" } });
  await deploy({ "apps/a/one.yaml": configMapYaml("one", { ours: "2" }) });
  await healthy();
  expect((await api.client.for(configMapResource).get("default", "one")).data).toEqual({ theirs: "1", ours: "2" });
});

test("an Application that someone deleted comes back with its inventory", async () => {
  await deploy({ "apps/a/one.yaml": configMapYaml("one") });
  await healthy();
  const applications = api.client.for(applicationResource);
  const { metadata } = await applications.get("", "a");
  await applications.delete("", "a");
  const again = async () => (await applications.list("")).items.find((app) => app.metadata.uid !== metadata.uid && app.status?.inventory !== undefined);
  for (let tries = 0; (await again()) === undefined && tries < 200; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  expect((await again())?.status).toMatchObject({ inventory: [{ kind: "ConfigMap", name: "one" }] });
});

test("a clock that is set while something is on its way makes it neither late nor early", async () => {
  let setMs = 0;
  await running.stop();
  running = start(recording(api.client), { now: () => systemClock.now() + setMs, monotonic: () => systemClock.monotonic(), after: (ms, callback) => systemClock.after(ms, callback) });
  await deploy({ "apps/a/d.yaml": deploymentYaml("web", 3) });
  await until("the rollout", () => health("a")?.health === "Progressing");
  setMs = 3_600_000;
  const ready = async (readyReplicas: number) => {
    const deployment = await api.client.for(deploymentResource).get("default", "web");
    await api.client.for(deploymentResource).updateStatus({ ...deployment, status: { observedGeneration: deployment.metadata.generation ?? 1, replicas: 3, readyReplicas } });
    await until("a look at it", () => health("a")?.ready === `${readyReplicas}/3`);
  };
  await ready(1);
  expect(health("a")?.health).toBe("Progressing");
  setMs = -3_600_000;
  await ready(2);
  expect(health("a")?.health).toBe("Progressing");
});

test("two writers that never agree are slowed down, and told of", async () => {
  await deploy({ "apps/a/one.yaml": configMapYaml("one", { key: "ours" }) });
  await healthy();
  for (let count = 1; count <= 5; count++) {
    await api
      .as("eve", ["system:masters"], "fighter")
      .for(configMapResource)
      .patch("default", "one", "merge", { data: { key: `theirs ${count}` } });
    await until(`correction ${count}`, ({ drift }) => drift.length === count);
  }
  expect(running.synchroniser.drift[0]).toMatchObject({ object: "ConfigMap default/one", change: "data.key theirs 5→ours", writer: "fighter" });
  await api
    .as("eve", ["system:masters"], "fighter")
    .for(configMapResource)
    .patch("default", "one", "merge", { data: { key: "theirs 6" } });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(running.synchroniser.drift).toHaveLength(5);
  await until("the slow correction", ({ drift }) => drift.length === 6);
});
