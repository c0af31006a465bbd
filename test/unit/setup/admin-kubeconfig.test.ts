import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { readCertificate } from "../../../engine/auth/certificates.ts";
import { ClusterPki } from "../../../engine/auth/cluster-pki.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { runServices } from "../../../engine/lib/service.ts";
import { openAdminKubeconfig } from "../../../engine/setup/admin-kubeconfig.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const DAY_MS = 86_400_000;

test("the administrator's kubeconfig stays good for as long as the server runs", async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "admin-"));
  const clock = new VirtualClock();
  let passedMs = 0;
  const dates = { monotonic: () => clock.monotonic(), after: clock.after.bind(clock), now: () => clock.now() + passedMs };
  const stop = new AbortController();
  try {
    const pki = await ClusterPki.open(path.join(folder, "pki"), dates);
    const file = path.join(folder, "kubeconfig.yaml");
    const service = await openAdminKubeconfig(file, { server: "https://127.0.0.1:6443", clusterName: "local" }, pki, { clock: dates, logger: silentLogger });
    const endMs = async () => {
      const data = /client-certificate-data: (\S+)/.exec(await readFile(file, "utf8"))?.[1] ?? "";
      return readCertificate(Buffer.from(data, "base64").toString("utf8")).notAfterMs;
    };
    const first = await endMs();
    const running = runServices([service], stop.signal);
    passedMs = 300 * DAY_MS;
    await clock.advance(6 * 3_600_000);
    await expect.poll(endMs).toBeGreaterThan(first + 299 * DAY_MS);
    stop.abort();
    await running;
  } finally {
    stop.abort();
    await rm(folder, { recursive: true, force: true });
  }
});
