import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { thisMachine } from "../kit/hosts.ts";
import { cleanUp, eventually, kubectl, makeDataDir, requireRoot, startMainstay } from "../kit/mainstay.ts";

const WRITE = "x".repeat(60_000);

test.skipIf(!requireRoot())("a server whose disk is full is alive and not ready, and ready again when there is room", { timeout: 120_000 }, async () => {
  const dataDir = makeDataDir();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", dataDir]);
  const filling = path.join(dataDir, "filling");
  try {
    const server = await startMainstay(thisMachine, dataDir, ["--no-agent", "--no-git", "--api-port", "0"]);
    const page = (name: string) => kubectl(thisMachine, server, "get", "--raw", `/${name}`).catch((error: unknown) => String(error));
    const write = (name: string) => kubectl(thisMachine, server, "create", "configmap", name, `--from-literal=text=${WRITE}`, "--request-timeout=2s");
    await cleanUp(
      async () => {
        expect(await page("readyz")).toBe("ok");
        expect(() => writeFileSync(filling, Buffer.alloc(64 << 20))).toThrow("ENOSPC");
        // A little may still fit into what the store has of the disk.
        for (let index = 0; index < 20 && (await page("readyz")) === "ok"; index++) await write(`filler-${index}`).catch(() => "");
        expect(await page("readyz")).toContain("[-]etcd-readiness failed");
        expect(await page("readyz/etcd-readiness")).toContain("disk is full");
        expect(await page("livez")).toBe("ok");
        rmSync(filling);
        await eventually(
          () => page("readyz"),
          (text) => text === "ok",
        );
        await write("after");
      },
      () => server.stop(),
    );
  } finally {
    execFileSync("umount", ["-l", dataDir]);
    rmSync(dataDir, { recursive: true, force: true });
  }
});
