import { spawnSync } from "node:child_process";
import type { Client } from "../../engine/client/client.ts";
import { createHttpClient } from "../../engine/client/http-client.ts";
import type { Connection } from "../../engine/client/kubeconfig.ts";
import type { KubeObject } from "../../engine/apimachinery/object-meta.ts";
import { customResourceDefinitionResource } from "../../engine/resources/apiextensions/custom-resource-definition.ts";
import type { ResourceReference } from "../../engine/resources/define-resource.ts";
import { residentMiB } from "./api.ts";
import { LightWatchers } from "./light-watchers.ts";
import { CLIENTS, cpuMs, median, poll, rate, requestsOf, timed, toRow, type Row, type Scale } from "./measure.ts";
import { startOurs, startUpstream, type Peer } from "./peers.ts";

/**
 * Upstream's own API server beside ours, in one run with one client: `kube-apiserver`, or else its generic half `apiextensions-apiserver`,
 * from the PATH. Both serve the same custom resource, which either of the two programs can.
 */
const PROGRAMS = ["kube-apiserver", "apiextensions-apiserver"] as const;

interface Sample extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const samples: ResourceReference<Sample> = { group: "bench.example.com", version: "v1", resource: "samples", kind: "Sample", namespaced: true };
const NAMESPACE = "default";
const SETTLE_MS = 15_000;
const sample = (name: string): Sample => ({ apiVersion: "bench.example.com/v1", kind: "Sample", metadata: { namespace: NAMESPACE, name }, data: { value: "x".repeat(300) } });

interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: "ms" | "/s" | "MiB" | "s";
}

/** Ours over its default store and over upstream's, each against upstream. */
export async function benchUpstream(scale: Scale): Promise<readonly Row[]> {
  const program = PROGRAMS.find((name) => spawnSync(name, ["--help"], { stdio: "ignore" }).error === undefined);
  if (program === undefined) {
    console.log(`bench: neither ${PROGRAMS.join(" nor ")} is in the PATH; the rows beside upstream are left out`);
    return [];
  }
  const theirs = await measure(() => startUpstream(program), scale);
  const rows: Row[] = [];
  for (const store of ["SQLite", "etcd"] as const) {
    const ours = await measure(() => startOurs(store), scale);
    rows.push(...ours.map((figure, index) => toRow({ ...figure, what: `${store}, custom resources: ${figure.what}`, floor: theirs[index]!.value, peer: program })));
  }
  return rows;
}

async function measure(start: () => Promise<Peer>, { writes, objects, manyObjects, samples: count, watchers }: Scale): Promise<readonly Figure[]> {
  await using peer = await start();
  const figures: Figure[] = peer.starts.flatMap(({ ms, cpuMs }, index): Figure[] => {
    const which = index === 0 ? "first start" : "later start";
    return [
      { what: `${which} → ready`, value: ms / 1000, unit: "s" },
      { what: `CPU of the server, of its ${which}`, value: cpuMs, unit: "ms" },
    ];
  });
  const client = createHttpClient(peer.connection, "bench");
  await defineSamples(client);
  const memory = () => residentMiB(peer.pids[0]!);
  figures.push({ what: "memory, idle", value: await idleMemory(memory), unit: "MiB" });
  const kind = client.for(samples);
  const perSecond = async (what: string, times: number, clients: number, task: (index: number) => Promise<unknown>) => {
    const cpuBefore = cpuMs(peer.pids);
    figures.push({ what, value: await rate(times, clients, task), unit: "/s" }, { what: `CPU of the servers, of ${what}, each`, value: (cpuMs(peer.pids) - cpuBefore) / times, unit: "ms" });
  };
  const byClients = async (what: string, times: number, taskOf: (clients: number) => (index: number) => Promise<unknown>) => {
    for (const clients of CLIENTS) await perSecond(`${what}, ${clients} clients`, requestsOf(clients, times), clients, taskOf(clients));
  };
  await byClients("creates", writes, (clients) => (index) => kind.create(sample(`c${clients}-${index}`)));
  const name = (index: number) => `c64-${index}`;
  await byClients("gets with updates", writes, (clients) => async (index) => kind.update({ ...(await kind.get(NAMESPACE, name(index))), data: { value: String(clients).padEnd(300, "y") } }));
  await byClients("merge patches", writes, (clients) => (index) => kind.patch(NAMESPACE, name(index), "merge", { data: { more: `z${clients}` } }));
  await byClients("applies", writes, (clients) => (index) => kind.apply({ ...sample(name(index)), data: { applied: `w${clients}` } }, { fieldManager: "bench", force: true }));
  await byClients("gets", writes * 2, () => (index) => kind.get(NAMESPACE, name(index % writes)));
  const fillUpTo = async (wanted: number) => {
    const { items } = await kind.list(NAMESPACE);
    await rate(Math.max(0, wanted - items.length), 64, (index) => kind.create(sample(`o${wanted}-${index}`)));
  };
  await fillUpTo(objects);
  const lists: number[] = [];
  const cpuBefore = cpuMs(peer.pids);
  for (let index = 0; index < Math.max(3, count / 4); index++) lists.push(await timed(() => kind.list(NAMESPACE)));
  figures.push(
    { what: `a list of ${objects}`, value: median(lists), unit: "ms" },
    { what: `CPU of the servers, of a list of ${objects}`, value: (cpuMs(peer.pids) - cpuBefore) / lists.length, unit: "ms" },
  );
  const memoryWith = async (held: number) =>
    figures.push({ what: `memory with ${held} objects, at once`, value: memory(), unit: "MiB" }, { what: `memory with ${held} objects, idle`, value: await idleMemory(memory), unit: "MiB" });
  await memoryWith(objects);
  figures.push({ what: "write → event at a watcher", value: await watchLatency(client, count), unit: "ms" });
  await perSecondWatched(peer.connection, client, watchers, count, perSecond);
  await fillUpTo(manyObjects);
  await memoryWith(manyObjects);
  return figures;
}

/** From before a write is asked for until one who watches has its event: the median of several. */
async function watchLatency(client: Client, writes: number): Promise<number> {
  const kind = client.for(samples);
  const { resourceVersion } = await kind.list(NAMESPACE, { limit: 1 });
  const stop = new AbortController();
  const events = kind.watch(NAMESPACE, { resourceVersion }, stop.signal)[Symbol.asyncIterator]();
  const latencies: number[] = [];
  for (let index = 0; index < writes; index++) latencies.push(await timed(() => Promise.all([kind.create(sample(`late-${index}`)), events.next()])));
  stop.abort();
  await events.return?.();
  return median(latencies);
}

/** Every watcher sees every write; no writer goes on before all have seen his last one, or the slower server would cut watchers off. */
async function perSecondWatched(
  connection: Connection,
  client: Client,
  watchers: number,
  writes: number,
  perSecond: (what: string, times: number, clients: number, task: (index: number) => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const kind = client.for(samples);
  const { resourceVersion } = await kind.list(NAMESPACE, { limit: 1 });
  using watching = await LightWatchers.open(connection, `/apis/${samples.group}/${samples.version}/namespaces/${NAMESPACE}/${samples.resource}?watch=1&resourceVersion=${resourceVersion}`, watchers);
  let written = 0;
  const write = async (name: string) => {
    await kind.create(sample(name));
    const due = ++written * watchers;
    await poll(async () => watching.seen >= due || watching.cutOff > 0, 1);
  };
  await rate(writes * 8, 16, (index) => write(`watched-${index}`)); // not counted: connections are new, code is cold
  for (const writers of [1, 16]) await perSecond(`writes seen by all of ${watchers} watchers, ${writers} at once`, writes * writers, writers, (index) => write(`watched-${writers}-${index}`));
  if (watching.cutOff > 0) throw new Error(`${watching.cutOff} of ${watchers} watchers were cut off`);
}

async function defineSamples(client: Client): Promise<void> {
  const schema = { type: "object", properties: { data: { type: "object", additionalProperties: { type: "string" } } } };
  await client.for(customResourceDefinitionResource).create({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${samples.resource}.${samples.group}` },
    spec: {
      group: samples.group,
      scope: "Namespaced",
      names: { plural: samples.resource, kind: samples.kind },
      versions: [{ name: samples.version, served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  });
  await poll(
    () =>
      client
        .for(samples)
        .create(sample("first"))
        .then(
          () => true,
          () => false,
        ),
    50,
  );
}

/** Both give memory back some time after they had work. */
async function idleMemory(memory: () => number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return memory();
}
