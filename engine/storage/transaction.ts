import { AsyncLocalStorage } from "node:async_hooks";
import type { CommitResult, Condition, Entry, EntryPage, ListRange, Operation, Storage } from "./storage.ts";

/** Revisions that staged entries carry until they are committed; no store comes this far, and doubles still count here. */
const STAGED_FROM = 2 ** 52;

/** Whether a revision was given out inside a transaction: the true one is known when it is committed. */
export function isStagedRevision(revision: number): boolean {
  return revision >= STAGED_FROM;
}

/** Writes that are gathered to become one commit of the store. Keys of objects and claims alike; the order of their first writes is kept. */
export class StoreTransaction {
  readonly #staged = new Map<string, Entry | undefined>();
  /** The keys of `#staged` by the kind that they are of, in the order in which they were first written. */
  readonly #byFolder = new Map<string, Set<string>>();
  readonly #conditions = new Map<string, number>();
  #revision = STAGED_FROM;
  #isOver = false;

  get isEmpty(): boolean {
    return this.#staged.size === 0;
  }

  /** `{ entry: undefined }`: deleted here. Undefined: not touched here. */
  find(key: string): { readonly entry: Entry | undefined } | undefined {
    return this.#staged.has(key) ? { entry: this.#staged.get(key) } : undefined;
  }

  /** Everything written below a prefix. */
  below(prefix: string): readonly (readonly [string, Entry | undefined])[] {
    // Every write asks for others of a few kinds (quotas, policies): going through all that was written would cost its square.
    const folder = folderOf(prefix);
    const keys = folder === undefined ? this.#staged.keys() : (this.#byFolder.get(folder) ?? []);
    const found: (readonly [string, Entry | undefined])[] = [];
    for (const key of keys) if (key.startsWith(prefix)) found.push([key, this.#staged.get(key)]);
    return found;
  }

  /**
   * Takes a commit in. Conditions on keys that were written here are checked now; the others go into the one commit at the end,
   * save that "must not exist" is looked up by `read`, for its answer decides what the caller does next.
   */
  async stage(conditions: readonly Condition[], operations: readonly Operation[], read: (key: string) => Promise<Entry | undefined>): Promise<CommitResult> {
    const existing = new Map<string, Entry | undefined>();
    for (const { key, modRevision } of conditions) if (modRevision === 0 && !this.#staged.has(key)) existing.set(key, await read(key));
    // From here on nothing is awaited: what was checked holds until it is written.
    if (this.#isOver) throw new Error("invariant broken: a write came after its transaction had ended");
    const found = new Map<string, Entry | undefined>();
    for (const { key, modRevision } of conditions) {
      const entry = this.#staged.has(key) ? this.#staged.get(key) : existing.get(key);
      const isKnown = this.#staged.has(key) || existing.has(key);
      if (isKnown && (entry?.modRevision ?? 0) !== modRevision) found.set(key, entry);
    }
    if (found.size > 0) return { is: "failed", revision: this.#revision, found };
    this.#revision++;
    for (const { key, modRevision } of conditions) if (!this.#staged.has(key) && !this.#conditions.has(key)) this.#conditions.set(key, modRevision);
    for (const operation of operations) {
      const { key } = operation;
      const folder = folderOf(key) ?? "";
      const keys = this.#byFolder.get(folder) ?? new Set();
      this.#byFolder.set(folder, keys.add(key));
      this.#staged.set(
        key,
        operation.do === "delete" ? undefined : { key, value: operation.value, modRevision: this.#revision, createRevision: this.#revision },
      );
    }
    return { is: "committed", revision: this.#revision };
  }

  /** Ends it, and says what to commit. A key that was made and removed again leaves only its condition. */
  finish(): { readonly conditions: readonly Condition[]; readonly operations: readonly Operation[] } {
    this.#isOver = true;
    return {
      conditions: [...this.#conditions].map(([key, modRevision]) => ({ key, modRevision })),
      operations: [...this.#staged].flatMap(([key, entry]): Operation[] =>
        entry !== undefined ? [{ do: "put", key, value: entry.value }] : this.#conditions.get(key) === 0 ? [] : [{ do: "delete", key }],
      ),
    };
  }
}

/** `/registry/apps/deployments/` of a key or prefix; undefined when it does not reach that far. */
function folderOf(text: string): string | undefined {
  let at = 0;
  for (let slashes = 0; slashes < 4; slashes++) {
    at = text.indexOf("/", at) + 1;
    if (at === 0) return undefined;
  }
  return text.slice(0, at);
}

/** A store in which the writes of one call and everything it calls can be gathered into one commit; all others go by untouched. */
export interface TransactionalStorage extends Storage {
  /** The transaction that the caller runs in. */
  current(): StoreTransaction | undefined;
  within<R>(transaction: StoreTransaction, work: () => Promise<R>): Promise<R>;
  /** The store underneath. */
  readonly inner: Storage;
}

/** Inside a transaction, reads see what it has written and commits are staged. Watches and the revision are those of the store. */
export function withTransactions(inner: Storage): TransactionalStorage {
  const running = new AsyncLocalStorage<StoreTransaction>();
  return {
    inner,
    current: () => running.getStore(),
    within: (transaction, work) => running.run(transaction, work),
    currentRevision: () => inner.currentRevision(),
    ...(inner.writeProblem === undefined ? {} : { writeProblem: async () => inner.writeProblem?.() }),
    get: async (key) => {
      const found = running.getStore()?.find(key);
      return found === undefined ? inner.get(key) : found.entry;
    },
    list: async (prefix, options) => {
      const page = await inner.list(prefix, options);
      const transaction = running.getStore();
      return transaction === undefined || transaction.isEmpty ? page : overlaid(page, prefix, transaction, options);
    },
    commit: (conditions, operations) => running.getStore()?.stage(conditions, operations, (key) => inner.get(key)) ?? inner.commit(conditions, operations),
    watch: (prefix, afterRevision, signal) => inner.watch(prefix, afterRevision, signal),
    compact: (revision) => inner.compact(revision),
    close: () => inner.close(),
  };
}

/** Pages and earlier moments are the store's own: who turns pages inside a transaction gets what was there before it. */
function overlaid(page: EntryPage, prefix: string, transaction: StoreTransaction, options: ListRange = {}): EntryPage {
  if (options.limit !== undefined || options.afterKey !== undefined || options.revision !== undefined) return page;
  const entries = new Map(page.entries.map((entry) => [entry.key, entry]));
  for (const [key, entry] of transaction.below(prefix)) {
    if (entry === undefined) entries.delete(key);
    else entries.set(key, entry);
  }
  return { ...page, entries: [...entries.values()].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key))) };
}
