import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { ClusterPki } from "../../../engine/auth/cluster-pki.ts";
import { openOperatorCertificate } from "../../../engine/setup/operator-certificate.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { runServices } from "../../../engine/lib/service.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

test("an operator's certificate follows its files, once they belong together; complaints are made once", async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "operator-"));
  const clock = new VirtualClock();
  const stop = new AbortController();
  try {
    const pki = await ClusterPki.open(path.join(folder, "pki"), clock);
    const pair = (name: string) => pki.certificate(name, { commonName: name, usage: "serving", ipAddresses: ["127.0.0.1"] });
    const files = { certificate: path.join(folder, "api.crt"), key: path.join(folder, "api.key") };
    const [first, second] = [await pair("first"), await pair("second")];
    await writeFile(files.certificate, first.certificate);
    await writeFile(files.key, second.key);
    await expect(openOperatorCertificate(files, clock, silentLogger)).rejects.toThrow(`use the certificate ${files.certificate} with the key ${files.key}`);
    await writeFile(files.key, first.key);

    const warnings: string[] = [];
    const { shown, service } = await openOperatorCertificate(files, clock, { ...silentLogger, warn: (message) => void warnings.push(message) });
    const running = runServices([service], stop.signal);
    let changes = 0;
    shown.onChange(() => changes++, stop.signal);
    /** Lets it look again: files are read in real time. */
    const look = async () => {
      await expect.poll(() => clock.pending).toBe(1);
      await clock.advance(10_000);
      await expect.poll(() => clock.pending).toBe(1);
    };
    await look();
    expect([shown.current, changes]).toEqual([first, 0]);
    await writeFile(files.certificate, second.certificate);
    await look();
    await look();
    expect([shown.current, warnings.length]).toEqual([first, 1]);
    await writeFile(files.key, second.key);
    await look();
    expect([shown.current, changes]).toEqual([second, 1]);
    stop.abort();
    await running;
  } finally {
    stop.abort();
    await rm(folder, { recursive: true, force: true });
  }
});
