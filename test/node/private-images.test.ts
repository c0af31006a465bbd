import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "vitest";
import { containerdPaths } from "../../node-agent/cri/containerd.ts";
import { cleanUp, eventually, requireRoot } from "../kit/mainstay.ts";
import { container, IMAGE, startRealNode } from "./real-node.ts";

const REGISTRY = path.join(import.meta.dirname, "../kit/private-registry.ts");
const base64 = (text: string) => Buffer.from(text).toString("base64");

test.skipIf(!requireRoot())("a private image is for pods with its Secret, and runs again with its variables while no server answers", { timeout: 120_000 }, async () => {
  const node = await startRealNode("pi");
  const folder = mkdtempSync(path.join(os.tmpdir(), "registry-"));
  const [enter = "", ...words] = node.host.enter;
  const command = `sleep ${2_000_000 + process.pid}`;
  const processOf = async () => (await node.host.exec("pgrep", "-f", `^${command}`)).trim();
  let registry: ReturnType<typeof spawn> | undefined;
  try {
    const { socket } = containerdPaths(path.join(node.dataDir, "agent"));
    await node.host.exec("ctr", "-a", socket, "-n", "k8s.io", "images", "export", `${folder}/image.tar`, IMAGE);
    await node.host.exec("tar", "-x", "-C", folder, "-f", `${folder}/image.tar`);
    registry = spawn(enter, [...words, process.execPath, REGISTRY, folder, "5000", "ann:word"], { stdio: ["ignore", "pipe", "inherit"] });
    await once(registry.stdout!, "data");
    const auths = { "localhost:5000": { auth: base64("ann:word") } };
    await node.apply(
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "reg", namespace: "default" },
        type: "kubernetes.io/dockerconfigjson",
        data: { ".dockerconfigjson": base64(JSON.stringify({ auths })) },
      },
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "words", namespace: "default" }, data: { WORD: "hello" } },
    );
    const containers = [{ name: "main", image: "localhost:5000/team/app:1", imagePullPolicy: "IfNotPresent", command: command.split(" ") }];
    await node.create("ann", { containers: containers.map((one) => ({ ...one, envFrom: [{ configMapRef: { name: "words" } }] })), imagePullSecrets: [{ name: "reg" }] });
    await node.until("ann", (pod) => container(pod)?.ready === true);
    await node.create("nobody", { containers });
    await node.until("nobody", (pod) => container(pod)?.state?.waiting?.message?.match(/401 Unauthorized|no basic auth credentials/) != null);

    const before = await processOf();
    node.mainstay.process.kill("SIGSTOP");
    try {
      process.kill(Number(before), "SIGKILL");
      await eventually(processOf, (pid) => pid !== "" && pid !== before, 60_000);
    } finally {
      node.mainstay.process.kill("SIGCONT");
    }
    await node.until("ann", (pod) => container(pod)?.ready === true && container(pod)?.restartCount === 1);
  } finally {
    await cleanUp(
      () => registry?.kill("SIGKILL"),
      () => node.stop(),
      () => rmSync(folder, { recursive: true }),
    );
  }
});
