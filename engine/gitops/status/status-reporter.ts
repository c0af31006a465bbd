import { parseQuantity } from "../../apimachinery/quantity.ts";
import { findCondition } from "../../apimachinery/conditions.ts";
import { abortError, isAbort } from "../../lib/abort.ts";
import { backoffMs } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import type { Node } from "../../resources/types.ts";
import type { ClusterView } from "../sync/cluster-view.ts";
import type { GitSource } from "../git/git-source.ts";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import { computeNote, writeNote } from "./commit-notes.ts";
import { computeIncidents } from "./incidents.ts";
import { subjectOf } from "../git/commit-message.ts";
import type { RepositoryConfig } from "../manifests/repository-config.ts";
import {
  overallHealth,
  type ApplicationFacts,
  type EventFacts,
  type ComposedFacts,
  type IncidentFacts,
  type NodeFacts,
  type PlanFacts,
  type PreviewFacts,
  type StatusFacts,
  type SyncFacts,
} from "./status-facts.ts";
import { renderStatusReport, statusMessage } from "./status-report.ts";
import { StatusWriter } from "./status-writer.ts";
import type { Synchroniser } from "../sync/synchroniser.ts";

const RETRY = { initialMs: 1_000, maxMs: 300_000 };
/** What belongs together arrives within this time. */
const GATHER_MS = 60;
/** Older deploys were noted when they were new. */
const NOTED_MAX = 3;

/** Plans of branches, and their pages by path. */
export interface PlannedPages {
  readonly plans: readonly PlanFacts[];
  readonly pages: ReadonlyMap<string, string>;
}

export interface StatusReporterOptions {
  readonly cluster: string;
  readonly source: GitSource;
  readonly synchroniser: Synchroniser;
  readonly view: ClusterView;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Plans and previews of branches will come; a first report without them would take down those of the run before. */
  readonly awaitsPlans?: boolean;
  /** Nothing is written: others read the facts. */
  readonly isSilent?: boolean;
  /** The further repository that is told of. */
  readonly repository?: string;
  /** What happened to applications lately. */
  readonly eventsOf?: (application: string) => readonly EventFacts[];
  /** What further repositories add. */
  readonly composed?: () => ComposedFacts;
}

/** Tells on the status branch what is running. One writer; commits only when the facts changed, not more often than asked. */
export class StatusReporter {
  readonly #options: StatusReporterOptions;
  #writer: StatusWriter | undefined;
  #minIntervalMs = 0;
  #sync: SyncFacts = { state: "empty" };
  #notices: readonly string[] = [];
  #forgeTrouble: string | undefined;
  #planned: PlannedPages | undefined;
  #previews: readonly PreviewFacts[] | undefined;
  #incidents: readonly IncidentFacts[] = [];
  #written: StatusFacts | undefined;
  #writtenAtMs = -Infinity;
  /** When a turn of health was written last: what turns all the time is told no more often than anything else. */
  #turnedAtMs = -Infinity;
  readonly #listeners = new Set<() => void>();
  readonly #noted = new BoundedCache<true>(1_000);
  #wake: () => void = () => {};
  #isDue = false;
  #failures = 0;

  constructor(options: StatusReporterOptions) {
    this.#options = options;
  }

  get branch(): string | undefined {
    return this.#writer?.branch;
  }

  /** What the source says; shown with the next report. */
  setSync(sync: SyncFacts, notices: readonly string[]): void {
    this.#sync = sync;
    this.#notices = notices;
    this.#request();
  }

  /** Why the forge shows nothing; shown with the next report. */
  setForgeTrouble(trouble: string | undefined): void {
    this.#forgeTrouble = trouble;
    this.#request();
  }

  /** What merging branches would do; shown with the next report. */
  setPlans(planned: PlannedPages): void {
    this.#planned = planned;
    this.#request();
  }

  /** How the previews fare; shown with the next report. */
  setPreviews(previews: readonly PreviewFacts[]): void {
    this.#previews = previews;
    this.#request();
  }

  /** Previews of the last report, also of one before a restart. */
  get toldPreviews(): readonly PreviewFacts[] {
    return this.#written?.previews ?? [];
  }

  /** Something that is told of may have changed. */
  touch(): void {
    this.#request();
  }

  /** Calls back whenever the facts may have changed. Returns the function that ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get planned(): PlannedPages | undefined {
    return this.#planned;
  }

  /** Follows mainstay.yaml, and goes on from what the branch remembers. Never rejects: a report can be written without a past. */
  async configure(status: RepositoryConfig["status"]): Promise<void> {
    this.#minIntervalMs = status.minIntervalMs;
    if (this.#options.isSilent === true || this.#writer?.branch === status.branch) return;
    const { source, cluster, synchroniser, logger } = this.#options;
    this.#writer = new StatusWriter({ store: source.store, cluster, branch: status.branch, keepCommits: status.keepCommits });
    try {
      const text = await this.#writer.read("status.json");
      if (text === undefined) return;
      const past = parseFacts(text);
      if (past === undefined) return;
      this.#incidents = past.incidents;
      this.#written ??= past;
      synchroniser.rollouts.remember(past.deploys);
    } catch (error) {
      logger.warn("status branch not read, starting a new report", { branch: status.branch, error: describeError(error) });
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, synchroniser } = this.#options;
    const unsubscribe = synchroniser.subscribe(() => this.#request());
    const onAbort = () => this.#wake();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      while (!signal.aborted) {
        await this.#wait(this.#isDue ? 0 : Infinity, signal);
        await this.#wait(GATHER_MS, signal);
        this.#isDue = false;
        if (!synchroniser.isInformed || (this.#options.awaitsPlans === true && (this.#planned === undefined || this.#previews === undefined))) continue;
        const { facts, nextDueMs } = this.#observe();
        if (nextDueMs < Infinity) clock.after(nextDueMs - clock.now() + 1, () => this.#request());
        if (jsonEqual(facts, this.#written)) continue;
        const isFinal = isTerminal(this.#written, facts);
        const isTurn = !isFinal && hasTurned(this.#written, facts);
        const waitMs = isFinal ? 0 : (isTurn ? this.#turnedAtMs : this.#writtenAtMs) + this.#minIntervalMs - clock.monotonic();
        if (waitMs > 0) {
          // Something more urgent may come meanwhile; then the loop looks again.
          await this.#wait(waitMs, signal, true);
          this.#isDue = true;
          continue;
        }
        if (isTurn) this.#turnedAtMs = clock.monotonic();
        await this.#write(facts, signal);
      }
    } catch (error) {
      if (!isAbort(error)) throw error;
    } finally {
      unsubscribe();
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Everything that the report tells, as of now. */
  facts(): StatusFacts {
    return this.#observe().facts;
  }

  #observe(): { readonly facts: StatusFacts; readonly nextDueMs: number } {
    const { cluster, source, synchroniser, view, clock } = this.#options;
    const { repository, composed } = this.#options;
    const own = synchroniser.units.facts().map(this.#withEvents);
    const further = composed?.();
    const applications = [...(repository === undefined ? own : own.map((application) => ({ ...application, repository }))), ...(further?.applications ?? [])];
    const { incidents, nextDueMs } = computeIncidents(this.#incidents, applications, clock.now());
    this.#incidents = incidents;
    const commit = synchroniser.state?.commit;
    const isSyncing = this.#sync.state === "applied" && synchroniser.rollouts.current?.appliedMs === undefined;
    const facts: StatusFacts = {
      schemaVersion: 1,
      cluster,
      repository: { url: source.url, branch: source.branch },
      sync: isSyncing ? { ...this.#sync, state: "syncing", ...(commit === undefined ? {} : { newest: commit.id }) } : this.#sync,
      ...(commit === undefined ? {} : { commit: { id: commit.id, subject: subjectOf(commit.message), author: commit.author } }),
      ...(further === undefined || further.repositories.length === 0 ? {} : { repositories: further.repositories }),
      applications,
      nodes: view
        .nodes()
        .map(nodeFacts)
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
      deploys: synchroniser.rollouts.facts(),
      drift: synchroniser.drift,
      incidents,
      notices: [...this.#notices, ...(this.#forgeTrouble === undefined ? [] : [this.#forgeTrouble]), ...synchroniser.orphans],
      ...(this.#planned === undefined || this.#planned.plans.length === 0 ? {} : { plans: this.#planned.plans }),
      ...(this.#previews === undefined || this.#previews.length === 0
        ? {}
        : { previews: this.#previews.map((preview) => ({ ...preview, applications: preview.applications.map(this.#withEvents) })) }),
    };
    return { facts, nextDueMs };
  }

  readonly #withEvents = (application: ApplicationFacts): ApplicationFacts => {
    const events = this.#options.eventsOf?.(application.name) ?? [];
    return events.length === 0 ? application : { ...application, events };
  };

  async #write(facts: StatusFacts, signal: AbortSignal): Promise<void> {
    const { clock, logger, cluster, view } = this.#options;
    if (this.#writer === undefined) return;
    const deploy = facts.deploys[0];
    const trailers = {
      desiredCommit: facts.commit?.id,
      revision: String(view.revision()),
      result: facts.sync.state === "rejected" ? "rejected" : (deploy?.result ?? "applied"),
      durationMs: deploy?.healthyMs ?? deploy?.appliedMs,
    };
    try {
      const result = await this.#writer.write({
        files: new Map([...renderStatusReport(facts), ...(this.#planned?.pages ?? [])]),
        message: statusMessage(this.#written, facts, trailers),
        signature: { name: "Mainstay", email: `mainstay@${cluster}.invalid`, time: clock.now() },
      });
      this.#written = facts;
      this.#writtenAtMs = clock.monotonic();
      this.#failures = 0;
      if (result.is === "written") logger.info("status written", { branch: this.#writer.branch, commit: result.commit });
      if (result.is === "written") await this.#writeNotes(facts, result.commit);
    } catch (error) {
      this.#failures++;
      logger.warn("status not written, will retry", { branch: this.#writer.branch, error: describeError(error) });
      await this.#wait(backoffMs(RETRY, this.#failures), signal);
      this.#isDue = true;
    }
  }

  /** Commits about which nothing will change any more carry what became of them. A note that cannot be written is not worth a retry of the report. */
  async #writeNotes(facts: StatusFacts, statusCommit: string): Promise<void> {
    const { source, cluster, clock, logger } = this.#options;
    for (const deploy of facts.deploys.slice(0, NOTED_MAX)) {
      const note = computeNote(deploy, cluster, statusCommit);
      const key = `${deploy.commit} ${note?.result ?? ""}`;
      if (note === undefined || this.#noted.get(key) !== undefined) continue;
      try {
        if (await writeNote(source.store, deploy.commit, note, { name: "Mainstay", email: `mainstay@${cluster}.invalid`, time: clock.now() }))
          this.#noted.set(key, true);
      } catch (error) {
        logger.warn("note not written", { commit: deploy.commit, error: describeError(error) });
        return;
      }
    }
  }

  #request(): void {
    for (const listener of this.#listeners) listener();
    this.#isDue = true;
    this.#wake();
  }

  /** Waits for a time; with `untilWoken`, or for ever, ends early when something changed. Rejects when the service ends. */
  async #wait(ms: number, signal: AbortSignal, untilWoken = false): Promise<void> {
    if (signal.aborted) throw abortError(signal);
    if (ms === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = ms === Infinity ? () => {} : this.#options.clock.after(ms, resolve);
      this.#wake = () => {
        if (ms !== Infinity && !untilWoken && !signal.aborted) return;
        cancel();
        resolve();
      };
    });
    this.#wake = () => {};
    if (signal.aborted) throw abortError(signal);
  }
}

/** What people wait for: it is written at once, whatever was written just before. */
function isTerminal(before: StatusFacts | undefined, facts: StatusFacts): boolean {
  if (before === undefined) return true;
  if (before.sync.state !== facts.sync.state && facts.sync.state !== "syncing") return true;
  const [last, deploy] = [before.deploys[0], facts.deploys[0]];
  if (deploy?.healthyMs !== undefined && (last?.commit !== deploy.commit || last.healthyMs === undefined)) return true;
  if ((facts.plans ?? []).some((plan) => before.plans?.some((known) => known.branch === plan.branch && known.commit === plan.commit) !== true)) return true;
  return false;
}

/** The cluster, or a preview, has become what people want to know at once. */
function hasTurned(before: StatusFacts | undefined, facts: StatusFacts): boolean {
  if (before === undefined) return false;
  const isSettled = ({ state }: PreviewFacts) => state === "Healthy" || state === "Degraded" || state === "Refused";
  if (
    (facts.previews ?? []).some(
      (preview) =>
        isSettled(preview) && before.previews?.some((known) => known.name === preview.name && known.commit === preview.commit && isSettled(known)) !== true,
    )
  )
    return true;
  const state = overallHealth(facts);
  return state !== overallHealth(before) && (state === "Healthy" || state === "Degraded");
}

function nodeFacts(node: Node): NodeFacts {
  const ready = findCondition(node.status?.conditions, "Ready");
  const { cpu, memory, pods } = node.status?.capacity ?? {};
  return {
    name: node.metadata.name ?? "",
    ready: ready?.status === "True",
    reason: ready?.status === "True" ? (node.spec?.unschedulable === true ? "takes no new pods" : "") : (ready?.message ?? "has not reported yet"),
    since: ready?.lastTransitionTime ?? "",
    address: node.status?.addresses?.find((address) => address.type === "InternalIP")?.address ?? "",
    version: node.status?.nodeInfo?.kubeletVersion ?? "",
    capacity: [
      cpu === undefined ? "" : `${cpu} CPU`,
      memory === undefined ? "" : `${(parseQuantity(memory) / 2 ** 30).toFixed(1)} GiB`,
      pods === undefined ? "" : `${pods} pods`,
    ]
      .filter((part) => part !== "")
      .join(", "),
  };
}

/** The report of an earlier run; undefined when it is not one that this version understands. */
function parseFacts(text: string): StatusFacts | undefined {
  try {
    const value = JSON.parse(text) as Partial<StatusFacts> | null; // checked below as far as it is used
    const isUsable =
      value?.schemaVersion === 1 &&
      Array.isArray(value.deploys) &&
      Array.isArray(value.incidents) &&
      Array.isArray(value.applications) &&
      Array.isArray(value.nodes) &&
      Array.isArray(value.drift) &&
      value.sync !== undefined;
    return isUsable ? (value as StatusFacts) : undefined;
  } catch {
    return undefined;
  }
}
