import { StorageUnavailableError, type Storage } from "../../engine/storage/storage.ts";

/** A store as one engine holds it: when the engine dies, nothing of it reaches the store any more, wherever it was. */
export function mortalStorage(storage: Storage): Storage & { die(): void } {
  let isDead = false;
  const died = new AbortController();
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    if (isDead) throw new StorageUnavailableError("the engine is dead", "none");
    const result = await work();
    // What was committed stays; that it was is not known to the dead.
    if (isDead) throw new StorageUnavailableError("the engine is dead", "unknown");
    return result;
  };
  return {
    die() {
      isDead = true;
      died.abort();
    },
    currentRevision: () => guard(() => storage.currentRevision()),
    get: (key) => guard(() => storage.get(key)),
    list: (prefix, options) => guard(() => storage.list(prefix, options)),
    commit: (conditions, operations) => guard(() => storage.commit(conditions, operations)),
    watch: (prefix, afterRevision, signal) => storage.watch(prefix, afterRevision, AbortSignal.any([signal, died.signal])),
    compact: (revision) => guard(() => storage.compact(revision)),
    close: async () => {},
  };
}
