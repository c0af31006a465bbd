import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { findCondition } from "../../engine/apimachinery/conditions.ts";
import type { Pod } from "../../engine/resources/types.ts";
import { networkNamespaces } from "../../node-agent/cri/network-namespaces.ts";
import { cleanUp, eventually, requireRoot, startMainstay } from "../kit/mainstay.ts";
import { container, IMAGE, shell, startRealNode } from "./real-node.ts";

const isReady = (pod: Pod) => findCondition(pod.status?.conditions, "Ready")?.status === "True";

/** What a machine that loses its power does to what runs of a node: no process is left, and nothing that was mounted. */
function powerOff(dataDir: string): void {
  const processes = readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 1)
    .map((pid) => ({ pid, parent: Number(/^PPid:\s+(\d+)/m.exec(readProc(pid, "status"))?.[1]), args: readProc(pid, "cmdline").replaceAll("\0", " ") }));
  const shims = new Set(processes.filter(({ args }) => args.includes("containerd-shim") && args.includes(dataDir)).map(({ pid }) => pid));
  const contained = new Set(processes.filter(({ parent }) => shims.has(parent)).map(({ pid }) => pid));
  const parts = processes.filter(({ args }) => /main\.ts (server|agent) |^containerd -c /.test(args) && args.includes(dataDir)).map(({ pid }) => pid);
  const networks = networkNamespaces(path.join(dataDir, "agent"));
  // First who would start others again; what a container's first process has started ends with it.
  for (const pid of [...parts, ...shims, ...contained]) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // it has ended with another
    }
  }
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((place) => place.startsWith(`${dataDir}/`));
  for (const place of [...networks, ...mounts.reverse()]) execFileSync("umount", ["-l", place]);
  for (const place of networks) rmSync(place); // as what lies in memory
}

/** Empty for a process that has ended. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

test.skipIf(!requireRoot())(
  "pods of a machine that lost its power go on in new sandboxes with the files they had; those that do not start again give their addresses back",
  { timeout: 180_000 },
  async () => {
    const node = await startRealNode("pl");
    let again: Awaited<ReturnType<typeof startMainstay>> | undefined;
    try {
      const mounts = [
        { name: "disk", mountPath: "/disk" },
        { name: "memory", mountPath: "/memory" },
      ];
      const write = (who: string) => `echo ${who} >> /disk/log; echo ${who} >> /memory/log`;
      await node.create("steady", {
        volumes: [
          { name: "disk", emptyDir: {} },
          { name: "memory", emptyDir: { medium: "Memory" } },
        ],
        initContainers: [{ name: "init", image: IMAGE, command: ["sh", "-c", write("init")], volumeMounts: mounts }],
        containers: [shell(`${write("main")}; sleep 1000`, { volumeMounts: mounts })],
      });
      await node.create("once", { restartPolicy: "Never", containers: [shell("sleep 1000")] });
      await node.create("over", { restartPolicy: "Never", containers: [shell("true")] });
      const before = await node.until("steady", isReady);
      const addressOfOnce = (await node.until("once", isReady)).status?.podIP ?? "";
      await node.until("over", (pod) => pod.status?.phase === "Succeeded");
      const leased = () => readdirSync(path.join(node.dataDir, "agent", "cni", "ipam", "mainstay"));
      expect(leased()).toContain(addressOfOnce);

      powerOff(node.dataDir);
      again = await startMainstay(node.host, node.dataDir, ["--no-git"]);

      const after = await node.until("steady", (pod) => isReady(pod) && container(pod)?.restartCount === 1, 60_000);
      expect(container(after)?.lastState?.terminated).toMatchObject({ reason: "Unknown", exitCode: 255 });
      expect(after.metadata.uid).toBe(before.metadata.uid);
      const log = (place: string) => node.kubectl("exec", "steady", "-c", "main", "--", "cat", `/${place}/log`);
      expect(await log("disk")).toBe("init\nmain\ninit\nmain\n");
      expect(await log("memory")).toBe("init\nmain\n");
      expect(await node.events("steady")).toContain("SandboxChanged: Pod sandbox changed, it will be killed and re-created.");

      const once = await node.until("once", (pod) => pod.status?.phase === "Failed");
      expect(container(once)).toMatchObject({ restartCount: 0, state: { terminated: { reason: "Unknown", exitCode: 255 } } });
      await eventually(
        async () => leased(),
        (addresses) => !addresses.includes(addressOfOnce) && addresses.includes(after.status?.podIP ?? ""),
        30_000,
      );
      expect((await node.pod("over")).status?.phase).toBe("Succeeded");
    } finally {
      await cleanUp(
        () => again?.stop(),
        () => node.stop(),
      );
    }
  },
);
