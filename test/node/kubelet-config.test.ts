import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Lease, Node } from "../../engine/resources/types.ts";
import { eventually, requireRoot } from "../kit/mainstay.ts";
import { container, shell, startRealNode, type RealNode } from "./real-node.ts";

/** A machine whose agent is told by files how to run. */
describe.skipIf(!requireRoot())("an agent with a KubeletConfiguration", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "kubelet-"));
  const file = path.join(folder, "config.yaml");
  const HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
  let node: RealNode;

  beforeAll(async () => {
    writeFileSync(path.join(folder, "resolv.conf"), "nameserver 192.0.2.53\nsearch corp.example\n");
    writeFileSync(
      file,
      `${HEAD}maxPods: 20\npodLogsDir: ${folder}/pods\ncontainerLogMaxSize: 10Ki\ncontainerLogMaxFiles: 2\ncontainerLogMonitorInterval: 3s\ncrashLoopBackOff: {maxContainerRestartPeriod: 1s}\nresolvConf: resolv.conf\nnodeLeaseDurationSeconds: 20\nenableSystemLogHandler: false\nproviderID: cloud://7\ntlsMinVersion: VersionTLS13\nserializeImagePulls: true\nkubeAPIQPS: 7\n`,
    );
    mkdirSync(path.join(folder, "conf.d"));
    writeFileSync(path.join(folder, "conf.d", "10-pods.conf"), `${HEAD}maxPods: 30\n`);
    node = await startRealNode("kc", undefined, { MAINSTAY_KUBELET_CONFIG: file, MAINSTAY_KUBELET_CONFIG_DIR: path.join(folder, "conf.d") });
  });
  afterAll(async () => {
    await node?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("makes its Node and Lease by it, and shows it", async () => {
    const { spec, status } = await node.json<Node>("node", node.host.name);
    expect([spec?.providerID, status?.capacity?.["pods"]]).toEqual(["cloud://7", "30"]);
    const lease = await node.json<Lease>("lease", "-n", "kube-node-lease", node.host.name);
    expect(lease.spec?.leaseDurationSeconds).toBe(20);
    const proxy = (page: string) => node.kubectl("get", "--raw", `/api/v1/nodes/${node.host.name}/proxy${page}`);
    expect(JSON.parse(await proxy("/configz"))).toMatchObject({
      kubeletconfig: { maxPods: 30, containerLogMaxSize: "10Ki", crashLoopBackOff: { maxContainerRestartPeriod: "1s" }, serializeImagePulls: true },
    });
    await expect(proxy("/logs/")).rejects.toThrow("MethodNotAllowed");
    expect(await node.host.exec("sh", "-c", `curl -sk --tlsv1.2 --tls-max 1.2 https://${node.host.address}:10250/healthz; echo $?`)).toBe("35\n");
    expect(await node.host.exec("grep", "-c", `${file}:15 kubeAPIQPS changes nothing`, path.join(node.dataDir, "agent", "agent.log"))).toBe("1\n");
  });

  it("tells pods of the resolver that it names", async () => {
    await node.create("machine", { dnsPolicy: "Default", containers: [shell("sleep 1000")] });
    await node.create("cluster", { containers: [shell("sleep 1000")] });
    for (const name of ["machine", "cluster"]) await node.until(name, (pod) => container(pod)?.ready === true);
    expect(await node.kubectl("exec", "machine", "--", "cat", "/etc/resolv.conf")).toBe("search corp.example\nnameserver 192.0.2.53\n");
    expect(await node.kubectl("exec", "cluster", "--", "cat", "/etc/resolv.conf")).toMatch(/^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local corp\.example$/m);
  });

  it("asks that resolver for names outside of the cluster", async () => {
    await node.host.exec("ip", "addr", "add", "192.0.2.53/32", "dev", "lo");
    const answering =
      'import { createSocket } from "node:dgram"; import packet from "dns-packet"; const socket = createSocket("udp4"); socket.on("message", (bytes, from) => { const { id, questions } = packet.decode(bytes); socket.send(packet.encode({ type: "response", id, questions, answers: questions[0].type === "A" ? [{ type: "A", name: questions[0].name, data: "198.51.100.7" }] : [] }), from.port, from.address); }); socket.bind(53, "192.0.2.53");';
    const [enter = "", ...words] = node.host.enter;
    const resolver = spawn(enter, [...words, process.execPath, "--input-type=module", "--eval", answering], { stdio: "inherit" });
    try {
      await eventually(
        () => node.kubectl("exec", "cluster", "--", "nslookup", "www.example.com").catch(String),
        (said) => said.includes("198.51.100.7"),
      );
    } finally {
      const ended = once(resolver, "exit");
      resolver.kill();
      await ended;
    }
  });

  it("starts what crashes again as soon as it says, and puts logs aside where and when it says", async () => {
    await node.create("crash", { containers: [shell("exit 1")] });
    await node.create("writer", { containers: [shell("while true; do seq 1000; sleep 1; done")] });
    await node.until("crash", (pod) => (container(pod)?.restartCount ?? 0) >= 5, 25_000);
    const { metadata } = await node.pod("writer");
    const logs = path.join(folder, "pods", `default_writer_${metadata.uid}`, "main");
    await eventually(
      async () => readdirSync(logs),
      (files) => files.length === 2,
      30_000,
    );
  });
});
