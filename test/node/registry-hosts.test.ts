import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { REGISTRY_HOSTS_DIR, startContainerd, type ContainerdHandle } from "../../node-agent/cri/containerd.ts";
import { openCriRuntime } from "../../node-agent/cri/cri-runtime.ts";
import { cleanUp, eventually, requireRoot } from "../kit/mainstay.ts";

test.skipIf(!requireRoot())("a registry is asked where the machine's hosts.toml says, also without TLS", async () => {
  const asked: string[] = [];
  const registry = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(registry, "listening");
  const host = `mirror-${process.pid}.test`;
  const hosts = path.join(REGISTRY_HOSTS_DIR, host);
  const dataDir = mkdtempSync(path.join(os.tmpdir(), "cd-"));
  const made = mkdirSync(hosts, { recursive: true }) ?? hosts;
  const address = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
  writeFileSync(path.join(hosts, "hosts.toml"), `server = "${address}"\n[host."${address}"]\n  capabilities = ["pull", "resolve"]\n`);
  let containerd: ContainerdHandle | undefined;
  let runtime: ReturnType<typeof openCriRuntime> | undefined;
  try {
    containerd = await startContainerd(dataDir, systemClock, silentLogger, new AbortController().signal);
    const opened = (runtime = openCriRuntime(containerd.socket));
    await eventually(
      () => opened.describe(),
      ({ name }) => name === "containerd",
      20_000,
    );
    await expect(opened.pullImage(`${host}/team/app:1`)).rejects.toThrow("not found");
    expect(asked[0]).toBe(`/v2/team/app/manifests/1?ns=${host}`);
  } finally {
    await cleanUp(
      () => runtime?.close(),
      () => containerd?.stop(),
      () => registry.close(),
      () => rmSync(made, { recursive: true }),
      () => rmSync(dataDir, { recursive: true, force: true }),
    );
  }
});
