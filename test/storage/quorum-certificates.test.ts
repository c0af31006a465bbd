import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { systemClock, type Clock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { openQuorum } from "../../engine/quorum/open-quorum.ts";
import { freePorts, skipWithoutEtcd } from "../kit/etcd.ts";
import { eventually } from "../kit/mainstay.ts";

const DAY_MS = 86_400_000;
const LEFT_MS = 12_000;

/** The machine's clock, put back as far as a certificate lasts, less some seconds; what waits for hours waits for `passHours`. */
function nearlyAYearAgo(): { readonly clock: Clock; readonly passHours: () => void } {
  let behindMs = 365 * DAY_MS - LEFT_MS;
  let later: (() => void)[] = [];
  const after: Clock["after"] = (delayMs, callback) => {
    if (delayMs < 3_600_000) return systemClock.after(delayMs, callback);
    later.push(callback);
    return () => void (later = later.filter((other) => other !== callback));
  };
  return {
    clock: { ...systemClock, now: () => systemClock.now() - behindMs, after },
    passHours: () => {
      behindMs = 0;
      for (const callback of later.splice(0)) callback();
    },
  };
}

test.skipIf(skipWithoutEtcd())("a member whose certificates end while it runs is reached by new connections, and restarts with new ones", async () => {
  const serverDir = mkdtempSync(path.join(os.tmpdir(), "ms-"));
  const [clientPort = 0, peerPort = 0] = await freePorts(2);
  const { clock, passHours } = nearlyAYearAgo();
  const stop = new AbortController();
  const begunMs = Date.now();
  const terms = { clusterName: "local", clusterCidr: "10.42.0.0/16", serviceCidr: "10.43.0.0/16", clusterDomain: "cluster.local" };
  const quorum = await openQuorum({ serverDir, nodeName: "n1", address: "127.0.0.1", clientPort, peerPort, join: undefined, terms, clock, logger: silentLogger }, stop.signal);
  const running = quorum.service.run(stop.signal);
  const put = (key: string) => quorum.storage.commit([], [{ do: "put", key, value: Buffer.from(key) }]);
  try {
    await put("/before");
    passHours();
    await new Promise((resolve) => setTimeout(resolve, begunMs + LEFT_MS + 1_000 - Date.now()));
    await quorum.stop();
    await eventually(
      () => put("/after"),
      (result) => result.is === "committed",
      30_000,
    );
    expect((await quorum.storage.list("/")).entries.map(({ key }) => key)).toEqual(["/after", "/before"]);
  } finally {
    stop.abort();
    await running.catch(() => {});
    await quorum.stop();
    await quorum.storage.close();
    rmSync(serverDir, { recursive: true, force: true });
  }
});
