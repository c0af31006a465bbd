import { setTimeout as delay } from "node:timers/promises";
import { randomInteger, seededRandom } from "../../engine/lib/random.ts";
import { StorageUnavailableError, type Condition, type Operation, type Storage } from "../../engine/storage/storage.ts";
import type { Call, Model } from "./linearizability.ts";

/** What clients of a store do, and what they get for it. */
export type StoreCall =
  | { readonly do: "get"; readonly key: string }
  | { readonly do: "list" }
  | { readonly do: "revision" }
  | { readonly do: "commit"; readonly conditions: readonly Condition[]; readonly writes: readonly { readonly key: string; readonly value: string | undefined }[] };

export type StoreAnswer =
  | { readonly is: "entries"; readonly entries: Entries; readonly revision: number | undefined }
  | { readonly is: "revision"; readonly revision: number }
  | { readonly is: "committed"; readonly revision: number }
  /** The revisions of the keys whose condition did not hold. */
  | { readonly is: "failed"; readonly revision: number; readonly found: Readonly<Record<string, number>> };

interface Value {
  readonly value: string;
  readonly modRevision: number;
  readonly createRevision: number;
}
export type Entries = Readonly<Record<string, Value>>;

export interface StoreState {
  readonly revision: number;
  readonly entries: Entries;
}

/** The storage contract for one client at a time, with its exact revisions: nothing but these calls may write to the store. */
export function storeModel(initial: StoreState): Model<StoreState, StoreCall, StoreAnswer> {
  return {
    initial,
    key: ({ revision, entries }) => `${revision} ${canonical(entries)}`,
    step(state, call, answer) {
      const { next, answer: due } = perform(state, call);
      return answer === undefined || isSameAnswer(answer, due) ? next : undefined;
    },
  };
}

function perform(state: StoreState, call: StoreCall): { readonly next: StoreState; readonly answer: StoreAnswer } {
  const { revision, entries } = state;
  switch (call.do) {
    case "get":
      return { next: state, answer: { is: "entries", revision: undefined, entries: pickKeys(entries, [call.key]) } };
    case "list":
      return { next: state, answer: { is: "entries", revision, entries } };
    case "revision":
      return { next: state, answer: { is: "revision", revision } };
    case "commit": {
      const failed = call.conditions.filter(({ key, modRevision }) => (entries[key]?.modRevision ?? 0) !== modRevision);
      if (failed.length > 0) return { next: state, answer: { is: "failed", revision, found: Object.fromEntries(failed.map(({ key }) => [key, entries[key]?.modRevision ?? 0])) } };
      const effective = call.writes.filter(({ key, value }) => value !== undefined || entries[key] !== undefined);
      if (effective.length === 0) return { next: state, answer: { is: "committed", revision } };
      const at = revision + 1;
      const changed: Record<string, Value> = { ...entries };
      for (const { key, value } of effective) {
        if (value === undefined) delete changed[key];
        else changed[key] = { value, modRevision: at, createRevision: entries[key]?.createRevision ?? at };
      }
      return { next: { revision: at, entries: changed }, answer: { is: "committed", revision: at } };
    }
  }
}

export interface HistoryOptions {
  readonly prefix: string;
  readonly seed: number;
  readonly clients: number;
  readonly callsPerClient: number;
  /** Milliseconds between two calls of a client, so that a history outlasts the faults it is to meet. */
  readonly pauseMs?: number;
}

const KEYS = ["a", "b", "c"];

/** Lets clients loose on a few keys, and writes down every call with its answer and its place among all others. */
export async function recordHistory(
  storage: Storage,
  { prefix, seed, clients, callsPerClient, pauseMs = 0 }: HistoryOptions,
): Promise<{ readonly initial: StoreState; readonly calls: readonly Call<StoreCall, StoreAnswer>[] }> {
  const initial: StoreState = { revision: await storage.currentRevision(), entries: {} };
  const calls: Call<StoreCall, StoreAnswer>[] = [];
  let instant = 0;
  const client = async (id: number): Promise<void> => {
    const random = seededRandom(seed * 1_000 + id);
    // What this client saw last: compare-and-set goes by it, and often fails.
    const seen: Record<string, number> = {};
    for (let count = 0; count < callsPerClient; count++) {
      if (pauseMs > 0) await delay(pauseMs * random.next() * 2);
      const input = chooseCall(random.next(), (bound) => randomInteger(random, bound), seen, `${id}.${count}`);
      const calledAt = instant++;
      try {
        const output = await send(storage, prefix, input);
        calls.push({ calledAt, returnedAt: instant++, input, output });
        remember(seen, input, output);
      } catch (error) {
        if (!(error instanceof StorageUnavailableError)) throw error;
        // A read without an answer and a write that certainly did nothing say nothing about the store.
        if (input.do === "commit" && error.outcome === "unknown") calls.push({ calledAt, returnedAt: Number.POSITIVE_INFINITY, input, output: undefined });
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, id) => client(id)));
  return { initial, calls };
}

function chooseCall(chance: number, below: (bound: number) => number, seen: Readonly<Record<string, number>>, value: string): StoreCall {
  const key = KEYS[below(KEYS.length)] ?? "a";
  const other = KEYS[(KEYS.indexOf(key) + 1) % KEYS.length] ?? "b";
  const expected = (name: string): Condition => ({ key: name, modRevision: seen[name] ?? 0 });
  if (chance < 0.25) return { do: "get", key };
  if (chance < 0.35) return { do: "list" };
  if (chance < 0.4) return { do: "revision" };
  if (chance < 0.7) return { do: "commit", conditions: [expected(key)], writes: [{ key, value }] };
  if (chance < 0.8)
    return {
      do: "commit",
      conditions: [expected(key)],
      writes: [
        { key, value },
        { key: other, value },
      ],
    };
  if (chance < 0.85)
    return {
      do: "commit",
      conditions: [expected(key), expected(other)],
      writes: [
        { key, value: undefined },
        { key: other, value },
      ],
    };
  if (chance < 0.95) return { do: "commit", conditions: [], writes: [{ key, value }] };
  return { do: "commit", conditions: [], writes: [{ key, value: undefined }] };
}

async function send(storage: Storage, prefix: string, call: StoreCall): Promise<StoreAnswer> {
  switch (call.do) {
    case "revision":
      return { is: "revision", revision: await storage.currentRevision() };
    case "get": {
      const entry = await storage.get(prefix + call.key);
      return { is: "entries", revision: undefined, entries: toEntries(prefix, entry === undefined ? [] : [entry]) };
    }
    case "list": {
      const { entries, revision } = await storage.list(prefix);
      return { is: "entries", revision, entries: toEntries(prefix, entries) };
    }
    case "commit": {
      const conditions = call.conditions.map(({ key, modRevision }) => ({ key: prefix + key, modRevision }));
      const operations = call.writes.map(({ key, value }): Operation => (value === undefined ? { do: "delete", key: prefix + key } : { do: "put", key: prefix + key, value: Buffer.from(value) }));
      const result = await storage.commit(conditions, operations);
      if (result.is === "committed") return { is: "committed", revision: result.revision };
      return { is: "failed", revision: result.revision, found: Object.fromEntries([...result.found].map(([key, entry]) => [key.slice(prefix.length), entry?.modRevision ?? 0])) };
    }
  }
}

function remember(seen: Record<string, number>, input: StoreCall, output: StoreAnswer): void {
  if (output.is === "entries") {
    for (const key of input.do === "get" ? [input.key] : KEYS) seen[key] = output.entries[key]?.modRevision ?? 0;
  } else if (output.is === "failed") Object.assign(seen, output.found);
  else if (output.is === "committed" && input.do === "commit") {
    for (const { key, value } of input.writes) seen[key] = value === undefined ? 0 : output.revision;
  }
}

function toEntries(prefix: string, entries: readonly { readonly key: string; readonly value: Buffer; readonly modRevision: number; readonly createRevision: number }[]): Entries {
  return Object.fromEntries(entries.map(({ key, value, modRevision, createRevision }) => [key.slice(prefix.length), { value: value.toString(), modRevision, createRevision }]));
}

function pickKeys(entries: Entries, keys: readonly string[]): Entries {
  return Object.fromEntries(keys.flatMap((key) => (entries[key] === undefined ? [] : [[key, entries[key]]])));
}

function isSameAnswer(given: StoreAnswer, due: StoreAnswer): boolean {
  if (given.is === "entries" && due.is === "entries") return given.revision === due.revision && canonical(given.entries) === canonical(due.entries);
  if (given.is === "failed" && due.is === "failed") return given.revision === due.revision && JSON.stringify(Object.entries(given.found).sort()) === JSON.stringify(Object.entries(due.found).sort());
  return given.is === due.is && given.revision === due.revision;
}

function canonical(entries: Entries): string {
  return KEYS.map((key) => (entries[key] === undefined ? "-" : `${entries[key].value}@${entries[key].modRevision}/${entries[key].createRevision}`)).join(" ");
}
