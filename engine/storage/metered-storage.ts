import type { Clock } from "../lib/clock.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";
import { prefixOfKey, ROOT } from "./keys.ts";
import type { Operation, Storage, StorageEvent, WatchBatch } from "./storage.ts";

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 5, 10, 30];

/** Operations by kind whose labels are kept put together; they are put together again when custom kinds have come and gone. */
const KNOWN_MAX = 5_000;

type Meter = (operation: string, key: string) => (isFailed: boolean) => void;

/** A store that counts and times what is asked of it, under upstream's names: whatever the store is, dashboards look for etcd's. */
export function withStorageMetrics(inner: Storage, registry: MetricsRegistry, clock: Clock): Storage {
  const begin = createMeter(registry, clock);
  const countEvent = createEventCount(registry);
  const measure = async <R>(operation: string, key: string, work: () => Promise<R>): Promise<R> => {
    const end = begin(operation, key);
    try {
      const result = await work();
      end(false);
      return result;
    } catch (error) {
      end(true);
      throw error;
    }
  };
  return {
    currentRevision: () => measure("currentRevision", "", () => inner.currentRevision()),
    ...(inner.knownRevision === undefined ? {} : { knownRevision: () => inner.knownRevision?.() }),
    get: (key) => measure("get", key, () => inner.get(key)),
    list: (prefix, options) => measure("list", prefix, () => inner.list(prefix, options)),
    commit: (conditions, operations) =>
      measure(operationOf(conditions.length === 0 ? undefined : conditions[0], operations), operations[0]?.key ?? "", () =>
        inner.commit(conditions, operations),
      ),
    // Who looks at all of it is told of each change once; who reads a kind's changes again has been told.
    watch: (prefix, afterRevision, signal) => {
      const batches = inner.watch(prefix, afterRevision, signal);
      return prefix === ROOT ? counted(batches, countEvent) : batches;
    },
    compact: (revision) => measure("compact", "", () => inner.compact(revision)),
    close: () => inner.close(),
    ...(inner.isStale === undefined ? {} : { isStale: (key: string) => inner.isStale?.(key) ?? false }),
  };
}

/** How large the store is, for who reads the page of metrics; the page of a store that cannot tell says nothing of it. */
export function meterStorageSize(registry: MetricsRegistry, storage: Pick<Storage, "sizeBytes">): void {
  const size = registry.gauge("apiserver_storage_size_bytes", "What the store takes up where it is kept.");
  registry.beforePage(async () => {
    const bytes = await storage.sizeBytes?.().catch(() => undefined); // requests tell that it does not answer
    size.clear();
    if (bytes !== undefined) size.set(bytes, { storage_cluster_id: "etcd-0" });
  });
}

function createMeter(registry: MetricsRegistry, clock: Clock): Meter {
  const durations = registry.histogram("etcd_request_duration_seconds", "Time that the store took, by operation and kind.", SECONDS);
  const requests = registry.counter("etcd_requests_total", "What was asked of the store, by operation and kind.");
  const errors = registry.counter("etcd_request_errors_total", "What the store failed to do, by operation and kind.");
  const known = new Map<string, { readonly observe: (seconds: number) => void; readonly count: () => void; readonly fail: () => void }>();
  return (operation, key) => {
    const kind = kindLabels(key);
    const id = `${operation} ${kind.group}/${kind.resource}`;
    let series = known.get(id);
    if (series === undefined) {
      if (known.size >= KNOWN_MAX) known.clear();
      const labels = { operation, ...kind };
      known.set(id, (series = { observe: durations.bind(labels), count: requests.bind(labels), fail: errors.bind(labels) }));
    }
    const { observe, count, fail } = series;
    const start = clock.monotonic();
    return (isFailed) => {
      observe((clock.monotonic() - start) / 1000);
      count();
      if (isFailed) fail();
    };
  };
}

/** Counts an event of the store by the kind of its key. */
function createEventCount(registry: MetricsRegistry): (event: StorageEvent) => void {
  const events = registry.counter("apiserver_storage_events_received_total", "Changes that the store has told of, by their kind.");
  const known = new Map<string, () => void>();
  return (event) => {
    const prefix = prefixOfKey(event.type === "delete" ? event.key : event.entry.key);
    let count = known.get(prefix);
    if (count === undefined) known.set(prefix, (count = events.bind(kindLabels(prefix))));
    count();
  };
}

/** Batches as they come: a generator around them would take several turns for each. */
function counted(batches: AsyncIterable<WatchBatch>, count: (event: StorageEvent) => void): AsyncIterable<WatchBatch> {
  const note = (result: IteratorResult<WatchBatch>) => {
    if (result.done !== true) for (const event of result.value.events) count(event);
    return result;
  };
  return {
    [Symbol.asyncIterator]() {
      const iterator = batches[Symbol.asyncIterator]();
      return { next: () => iterator.next().then(note), return: () => iterator.return?.() ?? Promise.resolve({ done: true, value: undefined }) };
    },
  };
}

function kindLabels(key: string): { readonly group: string; readonly resource: string } {
  const [group = "", resource = ""] = key.startsWith(ROOT) ? key.slice(ROOT.length).split("/", 2) : [];
  return { group: group === "core" ? "" : group, resource };
}

function operationOf(condition: { readonly modRevision: number } | undefined, [first]: readonly Operation[]): string {
  if (first === undefined || first.do === "delete") return "delete";
  return condition?.modRevision === 0 ? "create" : "update";
}
