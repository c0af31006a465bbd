import { createHash } from "node:crypto";
import { aborted, isAbort } from "../../lib/abort.ts";
import { backoffMs } from "../../lib/backoff.ts";
import { Bell } from "../../lib/bell.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { chooseProposals, hasRequests, isOwnProposal, listProposalRefs, type Proposal } from "../git/choose-proposals.ts";
import type { ClusterView } from "../sync/cluster-view.ts";
import { forecastCommit } from "./forecast-commit.ts";
import { shortId, type GitSource } from "../git/git-source.ts";
import { renderPlanPage, summariseForecast } from "./plan-page.ts";
import type { ForecastPods } from "./plan-workloads.ts";
import type { SourceFollower } from "../sync/source-follower.ts";
import type { PlanFacts } from "../status/status-facts.ts";
import type { PlannedPages, StatusReporter } from "../status/status-reporter.ts";
import type { Synchroniser } from "../sync/synchroniser.ts";

/** The newest branches get plans; a repository with more is not one where people read them all. */
const BRANCHES_MAX = 50;
/** What changes together is planned together. */
const GATHER_MS = 200;
/** The cluster moves all the time; plans follow it this often, and only when it did. Branches of a followed remote are looked for as often. */
const INTERVAL_MS = 60_000;
/** What kept a branch from being planned may be over in a moment. */
const RETRY = { initialMs: 1_000, maxMs: INTERVAL_MS };

export interface BranchPlannerOptions {
  readonly source: GitSource;
  readonly follower: SourceFollower;
  readonly synchroniser: Synchroniser;
  readonly reporter: StatusReporter;
  readonly view: ClusterView;
  readonly forecastPods: ForecastPods | undefined;
  readonly cluster: string;
  /** Numbers of the requests that are open, where a forge can be asked. */
  readonly openRequests?: (signal: AbortSignal) => Promise<ReadonlySet<number> | undefined>;
  /** Called after plans were made. */
  readonly onPlanned?: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface BranchPlan {
  readonly facts: PlanFacts;
  readonly page: string;
  /** What the plan was made from: head, base and the cluster's revision. */
  readonly head: string;
  readonly base: Base;
  readonly revision: number;
  readonly isSealed: boolean;
}

interface Base {
  readonly commit: string | undefined;
  readonly isApplied: boolean;
}

interface PlannedProposal extends Proposal {
  /** Nobody else than who may write to the repository can have brought it. */
  readonly isOwn: boolean;
}

/** Plans every branch and open request against what runs, by the code that applies, and again when branch, base or cluster move. */
export class BranchPlanner {
  readonly #options: BranchPlannerOptions;
  #plans: ReadonlyMap<string, BranchPlan> = new Map();
  /** When the heads of the last round were written: a repository may have thousands, of which few move. */
  #times: ReadonlyMap<string, number> = new Map();
  readonly #bell: Bell;
  /** Rounds in a row of which something failed. */
  #failures = 0;

  constructor(options: BranchPlannerOptions) {
    this.#options = options;
    this.#bell = new Bell(options.clock, { isRung: true });
  }

  /** A branch may have moved: look soon. */
  trigger(): void {
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { follower, synchroniser, clock, logger, reporter } = this.#options;
    let base = this.#base();
    const unsubscribe = synchroniser.subscribe(() => {
      // Only another base is urgent; the rest of what moves in a cluster waits for its turn.
      const now = this.#base();
      if (!jsonEqual(now, base)) this.trigger();
      base = now;
    });
    try {
      await Promise.race([follower.firstLook(), aborted(signal)]);
      while (!signal.aborted) {
        this.#bell.take();
        try {
          const { plans, isComplete } = await this.#planAll(signal);
          this.#plans = plans;
          this.#failures = isComplete ? 0 : this.#failures + 1;
          reporter.setPlans(pagesOf(this.#plans));
          this.#options.onPlanned?.();
        } catch (error) {
          if (signal.aborted) return;
          this.#failures++;
          logger.warn("branches not planned, will retry", { error: describeError(error) });
          // A report without plans is better than none.
          reporter.setPlans(pagesOf(this.#plans));
        }
        await this.#bell.wait(this.#failures === 0 ? INTERVAL_MS : backoffMs(RETRY, this.#failures), signal);
        await sleep(clock, GATHER_MS, signal);
      }
    } catch (error) {
      if (!isAbort(error)) throw error;
    } finally {
      unsubscribe();
    }
  }

  /** What runs. While it is being applied, a plan sees some of what ran before. */
  #base(): Base {
    const { state, rollouts } = this.#options.synchroniser;
    return { commit: state?.commit.id, isApplied: rollouts.current?.appliedMs !== undefined };
  }

  /** A branch that cannot be planned keeps the plan it had. */
  async #planAll(signal: AbortSignal): Promise<{ readonly plans: ReadonlyMap<string, BranchPlan>; readonly isComplete: boolean }> {
    const plans = new Map<string, BranchPlan>();
    let isComplete = true;
    for (const proposal of await this.#proposals(signal)) {
      const { name } = proposal;
      if (signal.aborted) return { plans: this.#plans, isComplete };
      const plan = await this.#plan(proposal).catch((error: unknown) => {
        isComplete = false;
        this.#options.logger.warn("branch not planned, will retry", { branch: name, error: describeError(error) });
        return this.#plans.get(name);
      });
      if (plan !== undefined) plans.set(name, plan);
    }
    return { plans, isComplete };
  }

  /** Newest first, and not too many. */
  async #proposals(signal: AbortSignal): Promise<readonly PlannedProposal[]> {
    const { source } = this.#options;
    const refs = await listProposalRefs(source.store);
    const open = hasRequests(refs) ? await this.#options.openRequests?.(signal).catch(() => undefined) : undefined;
    const dated: { readonly proposal: Proposal; readonly time: number }[] = [];
    for (const proposal of chooseProposals(refs, source.branch, open)) dated.push({ proposal, time: await this.#timeOf(proposal.head) });
    this.#times = new Map(dated.filter(({ time }) => time < Infinity).map(({ proposal, time }) => [proposal.head, time]));
    return dated
      .sort((a, b) => b.time - a.time || (a.proposal.name < b.proposal.name ? -1 : 1))
      .slice(0, BRANCHES_MAX)
      .map(({ proposal }) => ({ ...proposal, isOwn: isOwnProposal(proposal, refs) }));
  }

  /** What has not been fetched yet is new. */
  async #timeOf(head: string): Promise<number> {
    return this.#times.get(head) ?? (await this.#options.source.store.objects.commit(head).catch(() => undefined))?.time ?? Infinity;
  }

  async #plan({ name, ref, head, isOwn }: PlannedProposal): Promise<BranchPlan | undefined> {
    const { source, follower, view, forecastPods, cluster } = this.#options;
    const base = this.#base();
    // What runs is no proposal any more.
    if (head === base.commit) return undefined;
    const revision = view.revision();
    const isSealed = !(await follower.mayOpen(isOwn));
    const known = this.#plans.get(name);
    if (known?.head === head && known.isSealed === isSealed && jsonEqual(known.base, base) && known.revision === revision) return known;
    const fetched = await source.store.fetchRef(ref);
    if (fetched === undefined) return undefined;
    // A request that has moved meanwhile may be anybody's.
    const hasTurned = fetched !== head && !ref.startsWith("refs/heads/");
    const prepared = await follower.prepare(fetched, source.store.objects, {
      isProposal: true,
      isSealed: isSealed || (hasTurned && !(await follower.mayOpen(false))),
    });
    const forecast = await forecastCommit(prepared, forecastPods);
    const page = renderPlanPage({ ...forecast, cluster, branch: name, base: base.commit });
    const facts: PlanFacts = {
      branch: name,
      commit: fetched,
      ...(base.commit === undefined ? {} : { base: base.commit }),
      summary: summariseForecast(forecast),
      file: planFile(name),
      digest: shortId(createHash("sha256").update(page).digest("hex")),
    };
    return { facts, page, head, base, revision, isSealed };
  }
}

/** Where a branch's plan stands on the status branch. A branch called like another one's file must not need its place for a folder. */
export function planFile(branch: string): string {
  return `plans/${branch.replaceAll(/\.md(_*)\//g, ".md_$1/")}.md`;
}

function pagesOf(plans: ReadonlyMap<string, BranchPlan>): PlannedPages {
  const sorted = [...plans.values()].sort((a, b) => (a.facts.branch < b.facts.branch ? -1 : 1));
  return { plans: sorted.map((plan) => plan.facts), pages: new Map(sorted.map((plan) => [plan.facts.file, plan.page])) };
}
