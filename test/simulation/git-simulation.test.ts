import { describe, expect, test } from "vitest";
import { applicationResource } from "../../engine/resources/mainstay/application.ts";
import { GitHistory } from "./git-history.ts";
import { unitName, wantedObjects } from "./git-model.ts";
import { SimCluster } from "./sim-cluster.ts";

/** `MAINSTAY_SEED=17 npm test -- test/simulation/git` replays one history and makes it as short as it can; MAINSTAY_GIT_SEEDS=1000 tries that many. */
const only = process.env["MAINSTAY_SEED"];
const count = Number(process.env["MAINSTAY_GIT_SEEDS"] ?? 12);
const first = Number(process.env["MAINSTAY_GIT_FIRST"] ?? 1);
const seeds = only === undefined ? Array.from({ length: count }, (_, index) => first + index) : [Number(only)];
const STEPS = Number(process.env["MAINSTAY_STEPS"] ?? 25);
/** Longer than a rejected commit, a hold and any back-off last. */
const REST_MS = 900_000;
const QUIET_MS = 120_000;

interface Life {
  readonly breaches: readonly string[];
  readonly log: readonly string[];
  readonly fingerprint: string;
}

async function live(seed: number, steps: readonly number[]): Promise<Life> {
  await using cluster = new SimCluster(seed, 0);
  const history = new GitHistory(cluster, seed);
  const following = new AbortController();
  void history.mirror.follow(cluster.storage, following.signal);
  const end = (more: readonly string[] = []): Life => ({ breaches: [...cluster.failures, ...history.mirror.breaches, ...more], log: history.log, fingerprint: cluster.fingerprint });
  try {
    await cluster.start();
    await history.begin();
    for (const step of steps) {
      await history.step(step);
      if (cluster.failures.length + history.mirror.breaches.length > 0) return end();
    }
    await history.heal();
    await cluster.clock.advance(REST_MS);
    return end([...(await breachesAtRest(cluster, history)), ...(await writesDuring(cluster, QUIET_MS))]);
  } catch (error) {
    return end([error instanceof Error ? (error.stack ?? error.message) : String(error)]);
  } finally {
    following.abort();
  }
}

/** What must hold when everything is mended and time has passed. */
async function breachesAtRest(cluster: SimCluster, { mirror, repository }: GitHistory): Promise<readonly string[]> {
  const breaches: string[] = [];
  const wanted = wantedObjects(repository);
  const there = mirror.objects();
  for (const key of new Set([...wanted.keys(), ...there.keys()])) {
    // What someone took the label of is his.
    if (wanted.get(key) === undefined && there.get(key)?.startsWith("nobody ") === true) continue;
    if (wanted.get(key) !== there.get(key)) breaches.push(`${key} is ${there.get(key)}, and Git says ${wanted.get(key)}`);
  }
  const units = repository.units.map(unitName).sort();
  if ([...mirror.units].sort().join() !== units.join()) breaches.push(`there are Applications ${[...mirror.units].sort().join()}, and Git has ${units.join()}`);
  for (const unit of units) {
    const held = [...(mirror.inventory(unit) ?? [])].sort().join();
    const own = [...wanted]
      .filter(([, content]) => content.startsWith(`${unit} `))
      .map(([key]) => key)
      .sort()
      .join();
    if (held !== own) breaches.push(`the inventory of ${unit} is ${held}, and Git has ${own}`);
  }
  for (const { metadata, status } of (await cluster.admin.for(applicationResource).list("")).items)
    if (status?.health !== "Healthy") breaches.push(`Application ${metadata.name} is ${status?.health}: ${status?.message}`);
  return [...breaches, ...(await lies(cluster, mirror.commits.at(-1)?.id ?? "", mirror.commits, wanted))];
}

interface Report {
  readonly commit?: { readonly id: string };
  readonly sync?: { readonly state: string; readonly problems?: readonly string[] };
  readonly applications?: readonly { readonly name: string; readonly health: string }[];
  readonly deploys?: readonly { readonly commit: string; readonly result: string }[];
}

/** What the status branch says and is not so. */
async function lies(cluster: SimCluster, newest: string, commits: GitHistory["mirror"]["commits"], wanted: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const told: string[] = [];
  const report = JSON.parse((await cluster.git.read("status/local", "status.json")) ?? "{}") as Report;
  if (report.commit?.id !== newest || report.sync?.state !== "applied")
    told.push(`the status branch says ${report.sync?.state} ${report.commit?.id.slice(0, 7)} (${report.sync?.problems?.join("; ") ?? ""}), and ${newest.slice(0, 7)} is what runs`);
  for (const { commit, result } of report.deploys ?? []) {
    const verdict = commits.find(({ id }) => id === commit)?.verdict;
    if (verdict === "bad" ? result !== "rejected" : verdict === "good" && result === "rejected") told.push(`the status branch says ${commit.slice(0, 7)} was ${result}, and it was ${verdict}`);
  }
  const objects = new Map<string, string>();
  for (const { name, health } of report.applications ?? []) {
    if (health !== "Healthy") told.push(`the status branch says ${name} is ${health}`);
    const page = JSON.parse((await cluster.git.read("status/local", `apps/${name}.json`)) ?? "{}") as {
      readonly objects?: readonly { readonly kind: string; readonly name: string; readonly health: string }[];
    };
    for (const object of page.objects ?? []) objects.set(`${object.kind}/${object.name}`, name);
  }
  for (const key of new Set([...objects.keys(), ...wanted.keys()]))
    if (objects.get(key) !== wanted.get(key)?.split(" ")[0]) told.push(`the status branch has ${key} with ${objects.get(key)}, and Git says ${wanted.get(key)}`);
  return told;
}

/** Keys that change in a time in which nothing happens; signs of life are no changes. */
async function writesDuring(cluster: SimCluster, ms: number): Promise<readonly string[]> {
  const look = async () => new Map((await cluster.storage.list("/registry/")).entries.map(({ key, modRevision }) => [key, modRevision]));
  const [before, tip] = [await look(), cluster.git.tip("status/local")];
  await cluster.clock.advance(ms);
  const written = [...(await look())].filter(([key, revision]) => before.get(key) !== revision && !/\/leases\//.test(key)).map(([key]) => `it never rests: ${key}`);
  return tip === cluster.git.tip("status/local") ? written : [...written, "it never rests: the status branch"];
}

/** The fewest steps of a failing history that still fail, found by leaving out one at a time. */
async function shorten(seed: number, steps: readonly number[]): Promise<Life> {
  let shortest = steps;
  let life = await live(seed, steps);
  for (const step of [...steps].reverse()) {
    const without = shortest.filter((other) => other !== step);
    const shorter = await live(seed, without);
    if (shorter.breaches.length > 0) [shortest, life] = [without, shorter];
  }
  return { ...life, log: [...life.log, `steps ${shortest.join(",")}`] };
}

describe("a repository's life under virtual time", () => {
  const steps = Array.from({ length: STEPS }, (_, index) => index);

  test.each(seeds)("seed %i: what is applied is always one admitted commit, nothing else is touched, the report is true, and it rests", { timeout: 3_600_000 }, async (seed) => {
    const life = await live(seed, steps);
    if (life.breaches.length === 0) return;
    const { breaches, log } = only === undefined ? life : await shorten(seed, steps);
    throw new Error(`seed ${seed}: ${breaches.join("\n")}\nreplay and shorten it with: MAINSTAY_SEED=${seed} MAINSTAY_STEPS=${STEPS} npm test -- test/simulation/git\n${log.join("\n")}`);
  });

  test("goes the same way twice from one seed", { timeout: 3_600_000 }, async () => {
    expect((await live(seeds[0] ?? 1, steps.slice(0, 8))).fingerprint).toBe((await live(seeds[0] ?? 1, steps.slice(0, 8))).fingerprint);
  });
});
