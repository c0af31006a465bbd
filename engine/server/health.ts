import type { ObjectStore } from "../storage/object-store.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { MetricsRegistry } from "../lib/metrics.ts";

/** One thing that must work; it throws when it does not. */
export interface HealthCheck {
  readonly name: string;
  readonly check: () => Promise<void> | void;
}

export interface HealthPage {
  readonly code: 200 | 500;
  readonly text: string;
}

export type HealthEndpoint = "healthz" | "livez" | "readyz";

/** What a cluster has from its beginning, by the steps of upstream's start that make it; probes and scripts name and exclude them. */
const FIRST_OBJECTS: readonly string[] = [
  "poststarthook/start-system-namespaces-controller",
  "poststarthook/bootstrap-controller",
  "poststarthook/rbac/bootstrap-roles",
  "poststarthook/scheduling/bootstrap-system-priority-classes",
  "poststarthook/priority-and-fairness-config-producer",
  "poststarthook/start-service-ip-repair-controllers",
  "poststarthook/start-cluster-authentication-info-controller",
  "poststarthook/kube-apiserver-autoregistration",
  "autoregister-completion",
];
/** What follows stored objects: all of it reads one cache. */
const FOLLOWERS: readonly string[] = [
  "poststarthook/storage-readiness",
  "poststarthook/generic-apiserver-start-informers",
  "poststarthook/priority-and-fairness-config-consumer",
  "poststarthook/priority-and-fairness-filter",
  "poststarthook/start-apiserver-admission-initializer",
  "poststarthook/start-apiextensions-informers",
  "poststarthook/start-apiextensions-controllers",
  "poststarthook/crd-informer-synced",
  "poststarthook/start-kube-aggregator-informers",
  "poststarthook/apiservice-registration-controller",
  "poststarthook/apiservice-status-local-available-controller",
  "poststarthook/apiservice-status-remote-available-controller",
  "poststarthook/apiservice-discovery-controller",
  "poststarthook/apiservice-openapi-controller",
  "poststarthook/apiservice-openapiv3-controller",
];

/** Whether the server has come to be, and whether it is about to go. */
export interface ServerLife {
  readonly isStarted: () => boolean;
  readonly isEnding: () => boolean;
}

/** The checks behind the three endpoints, by upstream's names, where each may be asked for or excluded alone. */
export function healthChecks(
  store: Pick<ObjectStore, "storage" | "revision">,
  { isStarted, isEnding }: ServerLife,
  more: readonly HealthCheck[] = [],
): Readonly<Record<HealthEndpoint, readonly HealthCheck[]>> {
  // A server that answers at all does both: its log is written by the loop that answers.
  const alive: readonly HealthCheck[] = ["ping", "log"].map((name) => ({ name, check: () => {} }));
  const storage: HealthCheck = { name: "etcd", check: async () => void (await store.storage.currentRevision()) };
  // No new process would help a store whose disk is full, but who can choose goes to another server.
  const writes: HealthCheck = {
    name: "etcd-readiness",
    check: async () => {
      const problem = await store.storage.writeProblem?.();
      refuseUnless(problem === undefined, `the store takes no writes: ${problem}`);
    },
  };
  const requireCache = () => refuseUnless(store.revision() > 0, "the cache has not been filled yet");
  const requireStart = () => refuseUnless(isStarted(), "the system's namespaces are not there yet");
  const shutdown: HealthCheck = { name: "shutdown", check: () => refuseUnless(!isEnding(), "process is shutting down") };
  const stages = [...FOLLOWERS.map((name) => ({ name, check: requireCache })), ...FIRST_OBJECTS.map((name) => ({ name, check: requireStart }))];
  const live = [...alive, storage, ...more, ...stages];
  return { healthz: live, livez: live, readyz: [...alive, storage, writes, { name: "informer-sync", check: requireCache }, ...more, ...stages, shutdown] };
}

/** Where it is kept how checks went. */
export interface HealthRecords {
  readonly metrics: HealthMetrics;
  readonly logger: Logger;
}

/** What `/metrics/slis` serves: how every check went whenever it was asked for, under upstream's names. */
export class HealthMetrics {
  readonly #registry = new MetricsRegistry();
  readonly #latest = this.#registry.gauge("kubernetes_healthcheck", "How a check went the last time: 1 when it was well.");
  readonly #all = this.#registry.counter("kubernetes_healthchecks_total", "How often a check went well or failed.");

  observe(name: string, type: HealthEndpoint, isWell: boolean): void {
    this.#latest.set(isWell ? 1 : 0, { name, type });
    this.#all.add({ name, status: isWell ? "success" : "error", type });
  }

  render(): string {
    return this.#registry.render();
  }
}

/**
 * The page: `ok`, or a line for each check when asked for or when one fails.
 * Anybody may read it, so why one fails is only in the log.
 */
export async function runHealthChecks(
  endpoint: HealthEndpoint,
  checks: readonly HealthCheck[],
  query: URLSearchParams,
  { metrics, logger }: HealthRecords,
): Promise<HealthPage> {
  const excluded = new Set(query.getAll("exclude"));
  const lines: string[] = [];
  let failures = 0;
  for (const { name, check } of checks) {
    if (excluded.has(name)) {
      lines.push(`[+]${name} excluded: ok`);
      continue;
    }
    try {
      await check();
      lines.push(`[+]${name} ok`);
      metrics.observe(name, endpoint, true);
    } catch (error) {
      failures++;
      metrics.observe(name, endpoint, false);
      lines.push(`[-]${name} failed: reason withheld`);
      logger.info("health check failed", { endpoint, check: name, error: describeError(error) });
    }
  }
  const unknown = [...excluded].filter((name) => checks.every((check) => check.name !== name)).sort();
  if (unknown.length > 0) lines.push(`warn: some health checks cannot be excluded: no matches for ${unknown.map((name) => JSON.stringify(name)).join(",")}`);
  if (failures > 0) return { code: 500, text: `${lines.join("\n")}\n${endpoint} check failed\n` };
  return { code: 200, text: query.has("verbose") ? `${lines.join("\n")}\n${endpoint} check passed\n` : "ok" };
}

/** The page of one check alone. It says why it fails: roles that may read the pages of all of them need not let it be read. */
export async function runHealthCheck({ check }: HealthCheck): Promise<HealthPage> {
  try {
    await check();
    return { code: 200, text: "ok" };
  } catch (error) {
    return { code: 500, text: `internal server error: ${describeError(error)}\n` };
  }
}

function refuseUnless(condition: boolean, why: string): void {
  if (!condition) throw new Error(why);
}
