import { afterEach, beforeEach, expect, test } from "vitest";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import type { Client } from "../../../engine/client/client.ts";
import { leaderElection, planElection } from "../../../engine/client/leader-election.ts";
import { aborted } from "../../../engine/lib/abort.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { leaseResource } from "../../../engine/resources/coordination/lease.ts";
import type { Lease } from "../../../engine/resources/types.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { startTestApi, type TestApi } from "../../kit/test-api.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const lease = (spec: Lease["spec"]): Lease => ({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: "l" }, spec });

test.each([
  ["makes a lease that is not there", undefined, 0, { do: "create" }],
  ["renews its own", lease({ holderIdentity: "me", leaseDurationSeconds: 15 }), 99_000, { do: "renew" }],
  ["leaves another's alone while it lasts", lease({ holderIdentity: "you", leaseDurationSeconds: 15 }), 14_999, { do: "wait" }],
  ["takes one that was not renewed in time", lease({ holderIdentity: "you", leaseDurationSeconds: 15, leaseTransitions: 2 }), 15_000, { do: "take", transitions: 3 }],
  ["takes one that was given back at once", lease({ holderIdentity: "", leaseDurationSeconds: 1 }), 0, { do: "take", transitions: 1 }],
] as const)("a candidate %s", (_name, seen, heldMs, step) => {
  expect(planElection(seen, "me", heldMs)).toEqual(step);
});

let clock: VirtualClock;
let api: TestApi;
let leaders: Set<string>;
const unreachable = new Set<string>();
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  clock = new VirtualClock();
  api = await startTestApi({ clock, random: seededRandom(1), storage: openMemoryStorage({ clock }) });
  leaders = new Set();
});
afterEach(async () => {
  unreachable.clear();
  await Promise.all(stops.splice(0).map((stop) => stop()));
  await api.stop();
});

/** A candidate whose line to the API can be broken. */
function candidate(identity: string): () => Promise<void> {
  const guard = () => {
    if (unreachable.has(identity)) throw new StatusError("ServiceUnavailable", "cut off");
  };
  const client: Client = {
    read: (path) => api.client.read(path),
    as: () => client,
    for: (resource) => {
      const inner = api.client.for(resource);
      return {
        ...inner,
        get: async (...args) => (guard(), inner.get(...args)),
        update: async (...args) => (guard(), inner.update(...args)),
        create: async (...args) => (guard(), inner.create(...args)),
      };
    },
  };
  const running = new AbortController();
  const election = leaderElection({ client, clock, random: seededRandom(identity.length), logger: silentLogger, name: "controllers", identity }, async (signal) => {
    leaders.add(identity);
    await aborted(signal);
    leaders.delete(identity);
  });
  const ended = election.run(running.signal);
  const stop = async () => {
    running.abort();
    await ended;
  };
  stops.push(stop);
  return stop;
}

test("only one of two leads, and the other takes over at once when the first stops", async () => {
  const stop = candidate("a");
  await clock.advance(100);
  candidate("bb");
  await clock.advance(60_000);
  expect([...leaders]).toEqual(["a"]);
  await stop();
  await clock.advance(3_000);
  expect([...leaders]).toEqual(["bb"]);
  expect((await api.client.for(leaseResource).get("kube-system", "controllers")).spec).toMatchObject({ holderIdentity: "bb", leaseTransitions: 1 });
});

test("a leader that is cut off stops before another begins, and is a candidate again afterwards", async () => {
  candidate("a");
  await clock.advance(100);
  candidate("bb");
  await clock.advance(10_000);
  unreachable.add("a");
  let wasNobody = false;
  for (let second = 0; second < 30; second++) {
    await clock.advance(1_000);
    expect(leaders.size).toBeLessThanOrEqual(1);
    wasNobody ||= leaders.size === 0;
  }
  expect(wasNobody).toBe(true);
  expect([...leaders]).toEqual(["bb"]);
  unreachable.delete("a");
  unreachable.add("bb");
  await clock.advance(40_000);
  expect([...leaders]).toEqual(["a"]);
});

test("work that fails ends the service with its reason", async () => {
  const election = leaderElection({ client: api.client, clock, random: seededRandom(1), logger: silentLogger, name: "broken", identity: "a" }, async () => {
    throw new Error("cannot lead");
  });
  await expect(election.run(new AbortController().signal)).rejects.toThrow("cannot lead");
});
