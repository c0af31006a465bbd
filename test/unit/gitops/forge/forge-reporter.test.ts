import { expect, test } from "vitest";
import { ForgeRefusal } from "../../../../engine/gitops/forge/forge-http.ts";
import { ForgeReporter } from "../../../../engine/gitops/forge/forge-reporter.ts";
import type { CommitStatus, Forge } from "../../../../engine/gitops/forge/forge.ts";
import type { StatusFacts } from "../../../../engine/gitops/status/status-facts.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const deploy = (commit: string, more: object) => ({ commit, subject: "", author: "", time: "", result: "applied", plan: [], problems: [], ...more });
const factsOf = (current: string, ...deploys: readonly object[]) => ({ cluster: "home", commit: { id: current }, sync: { state: "applied" }, deploys, applications: [] }) as unknown as StatusFacts;

test("what became of a commit since is no reason to try what the forge refused before, over and over", async () => {
  const clock = new VirtualClock();
  const [a, b] = ["a".repeat(40), "b".repeat(40)];
  const superseded = deploy(a, { superseded: true });
  let facts = factsOf(b, deploy(b, { healthyMs: 1 }), superseded);
  let asked = 0;
  const told: string[] = [];
  const forge = {
    commentMax: 1_000,
    setStatus: async ({ commit, state }: CommitStatus) => {
      if (commit === a && state === "superseded") throw new ForgeRefusal("no such commit yet", 422);
      told.push(`${commit.slice(0, 1)} ${state}`);
    },
  } as unknown as Forge;
  const troubles: (string | undefined)[] = [];
  const reporter = new ForgeReporter({
    cluster: "home",
    forge: async () => (asked++, forge),
    facts: () => facts,
    plans: () => undefined,
    subscribe: () => () => {},
    onTrouble: async (trouble) => void troubles.push(trouble),
    clock,
    logger: silentLogger,
  });
  const stop = new AbortController();
  const ended = reporter.run(stop.signal);
  await clock.advance(1_000);
  // The branch is put back to the first commit, and on again.
  facts = factsOf(a, deploy(a, { healthyMs: 1 }), superseded, deploy(b, { healthyMs: 1 }));
  reporter.trigger();
  await clock.advance(1_000);
  facts = factsOf(b, deploy(b, { healthyMs: 1 }), deploy(a, { healthyMs: 1 }), superseded);
  reporter.trigger();
  await clock.advance(1_000);
  expect(told).toEqual(["b success", "a success"]);
  const before = asked;
  await clock.advance(600_000);
  expect(asked - before).toBe(0);
  expect(troubles).toEqual([]);
  stop.abort();
  await ended;
});
