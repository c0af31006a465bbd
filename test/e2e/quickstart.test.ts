import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtempSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createFabric, type Fabric, type Host } from "../kit/hosts.ts";
import { cleanUp, eventually, kubectl, makeDataDir, requireRoot, resetMainstay, startMainstay, type Mainstay } from "../kit/mainstay.ts";

const isRoot = requireRoot();

/** The quick start of the README, on a machine of its own: containerd, iptables, native git and kubectl, all real. */
describe.skipIf(!isRoot)("the quick start", () => {
  let fabric: Fabric;
  let host: Host;
  let mainstay: Mainstay;
  const dataDir = isRoot ? makeDataDir() : "";
  const work = isRoot ? mkdtempSync(path.join(os.tmpdir(), "clone-")) : "";
  const clone = path.join(work, "cluster");
  const git = (...args: string[]) => host.exec("git", "-C", clone, "-c", "user.name=Ada", "-c", "user.email=ada@example.org", ...args);
  const edit = (file: string, from: string | RegExp, to: string) => {
    const full = path.join(clone, file);
    writeFileSync(full, readFileSync(full, "utf8").replace(from, to));
  };
  /** Pushes, and gives what git printed, whether it was accepted or not. */
  const push = async (message: string): Promise<{ isAccepted: boolean; output: string }> => {
    await git("add", "-A");
    await git("commit", "-q", "-m", message);
    return host.exec("sh", "-c", `git -C ${clone} push 2>&1; echo "status $?"`).then((output) => ({ isAccepted: /status 0\s*$/.test(output), output }));
  };
  /** Waits until exactly so many pods are there, and all of them ready: none is on its way out. */
  const settle = (count: number) =>
    eventually(
      async () => (await kubectl(host, mainstay, "-n", "web", "get", "pods", "-l", "app=web", "--no-headers")).trim().split("\n"),
      (lines) => lines.length === count && lines.every((line) => / 1\/1 +Running /.test(line)),
    );
  const readyPods = async () =>
    (await kubectl(host, mainstay, "-n", "web", "get", "pods", "-l", "app=web", "--no-headers"))
      .trim()
      .split("\n")
      .filter((line) => / 1\/1 +Running /.test(line)).length;

  beforeAll(async () => {
    fabric = await createFabric("qs", 1);
    host = fabric.hosts[0]!;
    mainstay = await startMainstay(host, dataDir);
    await host.exec("git", "clone", "-q", "http://127.0.0.1:6480/cluster.git", clone);
  });

  afterAll(() =>
    cleanUp(
      () => mainstay?.stop(),
      () => (host === undefined ? undefined : resetMainstay(host, dataDir)),
      () => fabric?.destroy(),
      () => rmSync(work, { recursive: true, force: true }),
      () => expect(existsSync(dataDir)).toBe(false),
    ),
  );

  it("ends in a summary that tells what to do next", () => {
    const output = mainstay.output();
    expect(output).toMatch(/^mainstay is ready: 1 of 1 application healthy/m);
    expect(output).toContain("http://127.0.0.1:6480/cluster.git");
    expect(output).toContain(path.join(dataDir, "kubeconfig.yaml"));
    expect(output).toContain("status/local");
  });

  it("serves the application at its Service's address, from the host and from a pod", async () => {
    const address = /curl (http:\S+)/.exec(mainstay.output())?.[1] ?? "";
    expect(await host.exec("curl", "-sf", "--max-time", "5", address)).toContain("It stays that way.");
  });

  it("shows itself to kubectl", async () => {
    await expect.poll(() => kubectl(host, mainstay, "get", "nodes")).toMatch(new RegExp(`${host.name} +Ready +control-plane `));
    expect(await readyPods()).toBe(3);
    expect(await kubectl(host, mainstay, "-n", "web", "describe", "deployment", "web")).toContain("NewReplicaSetAvailable");
    expect(await kubectl(host, mainstay, "get", "applications")).toMatch(/web +Healthy +3\/3/);
  });

  it("keeps the status branch as a page worth reading", async () => {
    const page = await eventually(
      async () => {
        await git("fetch", "-q");
        return git("show", "origin/status/local:README.md");
      },
      (text) => /Healthy/.test(text) && /web/.test(text),
    );
    expect(page).toContain("3/3");
    expect(await git("log", "-1", "--format=%B", "origin/status/local")).toMatch(/Mainstay-Desired-Commit: [0-9a-f]{40}/);
  });

  it("shows a browser the same page, and what is behind its links", async () => {
    const address = /Status page +(http:\S+)/.exec(mainstay.output())?.[1] ?? "";
    const browse = (url: string) => host.exec("curl", "-sfL", "--max-time", "5", "-H", "accept: text/html", url);
    const page = await browse(address);
    expect(page).toMatch(/<td>🟩 <a href="apps\/web.md">web<\/a><\/td>\s*<td>Healthy<\/td>\s*<td>3\/3<\/td>/);
    expect(await browse(`${address}cluster/status/local/apps/web.md`)).toContain("<td>Deployment web/web</td>");
    expect(await browse(`${address}cluster/main/apps/web/deployment.yaml`)).toContain("replicas: 3");
  });

  it("scales on a push, and tells the pusher how it goes", async () => {
    edit("apps/web/deployment.yaml", "replicas: 3", "replicas: 5");
    const { isAccepted, output } = await push("scale web to 5");
    expect(output).toMatch(/remote: ~ Deployment web\/web: .*replicas 3→5/);
    expect(isAccepted).toBe(true);
    await eventually(readyPods, (count) => count === 5);
  });

  it("brings a changed ConfigMap into running pods without a restart", async () => {
    const names = async () => kubectl(host, mainstay, "-n", "web", "get", "pods", "-o", "name");
    const before = await names();
    edit("apps/web/pages.yaml", "It stays that way.", "It changed.");
    expect((await push("another page")).isAccepted).toBe(true);
    const address = /curl (http:\S+)/.exec(mainstay.output())?.[1] ?? "";
    await eventually(
      () => host.exec("curl", "-sf", "--max-time", "5", address),
      (text) => text.includes("It changed."),
      90_000,
    );
    expect(await names()).toBe(before);
  });

  it("refuses an invalid push with file and line, and changes nothing", async () => {
    const before = (await git("rev-parse", "origin/main")).trim();
    edit("apps/web/deployment.yaml", "replicas: 5", "replicas: -1");
    const { isAccepted, output } = await push("break it");
    expect(isAccepted).toBe(false);
    expect(output).toMatch(/remote: .*apps\/web\/deployment\.yaml:\d+ spec\.replicas/);
    expect((await host.exec("git", "ls-remote", "http://127.0.0.1:6480/cluster.git", "refs/heads/main")).split("\t")[0]).toBe(before);
    expect(await readyPods()).toBe(5);
    await git("reset", "-q", "--hard", "origin/main");
  });

  it("rolls back with a revert", async () => {
    await git("revert", "--no-edit", "HEAD~1");
    const output = await host.exec("sh", "-c", `git -C ${clone} push 2>&1; echo "status $?"`);
    expect(output).toMatch(/status 0\s*$/);
    await eventually(readyPods, (count) => count === 3);
  });

  it("prunes what left the repository, and only what it applied", async () => {
    await kubectl(host, mainstay, "-n", "web", "create", "configmap", "by-hand", "--from-literal=a=1");
    rmSync(path.join(clone, "apps/web/service.yaml"));
    await git("add", "-A");
    await git("commit", "-q", "-m", "drop the service\n\nAllow-Delete: web");
    await host.exec("sh", "-c", `git -C ${clone} push 2>&1`);
    await eventually(
      () => kubectl(host, mainstay, "-n", "web", "get", "services", "-o", "name"),
      (names) => names.trim() === "",
    );
    expect(await kubectl(host, mainstay, "-n", "web", "get", "configmap", "by-hand", "-o", "name")).toContain("by-hand");
  });

  it("undoes a change by hand", async () => {
    await kubectl(host, mainstay, "-n", "web", "scale", "deployment", "web", "--replicas=1");
    await eventually(
      () => kubectl(host, mainstay, "-n", "web", "get", "deployment", "web", "-o", "jsonpath={.spec.replicas}"),
      (replicas) => replicas === "3",
      15_000,
    );
  });

  it("reads logs through kubectl", async () => {
    await kubectl(host, mainstay, "-n", "web", "run", "teller", "--image=mainstay.local/busybox:1", "--restart=Never", "--", "sh", "-c", "echo one; echo two");
    await eventually(
      () => kubectl(host, mainstay, "-n", "web", "get", "pod", "teller", "-o", "jsonpath={.status.phase}"),
      (phase) => phase === "Succeeded",
    );
    expect(await kubectl(host, mainstay, "-n", "web", "logs", "teller")).toBe("one\ntwo\n");
    expect(await kubectl(host, mainstay, "-n", "web", "logs", "teller", "--tail=1")).toBe("two\n");
  });

  it("shows a crash loop", async () => {
    await kubectl(host, mainstay, "-n", "web", "run", "crash", "--image=mainstay.local/busybox:1", "--", "sh", "-c", "exit 3");
    await eventually(
      () => kubectl(host, mainstay, "-n", "web", "get", "pod", "crash", "--no-headers"),
      (line) => /CrashLoopBackOff +[1-9]/.test(line),
    );
    await kubectl(host, mainstay, "-n", "web", "delete", "pod", "crash", "--grace-period=0", "--force");
  });

  it("leaves the pods running when it stops, and adopts them when it starts again", async () => {
    const look = () =>
      kubectl(
        host,
        mainstay,
        "-n",
        "web",
        "get",
        "pods",
        "-l",
        "app=web",
        "-o",
        'jsonpath={range .items[*]}{.metadata.name} {.status.podIP} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\\n"}{end}',
      );
    await settle(3);
    const before = await look();
    const ip = before.split(" ")[1] ?? "";
    await mainstay.stop();
    expect(await host.exec("curl", "-sf", "--max-time", "5", `http://${ip}:8080/`)).toContain("<h1>");
    mainstay = await startMainstay(host, dataDir);
    expect(await look()).toBe(before);
  });

  it("recovers from the sudden death of its agent without restarting a container", async () => {
    const look = () => kubectl(host, mainstay, "-n", "web", "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].status.containerStatuses[0].containerID}");
    await settle(3);
    const before = await look();
    await host.exec("pkill", "-9", "-f", `main.ts agent.*${dataDir}`);
    edit("apps/web/deployment.yaml", /replicas: \d+/, "replicas: 4");
    expect((await push("four")).isAccepted).toBe(true);
    await eventually(readyPods, (count) => count === 4);
    const after = (await look()).split(" ");
    for (const id of before.split(" ")) expect(after).toContain(id);
  });

  it("refuses a second server on the same data directory by name", async () => {
    await expect(startMainstay(host, dataDir, ["--api-port", "7443", "--git-port", "7480"], 20_000)).rejects.toThrow(`${dataDir} is in use by another Mainstay`);
  });
});
