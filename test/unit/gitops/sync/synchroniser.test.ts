import { afterEach, beforeEach, expect, test } from "vitest";
import { StatusError } from "../../../../engine/apimachinery/status-error.ts";
import type { Client, ResourceClient } from "../../../../engine/client/client.ts";
import { EventRecorder } from "../../../../engine/client/event-recorder.ts";
import { InformerFactory } from "../../../../engine/client/informer-factory.ts";
import { ManifestLoader } from "../../../../engine/gitops/manifests/load-manifests.ts";
import { ClusterView } from "../../../../engine/gitops/sync/cluster-view.ts";
import type { DriftProposer } from "../../../../engine/gitops/sync/drift-proposer.ts";
import type { RepositoryClaims } from "../../../../engine/gitops/sync/repository-claims.ts";
import { Synchroniser, type SynchroniserOptions } from "../../../../engine/gitops/sync/synchroniser.ts";
import { systemClock } from "../../../../engine/lib/clock.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { systemRandom } from "../../../../engine/lib/random.ts";
import { catalog } from "../../../../engine/resources/catalog.ts";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import { persistentVolumeClaimResource } from "../../../../engine/resources/core/persistent-volume-claim.ts";
import type { ResourceReference } from "../../../../engine/resources/define-resource.ts";
import { applicationResource } from "../../../../engine/resources/mainstay/application.ts";
import type { Application } from "../../../../engine/resources/types.ts";
import { configMapYaml, createTestRepository, type TestRepository } from "../../../kit/git.ts";
import { eventually } from "../../../kit/git-cluster.ts";
import { startTestApi, type TestApi } from "../../../kit/test-api.ts";

/** Nothing is looked at for its time alone. */
const clock = { ...systemClock, after: (delayMs: number, callback: () => void) => (delayMs < 5_000 ? systemClock.after(delayMs, callback) : () => {}) };
let api: TestApi;
let repository: TestRepository;
let running: AbortController;
let ended: Promise<unknown>;
beforeEach(async () => {
  api = await startTestApi();
  repository = await createTestRepository();
  running = new AbortController();
});
afterEach(async () => {
  running.abort();
  await ended;
  await api.stop();
  repository[Symbol.dispose]();
});

/** The client, with some of what it does to Applications done otherwise. */
function through(client: Client, change: (applications: ResourceClient<Application>) => Partial<ResourceClient<Application>>): Client {
  const access = (resource: ResourceReference) => {
    const inner = client.for(resource) as unknown as ResourceClient<Application>; // told apart by the kind
    return resource.kind === "Application" ? { ...inner, ...change(inner) } : inner;
  };
  return { ...client, for: access as unknown as Client["for"] };
}

/** The client, which refuses to store one object although it has tried it. */
function refusing(client: Client, name: string): Client {
  const access = (resource: ResourceReference) => {
    const inner = client.for(resource);
    const apply: typeof inner.apply = (object, options) =>
      object.metadata.name === name && options.dryRun !== true ? Promise.reject(new StatusError("Forbidden", "not this one")) : inner.apply(object, options);
    return { ...inner, apply };
  };
  return { ...client, for: access as unknown as Client["for"], ...(client.transaction === undefined ? {} : { transaction: client.transaction }) };
}

/** Synchronises the repository as it is now, until the signal fires. */
async function start(more: Partial<SynchroniserOptions> = {}, signal: AbortSignal = running.signal): Promise<Synchroniser> {
  const parts = { client: api.client, clock, random: systemRandom, logger: silentLogger };
  const informers = new InformerFactory(parts);
  const loader = new ManifestLoader({ catalog, cluster: "local", basePath: "." });
  const events = new EventRecorder({ ...parts, component: "test" });
  const synchroniser = new Synchroniser({ ...parts, view: new ClusterView(informers), kinds: loader.kinds, events, repositoryUrl: "u", ...more });
  const { objects } = repository.store;
  const state = await loader.load(objects, await objects.commit((await repository.tip()) ?? ""));
  ended = Promise.all([informers.asService().run(running.signal), synchroniser.run(signal)]);
  synchroniser.admit({ state, objects, messages: [], outcomes: new Map(), startedMs: clock.monotonic() });
  return synchroniser;
}

const claimYaml = (name: string) =>
  `apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: ${name}\nspec:\n  accessModes: [ReadWriteOnce]\n  storageClassName: disks\n  resources: {requests: {storage: 1Gi}}\n`;
const claims = () => api.client.for(persistentVolumeClaimResource);
/** In place of the controller. */
const setPhase = (name: string, phase: string) => claims().patch("default", name, "merge", { status: { phase } }, { subresource: "status" });
const inWave = (yaml: string, wave: number) => yaml.replace("metadata:\n", `metadata:\n  annotations: {mainstay.dev/wave: "${wave}"}\n`);

test("what becomes ready while it is planned is not waited for until the next look at what is not well", async () => {
  await repository.commit({ "c.yaml": inWave(claimYaml("c"), -1), "a.yaml": configMapYaml("a") });
  let meanwhile: (() => Promise<unknown>) | undefined;
  const proposer = { proposeAll: async () => meanwhile?.() } as unknown as DriftProposer; // in every pass, after it was seen who waits for whom
  const synchroniser = await start({ proposer });
  await eventually("the wait", () => synchroniser.units.facts()[0]?.reason === "ConfigMap default/a waits for PersistentVolumeClaim default/c");
  await new Promise((resolve) => setTimeout(resolve, 200));
  meanwhile = async () => {
    meanwhile = undefined;
    await setPhase("c", "Bound");
    await new Promise((resolve) => setTimeout(resolve, 200)); // until its watch has told of it
  };
  await claims().patch("default", "c", "merge", { metadata: { annotations: { "volume.kubernetes.io/selected-node": "n1" } } });
  await eventually("what waited", async () => (await api.client.for(configMapResource).list("default")).items.some(({ metadata }) => metadata.name === "a"), 5_000);
});

test("an application of which nothing can be written keeps nobody from being told how the others fare", async () => {
  await repository.commit({ "apps/bad/a.yaml": claimYaml("a"), "apps/good/b.yaml": claimYaml("b") });
  let refuses = false;
  const client = through(api.client, (applications) => ({
    updateStatus: async (object, options) => {
      if (refuses && object.metadata.name === "bad") throw new StatusError("Forbidden", "not this one");
      return applications.updateStatus(object, options);
    },
  }));
  const synchroniser = await start({ client });
  const healths = () => synchroniser.units.facts().map(({ name, health }) => `${name} ${health}`);
  await eventually("both", () => healths().join() === "bad Progressing,good Progressing");
  const told: string[] = [];
  synchroniser.subscribe(() => told.push(healths().join()));
  refuses = true;
  for (const name of ["a", "b"]) await setPhase(name, "Bound");
  await eventually("what became of the other", () => told.includes("bad Healthy,good Healthy"), 10_000);
});

test("a first pass that fails before the cluster is known waits for its next try, and lets others do their work", async () => {
  await repository.commit({ "a.yaml": configMapYaml("a") });
  let failures = 0;
  const client = through(api.client, (applications) => ({
    get: async (namespace, name) => {
      if (name !== "left" || failures > 0) return applications.get(namespace, name);
      failures++;
      throw new StatusError("ServiceUnavailable", "not now");
    },
  }));
  const left = { apiVersion: applicationResource.group, kind: "Application", metadata: { name: "left" } };
  const others = { enter: () => () => {}, findAbandoned: () => [left], findForeign: () => [] } as unknown as RepositoryClaims; // all that is asked of them
  let looks = 0;
  // Whoever looks at it without end is stopped, since nobody else would have a turn to do so.
  const counted = new Proxy(running.signal, {
    get: (signal, key) => {
      if (key === "aborted" && ++looks > 10_000) running.abort();
      const value: unknown = Reflect.get(signal, key, signal);
      return typeof value === "function" ? value.bind(signal) : value;
    },
  });
  await start({ client, claims: others }, counted);
  await eventually("the next try", async () => running.signal.aborted || (await api.client.for(configMapResource).list("default")).items.some(({ metadata }) => metadata.name === "a"));
  expect([failures, looks < 10_000]).toEqual([1, true]);
});

test("a commit after one that was applied object by object, since one was refused again and again, is stored as a whole again", async () => {
  await repository.commit({ "a.yaml": configMapYaml("a"), "bad.yaml": configMapYaml("bad") });
  const synchroniser = await start({ client: refusing(api.client, "bad") });
  await eventually("what is not refused", async () => (await api.client.for(configMapResource).list("default")).items.some(({ metadata }) => metadata.name === "a"));
  const { objects } = repository.store;
  const id = await repository.commit({ "a.yaml": configMapYaml("a", { key: "new" }), "b.yaml": configMapYaml("b"), "bad.yaml": undefined });
  const loader = new ManifestLoader({ catalog, cluster: "local", basePath: "." });
  const state = await loader.load(objects, await objects.commit(id));
  synchroniser.admit({ state, objects, messages: [], outcomes: new Map(), startedMs: clock.monotonic() });
  await eventually("the next commit", () => synchroniser.rollouts.find(id)?.appliedMs !== undefined);
  expect(synchroniser.rollouts.find(id)?.revisions).toHaveLength(1);
});
