import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Pod } from "../../engine/resources/types.ts";
import { createFabric, type Fabric, type Host } from "../kit/hosts.ts";
import { cleanUp, eventually, kubectl, makeDataDir, requireRoot, resetMainstay, startAgent, startMainstay, type Mainstay } from "../kit/mainstay.ts";

/** A machine whose agent runs pods of files, whether or not the server beside it answers. */
describe.skipIf(!requireRoot())("pods of a machine's own files", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "manifests-"));
  const traces = mkdtempSync(path.join(os.tmpdir(), "traces-"));
  const serverDir = makeDataDir();
  const agentDir = makeDataDir();
  let fabric: Fabric;
  let host: Host;
  let server: Mainstay;
  let agent: Mainstay;

  /** Writes when it started into a file of its name, and runs on. */
  const write = (name: string, word: string) =>
    writeFileSync(
      path.join(folder, `${name}.yaml`),
      `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {word: ${word}}}\nspec:\n  hostNetwork: true\n  terminationGracePeriodSeconds: 1\n  volumes: [{name: traces, hostPath: {path: ${traces}}}]\n  containers: [{name: main, image: "mainstay.local/busybox:1", imagePullPolicy: Never, command: [sh, -c, "echo ${word} >> /traces/${name}; echo said ${word}; sleep 1000"], volumeMounts: [{name: traces, mountPath: /traces}]}]\n`,
    );
  const trace = (name: string) => (existsSync(path.join(traces, name)) ? readFileSync(path.join(traces, name), "utf8") : "");
  const k = (...args: string[]) => kubectl(host, server, ...args);
  const mirror = async (name: string) => JSON.parse(await k("get", "pod", `${name}-${host.name}`, "-o", "json")) as Pod;
  const isReady = (pod: Pod) => pod.status?.containerStatuses?.[0]?.ready === true;
  const startServer = () => startMainstay(host, serverDir, ["--no-git", "--no-agent", "--bind-address", host.address]);

  beforeAll(async () => {
    fabric = await createFabric("sp", 1);
    host = fabric.hosts[0] as Host; // one was made
    write("web", "first");
    writeFileSync(path.join(folder, ".web.yaml.swp"), "not for us");
    mkdirSync(path.join(folder, "folder"));
    server = await startServer();
    agent = await startAgent(host, agentDir, [
      "--server",
      `https://${host.address}:6443`,
      "--token",
      readFileSync(path.join(serverDir, "server/pki/node-token"), "utf8").trim(),
      "--pod-manifest-path",
      folder,
    ]);
  }, 120_000);
  afterAll(
    () =>
      cleanUp(
        () => agent?.stop(),
        () => server?.stop(),
        ...[agentDir, serverDir].map((dataDir) => () => (host === undefined ? undefined : resetMainstay(host, dataDir))),
        () => fabric?.destroy(),
        ...[folder, traces].map((each) => () => rmSync(each, { recursive: true, force: true })),
      ),
    120_000,
  );

  it("run, and are shown in the API by mirrors that belong to the Node", async () => {
    const pod = await eventually(() => mirror("web"), isReady, 60_000);
    const hash = pod.metadata.annotations?.["kubernetes.io/config.hash"];
    expect(pod.metadata).toMatchObject({ namespace: "default", labels: { word: "first" }, annotations: { "kubernetes.io/config.source": "file", "kubernetes.io/config.mirror": hash } });
    const uid = await k("get", "node", host.name, "-o", "jsonpath={.metadata.uid}");
    expect(pod.metadata.ownerReferences).toEqual([{ apiVersion: "v1", kind: "Node", name: host.name, uid, controller: true }]);
    expect([pod.status?.phase, pod.spec.nodeName, pod.spec.tolerations?.some(({ operator, effect }) => operator === "Exists" && effect === "NoExecute")]).toEqual(["Running", host.name, true]);
    expect(await k("logs", `web-${host.name}`)).toBe("said first\n");
    expect(await k("exec", `web-${host.name}`, "--", "echo", "hello")).toBe("hello\n");
    expect(await k("describe", "pod", `web-${host.name}`)).toMatch(/Normal\s+Started/);
  });

  it("go on when their mirror is deleted, and get another", async () => {
    const before = await mirror("web");
    await k("delete", "pod", `web-${host.name}`, "--wait=false");
    const after = await eventually(
      () => mirror("web"),
      (pod) => pod.metadata.uid !== before.metadata.uid && isReady(pod),
    );
    expect([after.status?.containerStatuses?.[0]?.containerID, after.status?.startTime, trace("web")]).toEqual([
      before.status?.containerStatuses?.[0]?.containerID,
      before.status?.startTime,
      "first\n",
    ]);
  });

  it("begin anew when their file says something else, and end when it is gone", async () => {
    write("web", "second");
    const after = await eventually(
      () => mirror("web"),
      (pod) => pod.metadata.labels?.["word"] === "second" && isReady(pod),
    );
    expect([trace("web"), after.status?.containerStatuses?.[0]?.restartCount]).toEqual(["first\nsecond\n", 0]);
    write("gone", "here");
    await eventually(() => mirror("gone"), isReady);
    rmSync(path.join(folder, "gone.yaml"));
    await eventually(
      () => k("get", "pods", "-o", "name"),
      (names) => names === `pod/web-${host.name}\n`,
    );
  });

  it("run and end without an API server, also after the agent's own end, and are shown when one is back", async () => {
    const { uid } = (await mirror("web")).metadata;
    await server.stop();
    write("alone", "started");
    await eventually(
      async () => trace("alone"),
      (text) => text === "started\n",
    );
    await agent.kill();
    write("later", "started");
    agent = await startAgent(host, agentDir, ["--server", `https://${host.address}:6443`, "--token", "none", "--pod-manifest-path", folder]);
    await eventually(
      async () => trace("later"),
      (text) => text === "started\n",
    );
    rmSync(path.join(folder, "alone.yaml"));
    server = await startServer();
    await eventually(() => mirror("later"), isReady);
    await eventually(
      () => mirror("web"),
      (pod) => pod.metadata.uid === uid && isReady(pod),
    );
    expect((await k("get", "pods", "-o", "name")).split("\n").filter(Boolean)).toEqual([`pod/later-${host.name}`, `pod/web-${host.name}`]);
    // Nothing was started twice.
    expect([trace("web"), trace("later"), trace("alone")]).toEqual(["first\nsecond\n", "started\n", "started\n"]);
  }, 180_000);

  it("that would need the API to run are refused, and said to be in the log", async () => {
    writeFileSync(
      path.join(folder, "secret.yaml"),
      "apiVersion: v1\nkind: Pod\nmetadata: {name: secret}\nspec:\n  volumes: [{name: s, secret: {secretName: s}}]\n  containers: [{name: main, image: i}]\n",
    );
    await eventually(
      () => host.exec("grep", "-c", "static pods may not reference secrets", path.join(agentDir, "agent.log")),
      (count) => Number(count) > 0,
    );
  });

  it("find room on a full node: others give way to them", async () => {
    const ask = (cpu: number) => ({ name: "main", image: "mainstay.local/busybox:1", command: ["sleep", "1000"], resources: { requests: { cpu: `${cpu}m` } } });
    const cpu = Number((await k("get", "node", host.name, "-o", "jsonpath={.status.allocatable.cpu}")).replace(/^(\d+)$/, "$1000").replace("m", ""));
    const podOf = (name: string, share: number) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: { terminationGracePeriodSeconds: 1, restartPolicy: "Never", containers: [ask(Math.floor(cpu * share))] },
    });
    const file = path.join(traces, "usual.json");
    writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: [podOf("large", 0.6), podOf("small", 0.2)] }));
    await k("apply", "-f", file);
    const show = async (name: string) => JSON.parse(await k("get", "pod", name, "-o", "json")) as Pod;
    for (const name of ["large", "small"]) await eventually(() => show(name), isReady, 60_000);
    writeFileSync(path.join(folder, "vital.json"), JSON.stringify(podOf("vital", 0.5)));
    await eventually(() => mirror("vital"), isReady, 60_000);
    expect((await show("large")).status).toMatchObject({ phase: "Failed", reason: "Preempting", message: "Preempted in order to admit critical pod" });
    expect((await show("small")).status?.phase).toBe("Running");
  }, 120_000);
});
