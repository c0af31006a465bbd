import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createHttpClient } from "../../engine/client/http-client.ts";
import { readKubeconfig } from "../../engine/client/kubeconfig.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { podResource } from "../../engine/resources/core/pod.ts";
import { openCriRuntime } from "../../node-agent/cri/cri-runtime.ts";
import { eventually } from "../kit/mainstay.ts";
import { median, poll, toRow, type Row } from "./measure.ts";

/** The part of the bench that runs on the cluster's own machine; prints its rows as one line of JSON. */
const [dataDir = "", work = "", samplesText = "10"] = process.argv.slice(2);
const samples = Number(samplesText);
const client = createHttpClient(readKubeconfig(path.join(dataDir, "kubeconfig.yaml")), "bench");
const maps = client.for(configMapResource);

const clone = path.join(work, "clone");
const bare = path.join(work, "bare.git");
const git = (...args: string[]) => execFileSync("git", ["-C", clone, "-c", "user.name=bench", "-c", "user.email=bench@example.org", ...args], { stdio: ["ignore", "pipe", "pipe"] });
execFileSync("git", ["clone", "-q", "http://127.0.0.1:6480/cluster.git", clone]);
execFileSync("git", ["clone", "-q", "--bare", "http://127.0.0.1:6480/cluster.git", bare]);

console.log(JSON.stringify([await benchPush(), ...(await benchRunning())]));

/** Commits one file, or the end of it. */
function commit(file: string, text: string | undefined, message: string): void {
  if (text === undefined) rmSync(path.join(clone, file));
  else writeFileSync(path.join(clone, file), text);
  git("add", "-A");
  git("commit", "-q", "-m", message);
}

async function benchPush(): Promise<Row> {
  const floors: number[] = [];
  const stored: number[] = [];
  for (let index = 0; index < samples; index++) {
    commit("apps/web/bench.yaml", `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: pushed\ndata:\n  index: "${index}"\n`, `bench ${index}`);
    let started = performance.now();
    git("push", "-q", bare, "HEAD:main");
    floors.push(performance.now() - started);
    started = performance.now();
    git("push", "-q", "-o", "no-wait");
    await eventually(
      () => maps.get("web", "pushed"),
      (map) => map.data?.["index"] === String(index),
      20_000,
    );
    stored.push(performance.now() - started);
  }
  return toRow({ what: "push → object stored", value: median(stored), unit: "ms", floor: median(floors), peer: "the same push to a bare repository on disk" });
}

async function benchRunning(): Promise<readonly Row[]> {
  const runtime = openCriRuntime(path.join(dataDir, "agent/containerd/c.sock"));
  const pods = client.for(podResource);
  const floors: number[] = [];
  const running: number[] = [];
  const pushed: number[] = [];
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
    await pods.create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace: "default", name },
      spec: { terminationGracePeriodSeconds: 0, containers: [{ name: "c", image: "mainstay.local/busybox:1", command: ["sleep", "1000"] }] },
    });
    await poll(async () => (await pods.get("default", name)).status?.phase === "Running");
    running.push(performance.now() - started);
    await pods.delete("default", name, { gracePeriodSeconds: 0 });
    await poll(async () => (await pods.list("default", { fieldSelector: `metadata.name=${name}` })).items.length === 0);
    // The same pod out of a commit.
    const file = `apps/web/pod-${index}.yaml`;
    commit(
      file,
      `apiVersion: v1\nkind: Pod\nmetadata: {name: pushed-${index}}\nspec:\n  terminationGracePeriodSeconds: 0\n  containers: [{name: c, image: "mainstay.local/busybox:1", command: [sleep, "1000"]}]\n`,
      `pod ${index}`,
    );
    started = performance.now();
    git("push", "-q", "-o", "no-wait");
    await poll(async () => (await pods.get("web", `pushed-${index}`).catch(() => undefined))?.status?.phase === "Running");
    pushed.push(performance.now() - started);
    commit(file, undefined, `no pod ${index}`);
    git("push", "-q", "-o", "no-wait");
  }
  runtime.close();
  const peer = "sandbox, create and start through CRI";
  return [
    toRow({ what: "push → container running", value: median(pushed), unit: "ms", floor: median(floors), peer }),
    toRow({ what: "pod created → Running in the API", value: median(running), unit: "ms", floor: median(floors), peer }),
  ];
}
