import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { createHttpClient } from "../../engine/client/http-client.ts";
import { readKubeconfig } from "../../engine/client/kubeconfig.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { podResource } from "../../engine/resources/core/pod.ts";
import { openCriRuntime } from "../../node-agent/cri/cri-runtime.ts";
import { eventually } from "../kit/mainstay.ts";

/** The part of the bench that runs on the cluster's own machine; prints its rows as one line of JSON. */
const [dataDir = "", work = "", , samplesText = "10", writesText = "500", rawText = "1"] = process.argv.slice(2);
const samples = Number(samplesText);
const writes = Number(writesText);
const client = createHttpClient(readKubeconfig(path.join(dataDir, "kubeconfig.yaml")), "bench");
const maps = client.for(configMapResource);
const rows: { what: string; value: string; floor: string; ratio: string }[] = [];
const row = (what: string, value: number, floor: number, unit: string, peer: string) => rows.push({ what: `${what}, ${unit}`, value: value.toFixed(unit === "ms" ? 1 : 0), floor: `${floor.toFixed(unit === "ms" ? 1 : 0)} ${peer}`, ratio: (value / floor).toFixed(2) });

await benchCreates();
await benchWatch();
await benchPush();
await benchRunning();
console.log(JSON.stringify(rows));

async function benchCreates(): Promise<void> {
  const create = (index: number, tag: string) => maps.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "default", name: `bench-${tag}-${index}` }, data: { value: "x".repeat(300) } });
  const one = await rate(writes / 5, 1, (index) => create(index, "one"));
  const many = await rate(writes, 64, (index) => create(index, "many"));
  row("creates per second through HTTPS, one client", one, Number(rawText), "/s", "raw writes to the same kind of store, 64 at once");
  row("creates per second through HTTPS, 64 clients", many, Number(rawText), "/s", "raw writes, 64 at once");
  const gets = await rate(writes, 64, (index) => maps.get("default", `bench-many-${index}`));
  row("gets per second, 64 clients", gets, many, "/s", "creates");
  await maps.deleteCollection("default", {});
}

async function benchWatch(): Promise<void> {
  const seen = new Map<string, (ms: number) => void>();
  const stop = new AbortController();
  const { resourceVersion } = await maps.list("default");
  const watching = (async () => {
    for await (const event of maps.watch("default", { resourceVersion }, stop.signal)) seen.get(event.object.metadata.name ?? "")?.(performance.now());
  })();
  const latencies: number[] = [];
  const costs: number[] = [];
  for (let index = 0; index < samples; index++) {
    const name = `watched-${index}`;
    const arrives = new Promise<number>((resolve) => seen.set(name, resolve));
    const started = performance.now();
    await maps.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "default", name } });
    costs.push(performance.now() - started);
    latencies.push((await arrives) - started);
  }
  stop.abort();
  await watching.catch(() => {});
  row("write → event at a watcher", median(latencies), median(costs), "ms", "the write itself");
}

async function benchPush(): Promise<void> {
  const url = "http://127.0.0.1:6480/cluster.git";
  const clone = path.join(work, "clone");
  const bare = path.join(work, "bare.git");
  const git = (...args: string[]) => execFileSync("git", ["-C", clone, "-c", "user.name=bench", "-c", "user.email=bench@example.org", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  execFileSync("git", ["clone", "-q", url, clone]);
  execFileSync("git", ["clone", "-q", "--bare", url, bare]);
  const floors: number[] = [];
  const stored: number[] = [];
  for (let index = 0; index < samples; index++) {
    writeFileSync(path.join(clone, "apps/web/bench.yaml"), `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: pushed\ndata:\n  index: "${index}"\n`);
    git("add", "-A");
    git("commit", "-q", "-m", `bench ${index}`);
    let started = performance.now();
    git("push", "-q", bare, "HEAD:main");
    floors.push(performance.now() - started);
    started = performance.now();
    git("push", "-q", "-o", "no-wait");
    await eventually(() => maps.get("web", "pushed"), (map) => map.data?.["index"] === String(index), 20_000);
    stored.push(performance.now() - started);
  }
  row("push → object stored", median(stored), median(floors), "ms", "the same push to a bare repository on disk");
}

async function benchRunning(): Promise<void> {
  const runtime = openCriRuntime(path.join(dataDir, "agent/containerd/c.sock"));
  const pods = client.for(podResource);
  const floors: number[] = [];
  const running: number[] = [];
  for (let index = 0; index < samples / 2; index++) {
    const config = { metadata: { name: `floor-${index}`, namespace: "bench", uid: `floor-${index}`, attempt: 0 }, hostname: "floor", logDirectory: "", labels: {}, linux: {} };
    let started = performance.now();
    const sandbox = await runtime.runSandbox(config);
    const container = await runtime.createContainer(sandbox, { metadata: { name: "c", attempt: 0 }, image: { image: "mainstay.local/busybox:1" }, command: ["sleep", "1000"], linux: {} }, config);
    await runtime.startContainer(container);
    floors.push(performance.now() - started);
    await runtime.stopContainer(container, 0);
    await runtime.stopSandbox(sandbox);
    await runtime.removeSandbox(sandbox);
    const name = `bench-${index}`;
    started = performance.now();
    await pods.create({ apiVersion: "v1", kind: "Pod", metadata: { namespace: "default", name }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: "c", image: "mainstay.local/busybox:1", command: ["sleep", "1000"] }] } });
    await poll(async () => (await pods.get("default", name)).status?.phase === "Running");
    running.push(performance.now() - started);
    await pods.delete("default", name, { gracePeriodSeconds: 0 });
    await poll(async () => (await pods.list("default", { fieldSelector: `metadata.name=${name}` })).items.length === 0);
  }
  runtime.close();
  row("pod created → Running in the API", median(running), median(floors), "ms", "sandbox, create and start through CRI");
}

async function poll(isDone: () => Promise<boolean>): Promise<void> {
  while (!(await isDone())) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function rate(count: number, concurrency: number, task: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < count) await task(next++);
    }),
  );
  return count / ((performance.now() - started) / 1000);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
