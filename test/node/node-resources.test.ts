import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statfsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findCondition } from "../../engine/apimachinery/conditions.ts";
import { parseQuantity } from "../../engine/apimachinery/quantity.ts";
import { cgroupRoot } from "../../node-agent/agent-settings.ts";
import type { Node, Pod } from "../../engine/resources/types.ts";
import { cniPlaces, hasBandwidthPlugin } from "../../node-agent/network/cni.ts";
import { DeviceDriver } from "../kit/device-driver.ts";
import { eventually, requireRoot } from "../kit/mainstay.ts";
import { container, shell, startRealNode, type RealNode } from "./real-node.ts";

const run = promisify(execFile);
const canRun = requireRoot();
let node: RealNode;
/** A small disk of its own for everything that the agent keeps. */
const smallDisk = async (dataDir: string) => {
  const folder = path.join(dataDir, "agent");
  mkdirSync(folder);
  await run("mount", ["-t", "tmpfs", "-o", "size=512m", "tmpfs", folder]);
  return async () => void (await run("umount", ["-l", folder]));
};
beforeAll(async () => {
  if (canRun) node = await startRealNode("nr", smallDisk);
}, 180_000);
afterAll(() => node?.stop(), 120_000);

const CGROUPS = "/sys/fs/cgroup";
const isUnified = existsSync(path.join(CGROUPS, "cgroup.controllers"));
const isReady = (pod: Pod) => container(pod)?.ready === true;
const isFailed = (pod: Pod) => pod.status?.phase === "Failed";
/** What a cgroup of the agent says, by the name that its version has for it. */
const cgroupSays = (folder: string, v1: string, v2: string) => {
  const root = cgroupRoot(path.join(node.dataDir, "agent"));
  return readFileSync(isUnified ? path.join(CGROUPS, root, folder, v2) : path.join(CGROUPS, v1.split(".")[0] ?? "", root, folder, v1), "utf8").trim();
};

describe.skipIf(!canRun)("a pod's network", () => {
  test.skipIf(!hasBandwidthPlugin(cniPlaces("")))("is held to the bandwidth that its annotations say", async () => {
    const bounds = { "kubernetes.io/ingress-bandwidth": "8M", "kubernetes.io/egress-bandwidth": "16M" };
    await node.create("slow", { containers: [shell("sleep 1000")] }, { annotations: bounds });
    await node.create("unheld", { containers: [shell("sleep 1000")] });
    const { status } = await node.until("slow", isReady);
    const free = await node.until("unheld", isReady);
    const queueOf = async (ip = "") => {
      const [, device = ""] = /dev (\S+)/.exec(await node.host.exec("ip", "route", "get", ip)) ?? [];
      return node.host.exec("tc", "qdisc", "show", "dev", device);
    };
    expect(await queueOf(status?.podIP)).toContain("rate 8Mbit");
    expect(await queueOf(free.status?.podIP)).not.toContain("rate");
    expect(await node.host.exec("tc", "qdisc", "show")).toContain("rate 16Mbit");
    await node.kubectl("delete", "pod", "slow", "unheld", "--timeout=30s");
    expect(await node.host.exec("tc", "qdisc", "show")).not.toContain("Mbit");
  });
});

describe.skipIf(!canRun)("a pod's cgroup", () => {
  test("lies under its class and holds all of its containers together", async () => {
    await node.create("bounded", {
      containers: [
        shell("sleep 1000", { resources: { requests: { cpu: "100m", memory: "16Mi" }, limits: { cpu: "200m", memory: "32Mi" } } }),
        shell("sleep 1000", { name: "other", resources: { requests: { cpu: "50m" }, limits: { cpu: "100m", memory: "32Mi" } } }),
      ],
    });
    await node.create("free", { containers: [shell("sleep 1000")] });
    const bounded = await node.until("bounded", isReady);
    const free = await node.until("free", isReady);
    const place = `burstable/pod${bounded.metadata.uid}`;
    expect(cgroupSays(place, "memory.limit_in_bytes", "memory.max")).toBe(String(64 * 2 ** 20));
    expect(cgroupSays(place, "cpu.cfs_quota_us", "cpu.max")).toBe(isUnified ? "30000 100000" : "30000");
    expect(cgroupSays(place, "cpu.shares", "cpu.weight")).toBe(isUnified ? "6" : "153");
    expect(cgroupSays(`besteffort/pod${free.metadata.uid}`, "cpu.shares", "cpu.weight")).toBe(isUnified ? "1" : "2");
    // Upstream's figures of who dies first.
    const adjustment = async (name: string) => (await node.kubectl("exec", name, "-c", "main", "--", "cat", "/proc/1/oom_score_adj")).trim();
    expect([await adjustment("free"), Number(await adjustment("bounded")) > 900]).toEqual(["1000", true]);
    await eventually(
      async () => cgroupSays("burstable", "cpu.shares", "cpu.weight"),
      (text) => Number(text) >= (isUnified ? 6 : 153),
      30_000,
    );
    for (const name of ["bounded", "free"]) await node.kubectl("delete", "pod", name, "--wait=true");
    expect(() => cgroupSays(place, "memory.limit_in_bytes", "memory.max")).toThrow("ENOENT");
  }, 90_000);

  test("whose pod nobody knows goes once nothing runs in it any more, and no other does", async () => {
    await node.create("known", { containers: [shell("sleep 1000")] });
    const { metadata } = await node.until("known", isReady);
    const pods = path.join(CGROUPS, isUnified ? "" : "pids", cgroupRoot(path.join(node.dataDir, "agent")), "besteffort");
    const [busy, idle] = ["podbusy", "podidle"].map((name) => path.join(pods, name, "container"));
    for (const folder of [busy!, idle!]) mkdirSync(folder, { recursive: true });
    const process = spawn("sleep", ["1000"]);
    writeFileSync(path.join(busy!, "cgroup.procs"), String(process.pid));
    const names = async () => readdirSync(pods).filter((name) => name.startsWith("pod"));
    await eventually(names, (found) => !found.includes("podidle"));
    expect((await names()).sort()).toEqual([`pod${metadata.uid}`, "podbusy"].sort());
    process.kill("SIGKILL");
    await eventually(names, (found) => !found.includes("podbusy"));
    expect(await names()).toEqual([`pod${metadata.uid}`]);
    await node.kubectl("delete", "pod", "known", "--wait=true");
  }, 90_000);
});

describe.skipIf(!canRun)("a pod that writes more than it may", () => {
  test("into an empty folder is evicted, and says why", async () => {
    await node.create("hoarder", {
      containers: [shell("dd if=/dev/zero of=/cache/big bs=1M count=3 2>/dev/null; sleep 1000", { volumeMounts: [{ name: "cache", mountPath: "/cache" }] })],
      volumes: [{ name: "cache", emptyDir: { sizeLimit: "1Mi" } }],
    });
    const pod = await node.until("hoarder", isFailed, 90_000);
    expect(pod.status).toMatchObject({ reason: "Evicted", message: 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ' });
    expect(pod.status?.conditions?.find(({ type }) => type === "DisruptionTarget")).toMatchObject({ status: "True", reason: "TerminationByKubelet" });
    expect(await node.events("hoarder")).toContainEqual(expect.stringContaining("Evicted: Usage of EmptyDir volume"));
    expect(container(pod)?.state?.running).toBeUndefined();
    await node.kubectl("delete", "pod", "hoarder", "--wait=true");
  }, 120_000);

  test("over its image is evicted, and its neighbours stay", async () => {
    await node.create("modest", { containers: [shell("sleep 1000", { resources: { limits: { "ephemeral-storage": "10Mi" } } })] });
    await node.create("writer", { containers: [shell("dd if=/dev/zero of=/big bs=1M count=4 2>/dev/null; sleep 1000", { resources: { limits: { "ephemeral-storage": "2Mi" } } })] });
    expect((await node.until("writer", isFailed, 90_000)).status?.message).toMatch(/ephemeral local storage usage exceeds the total limit of containers 2Mi/);
    expect(container(await node.pod("modest"))?.ready).toBe(true);
    await node.kubectl("delete", "pod", "writer", "modest", "--wait=true");
  }, 120_000);
});

test.skipIf(!canRun)("a node says what it has for pods and that it is short of nothing", async () => {
  const { status } = await node.json<Node>("node", node.host.name);
  const [allocatable, capacity] = [status?.allocatable, status?.capacity].map((amounts) => parseQuantity(amounts?.["ephemeral-storage"] ?? "0"));
  expect(allocatable).toBeGreaterThan(0);
  expect(allocatable).toBeLessThan(capacity ?? 0);
  expect(status?.conditions?.filter(({ type }) => type.endsWith("Pressure")).map(({ type, status: is, reason }) => `${type} ${is} ${reason}`)).toEqual([
    "MemoryPressure False KubeletHasSufficientMemory",
    "DiskPressure False KubeletHasNoDiskPressure",
    "PIDPressure False KubeletHasSufficientPID",
  ]);
});

describe.skipIf(!canRun)("a driver's device", () => {
  test("is prepared before the pod's containers start, seen by them, and given back when the pod has ended", async () => {
    const driver = new DeviceDriver({ name: "gpu.mainstay.test", rootDir: path.join(node.dataDir, "agent", "kubelet") });
    await driver.start();
    try {
      const [machine] = (await node.json<{ items: Node[] }>("nodes")).items;
      const slice = {
        apiVersion: "resource.k8s.io/v1",
        kind: "ResourceSlice",
        metadata: { name: "gpus" },
        spec: { driver: "gpu.mainstay.test", nodeName: machine?.metadata.name, pool: { name: "pool", generation: 1, resourceSliceCount: 1 }, devices: [{ name: "device" }] },
      };
      const deviceClass = { apiVersion: "resource.k8s.io/v1", kind: "DeviceClass", metadata: { name: "gpu" }, spec: { selectors: [{ cel: { expression: 'device.driver == "gpu.mainstay.test"' } }] } };
      const template = {
        apiVersion: "resource.k8s.io/v1",
        kind: "ResourceClaimTemplate",
        metadata: { name: "gpu", namespace: "default" },
        spec: { spec: { devices: { requests: [{ name: "gpu", exactly: { deviceClassName: "gpu" } }] } } },
      };
      await node.apply(slice, deviceClass, template);
      driver.failure = "still warming up";
      const spec = {
        restartPolicy: "Never" as const,
        resourceClaims: [{ name: "gpu", resourceClaimTemplateName: "gpu" }],
        containers: [shell("echo $DEVICE_OF_CLAIM > /dev/termination-log", { resources: { claims: [{ name: "gpu" }] } })],
      };
      await node.create("renderer", spec);
      await eventually(
        () => node.events("renderer"),
        (events) => events.some((event) => /^FailedPrepareDynamicResources: .*still warming up/.test(event)),
        60_000,
      );
      driver.failure = "";
      const over = await node.until("renderer", (pod) => pod.status?.phase === "Succeeded", 60_000);
      const claim = over.status?.resourceClaimStatuses?.[0]?.resourceClaimName ?? "";
      expect(claim).toMatch(/^renderer-gpu-/);
      expect(container(over)?.state?.terminated?.message).toBe(`${claim}\n`);
      expect(driver.calls.slice(-2)).toEqual([`prepare ${claim}`, `unprepare ${claim}`]);
      await eventually(
        () => node.kubectl("get", "resourceclaims", "--no-headers", "--ignore-not-found"),
        (text) => text.trim() === "",
        30_000,
      );
    } finally {
      driver.destroy();
    }
  }, 240_000);
});

// The last: the node stays under pressure for five minutes.
describe.skipIf(!canRun)("a node whose disk fills up", () => {
  test("ends the pod that fills it, keeps the others, and takes no more until it has recovered", async () => {
    await node.create("modest", { containers: [shell("sleep 1000", { resources: { requests: { "ephemeral-storage": "1Mi" } } })] });
    await node.until("modest", (pod) => container(pod)?.ready === true);
    await node.create("filler", {
      containers: [shell("dd if=/dev/zero of=/cache/big bs=1M 2>/dev/null; sleep 1000", { volumeMounts: [{ name: "cache", mountPath: "/cache" }] })],
      volumes: [{ name: "cache", emptyDir: {} }],
    });
    const filler = await node.until("filler", (pod: Pod) => pod.status?.phase === "Failed", 120_000);
    expect(filler.status?.reason).toBe("Evicted");
    expect(filler.status?.message).toMatch(/^The node was low on resource: ephemeral-storage\. Threshold quantity: \S+, available: \S+\. /);
    const status = () => node.json<Node>("node", node.host.name);
    const pressed = await eventually(
      status,
      (seen) => findCondition(seen.status?.conditions, "DiskPressure")?.status === "True" && seen.spec?.taints?.some(({ key }) => key === "node.kubernetes.io/disk-pressure") === true,
      60_000,
    );
    expect(findCondition(pressed.status?.conditions, "DiskPressure")?.reason).toBe("KubeletHasDiskPressure");
    expect(container(await node.pod("modest"))?.ready).toBe(true);
    // What it wrote is gone although the pod is still shown: nobody else has to go.
    const disk = async () => statfsSync(path.join(node.dataDir, "agent"));
    await eventually(disk, ({ bavail, blocks }) => bavail / blocks > 0.5, 60_000);
    // One that does not ask the scheduler is turned away by the node itself.
    await node.create("bold", { nodeName: node.host.name, containers: [shell("sleep 1000")] });
    expect((await node.until("bold", (pod) => pod.status?.phase === "Failed")).status).toMatchObject({ reason: "Evicted", message: "Pod was rejected: The node had condition: [DiskPressure]. " });
  }, 240_000);
});
