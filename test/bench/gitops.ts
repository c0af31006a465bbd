import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, readdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { createHttpClient } from "../../engine/client/http-client.ts";
import { readKubeconfig } from "../../engine/client/kubeconfig.ts";
import { openGitStore } from "../../engine/gitops/git/git-store.ts";
import { ensureHostedRepository } from "../../engine/gitops/git/hosted-repository.ts";
import { ManifestLoader } from "../../engine/gitops/manifests/load-manifests.ts";
import { StatusWriter } from "../../engine/gitops/status/status-writer.ts";
import { catalog } from "../../engine/resources/catalog.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { thisMachine } from "../kit/hosts.ts";
import { makeDataDir, startMainstay } from "../kit/mainstay.ts";
import { residentMiB } from "./api.ts";
import { cpuMs, timed, toRow, type Row, type Scale } from "./measure.ts";

/** Published figures of the field, for the same shape: flux-benchmark (Flux 2.9), kpt-config-sync's documentation (1.12). Other machines, so the ratio is an order. */
const FLUX_THOUSAND_APPS_S = 253;
const CONFIG_SYNC_TEN_THOUSAND_S = 120;

/** Git → cluster: whole pushes through the real `git` into a server of its own, and the parts of it whose cost must not grow. */
export async function benchGitOps(scale: Scale): Promise<readonly Row[]> {
  return [...(await benchPushes()), ...(await benchOneFile()), ...(await benchStatusBranch(scale))];
}

const configMap = (name: string, value: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {value: "${value}"}\n`;
const application = (name: string) =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}}\nspec:\n  replicas: 0\n  selector: {matchLabels: {app: ${name}}}\n  template:\n    metadata: {labels: {app: ${name}}}\n    spec: {containers: [{name: web, image: "mainstay.local/web:1"}]}\n---\n` +
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {selector: {app: ${name}}, ports: [{port: 80}]}\n---\n${configMap(name, "1")}---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ${name}}\n`;

async function benchPushes(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const shapes: readonly { readonly what: string; readonly files: (index: number) => readonly [string, string]; readonly peer: string; readonly peerSeconds: number }[] = [
    { what: "1,000 applications of 4 objects", files: (index) => [`apps/a${index}/all.yaml`, application(`a${index}`)], peer: "Flux 2.9, published", peerSeconds: FLUX_THOUSAND_APPS_S },
    { what: "10,000 ConfigMaps", files: (index) => [`apps/a${index % 10}/m${index}.yaml`, configMap(`m${index}`, "1")], peer: "Config Sync 1.12, published", peerSeconds: CONFIG_SYNC_TEN_THOUSAND_S },
  ];
  for (const { what, files, peer, peerSeconds } of shapes) {
    const count = peerSeconds === FLUX_THOUSAND_APPS_S ? 1_000 : 10_000;
    const dataDir = makeDataDir();
    const work = mkdtempSync(path.join(os.tmpdir(), "bench-gitops-"));
    const server = await startMainstay(thisMachine, dataDir, ["--no-agent", "--api-port", "0", "--git-port", "6497", "--cluster-cidr", "10.42.0.0/16"]);
    try {
      const client = createHttpClient(readKubeconfig(server.kubeconfig), "bench").for(configMapResource);
      const revision = async () => Number((await client.list("default", { limit: 1 })).resourceVersion ?? 0);
      const git = (...args: readonly string[]) =>
        execFileSync("git", ["-C", work, "-c", "user.name=bench", "-c", "user.email=bench@example.org", ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 28 });
      execFileSync("git", ["clone", "-q", "http://127.0.0.1:6497/cluster.git", work]);
      git("rm", "-r", "-q", ".");
      for (let index = 0; index < count; index++) write(work, ...files(index));
      const push = (message: string): { readonly ms: number; readonly text: string } => {
        git("add", "-A");
        git("commit", "-q", "--allow-empty", "-m", `${message}\n\nAllow-Delete: web`);
        const started = performance.now();
        const { stderr, status } = spawnSync("git", ["-C", work, "push", "-q", "-o", "wait=20m", "origin", "HEAD"], { encoding: "utf8", maxBuffer: 1 << 28 });
        if (status !== 0) throw new Error(stderr.slice(-2_000));
        return { ms: performance.now() - started, text: stderr };
      };
      const first = push("first");
      rows.push(toRow({ what: `${what}, push → all stored (its own words: ${appliedIn(first.text)}) and healthy`, value: first.ms / 1000, unit: "s", floor: peerSeconds, peer }));
      rows.push(toRow({ what: `${what}: CPU of the engine until then, its start included`, value: cpuMs([server.process.pid!]) / 1000, unit: "s" }));
      const before = await revision();
      const idle = push("nothing changes");
      rows.push(toRow({ what: `${what}, a commit that changes nothing (${Math.max(0, (await revision()) - before)} writes of the store, its record among them)`, value: idle.ms, unit: "ms" }));
      const [file, text] = files(7);
      write(work, file, text.replace('"1"', '"2"'));
      const cpuBefore = cpuMs([server.process.pid!]);
      rows.push(toRow({ what: `${what}, one file of them`, value: push("one file").ms, unit: "ms", floor: idle.ms, peer: "the commit that changes nothing" }));
      rows.push(toRow({ what: `${what}, one file of them: CPU of the engine`, value: cpuMs([server.process.pid!]) - cpuBefore, unit: "ms" }));
      rows.push(toRow({ what: `${what}: memory of the engine`, value: residentMiB(server.process.pid ?? 0), unit: "MiB" }));
    } finally {
      await server.stop();
      for (const folder of [dataDir, work]) rmSync(folder, { recursive: true, force: true });
    }
  }
  return rows;
}

/** Reading a commit that changes one file, beside one that does the same in a repository a thousand times smaller. */
async function benchOneFile(): Promise<readonly Row[]> {
  const measure = async (count: number): Promise<number> => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "bench-tree-"));
    try {
      const gitDir = path.join(folder, "r.git");
      await ensureHostedRepository(gitDir, "main");
      const name = (index: number) => `apps/a${Math.floor(index / 50)}/m${index}.yaml`;
      const first = importCommit(
        gitDir,
        Array.from({ length: count }, (_, index) => [name(index), configMap(`m${index}`, "1")]),
        undefined,
      );
      const loader = new ManifestLoader({ catalog, cluster: "local", basePath: "." });
      const { objects } = openGitStore(gitDir);
      await loader.load(objects, await objects.commit(first));
      const times: number[] = [];
      let last = first;
      for (let turn = 0; turn < 5; turn++) {
        const next = importCommit(gitDir, [[name(turn), configMap(`m${turn}`, `changed ${turn}`)]], last);
        const commit = await objects.commit(next);
        times.push(await timed(() => loader.load(objects, commit)));
        last = next;
      }
      return times.sort((a, b) => a - b)[2] ?? 0;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  const small = await measure(50);
  return [toRow({ what: "read a commit that changes one of 50,000 manifests", value: await measure(50_000), unit: "ms", floor: small, peer: "one of 50" })];
}

/** What the status branch weighs after many reports, packed. */
async function benchStatusBranch({ samples }: Scale): Promise<readonly Row[]> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "bench-status-"));
  const changes = samples * 100;
  try {
    const gitDir = path.join(folder, "r.git");
    await ensureHostedRepository(gitDir, "main");
    const writer = new StatusWriter({ store: openGitStore(gitDir), cluster: "local", branch: "status/local", keepCommits: 1_000_000 });
    const app = (name: number, health: string) => `# app-${name}: ${health}\n\n${"An application has a page with its objects and reasons.\n".repeat(20)}`;
    const files = new Map<string, string>(Array.from({ length: 50 }, (_, index) => [`apps/app-${index}.md`, app(index, "Healthy")]));
    const ms = await timed(async () => {
      for (let change = 0; change < changes; change++) {
        const at = change % 50;
        files
          .set(`apps/app-${at}.md`, app(at, change % 100 < 50 ? "Progressing" : "Healthy"))
          .set("README.md", `# home: change ${change}\n\n${[...files.keys()].map((name) => `| ${name} | ${change % 7} |`).join("\n")}\n`);
        await writer.write({ files: new Map(files), message: `status: change ${change}\n`, signature: { name: "m", email: "m@example.org", time: Date.UTC(2026, 0, 1) + change * 10_000 } });
      }
    });
    execFileSync("git", ["--git-dir", gitDir, "gc", "-q", "--prune=now"]);
    return [
      toRow({ what: `status branch: a report, of ${changes}`, value: ms / changes, unit: "ms" }),
      toRow({ what: `status branch: packed size for every 10,000 reports, measured over ${changes}`, value: (sizeOf(gitDir) / 2 ** 20) * (10_000 / changes), unit: "MiB" }),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function importCommit(gitDir: string, files: readonly (readonly [string, string])[], from: string | undefined): string {
  const lines = [`commit refs/heads/main`, "committer bench <bench@example.org> 1767225600 +0000", "data 1", "c", ...(from === undefined ? [] : [`from ${from}`])];
  for (const [file, text] of files) lines.push(`M 100644 inline ${file}`, `data ${Buffer.byteLength(text)}`, text);
  execFileSync("git", ["--git-dir", gitDir, "fast-import", "--quiet", "--force"], { input: `${lines.join("\n")}\n`, maxBuffer: 1 << 28 });
  return execFileSync("git", ["--git-dir", gitDir, "rev-parse", "refs/heads/main"], { encoding: "utf8" }).trim();
}

function write(work: string, file: string, text: string): void {
  mkdirSync(path.join(work, path.dirname(file)), { recursive: true });
  writeFileSync(path.join(work, file), text);
}

function appliedIn(text: string): string {
  return /applied in ([0-9.]+ \S+)/.exec(text)?.[1] ?? "not told";
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).reduce((sum, entry) => sum + (entry.isFile() ? statSync(path.join(entry.parentPath, entry.name)).size : 0), 0);
}
