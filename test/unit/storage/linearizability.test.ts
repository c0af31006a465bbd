import { describe, expect, test } from "vitest";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import type { Storage } from "../../../engine/storage/storage.ts";
import { recordHistory, storeModel } from "../../storage/history.ts";
import { checkLinearizable, type Call, type Model } from "../../storage/linearizability.ts";

type Register = Call<{ readonly write?: number }, number>;

/** One number: a write is answered with what was written, a read with what is there. */
const register: Model<number, { readonly write?: number }, number> = {
  initial: 0,
  key: String,
  step: (state, { write }, answer) => (write !== undefined ? write : answer === undefined || answer === state ? state : undefined),
};

const write = (value: number, calledAt: number, returnedAt: number): Register => ({ calledAt, returnedAt, input: { write: value }, output: returnedAt === Infinity ? undefined : value });
const read = (value: number, calledAt: number, returnedAt: number): Register => ({ calledAt, returnedAt, input: {}, output: value });

describe("a history", () => {
  test.each<[string, Register[]]>([
    ["of nothing", []],
    ["of one call after the other", [write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7)]],
    ["whose overlapping reads see the old and the new value", [write(1, 0, 10), read(0, 1, 2), read(1, 3, 4)]],
    ["whose overlapping writes took effect in either order", [write(1, 0, 5), write(2, 1, 6), read(1, 7, 8)]],
    ["whose unanswered write took effect late", [write(1, 0, Infinity), read(0, 1, 2), write(2, 3, 4), read(2, 5, 6), read(1, 7, 8)]],
    ["whose unanswered write never took effect", [write(1, 0, Infinity), read(0, 1, 2), read(0, 3, 4)]],
  ])("%s is linearizable", (_, history) => {
    expect(checkLinearizable(register, history)).toEqual({ is: "linearizable" });
  });

  test.each<[string, Register[]]>([
    ["that reads what was overwritten before", [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)]],
    ["that loses a write", [write(1, 0, 1), read(0, 2, 3)]],
    ["that goes back to the old value", [write(1, 0, 10), read(1, 1, 2), read(0, 3, 4)]],
    ["that reads what nobody wrote", [write(1, 0, 1), read(7, 2, 3)]],
    ["that reads a write before it was called", [read(1, 0, 1), write(1, 2, 3)]],
    ["whose unanswered write took effect twice", [write(1, 0, Infinity), read(1, 1, 2), write(2, 3, 4), read(2, 5, 6), read(1, 7, 8), read(2, 9, 10)]],
  ])("%s is not", (_, history) => {
    expect(checkLinearizable(register, history).is).toBe("violation");
  });

  test("that is not linearizable is explained as far as it goes", () => {
    const stale = read(1, 4, 5);
    const verdict = checkLinearizable(register, [write(1, 0, 1), write(2, 2, 3), stale]);
    expect(verdict).toEqual({ is: "violation", explained: [write(1, 0, 1), write(2, 2, 3)], stuck: [stale] });
  });
});

describe("the histories of the memory store", () => {
  test.each([1, 2, 3, 4, 5])("are linearizable (seed %i)", async (seed) => {
    const { initial, calls } = await recordHistory(slowed(openMemoryStorage(), seed), { prefix: "/test/", seed, clients: 6, callsPerClient: 40 });
    expect(calls.length).toBe(240);
    expect(checkLinearizable(storeModel(initial), calls)).toEqual({ is: "linearizable" });
  });

  test("are not, when the store is made to answer some reads from the past", async () => {
    const storage = openMemoryStorage();
    const remembered = new Map<string, Awaited<ReturnType<Storage["get"]>>>();
    let reads = 0;
    const stale: Storage = Object.assign(bound(storage), {
      get: async (key: string) => {
        const entry = reads++ % 5 === 4 && remembered.has(key) ? remembered.get(key) : await storage.get(key);
        remembered.set(key, entry);
        return entry;
      },
    });
    const { initial, calls } = await recordHistory(stale, { prefix: "/test/", seed: 1, clients: 6, callsPerClient: 40 });
    expect(checkLinearizable(storeModel(initial), calls).is).toBe("violation");
  });

  test("are not, when the store is made to drop a condition", async () => {
    const storage = openMemoryStorage();
    let commits = 0;
    const careless: Storage = Object.assign(bound(storage), {
      commit: (conditions: Parameters<Storage["commit"]>[0], operations: Parameters<Storage["commit"]>[1]) => storage.commit(commits++ % 10 === 9 ? [] : conditions, operations),
    });
    const { initial, calls } = await recordHistory(slowed(careless, 1), { prefix: "/test/", seed: 1, clients: 6, callsPerClient: 40 });
    expect(checkLinearizable(storeModel(initial), calls).is).toBe("violation");
  });
});

/** The same store at the end of a line: calls and answers take turns of the event loop that differ from call to call. */
function slowed(storage: Storage, seed: number): Storage {
  let count = seed;
  const turns = async () => {
    for (let left = (count = (count * 7 + 3) % 11) % 4; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
  };
  const through = async <R>(work: () => Promise<R>): Promise<R> => {
    await turns();
    const answer = await work();
    await turns();
    return answer;
  };
  return {
    ...bound(storage),
    currentRevision: () => through(() => storage.currentRevision()),
    get: (key) => through(() => storage.get(key)),
    list: (prefix, range) => through(() => storage.list(prefix, range)),
    commit: (conditions, operations) => through(() => storage.commit(conditions, operations)),
  };
}

function bound(storage: Storage): Storage {
  return {
    currentRevision: () => storage.currentRevision(),
    get: (key) => storage.get(key),
    list: (prefix, range) => storage.list(prefix, range),
    commit: (conditions, operations) => storage.commit(conditions, operations),
    watch: (prefix, afterRevision, signal) => storage.watch(prefix, afterRevision, signal),
    compact: (revision) => storage.compact(revision),
    close: () => storage.close(),
  };
}
