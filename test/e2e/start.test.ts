import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSqliteStorage } from "../../engine/storage/sqlite-storage.ts";
import { isFresh } from "../../engine/cli/snapshot/program.mjs";
import { thisMachine } from "../kit/hosts.ts";
import { eventually, kubectl, nodeArgs, requireRoot, startMainstay, type Mainstay } from "../kit/mainstay.ts";
import { configMapYaml } from "../kit/git.ts";

const BARE = ["--no-agent", "--api-port", "0", "--git-port", "0"];

let folder: string;
let dataDir: string;
const running: Mainstay[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "ms-"));
  dataDir = path.join(folder, "d");
  mkdirSync(dataDir);
});
afterEach(async () => {
  for (const mainstay of running.splice(0)) await mainstay.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function start(args: readonly string[] = []): Promise<Mainstay> {
  const mainstay = await startMainstay(thisMachine, dataDir, [...BARE, ...args]);
  running.push(mainstay);
  return mainstay;
}

/** Runs a server until it ends by itself or has printed `until`, and is then told to stop. */
async function run(args: readonly string[], until?: RegExp): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [...nodeArgs, "server", "--data-dir", dataDir, ...BARE, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let isTold = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (isTold || until?.test(output) !== true) return;
      isTold = true; // a second Ctrl-C would mean: at once
      child.kill("SIGINT");
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

async function withTakenPort<T>(use: (port: number) => Promise<T>): Promise<T> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await use((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

const git = (cwd: string, ...args: string[]) =>
  execFileSync("git", ["-C", cwd, "-c", "user.name=Ada", "-c", "user.email=ada@example.org", ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** A bare repository with one commit, as a forge would hold it, and a clone of it. */
function createRemote(name = "remote.git"): { readonly bare: string; readonly clone: string } {
  const bare = path.join(folder, name);
  const clone = path.join(folder, "clone");
  execFileSync("git", ["init", "-q", "--bare", "-b", "main", bare]);
  execFileSync("git", ["clone", "-q", bare, clone], { stdio: "ignore" });
  commit(clone, { "a.yaml": configMapYaml("a") });
  return { bare, clone };
}

function commit(clone: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(clone, name), text);
  git(clone, "add", "-A");
  git(clone, "commit", "-q", "-m", Object.keys(files).join(", "));
  git(clone, "push", "-q", "origin", "HEAD:main");
}

describe("the program", () => {
  it("runs from its snapshot, and asks the machine that it runs on for its name", () => {
    expect(nodeArgs).toContain("--snapshot-blob");
    const help = execFileSync(process.execPath, [...nodeArgs, "server", "--help"], { encoding: "utf8" });
    expect(help.replace(/\s+/g, " ")).toContain(`(default: ${os.hostname().toLowerCase()})`);
  });

  it("takes from its own environment what options are not given for", () => {
    const { stderr } = spawnSync(process.execPath, [...nodeArgs, "status"], { encoding: "utf8", env: { ...process.env, MAINSTAY_DATA_DIR: folder } });
    expect(stderr).toContain(`cannot read the kubeconfig ${folder}/kubeconfig.yaml`);
  });

  it("says which release it is", () => {
    expect(execFileSync(process.execPath, [...nodeArgs, "--version"], { encoding: "utf8" })).toMatch(/^mainstay \d+\.\d+\.\d+, Kubernetes v1\.\d+\.\d+\+mainstay\n$/);
  });

  it("is made anew when a source of it has changed or is gone", () => {
    const source = path.join(folder, "source.ts");
    writeFileSync(source, "export {};");
    const { mtimeMs, size } = statSync(source);
    writeFileSync(path.join(folder, "inputs.json"), JSON.stringify([[source, mtimeMs, size]]));
    expect(isFresh(folder)).toBe(true);
    writeFileSync(source, "export { };");
    expect(isFresh(folder)).toBe(false);
    rmSync(source);
    expect(isFresh(folder)).toBe(false);
  });
});

describe("the first start", () => {
  const revisions = async (mainstay: Mainstay) =>
    new Set((await kubectl(thisMachine, mainstay, "get", "clusterroles,apiservices", "-o", "jsonpath={.items[*].metadata.resourceVersion}")).split(" ")).size;

  it("writes at once what was prepared with the program", async () => {
    expect(await revisions(await start(["--no-git"]))).toBeLessThan(10);
  });

  it("makes it one by one where an audit log is to tell of it", async () => {
    const policy = path.join(folder, "audit.yaml");
    const log = path.join(folder, "audit.log");
    writeFileSync(policy, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata, verbs: [create]}]\n");
    const mainstay = await start(["--no-git", "--audit-policy-file", policy, "--audit-log-path", log]);
    expect(await revisions(mainstay)).toBeGreaterThan(50);
    expect(readFileSync(log, "utf8")).toContain("/apis/rbac.authorization.k8s.io/v1/clusterroles");
  });
});

describe("a server on the store of an earlier release", () => {
  it("brings what is there into today's form before anybody can look, and rolls nothing out for it", async () => {
    const applied = (mainstay: Mainstay) => kubectl(thisMachine, mainstay, "apply", "--server-side", "-f", path.join(folder, "web.yaml"));
    writeFileSync(
      path.join(folder, "web.yaml"),
      `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {hostNetwork: false, containers: [{name: web, image: web, resources: {limits: {cpu: 1000m}}}]}}}\n`,
    );
    const first = await start(["--no-git"]);
    await applied(first);
    const sets = (mainstay: Mainstay) =>
      kubectl(thisMachine, mainstay, "get", "replicasets", "-o", "jsonpath={range .items[*]}{.metadata.uid} {.spec.template.spec.containers[0].resources.limits.cpu} {.metadata.generation}{end}");
    const before = await eventually(
      () => sets(first),
      (text) => text !== "",
      30_000,
    );
    expect(before).toMatch(/ 1 1$/);
    await first.stop();
    const storage = await openSqliteStorage(path.join(dataDir, "server/state.db"));
    for (const { key, value } of (await storage.list("/registry/apps/")).entries) {
      const asWritten = value.toString("utf8").replaceAll('"cpu":"1"', '"cpu":"1000m"').replaceAll('"restartPolicy"', '"hostNetwork":false,"restartPolicy"');
      await storage.commit([], [{ do: "put", key, value: Buffer.from(asWritten) }]);
    }
    await storage.commit([], [{ do: "delete", key: "/mainstay/stored-form" }]);
    await storage.close();
    const second = await start(["--no-git"]);
    expect(await sets(second)).toBe(before);
    await applied(second);
    await kubectl(thisMachine, second, "label", "replicasets", "-l", "app=web", "seen=yes");
    await eventually(
      () => kubectl(thisMachine, second, "get", "deployment", "web", "-o", "jsonpath={.metadata.generation} {.status.observedGeneration}"),
      (text) => text === "1 1",
      30_000,
    );
    expect(await sets(second)).toBe(before);
  });
});

describe("a server that cannot start", () => {
  it("names the port of the API that is taken, and the option", async () => {
    await withTakenPort(async (port) => {
      const { code, output } = await run(["--api-port", String(port)]);
      expect(code).toBe(1);
      expect(output).toContain(`port ${port} on 127.0.0.1 is taken by another program; stop it, or choose another port with --api-port`);
    });
    expect((await run([], /^mainstay is ready/m)).code).toBe(0);
  });

  it("names the port of Git that is taken, and the option", async () => {
    await withTakenPort(async (port) => {
      const { code, output } = await run(["--git-port", String(port)]);
      expect(code).toBe(1);
      expect(output).toContain(`port ${port} on 127.0.0.1 is taken by another program; stop it, or choose another port with --git-port`);
    });
  });

  it("says what is wrong with the store's file, and how to go on", async () => {
    mkdirSync(path.join(dataDir, "server"));
    writeFileSync(path.join(dataDir, "server/state.db"), "no database at all ".repeat(500));
    const { code, output } = await run([]);
    expect({ code, output }).toMatchObject({ code: 1 });
    expect(output).toContain("state.db is damaged (file is not a database); put a backup in its place, or move it away to begin with an empty cluster");
  });

  it("names an address that this machine does not have", async () => {
    const { code, output } = await run(["--bind-address", "192.0.2.77"]);
    expect(code).toBe(1);
    expect(output).toContain("192.0.2.77 is no address of this machine; choose one of its own with --bind-address");
  });

  it.each([
    [["--api-port", "70000"], '--api-port "70000": must be a port number'],
    [["--cluster-name", "Not_Good"], '--cluster-name "Not_Good": must consist of'],
    [["--service-cidr", "10.0.0.0"], '--service-cidr "10.0.0.0": must be a range of addresses'],
    [["--no-such-option"], "unknown option '--no-such-option'"],
  ])("refuses %j as wrong usage, before it touches anything", async (args, message) => {
    const { code, output } = await run(args);
    expect(code).toBe(2);
    expect(output).toContain(message);
  });

  it("refuses a data directory that another one uses, by its process", async () => {
    const first = await start();
    const { code, output } = await run([]);
    expect(code).toBe(1);
    expect(output).toContain(`${dataDir} is in use by another Mainstay (process ${first.process.pid})`);
  });
});

describe("a start", () => {
  it.each([/open the store/, /serve the Kubernetes API/])("that is interrupted at %s ends at once, without an error, and can be repeated", async (step) => {
    const { code, output } = await run([], step);
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).not.toMatch(/error|abort/i);
    expect((await run([], /^mainstay is ready/m)).output).toContain("mainstay stopped");
  });

  it.each([
    ["a file path", (missing: string) => path.join(missing, "none.git"), /none\.git.*does not|not.*repository|no such/i],
    ["HTTPS", () => "https://127.0.0.1:1/team/cluster.git", /127\.0\.0\.1:1/],
    ["SSH", () => "ssh://git@127.0.0.1:1/team/cluster.git", /ssh: connect to host 127\.0\.0\.1 port 1: Connection refused/],
  ])("with a remote over %s that cannot be reached says so, and that it is tried again", async (_name, url, message) => {
    const { code, output } = await run(["--repo", url(folder)], /^mainstay is running, not yet ready/m);
    expect(code).toBe(0);
    expect(output).toMatch(/✗ deploy the repository/);
    expect(output).toMatch(message);
    expect(output).toContain("it is tried again");
  });

  it("whose remote comes back follows it, and says then that it is ready", async () => {
    const { bare } = createRemote("away.git");
    const url = path.join(folder, "later.git");
    const child = run(["--repo", url], /^mainstay is ready: 1 of 1 application healthy/m);
    await eventually(
      () => thisMachine.exec("cat", path.join(dataDir, "mainstay.log")),
      (text) => text.includes("later.git"),
      60_000,
    );
    execFileSync("mv", [bare, url]);
    expect((await child).code).toBe(0);
  });

  it("with long files reads them as it reads short ones, in a thread of the program's own, and so are long bodies of the API", async () => {
    const { bare, clone } = createRemote();
    const maps = (count: number, long: string) => Array.from({ length: count }, (_, index) => configMapYaml(`long-${index}`, { long: long.repeat(1_000) })).join("---\n");
    commit(clone, { "long.yaml": maps(20, "0123456789") });
    const server = await start(["--repo", bare]);
    expect(await kubectl(thisMachine, server, "get", "configmap", "long-19", "-o", "jsonpath={.metadata.annotations.mainstay\\.dev/source}")).toMatch(/^long\.yaml:\d+$/);
    const raw = path.join(folder, "raw.yaml");
    writeFileSync(raw, configMapYaml("raw", { long: "0123456789".repeat(20_000) }));
    const proxy = spawn("kubectl", ["--kubeconfig", server.kubeconfig, "proxy", "--port=0"], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const [line] = (await once(proxy.stdout, "data")) as [Buffer];
      const address = /127\.0\.0\.1:\d+/.exec(line.toString())?.[0] ?? "";
      const answer = await fetch(`http://${address}/api/v1/namespaces/default/configmaps`, { method: "POST", headers: { "content-type": "application/yaml" }, body: readFileSync(raw) });
      expect([answer.status, await answer.text()]).toEqual([201, expect.stringContaining('"name":"raw"')]);
    } finally {
      proxy.kill();
    }
  });

  it("with a commit that cannot be applied says where the mistake is", async () => {
    const { bare, clone } = createRemote();
    commit(clone, { "b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: 5\n" });
    const { output } = await run(["--repo", bare], /^mainstay is running, not yet ready/m);
    expect(output).toMatch(/✗ deploy the repository {2}commit [0-9a-f]{10} is rejected: b\.yaml:4 data: must be an object/);
  });
});

describe("a status branch that someone else wrote to", () => {
  it("is taken over: their commit stays in its history, and the page tells the truth again", async () => {
    const { bare, clone } = createRemote();
    await start(["--repo", bare]);
    const fetch = () => git(clone, "fetch", "-q", "origin", "+refs/heads/status/local:refs/remotes/origin/status/local");
    await eventually(
      async () => (fetch(), git(clone, "show", "origin/status/local:README.md")),
      (text) => text.includes("Healthy"),
      30_000,
    );
    git(clone, "worktree", "add", "-q", "-B", "status/local", path.join(folder, "status"), "origin/status/local");
    const status = path.join(folder, "status");
    writeFileSync(path.join(status, "README.md"), "all is well, believe me\n");
    git(status, "commit", "-q", "-am", "a foreign hand");
    // Git takes no push of a branch that is being written.
    await eventually(
      async () => (git(status, "push", "-q", "--force", "origin", "status/local"), true),
      (isPushed) => isPushed,
      30_000,
    );
    const foreign = git(status, "rev-parse", "HEAD").trim();
    commit(clone, { "c.yaml": configMapYaml("c") });
    const page = await eventually(
      async () => (fetch(), git(clone, "show", "origin/status/local:README.md")),
      (text) => text.includes('"c.yaml"') || text.includes("c.yaml"),
      60_000,
    );
    expect(page).not.toContain("believe me");
    expect(git(clone, "merge-base", "--is-ancestor", foreign, "origin/status/local")).toBe("");
  });
});

describe("a scheduler that is told how to decide", () => {
  const HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";

  it("has profiles for the pods that name them, and each speaks under its own name", async () => {
    const file = path.join(folder, "scheduler.yaml");
    writeFileSync(
      file,
      `${HEAD}parallelism: 4\nprofiles:\n- schedulerName: default-scheduler\n- schedulerName: gpus\n  pluginConfig: [{name: NodeResourcesFit, args: {ignoredResources: [example.com/gpu]}}]\n`,
    );
    const server = await start(["--scheduler-config", file]);
    const k = (...args: string[]) => kubectl(thisMachine, server, ...args);
    const apply = async (object: object) => {
      const manifest = path.join(folder, "object.json");
      writeFileSync(manifest, JSON.stringify(object));
      await k("apply", "-f", manifest);
    };
    await eventually(
      () => k("get", "serviceaccount", "default", "-o", "name"),
      (text) => text.includes("default"),
    );
    await apply({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
    await k(
      "patch",
      "node",
      "n1",
      "--subresource=status",
      "--type=merge",
      "--patch",
      JSON.stringify({ status: { allocatable: { cpu: "4", memory: "8Gi", pods: "10" }, capacity: { cpu: "4", memory: "8Gi", pods: "10" } } }),
    );
    const pod = (name: string, schedulerName: string) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: { schedulerName, tolerations: [{ operator: "Exists" }], containers: [{ name: "c", image: "i", resources: { limits: { "example.com/gpu": "1" } } }] },
    });
    await apply(pod("counted", "default-scheduler"));
    await apply(pod("ignored", "gpus"));
    await eventually(
      () => k("get", "pod", "ignored", "-o", "jsonpath={.spec.nodeName}"),
      (node) => node === "n1",
    );
    const told = (name: string) =>
      k("get", "events", "--field-selector", `involvedObject.name=${name}`, "-o", 'jsonpath={range .items[*]}{.reportingComponent}{.source.component} {.reason}{"\\n"}{end}');
    await eventually(
      () => told("ignored"),
      (text) => /gpus Scheduled/.test(text),
    );
    await eventually(
      () => told("counted"),
      (text) => /default-scheduler FailedScheduling/.test(text),
    );
    expect(await k("get", "pod", "counted", "-o", "jsonpath={.spec.nodeName}{.status.conditions[0].message}")).toMatch(/^0\/1 nodes are available: 1 Insufficient example.com\/gpu/);
    expect(readFileSync(path.join(dataDir, "mainstay.log"), "utf8")).toContain(`${file}:3 parallelism changes nothing`);
  });

  it("is refused with file and line when that cannot be", async () => {
    const file = path.join(folder, "scheduler.yaml");
    writeFileSync(file, `${HEAD}profiles:\n- plugins:\n    filter:\n      enabled: [{name: Mine}]\nextenders: [{urlPrefix: "http://x"}]\n`);
    const { code, output } = await run(["--scheduler-config", file]);
    expect(code).toBe(2);
    expect(output).toContain(`--scheduler-config: ${file}:6 profiles[0].plugins.filter.enabled[0]: Invalid value: "Mine": FilterPlugin "Mine" does not exist\n${file}:7 extenders: `);
  });
});

describe.skipIf(!requireRoot())("a full disk under the whole server", () => {
  it("refuses writes with the reason, goes on reading, loses nothing acknowledged, and recovers", async () => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", dataDir]);
    try {
      const server = await start();
      const create = (name: string) =>
        kubectl(thisMachine, server, "create", "configmap", name, `--from-literal=key=${"x".repeat(20_000)}`).then(
          () => name,
          (error: Error) => error,
        );
      const ballast = path.join(dataDir, "ballast");
      execFileSync("sh", ["-c", `dd if=/dev/zero of=${ballast} bs=64k 2>/dev/null || true`]);
      const created: string[] = [];
      let refusal: Error | undefined;
      for (let index = 0; index < 60 && refusal === undefined; index++) {
        const result = await create(`full-${index}`);
        if (typeof result === "string") created.push(result);
        else refusal = result;
      }
      expect(refusal?.message).toMatch(/full/i);
      expect((await kubectl(thisMachine, server, "get", "configmaps", "-o", "name")).match(/full-/g)?.length ?? 0).toBe(created.length);
      rmSync(ballast);
      await eventually(
        () => create("after"),
        (result) => result === "after",
        30_000,
      );
      await server.kill();
      const again = await start();
      const names = await kubectl(thisMachine, again, "get", "configmaps", "-o", "name");
      for (const name of [...created, "after"]) expect(names).toContain(`configmap/${name}\n`);
      await again.kill();
    } finally {
      for (const mainstay of running.splice(0)) await mainstay.kill();
      execFileSync("umount", [dataDir]);
    }
  });
});
