import type { Clock } from "../lib/clock.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";
import { ROOT } from "./keys.ts";
import type { Operation, Storage } from "./storage.ts";

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 5, 10, 30];

type Meter = (operation: string, key: string) => (isFailed: boolean) => void;

/** A store that counts and times what is asked of it, under upstream's names: whatever the store is, dashboards look for etcd's. */
export function withStorageMetrics(inner: Storage, registry: MetricsRegistry, clock: Clock): Storage {
  const begin = createMeter(registry, clock);
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
    commit: (conditions, operations) => measure(operationOf(conditions.length === 0 ? undefined : conditions[0], operations), operations[0]?.key ?? "", () => inner.commit(conditions, operations)),
    watch: (prefix, afterRevision, signal) => inner.watch(prefix, afterRevision, signal),
    compact: (revision) => measure("compact", "", () => inner.compact(revision)),
    close: () => inner.close(),
    ...(inner.isStale === undefined ? {} : { isStale: (key: string) => inner.isStale?.(key) ?? false }),
  };
}

function createMeter(registry: MetricsRegistry, clock: Clock): Meter {
  const durations = registry.histogram("etcd_request_duration_seconds", "Time that the store took, by operation and kind.", SECONDS);
  const requests = registry.counter("etcd_requests_total", "What was asked of the store, by operation and kind.");
  const errors = registry.counter("etcd_request_errors_total", "What the store failed to do, by operation and kind.");
  const known = new Map<string, { readonly observe: (seconds: number) => void; readonly count: () => void; readonly fail: () => void }>();
  return (operation, key) => {
    const [group = "", resource = ""] = key.startsWith(ROOT) ? key.slice(ROOT.length).split("/", 2) : [];
    const id = `${operation} ${group}/${resource}`;
    let series = known.get(id);
    if (series === undefined) {
      const labels = { operation, group: group === "core" ? "" : group, resource };
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

function operationOf(condition: { readonly modRevision: number } | undefined, [first]: readonly Operation[]): string {
  if (first === undefined || first.do === "delete") return "delete";
  return condition?.modRevision === 0 ? "create" : "update";
}
