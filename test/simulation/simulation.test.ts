import { describe, expect, test } from "vitest";
import { SimCluster } from "./sim-cluster.ts";
import { SimHistory } from "./sim-history.ts";
import { breachesAlways, breachesAtRest } from "./sim-invariants.ts";

/** `MAINSTAY_SEED=17 npm test -- test/simulation` replays one history; MAINSTAY_SEEDS=1000 tries that many. */
const only = process.env["MAINSTAY_SEED"];
const count = Number(process.env["MAINSTAY_SEEDS"] ?? 14);
const seeds = only === undefined ? Array.from({ length: count }, (_, index) => index + 1) : [Number(only)];
const STEPS = Number(process.env["MAINSTAY_STEPS"] ?? 25);
/** Longer than a lost node's pods are waited for, and than any back-off. */
const REST_MS = 900_000;
const QUIET_MS = 60_000;

async function live(seed: number, steps: number): Promise<string> {
  await using cluster = new SimCluster(seed);
  const history = new SimHistory(cluster);
  const explain = (problem: string) => new Error(`seed ${seed}: ${problem}\nreplay it with: MAINSTAY_SEED=${seed} npm test -- test/simulation\n${history.log.join("\n")}`);
  try {
    await cluster.start();
    await history.run(steps, async () => {
      const breaches = await breachesAlways(cluster);
      if (breaches.length > 0) throw explain(breaches.join("\n"));
    });
    await history.heal();
    await cluster.clock.advance(REST_MS);
    const atRest = [...(await breachesAlways(cluster)), ...(await breachesAtRest(cluster, history))];
    if (atRest.length > 0) throw explain(atRest.join("\n"));
    const quiet = await writesDuring(cluster, QUIET_MS);
    if (quiet.length > 0) throw explain(`it never comes to rest; written in a minute: ${quiet.join(", ")}`);
    return cluster.fingerprint;
  } catch (error) {
    throw error instanceof Error && error.message.startsWith("seed ") ? error : explain(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

/** Keys that change in a time in which nothing happens; signs of life are no changes. */
async function writesDuring(cluster: SimCluster, ms: number): Promise<readonly string[]> {
  const look = async () => new Map((await cluster.storage.list("/registry/")).entries.map(({ key, modRevision }) => [key, modRevision]));
  const before = await look();
  await cluster.clock.advance(ms);
  return [...(await look())].filter(([key, revision]) => before.get(key) !== revision && !/\/leases\//.test(key)).map(([key]) => key);
}

describe("a cluster's life under virtual time", () => {
  test.each(seeds)("seed %i: comes to what Git says, whatever happened, and rests", { timeout: 120_000 }, async (seed) => {
    await live(seed, STEPS);
  });

  test("goes the same way twice from one seed", { timeout: 120_000 }, async () => {
    expect(await live(seeds[0]!, 8)).toBe(await live(seeds[0]!, 8));
  });
});
