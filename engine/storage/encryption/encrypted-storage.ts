import { asError } from "../../lib/as-error.ts";
import { ROOT } from "../keys.ts";
import { UnreadableValueError, UnsealedValueError, type CommitResult, type Entry, type Operation, type Storage, type StorageEvent } from "../storage.ts";
import { ruleFor, type EncryptionRule } from "./encryption-config.ts";
import { IDENTITY, SEALED_PREFIX, type Sealer } from "./sealers.ts";

const NOTHING = Buffer.alloc(0);

export interface EncryptedStorage extends Storage {
  /** Whether a write of the same content would be stored otherwise than it is now: by a newer key, or no longer as it is. */
  isStale(key: string): boolean;
  /** Other rules from here on. What is stored stays as it is until it is written. */
  setRules(rules: readonly EncryptionRule[]): void;
}

/**
 * A store whose values are sealed on their way in and opened on their way out, as the rules say for their resource; keys are not.
 * Backups and migrations work on the store underneath, and so never see what is sealed.
 */
export function withEncryption(inner: Storage, initial: readonly EncryptionRule[]): EncryptedStorage {
  const state = new Sealing(initial);
  const { open } = state;
  return {
    currentRevision: () => inner.currentRevision(),
    ...(inner.knownRevision === undefined ? {} : { knownRevision: () => inner.knownRevision?.() }),
    compact: (revision) => inner.compact(revision),
    close: () => inner.close(),
    async get(key) {
      const entry = await inner.get(key);
      await state.prepare([entry]);
      return open(entry);
    },
    async list(prefix, options) {
      const page = await inner.list(prefix, options);
      if (options?.marksUnreadable === true) {
        const failures = await state.prepareEach(page.entries);
        return { ...page, entries: page.entries.map((entry) => state.openOrMark(entry, failures.get(entry))) };
      }
      await state.prepare(page.entries);
      return { ...page, entries: page.entries.map(open) };
    },
    async commit(conditions, operations) {
      const result = await inner.commit(conditions, operations.map(state.seal));
      if (result.is === "committed") return result;
      await state.prepare([...result.found.values()]);
      return opened(result, open);
    },
    async *watch(prefix, afterRevision, signal) {
      for await (const batch of inner.watch(prefix, afterRevision, signal)) {
        const failures = await state.prepareEach(batch.events.flatMap((event) => (event.type === "delete" ? [] : [event.entry])));
        await state.prepare(batch.events.map(({ previous }) => previous)).catch(() => {}); // as `openedQuietly`
        yield {
          ...batch,
          events: batch.events.map((event) => openedEvent(event, (entry) => state.openOrMark(entry, failures.get(entry)), open, state.forget)),
        };
      }
    },
    isStale: (key) => state.isStale(key),
    setRules: (rules) => state.setRules(rules),
  };
}

type Open = <E extends Entry | undefined>(entry: E) => E;

class Sealing {
  #rules: readonly EncryptionRule[];
  /** Which sealers a resource has, by the beginning of its keys. */
  readonly #byPrefix = new Map<string, readonly Sealer[]>();
  /** By whom the newest known value of a key was sealed; of those that are not, nothing. */
  readonly #sealedBy = new Map<string, string>();

  constructor(rules: readonly EncryptionRule[]) {
    this.#rules = rules;
  }

  setRules(rules: readonly EncryptionRule[]): void {
    this.#rules = rules;
    this.#byPrefix.clear();
  }

  isStale(key: string): boolean {
    const [sealer = IDENTITY] = this.#sealersOf(key);
    return (this.#sealedBy.get(key) ?? "") !== (sealer.currentMark?.() ?? sealer.prefix);
  }

  /** Gets what is needed to open the entries, each key once. Rejects with why it cannot be had. */
  async prepare(entries: readonly (Entry | undefined)[]): Promise<void> {
    const waiting: Promise<void>[] = [];
    for (const entry of entries) {
      const needed = entry && this.#needed(entry);
      if (needed !== undefined) waiting.push(needed);
    }
    if (waiting.length > 0) await Promise.all(waiting);
  }

  /** The same, with the failures of those entries for which it cannot be had. */
  async prepareEach(entries: readonly Entry[]): Promise<ReadonlyMap<Entry, Error>> {
    const failures = new Map<Entry, Error>();
    const waiting: Promise<unknown>[] = [];
    for (const entry of entries) {
      const needed = this.#needed(entry);
      if (needed !== undefined) waiting.push(needed.catch((error: unknown) => failures.set(entry, asError(error))));
    }
    if (waiting.length > 0) await Promise.all(waiting);
    return failures;
  }

  /** The entry as it was before it was sealed, or with why nobody knows. */
  openOrMark(entry: Entry, failure: Error | undefined): Entry {
    try {
      if (failure !== undefined) throw failure;
      return this.open(entry);
    } catch (error) {
      return { ...entry, value: NOTHING, unreadable: asError(error) };
    }
  }

  readonly forget = (key: string): void => void this.#sealedBy.delete(key);

  readonly seal = (operation: Operation): Operation => {
    if (operation.do === "delete") return operation;
    const [sealer] = this.#sealersOf(operation.key);
    if (sealer === undefined || sealer === IDENTITY) return operation;
    // Which key it is becomes known when it is read back: a commit may fail.
    try {
      return { ...operation, value: Buffer.concat([Buffer.from(sealer.prefix), sealer.seal(operation.key, operation.value)]) };
    } catch (error) {
      throw new UnsealedValueError(`${operation.key} cannot be sealed`, { cause: error });
    }
  };

  readonly open: Open = (entry) => {
    if (entry === undefined) return entry;
    const { key, value } = entry;
    const sealers = this.#sealersOf(key);
    const wasSealed = isSealed(value);
    if (sealers.length === 0 && !wasSealed) {
      this.#sealedBy.delete(key);
      return entry;
    }
    const sealer = wasSealed ? this.#sealerOf(entry) : sealers.find((candidate) => candidate === IDENTITY);
    const shownPrefix = wasSealed ? value.toString("latin1", 0, 64).split(":").slice(0, 5).join(":") : "";
    if (sealer === undefined) {
      // Written before there was a rule: upstream wants `identity` in the list to read it, so that nobody slips in what was never sealed.
      throw unopened(key, wasSealed ? shownPrefix : "plain text (add the provider identity)");
    }
    const sealed = value.subarray(Buffer.byteLength(sealer.prefix));
    try {
      if (wasSealed) this.#sealedBy.set(key, sealer.markOf?.(sealed) ?? sealer.prefix);
      else this.#sealedBy.delete(key);
      return { ...entry, value: sealer.open(key, sealed) };
    } catch (error) {
      throw unopened(key, shownPrefix, error);
    }
  };

  /** What has to be waited for before the entry can be opened; undefined where nothing is. */
  #needed(entry: Entry): Promise<void> | undefined {
    if (!isSealed(entry.value)) return undefined;
    const sealer = this.#sealerOf(entry);
    const failed = (error: unknown) => Promise.reject(unopened(entry.key, sealer?.prefix ?? "", error));
    try {
      return sealer?.prepare?.(entry.value.subarray(Buffer.byteLength(sealer.prefix)))?.catch(failed);
    } catch (error) {
      return failed(error); // not even its key can be read
    }
  }

  #sealerOf({ key, value }: Entry): Sealer | undefined {
    return this.#sealersOf(key).find(({ prefix }) => prefix !== "" && value.subarray(0, Buffer.byteLength(prefix)).toString("utf8") === prefix);
  }

  #sealersOf(key: string): readonly Sealer[] {
    if (!key.startsWith(ROOT)) return [];
    const end = key.indexOf("/", key.indexOf("/", ROOT.length) + 1);
    const prefix = key.slice(0, end + 1);
    let sealers = this.#byPrefix.get(prefix);
    if (sealers === undefined) {
      const [group = "", resource = ""] = prefix.slice(ROOT.length).split("/");
      this.#byPrefix.set(prefix, (sealers = ruleFor(this.#rules, group === "core" ? "" : group, resource)?.sealers ?? []));
    }
    return sealers;
  }
}

function isSealed(value: Buffer): boolean {
  return value.subarray(0, SEALED_PREFIX.length).toString("latin1") === SEALED_PREFIX;
}

function opened(result: CommitResult, open: Open): CommitResult {
  return result.is === "committed" ? result : { ...result, found: new Map([...result.found].map(([key, entry]) => [key, open(entry)])) };
}

function openedEvent(event: StorageEvent, openWritten: (entry: Entry) => Entry, open: Open, forget: (key: string) => void): StorageEvent {
  // What a key held before is nobody's business here but the cache's, which knows it.
  if (event.type === "delete") {
    const previous = openedQuietly(event.previous, open);
    forget(event.key);
    return { ...event, previous };
  }
  return { ...event, previous: event.previous && openedQuietly(event.previous, open), entry: openWritten(event.entry) };
}

/** A value that is gone, and that a key which is gone as well may have sealed. */
function openedQuietly(entry: Entry, open: Open): Entry {
  try {
    return open(entry);
  } catch {
    return { ...entry, value: NOTHING };
  }
}

/** A value that none of the configured keys opens. */
function unopened(key: string, prefix: string, cause?: unknown): UnreadableValueError {
  const form = prefix === "" ? "no known form" : `${prefix}…`;
  return new UnreadableValueError(`${key} is stored as ${form} and cannot be read with the encryption configuration`, { cause });
}
