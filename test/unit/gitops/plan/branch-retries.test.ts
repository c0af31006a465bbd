import { describe, expect, test } from "vitest";
import { BranchPlanner, type BranchPlannerOptions } from "../../../../engine/gitops/plan/branch-planner.ts";
import { PreviewEnvironments, type PreviewEnvironmentsOptions } from "../../../../engine/gitops/previews/preview-environments.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { createTestRepository } from "../../../kit/git.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

interface Loop {
  run(signal: AbortSignal): Promise<void>;
}

/** At which seconds a loop tries what fails each time, of the first five minutes. */
async function triesOf(clock: VirtualClock, make: (fail: () => Promise<never>) => Loop): Promise<readonly number[]> {
  const tries: number[] = [];
  const running = new AbortController();
  const beganMs = clock.now();
  const loop = make(() => {
    tries.push(Math.floor((clock.now() - beganMs) / 1000));
    return Promise.reject(new Error("an object could not be read"));
  });
  const ended = loop.run(running.signal);
  // Git's files are read in the machine's own time.
  for (let second = 0; second < 300; second++) {
    const before = tries.length;
    await clock.advance(1_000);
    await expect.poll(() => clock.pending > 0 || tries.length > before).toBe(true);
  }
  running.abort();
  await ended;
  return tries;
}

function expectBackoff(tries: readonly number[]): void {
  expect(tries[1]).toBeLessThan(6);
  expect(tries.length).toBeGreaterThan(6);
  expect(tries.length).toBeLessThan(14);
}

describe("what fails for a moment", () => {
  const synchroniser = { state: undefined, rollouts: {}, subscribe: () => () => {} };
  const follower = { firstLook: async () => {}, mayOpen: async () => true };

  test("is planned again soon, then less and less often; when its head was written is read once", async () => {
    using repository = await createTestRepository();
    await repository.commit({ "a.yaml": "" }, "A branch", "other");
    let reads = 0;
    const { objects } = repository.store;
    const store = { ...repository.store, objects: { ...objects, commit: (id: string) => (reads++, objects.commit(id)) } };
    const clock = new VirtualClock();
    const tries = await triesOf(clock, (fail) => {
      const options = {
        source: { branch: "main", store },
        follower: { ...follower, prepare: fail },
        synchroniser,
        reporter: { setPlans: () => {} },
        view: { revision: () => 1 },
        clock,
        logger: silentLogger,
      };
      return new BranchPlanner(options as unknown as BranchPlannerOptions); // what a round of it asks
    });
    expectBackoff(tries);
    expect(reads).toBe(1);
  });

  test("is looked at again soon for previews, too", async () => {
    const clock = new VirtualClock();
    const tries = await triesOf(clock, (fail) => {
      const options = {
        follower,
        synchroniser: { ...synchroniser, state: { commit: { id: "c" }, config: { previews: {} } } },
        sync: { view: { listen: () => () => {}, ensure: async () => {} }, client: { for: () => ({ list: fail }) } },
        onChange: () => {},
        remembered: () => [],
        clock,
        logger: silentLogger,
      };
      return new PreviewEnvironments(options as unknown as PreviewEnvironmentsOptions); // what a look at them asks first
    });
    expectBackoff(tries);
  });
});
