import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import os from "node:os";
import path from "node:path";
import { createAuthority, issueCertificate, type KeyPair } from "../../engine/auth/certificates.ts";
import type { Client } from "../../engine/client/client.ts";
import { createHttpClient } from "../../engine/client/http-client.ts";
import { readKubeconfig, type Connection } from "../../engine/client/kubeconfig.ts";
import type { KubeObject } from "../../engine/apimachinery/object-meta.ts";
import { customResourceDefinitionResource } from "../../engine/resources/apiextensions/custom-resource-definition.ts";
import type { ResourceReference } from "../../engine/resources/define-resource.ts";
import { freePorts, startEtcd } from "../kit/etcd.ts";
import { thisMachine } from "../kit/hosts.ts";
import { makeDataDir, startMainstay } from "../kit/mainstay.ts";
import { cpuSeconds, residentMiB } from "./api.ts";
import { LightWatchers } from "./light-watchers.ts";
import { CLIENTS, median, poll, rate, requestsOf, timed, toRow, type Row, type Scale } from "./measure.ts";

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
const READY_POLL_MS = 10;
const SETTLE_MS = 15_000;
const sample = (name: string): Sample => ({ apiVersion: "bench.example.com/v1", kind: "Sample", metadata: { namespace: NAMESPACE, name }, data: { value: "x".repeat(300) } });

/** A running server. The first process is its own; CPU time is of all, the store included. */
interface Peer extends AsyncDisposable {
  readonly connection: Connection;
  readonly pids: readonly number[];
  /** Of a new cluster, and of the one that was there already: from its exec until it said that it is ready; its store ran before. */
  readonly starts: readonly [Start, Start];
}

interface Start {
  readonly ms: number;
  readonly cpuMs: number;
}

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

async function startOurs(store: "SQLite" | "etcd"): Promise<Peer> {
  const etcd = store === "etcd" ? await startEtcd() : undefined;
  const dataDir = makeDataDir();
  const [port] = await freePorts(1);
  const start = async () => {
    const startMs = performance.now();
    const starting = startMainstay(thisMachine, dataDir, ["--no-agent", "--no-git", "--api-port", String(port), ...(etcd === undefined ? [] : ["--datastore-endpoint", etcd.endpoints.join(",")])]);
    await Promise.race([starting, poll(() => answersOk({ server: `https://127.0.0.1:${port}`, insecureSkipVerify: true }, "/readyz"), READY_POLL_MS)]);
    const ms = performance.now() - startMs;
    const server = await starting;
    return { server, figures: { ms, cpuMs: cpuMs([server.process.pid!]) } };
  };
  const first = await start();
  await first.server.stop();
  const { server, figures } = await start();
  const dispose = async () => {
    await server.stop();
    await etcd?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return {
    connection: readKubeconfig(server.kubeconfig),
    pids: [server.process.pid!, ...(etcd?.members ?? []).map((member) => member.pid)],
    starts: [first.figures, figures],
    [Symbol.asyncDispose]: dispose,
  };
}

async function startUpstream(program: (typeof PROGRAMS)[number]): Promise<Peer> {
  const etcd = await startEtcd();
  const folder = mkdtempSync(path.join(os.tmpdir(), "bench-"));
  const file = (name: string, text?: string) => {
    if (text !== undefined) writeFileSync(path.join(folder, name), text, { mode: 0o600 });
    return path.join(folder, name);
  };
  const lifetime = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 86_400_000 };
  const authority = await createAuthority("bench authority", lifetime.notBeforeMs, lifetime.notAfterMs);
  const serving = await issueCertificate(authority, { commonName: "bench", usage: "serving", ipAddresses: ["127.0.0.1"], ...lifetime });
  const operator = await issueCertificate(authority, { commonName: "bench", organizations: ["system:masters"], usage: "client", ...lifetime });
  const [port] = await freePorts(1);
  const connection: Connection = { server: `https://127.0.0.1:${port}`, ca: authority.certificate, ...operator };
  const serve = [
    "--etcd-servers",
    etcd.endpoints.join(","),
    "--bind-address",
    "127.0.0.1",
    "--secure-port",
    String(port),
    "--tls-cert-file",
    file("serving.crt", serving.certificate),
    "--tls-private-key-file",
    file("serving.key", serving.key),
    "--client-ca-file",
    file("ca.crt", authority.certificate),
  ];
  const isWhole = program === "kube-apiserver";
  const args = [...serve, ...(isWhole ? wholeServer(file, serving) : genericServer(file, connection.server))];
  const definitions = createHttpClient(connection, "bench").for(customResourceDefinitionResource);
  // Its generic half, which lacks the core API, need not become ready to serve what it has.
  const isReady = () =>
    isWhole
      ? answersOk(connection, "/readyz")
      : definitions.list("").then(
          () => true,
          () => false,
        );
  const start = async () => {
    const startMs = performance.now();
    const child = spawn(program, args, { stdio: "ignore" });
    const exited = once(child, "exit");
    await poll(async () => child.exitCode !== null || (await isReady()), READY_POLL_MS);
    if (child.exitCode !== null) throw new Error(`${program} ended with code ${child.exitCode}`);
    return { child, exited, figures: { ms: performance.now() - startMs, cpuMs: cpuMs([child.pid!]) } };
  };
  const first = await start();
  first.child.kill("SIGTERM");
  await first.exited;
  const { child, exited, figures } = await start();
  const dispose = async () => {
    child.kill("SIGTERM");
    await exited;
    await etcd.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { connection, pids: [child.pid!, ...etcd.members.map(({ pid }) => pid)], starts: [first.figures, figures], [Symbol.asyncDispose]: dispose };
}

async function answersOk({ server, ca, certificate, key, insecureSkipVerify }: Connection, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = https.get(`${server}${path}`, { ca, cert: certificate, key, rejectUnauthorized: insecureSkipVerify !== true, agent: false }, (answer) => resolve(answer.resume().statusCode === 200));
    asked.on("error", () => resolve(false)); // nobody listens yet
  });
}

type WriteFile = (name: string, text?: string) => string;

function wholeServer(file: WriteFile, { certificate, key }: KeyPair): readonly string[] {
  return [
    "--service-cluster-ip-range",
    "10.96.0.0/16",
    "--authorization-mode",
    "Node,RBAC",
    "--service-account-issuer",
    "https://kubernetes.default.svc",
    "--service-account-key-file",
    file("accounts.crt", certificate),
    "--service-account-signing-key-file",
    file("accounts.key", key),
  ];
}

/** Without the core API of a whole server, that which would ask it is switched off. */
function genericServer(file: WriteFile, server: string): readonly string[] {
  const nobody = file(
    "nobody.yaml",
    `apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\nclusters: [{name: a, cluster: {server: "${server}", insecure-skip-tls-verify: true}}]\nusers: [{name: a, user: {}}]\n`,
  );
  const kubeconfigs = ["--kubeconfig", nobody, "--authentication-kubeconfig", nobody, "--authorization-kubeconfig", nobody];
  const plugins = "NamespaceLifecycle,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,ValidatingAdmissionPolicy,MutatingAdmissionPolicy";
  return [...kubeconfigs, "--authentication-skip-lookup", "--enable-priority-and-fairness=false", "--disable-admission-plugins", plugins];
}

/** User and system time of the processes so far. */
function cpuMs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid) * 1000, 0);
}
