import { appendFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { containerdPaths, keepContainerd, startContainerd } from "../../node-agent/cri/containerd.ts";
import { openCriRuntime } from "../../node-agent/cri/cri-runtime.ts";
import { ensureLocalImages } from "../../node-agent/images/local-images.ts";
import { writeCniConfig } from "../../node-agent/network/cni.ts";
import { eventually, requireRoot } from "../kit/mainstay.ts";
import { describeRuntime } from "./runtime-contract.ts";

/** Not a network of any cluster in these tests. */
const POD_CIDR = "10.99.77.0/24";

describe.skipIf(!requireRoot())("containerd", () => {
  it("is adopted by the next agent, and replaced by one that would give it another configuration", async () => {
    const dataDir = mkdtempSync(path.join(os.tmpdir(), "cd-"));
    const keep = () => keepContainerd(dataDir, systemClock, silentLogger, new AbortController().signal);
    const kept = [await keep(), await keep()];
    try {
      appendFileSync(path.join(containerdPaths(dataDir).root, "config.toml"), "# of an earlier release\n");
      kept.push(await keep());
      const [first, second, third] = kept.map((containerd) => containerd.pid());
      expect([second, existsSync(`/proc/${first}`), existsSync(`/proc/${third}`)]).toEqual([first, false, true]);
    } finally {
      for (const containerd of kept) await containerd.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  describeRuntime("containerd as the agent runs it", async () => {
    const dataDir = mkdtempSync(path.join(os.tmpdir(), "cd-"));
    const stop = new AbortController();
    writeCniConfig(containerdPaths(dataDir).cni, [POD_CIDR]);
    const containerd = await startContainerd(dataDir, systemClock, silentLogger, stop.signal);
    const runtime = openCriRuntime(containerd.socket);
    await ensureLocalImages(runtime, containerd.socket);
    await eventually(
      () => runtime.problem(),
      (problem) => problem === undefined,
      20_000,
    );
    return {
      runtime,
      image: "mainstay.local/busybox:1",
      spareImage: "mainstay.local/web:1",
      async until(what, condition) {
        const deadline = performance.now() + 30_000;
        while (!(await condition())) {
          if (performance.now() > deadline) throw new Error(`not within 30 s: ${what}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      },
      async stop() {
        for (const { id } of await runtime.listSandboxes()) {
          await runtime.stopSandbox(id);
          await runtime.removeSandbox(id);
        }
        runtime.close();
        await containerd.stop();
        rmSync(dataDir, { recursive: true, force: true });
      },
    };
  });
});
