import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Client } from "../../engine/client/client.ts";
import { createHttpClient } from "../../engine/client/http-client.ts";
import { formatKubeconfig } from "../../engine/client/kubeconfig.ts";
import { deploymentResource } from "../../engine/resources/apps/deployment.ts";
import { namespaceResource } from "../../engine/resources/core/namespace.ts";
import { serviceResource } from "../../engine/resources/core/service.ts";
import { freePorts } from "../kit/etcd.ts";
import { residentMiB } from "./api.ts";
import { HollowNodes, hollowTokens } from "./hollow-nodes.ts";
import { LightWatchers } from "./light-watchers.ts";
import { cpuMs, poll, timed, toRow, type Row, type Scale } from "./measure.ts";
import { startOurs, startUpstream, type Peer } from "./peers.ts";

/** The rest of upstream's control plane, from the PATH like its server. */
const OTHERS = ["kube-controller-manager", "kube-scheduler"] as const;
const NAMESPACE = "load";
const DEPLOYMENTS = 20;
const REST_MS = 30_000;
/** What the proxy of each node follows, by kube-proxy's selector. */
const PROXIED = `labelSelector=${encodeURIComponent("!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name")}`;
const PROXY_WATCHES = ["/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices"].map((path) => `${path}?watch=1&allowWatchBookmarks=true&${PROXIED}`);

interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: "ms" | "/s" | "MiB";
}

/**
 * A cluster of nodes without containers: what its control plane takes for each pod that comes, for each that a rolling update replaces
 * below one Service over all of them, and at rest. The proxy of each node follows Services and their endpoints. Ours is one process,
 * upstream's three and etcd.
 */
export async function benchNodes(scale: Scale): Promise<readonly Row[]> {
  const missing = ["kube-apiserver", ...OTHERS].filter((name) => spawnSync(name, ["--help"], { stdio: "ignore" }).error !== undefined);
  if (missing.length > 0) {
    console.log(`bench: not in the PATH: ${missing.join(", ")}; a cluster of hollow nodes has nothing to be held against and is left out`);
    return [];
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), "bench-"));
  try {
    const tokens = path.join(folder, "tokens.csv");
    writeFileSync(tokens, hollowTokens(scale.nodes), { mode: 0o600 });
    const withTokens = ["--token-auth-file", tokens];
    const theirs = await measure(() => startWholeUpstream(folder, withTokens), scale);
    const ours = await measure(() => startOurs("SQLite", withTokens), scale);
    return ours.map((figure, index) => toRow({ ...figure, what: `${scale.nodes} hollow nodes: ${figure.what}`, floor: theirs[index]!.value, peer: "upstream" }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(start: () => Promise<Peer>, { nodes: count, pods }: Scale): Promise<readonly Figure[]> {
  await using peer = await start();
  const client = createHttpClient(peer.connection, "bench");
  using _nodes = await HollowNodes.start(peer.connection, count);
  using proxies = new DisposableStack();
  for (const path of PROXY_WATCHES) proxies.use(await LightWatchers.open(peer.connection, path, count));
  const figures: Figure[] = [];
  const each = async (what: string, work: () => Promise<unknown>) => {
    const before = cpuMs(peer.pids);
    const ms = await timed(work);
    figures.push({ what: `${what}, pods`, value: (pods * 1000) / ms, unit: "/s" }, { what: `CPU of the servers, of ${what}, each pod`, value: (cpuMs(peer.pids) - before) / pods, unit: "ms" });
  };
  await client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
  await each("Deployments until all are ready", () => deploy(client, pods / DEPLOYMENTS));
  await client.for(serviceResource).create({ apiVersion: "v1", kind: "Service", metadata: { namespace: NAMESPACE, name: "all" }, spec: { selector: { all: "pods" }, ports: [{ port: 80 }] } });
  await each("rolling update of all", () => updateAll(client, pods));
  const before = cpuMs(peer.pids);
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  figures.push({ what: "CPU of the servers at rest, each node and minute", value: ((cpuMs(peer.pids) - before) * 60_000) / REST_MS / count, unit: "ms" });
  figures.push({ what: `memory of all processes with ${pods} pods, their events and endpoints`, value: peer.pids.reduce((sum, pid) => sum + residentMiB(pid), 0), unit: "MiB" });
  return figures;
}

async function deploy(client: Client, replicas: number): Promise<void> {
  for (let index = 0; index < DEPLOYMENTS; index++) {
    const labels = { app: `app-${index}`, all: "pods" };
    const template = { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "main", image: "none", resources: { requests: { cpu: "10m" } } }] } };
    const spec = { replicas, selector: { matchLabels: { app: labels.app } }, template };
    await client.for(deploymentResource).create({ apiVersion: "apps/v1", kind: "Deployment", metadata: { namespace: NAMESPACE, name: labels.app }, spec });
    await client.for(serviceResource).create({
      apiVersion: "v1",
      kind: "Service",
      metadata: { namespace: NAMESPACE, name: labels.app },
      spec: { selector: { app: labels.app }, ports: [{ port: 80 }] },
    });
  }
  await allUpdated(client, replicas * DEPLOYMENTS);
}

async function updateAll(client: Client, pods: number): Promise<void> {
  for (let index = 0; index < DEPLOYMENTS; index++)
    await client.for(deploymentResource).patch(NAMESPACE, `app-${index}`, "merge", { spec: { template: { metadata: { annotations: { updated: "once" } } } } });
  await allUpdated(client, pods);
}

function allUpdated(client: Client, pods: number): Promise<void> {
  return poll(async () => {
    const { items } = await client.for(deploymentResource).list(NAMESPACE);
    const current = items.filter(({ metadata, status }) => status?.observedGeneration === metadata.generation);
    const counts = current.map(({ status }) => (status?.replicas === status?.updatedReplicas ? (status?.readyReplicas ?? 0) : 0));
    return current.length === DEPLOYMENTS && counts.reduce((sum, ready) => sum + ready, 0) === pods;
  }, 250);
}

/** Its server with the two that make a cluster of it, which may ask as often as they like. */
async function startWholeUpstream(folder: string, args: readonly string[]): Promise<Peer> {
  const server = await startUpstream("kube-apiserver", args);
  const file = (name: string, text: string) => {
    writeFileSync(path.join(folder, name), text, { mode: 0o600 });
    return path.join(folder, name);
  };
  const kubeconfig = file("kubeconfig.yaml", formatKubeconfig(server.connection, { cluster: "bench", user: "bench" }));
  const authority = file("ca.crt", server.connection.ca ?? "");
  const children = await Promise.all(
    OTHERS.map(async (program) => {
      const [port] = await freePorts(1);
      const limits = ["--kube-api-qps", "2000", "--kube-api-burst", "4000"];
      const own = program === "kube-controller-manager" ? ["--root-ca-file", authority] : [];
      return spawn(program, ["--kubeconfig", kubeconfig, "--bind-address", "127.0.0.1", "--secure-port", String(port), "--leader-elect=false", ...limits, ...own], { stdio: "ignore" });
    }),
  );
  return {
    ...server,
    pids: [...server.pids, ...children.map(({ pid }) => pid!)],
    [Symbol.asyncDispose]: async () => {
      for (const child of children) {
        const exited = once(child, "exit");
        child.kill("SIGTERM");
        await exited;
      }
      await server[Symbol.asyncDispose]();
    },
  };
}
