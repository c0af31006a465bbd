import { existsSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { findCondition } from "../../engine/apimachinery/conditions.ts";
import type { Pod } from "../../engine/resources/types.ts";
import { networkNamespaces } from "../../node-agent/cri/network-namespaces.ts";
import { eventually, requireRoot, runMainstay } from "../kit/mainstay.ts";
import { container, shell, startRealNode, type RealNode } from "./real-node.ts";

function parentOf(pid: string): string | undefined {
  try {
    return /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  } catch {
    return undefined; // it has ended
  }
}

/** What survives the sudden death of the parts of a machine. */
describe.skipIf(!requireRoot())("a machine whose parts die", () => {
  let node: RealNode;
  beforeAll(async () => {
    node = await startRealNode("rc");
  });
  afterAll(async () => node?.stop());
  const isReady = (pod: Pod) => findCondition(pod.status?.conditions, "Ready")?.status === "True";
  /** Without what one of them has just forked, which bears its name until it becomes another program. */
  const pidsOf = async (pattern: string) => {
    const pids = (await node.host.exec("pgrep", "-f", pattern).catch(() => ""))
      .trim()
      .split("\n")
      .filter((line) => line !== "");
    return pids.filter((pid) => {
      const parent = parentOf(pid);
      return parent !== undefined && !pids.includes(parent);
    });
  };
  const killAgent = () => node.host.exec("pkill", "-9", "-f", `main.ts agent.*${node.dataDir}`);
  const identity = async (name: string) => {
    const status = container(await node.pod(name));
    return `${status?.containerID} ${status?.restartCount}`;
  };

  it("keeps its containers through the death of containerd, which comes back and is followed again", { timeout: 90_000 }, async () => {
    await node.create("steady", { containers: [shell("sleep 1000")] });
    await node.until("steady", isReady);
    const before = await identity("steady");
    const [pid = ""] = await pidsOf(`containerd -c ${node.dataDir}`);
    await node.host.exec("kill", "-9", pid);
    await eventually(
      () => pidsOf(`containerd -c ${node.dataDir}`),
      (pids) => pids.length > 0 && !pids.includes(pid),
      40_000,
    );
    await node.create("after", { containers: [shell("sleep 1000")] });
    await node.until("after", isReady, 40_000);
    expect(await identity("steady")).toBe(before);
    // The end of a container of before is heard of as well.
    await node.kubectl("delete", "pod", "steady", "--timeout=20s");
  });

  it("neither doubles nor loses containers when its agent dies while pods start", { timeout: 120_000 }, async () => {
    const names = Array.from({ length: 5 }, (_, index) => `start-${index}`);
    await Promise.all(names.map((name) => node.create(name, { containers: [shell("sleep 1000")] })));
    await killAgent();
    for (const name of names) await node.until(name, isReady, 40_000);
    const shims = async () => (await pidsOf(`containerd-shim.*${node.dataDir}`)).length;
    // Two pods of the first test at most, and one sandbox for each of these; a doubled one would stay.
    const pods = await node.json<{ items: Pod[] }>("pods");
    await eventually(shims, (count) => count === pods.items.length, 40_000);
    for (const name of names) expect(container(await node.pod(name))?.restartCount).toBe(0);
  });

  it("adopts its containerd after the agent's death, also when it is slow to answer or its number was lost", { timeout: 90_000 }, async () => {
    const [pid = ""] = await pidsOf(`containerd -c ${node.dataDir}`);
    await node.host.exec("rm", `${node.dataDir}/agent/containerd/pid`);
    await node.host.exec("kill", "-STOP", pid);
    await killAgent();
    await eventually(
      () => pidsOf(`main.ts agent.*${node.dataDir}`),
      (pids) => pids.length > 0,
    );
    await node.host.exec("sleep", "2"); // the new agent asks, and gets no answer
    await node.host.exec("kill", "-CONT", pid);
    await node.create("adopted", { containers: [shell("sleep 1000")] });
    await node.until("adopted", isReady, 40_000);
    expect(await pidsOf(`containerd -c ${node.dataDir}`)).toEqual([pid]);
  });

  it("starts pods again when the network configuration of its runtime is deleted", { timeout: 120_000 }, async () => {
    await node.create("through", { containers: [shell("sleep 1000")] });
    await node.until("through", isReady);
    const before = await identity("through");
    const folder = `${node.dataDir}/agent/cni/net.d`;
    await node.host.exec("rm", "-r", folder);
    await node.create("again", { containers: [shell("sleep 1000")] });
    await node.until("again", isReady, 60_000);
    expect(await identity("through")).toBe(before);
  });

  it("starts a container anew that was killed behind its back, in the same pod", async () => {
    await node.create("killed", { containers: [shell("exec sleep 4242")] });
    await node.until("killed", isReady);
    const { status } = await node.pod("killed");
    await node.host.exec("pkill", "-9", "-f", "^sleep 4242$");
    const pod = await node.until("killed", (seen) => container(seen)?.restartCount === 1 && isReady(seen));
    expect(container(pod)?.lastState?.terminated).toMatchObject({ exitCode: 137 });
    expect(pod.status?.podIP).toBe(status?.podIP);
  });
});

test.skipIf(!requireRoot())("a reset leaves nothing of pods that run, also when their runtime does not start any more", { timeout: 90_000 }, async () => {
  const node = await startRealNode("rs");
  try {
    const name = `sleep ${1_000_000 + process.pid}`;
    await node.create("stuck", { containers: [shell(`exec ${name}`)] });
    await node.until("stuck", (pod) => pod.status?.phase === "Running");
    const agentDir = path.join(node.dataDir, "agent");
    const networks = networkNamespaces(agentDir);
    const isRunning = () =>
      node.host.exec("pgrep", "-f", `^${name}`).then(
        () => true,
        () => false,
      );
    expect([networks.length, networks.every((place) => existsSync(place)), await isRunning()]).toEqual([1, true, true]);
    await node.mainstay.stop();
    rmSync(path.join(agentDir, "containerd", "config.toml"));
    await runMainstay(node.host, "reset", "--data-dir", node.dataDir);
    expect([networks.some((place) => existsSync(place)), await isRunning(), existsSync(node.dataDir)]).toEqual([false, false, false]);
  } finally {
    await node.stop();
  }
});
