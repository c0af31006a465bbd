import type { ApiRequest } from "../apimachinery/api-request.ts";
import type { Aggregator } from "./aggregation/aggregator.ts";
import type { Gauge, Labels, MetricsRegistry } from "../lib/metrics.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import type { ResourceIndex } from "./resource-index.ts";
import { GIT_VERSION } from "./version.ts";

const SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
const LIST_SECONDS = [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60];
const BYTES = [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
const VERBS: Readonly<Record<ApiRequest["verb"], string>> = {
  get: "GET",
  list: "LIST",
  watch: "WATCH",
  create: "POST",
  update: "PUT",
  patch: "PATCH",
  delete: "DELETE",
  deletecollection: "DELETECOLLECTION",
};
/** Upstream tells its own components apart from all others, by their user agents. */
const SYSTEM_CLIENTS: ReadonlySet<string> = new Set(["kube-apiserver", "kube-controller-manager", "kube-scheduler"]);
const READING: ReadonlySet<ApiRequest["verb"]> = new Set(["get", "list", "watch"]);
/** Kinds of requests are few, but clients choose names of resources: beyond this, what is not known yet is counted together. */
const SERIES_MAX = 5_000;

interface Series {
  readonly labels: Labels;
  readonly count: (code: number) => void;
  readonly observe: (seconds: number) => void;
  readonly size: (bytes: number) => void;
  readonly running: { watches: number };
}

/** How many requests of which kind there were, and how long they took: under upstream's names, so that its dashboards read them. */
export class RequestMetrics {
  readonly #registry: MetricsRegistry;
  readonly #series = new Map<string, Series>();
  readonly #inFlight = { readOnly: 0, mutating: 0 };
  readonly #deprecated: Gauge;

  constructor(registry: MetricsRegistry) {
    this.#registry = registry;
    this.#deprecated = registry.gauge("apiserver_requested_deprecated_apis", "Deprecated parts of the API that somebody has asked for: always 1.");
    const inFlight = registry.gauge("apiserver_current_inflight_requests", "Requests that are being served, watches up to their start.");
    const longRunning = registry.gauge("apiserver_longrunning_requests", "Watches that are open.");
    registry
      .gauge("kubernetes_build_info", "What runs here: always 1.")
      .set(1, { git_version: GIT_VERSION, major: "1", minor: GIT_VERSION.split(".")[1] ?? "", platform: `${process.platform}/${process.arch}` });
    registry.beforeRender(() => {
      for (const [kind, count] of Object.entries(this.#inFlight)) inFlight.set(count, { request_kind: kind });
      longRunning.clear();
      for (const { labels, running } of this.#series.values()) if (running.watches > 0) longRunning.set(running.watches, labels);
    });
  }

  /** Counts a request from now on; the result ends it with its code and time. */
  begin(request: ApiRequest): (code: number, seconds: number) => void {
    const kind = READING.has(request.verb) ? "readOnly" : "mutating";
    this.#inFlight[kind]++;
    const series = this.#of(request);
    return (code, seconds) => {
      this.#inFlight[kind]--;
      series.count(code);
      series.observe(seconds);
    };
  }

  /** The size of an answer that was written. */
  answered(request: ApiRequest, bytes: number): void {
    this.#of(request).size(bytes);
  }

  /** Somebody has asked for what is deprecated. Nothing that is served here has a release yet in which it will be gone. */
  askedForDeprecated({ resource: { group, version, resource }, subresource = "" }: Pick<ApiRequest, "resource" | "subresource">): void {
    this.#deprecated.set(1, { group, version, resource, subresource, removed_release: "" });
  }

  /** A watch has shown everything that was there at its beginning. */
  listed(request: ApiRequest, seconds: number): void {
    const { group, version, resource } = request.resource;
    const scope = scopeOf(request);
    this.#registry
      .histogram("apiserver_watch_list_duration_seconds", "Time until a watch had shown everything that was there at its beginning.", LIST_SECONDS)
      .observe(seconds, { group, version, resource, scope });
  }

  /** Counts an open watch; the result ends it. */
  watching(request: ApiRequest): () => void {
    const { running } = this.#of(request);
    running.watches++;
    return () => void running.watches--;
  }

  /** Makes room for other kinds. */
  forgetKinds(isGone: (group: string, resource: string) => boolean): void {
    for (const [key, { labels, running }] of this.#series)
      if (running.watches === 0 && isGone(labels["group"] ?? "", labels["resource"] ?? "")) this.#series.delete(key);
  }

  #of(request: ApiRequest): Series {
    const { group, version, resource } = request.resource;
    const verb = normalizedVerb(request.verb, request.verb === "patch" && request.patchType === "apply");
    const scope = scopeOf(request);
    const isDryRun = "options" in request && "dryRun" in request.options && request.options.dryRun === true;
    const subresource = request.subresource ?? "";
    const systemClient = systemClientOf(request.userAgent);
    const key = `${systemClient} ${verb} ${group}/${version}/${resource}/${subresource} ${scope}${isDryRun ? " dry" : ""}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      if (this.#series.size >= SERIES_MAX)
        return this.#make({ verb, group: "", version: "", resource: "other", subresource: "", scope, component: "apiserver" }, isDryRun, systemClient);
      this.#series.set(key, (series = this.#make({ verb, group, version, resource, subresource, scope, component: "apiserver" }, isDryRun, systemClient)));
    }
    return series;
  }

  #make(labels: Labels, isDryRun: boolean, systemClient: string): Series {
    const registry = this.#registry;
    const withDryRun = { ...labels, dry_run: isDryRun ? "All" : "" };
    const requests = registry.counter("apiserver_request_total", "Requests by verb, resource and result code.");
    const counters = new Map<number, () => void>();
    return {
      labels,
      running: { watches: 0 },
      count: (code) => {
        let counter = counters.get(code);
        if (counter === undefined) counters.set(code, (counter = requests.bind({ ...withDryRun, code: String(code), system_client: systemClient })));
        counter();
      },
      observe: registry.histogram("apiserver_request_duration_seconds", "Time to answer, watches up to their start.", SECONDS).bind(withDryRun),
      size: registry.histogram("apiserver_response_sizes", "Sizes of answers in bytes.", BYTES).bind(labels),
    };
  }
}

/** Upstream's components are called so; of the others, who are most, one look is enough. */
function systemClientOf(userAgent: string): string {
  if (!userAgent.startsWith("kube-")) return "";
  const [client = ""] = userAgent.split("/", 1);
  return SYSTEM_CLIENTS.has(client) ? client : "";
}

function scopeOf(request: ApiRequest): string {
  return request.verb === "create" || ("name" in request && request.name) ? "resource" : request.namespace ? "namespace" : "cluster";
}

/** The verb as upstream's metrics and traces have it. */
export function normalizedVerb(verb: ApiRequest["verb"], isApply: boolean): string {
  return isApply ? "APPLY" : VERBS[verb];
}

/** Forgets what was counted of kinds once nobody serves them any more: clusters that make and delete many would keep all of it. */
export function forgetGoneKinds(
  registry: MetricsRegistry,
  requests: RequestMetrics,
  { resources, aggregator }: { readonly resources: ResourceIndex; readonly aggregator: Pick<Aggregator, "generation" | "versions"> },
): void {
  const served = () => `${resources.generation}/${aggregator.generation}`;
  let known = served();
  registry.beforeRender(() => {
    if (served() === known) return;
    known = served();
    const own = new Set(resources.all.map(({ group, resource }) => `${group}/${resource}`));
    // Other servers need not say which resources are in their groups.
    const remote = new Set(aggregator.versions().map(({ group }) => group));
    // Of those without a group there are none that could go, and what is counted together bears none.
    const isGone = (group: string, resource: string) => group !== "" && !remote.has(group) && !own.has(`${group}/${resource}`);
    requests.forgetKinds(isGone);
    registry.forgetKinds(isGone);
  });
}

/** How many objects there are of every kind that has been asked for. */
export function meterObjects(registry: MetricsRegistry, store: ObjectStore, resources: ResourceIndex): void {
  const objects = registry.gauge("apiserver_resource_objects", "Objects that are stored, by their kind.");
  const older = registry.gauge("apiserver_storage_objects", "Objects that are stored, by their kind.");
  registry.beforeRender(() => {
    objects.clear();
    older.clear();
    for (const definition of resources.all) {
      if (definition.storedAs !== undefined || !store.holds(definition)) continue;
      const count = store.count(definition);
      objects.set(count, { group: definition.group, resource: definition.resource });
      older.set(count, { resource: definition.group === "" ? definition.resource : `${definition.resource}.${definition.group}` });
    }
  });
}
