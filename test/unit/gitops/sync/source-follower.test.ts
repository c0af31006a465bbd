import { expect, test } from "vitest";
import { SourceFollower, type Prepared, type SourceFollowerOptions } from "../../../../engine/gitops/sync/source-follower.ts";
import type { SyncFacts } from "../../../../engine/gitops/status/status-facts.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

test("an admitted commit that could not be recorded at once is recorded later, for rules are held against what is recorded after a restart", async () => {
  const clock = new VirtualClock();
  const id = "a".repeat(40);
  const config = { status: {}, sources: [] };
  const state = { commit: { id }, config };
  const synchroniser = { state: undefined as unknown, findForeign: () => [], admit: (admitted: { readonly state: unknown }) => (synchroniser.state = admitted.state) };
  const recorded: unknown[] = [];
  const told = new Set<string>();
  let failures = 4;
  const record = {
    write: async (...written: readonly unknown[]) => {
      if (failures-- > 0) throw new Error("the store is away");
      recorded.push(written);
    },
  };
  const options = {
    source: { url: "u", branch: "main", pollIntervalMs: Infinity, look: async () => ({ is: "at", commit: id }), pusherOf: async () => "jane", store: { objects: {} } },
    loader: { adopt: () => {} },
    reporter: { branch: "status/local", configure: async () => {}, setSync: ({ state }: SyncFacts) => void told.add(state) },
    synchroniser,
    record,
    clock,
    logger: silentLogger,
  };
  const follower = new SourceFollower(options as unknown as SourceFollowerOptions); // what it asks for a commit that is planned
  follower.keep({ state, problems: [], messages: [], outcomes: new Map(), startedMs: 0 } as unknown as Prepared); // what it reads of a plan
  const stop = new AbortController();
  const ended = follower.run(stop.signal);
  await clock.advance(60_000);
  expect(recorded).toEqual([[config, expect.objectContaining({ commit: id, result: "applied", pusher: "jane" })]]);
  expect([...told]).toEqual(["applied"]);
  follower.trigger();
  await clock.advance(60_000);
  expect(recorded).toHaveLength(1);
  stop.abort();
  await ended;
});
