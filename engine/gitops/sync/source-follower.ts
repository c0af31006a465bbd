import { isAbort, throwIfAborted } from "../../lib/abort.ts";
import { backoffMs } from "../../lib/backoff.ts";
import { Bell } from "../../lib/bell.ts";
import { formatTime, type Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { withoutCredentials } from "../../lib/without-credentials.ts";
import type { DesiredState } from "../manifests/desired-state.ts";
import { shortId, type BranchState, type CommitInfo, type GitObjects, type GitSource } from "../git/git-source.ts";
import type { ManifestLoader } from "../manifests/load-manifests.ts";
import { formatProblem, type Problem } from "../manifests/problem.ts";
import { CONFIG_FILE } from "../manifests/repository-config.ts";
import type { SourceRule } from "../manifests/source-rules.ts";
import { withholdSealed } from "../manifests/withhold-sealed.ts";
import { findNewCommits } from "./new-commits.ts";
import type { RepositoryRecord } from "./repository-object.ts";
import { checkSignature } from "./signature-policy.ts";
import { checkTeams } from "./team-rules.ts";
import type { SyncFacts } from "../status/status-facts.ts";
import type { StatusReporter } from "../status/status-reporter.ts";
import type { Preview, Synchroniser } from "./synchroniser.ts";

const RETRY = { initialMs: 500, maxMs: 30_000 };
/** An unreachable remote is asked less and less often. */
const UNREACHABLE = { initialMs: 5_000, maxMs: 300_000 };
/** A rejected commit is tried again this often: what spoke against it may have gone. */
const REJECTED_RETRY_MS = 60_000;
/** So many failures in a row are told as trouble: most are over with the next try. */
const FAILURES_TOLD = 3;
/** Commits that were planned for a push and wait for Git to move the branch. */
const PREPARED_MAX = 8;

export interface SourceFollowerOptions {
  readonly source: GitSource;
  readonly loader: ManifestLoader;
  /** For the commits of strangers: it opens no encrypted file, and what it has read counts for none but these. */
  readonly sealedLoader: ManifestLoader;
  /** For proposals that bring kinds of their own. */
  readonly proposalLoader: ManifestLoader;
  /** For commits that are to run and bring kinds, until they are admitted: nobody's proposal keeps them waiting. */
  readonly candidateLoader: ManifestLoader;
  readonly synchroniser: Synchroniser;
  readonly reporter: StatusReporter;
  readonly record: RepositoryRecord;
  /** Where the followed repository may name further ones. */
  readonly sources?: FurtherSources;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The further repositories that a commit may name. */
export interface FurtherSources {
  /** What speaks against having them here. */
  check(state: DesiredState): readonly Problem[] | Promise<readonly Problem[]>;
  /** Ends those that are not among these, or are other than before: afterwards nobody writes for them. */
  retain(rules: readonly SourceRule[]): Promise<void>;
  /** Follows those that are not followed yet. */
  start(rules: readonly SourceRule[]): void;
}

/** A commit that was read and planned. */
export interface Prepared extends Preview {
  readonly state: DesiredState;
  readonly messages: readonly string[];
  readonly startedMs: number;
}

/** The newest commit was read and is applied, only the record of it does not say so yet. */
class UnrecordedError extends Error {}

/** Watches the branch and hands each newest commit to the synchroniser, whole or not at all. */
export class SourceFollower {
  readonly #options: SourceFollowerOptions;
  readonly #prepared = new Map<string, Prepared>();
  #handled: string | undefined;
  #isRejected = false;
  /** What is recorded is not, or no longer, that the commit which was handled is applied. */
  #isUnrecorded = false;
  readonly #bell: Bell;
  #looks = 0;
  #lookWaiters: (() => void)[] = [];

  constructor(options: SourceFollowerOptions) {
    this.#options = options;
    this.#bell = new Bell(options.clock);
  }

  /** The branch may have moved: look now. */
  trigger(): void {
    this.#bell.ring();
  }

  /** Resolves when the branch has been looked at once: afterwards the synchroniser knows what is wanted, if anything is. */
  async firstLook(): Promise<void> {
    if (this.#looks === 0) await new Promise<void>((resolve) => this.#lookWaiters.push(resolve));
  }

  /**
   * Whether encrypted files are opened for the plan of a ref that is not the desired branch. `isOwn`: only who may write to the repository
   * can have brought it.
   */
  async mayOpen(isOwn: boolean): Promise<boolean> {
    const { synchroniser, record, loader } = this.#options;
    // What ran before a start may not be admitted again yet, and its rules hold all the same.
    const encrypted = (synchroniser.state?.config.plans ?? (await record.admissionBase())?.plans)?.encrypted ?? loader.defaultConfig.plans.encrypted;
    return encrypted === "always" || (isOwn && encrypted === "branches");
  }

  /**
   * Reads and plans a commit. `objects` may see a push that is not accepted yet; `pusher` is who brings it, where that is known.
   * Sealed, no encrypted file is opened, and the plan shows nothing that no manifest holds. A proposal is not what is to run.
   */
  async prepare(
    id: string,
    objects: GitObjects,
    { pusher, isSealed = false, isProposal = false }: { readonly pusher?: string | undefined; readonly isSealed?: boolean; readonly isProposal?: boolean } = {},
  ): Promise<Prepared> {
    const { loader, proposalLoader, candidateLoader, synchroniser, record, clock } = this.#options;
    const startedMs = clock.monotonic();
    const commit = await objects.commit(id);
    await this.#keepSecrets(id);
    const state = isSealed
      ? await this.#loadSealed(objects, commit)
      : await loader.loadProposal(objects, commit, isProposal ? proposalLoader : candidateLoader);
    const known = synchroniser.state;
    const last = known?.commit.id ?? (await record.lastAdmitted());
    const { added, allowing } = await findNewCommits(objects, commit, last);
    // After a restart, nobody knows whether what the same push allowed has been done.
    const isAgain = known === undefined && last === id;
    const messages = (isAgain ? (await findNewCommits(objects, commit, await record.admittedBefore())).allowing : allowing).map(({ message }) => message);
    const base = known === undefined ? await record.admissionBase() : { commit: known.commit.id, rule: known.config.signatures, teams: known.config.teams };
    const signature = await checkSignature(objects, commit, state.config.signatures, base, loader.prefix);
    const teams = await checkTeams(
      objects,
      added.filter(({ id: one }) => one !== base?.commit),
      base?.teams ?? state.config.teams,
      pusher,
    );
    const preview = await synchroniser.preview(state, objects, messages, isAgain ? state : known);
    return {
      ...preview,
      problems: [...signature, ...teams, ...preview.problems, ...synchroniser.findForeign(state), ...((await this.#options.sources?.check(state)) ?? [])],
      state,
      messages,
      startedMs,
    };
  }

  async #loadSealed(objects: GitObjects, commit: CommitInfo): Promise<DesiredState> {
    const { sealedLoader, synchroniser, source } = this.#options;
    const base = synchroniser.state;
    const runs = base === undefined ? undefined : { state: base, files: sealedLoader.filesOf(source.store.objects, base.commit) };
    return withholdSealed(
      { state: await sealedLoader.load(objects, commit), files: sealedLoader.filesOf(objects, commit) },
      runs,
      `plans.encrypted in the ${CONFIG_FILE} of ${source.branch} decides for whose plans it is`,
    );
  }

  /** After a restart, nobody else knows what of the cluster came out of encrypted files. */
  async #keepSecrets(next: string): Promise<void> {
    const { loader, synchroniser, record, source, logger } = this.#options;
    if (synchroniser.state !== undefined) return;
    const last = await record.lastAdmitted();
    if (last === undefined || last === next) return;
    try {
      synchroniser.onceConfidential.keep(await loader.load(source.store.objects, await source.store.objects.commit(last)));
    } catch (error) {
      logger.warn("last admitted commit not read", { commit: last, error: describeError(error) });
    }
  }

  /** Keeps a plan for when the branch has moved to its commit. */
  keep(prepared: Prepared): void {
    this.#prepared.set(prepared.state.commit.id, prepared);
    const [oldest] = this.#prepared.keys();
    if (this.#prepared.size > PREPARED_MAX && oldest !== undefined) this.#prepared.delete(oldest);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { source, logger } = this.#options;
    let failures = 0;
    let unreachable = 0;
    try {
      while (!signal.aborted) {
        this.#bell.take();
        let waitMs = source.pollIntervalMs;
        try {
          const branch = await source.look(signal);
          await this.#handle(branch, signal);
          failures = 0;
          unreachable = branch.is === "unreachable" ? unreachable + 1 : 0;
          if (unreachable > 0) waitMs = Math.max(waitMs === Infinity ? 0 : waitMs, backoffMs(UNREACHABLE, unreachable));
          if (this.#isRejected) waitMs = Math.min(waitMs, REJECTED_RETRY_MS);
          this.#looks++;
          for (const resolve of this.#lookWaiters.splice(0)) resolve();
        } catch (error) {
          throwIfAborted(signal);
          failures++;
          waitMs = backoffMs(RETRY, failures);
          logger.warn("repository not followed, will retry", { error: describeError(error) });
          if (failures >= FAILURES_TOLD && !(error instanceof UnrecordedError)) await this.#tellFailure(error, signal);
        }
        await this.#bell.wait(waitMs, signal);
      }
    } catch (error) {
      if (!isAbort(error)) throw error;
    }
  }

  async #handle(branch: BranchState, signal: AbortSignal): Promise<void> {
    const { reporter, record, source, loader } = this.#options;
    if (branch.is === "empty") {
      await reporter.configure(loader.defaultConfig.status);
      this.#tell({ state: "empty", ...(branch.why === undefined ? {} : { message: branch.why }) }, []);
      return branch.why === undefined ? undefined : record.write(undefined, this.#observed(undefined, "empty", branch.why));
    }
    const commit = branch.is === "at" ? branch.commit : branch.last;
    if (commit !== undefined && commit !== this.#handled) await this.#deploy(commit, signal);
    else if (commit === undefined) await reporter.configure(loader.defaultConfig.status);
    else if (branch.is === "at" && (this.#isRejected || this.#isUnrecorded)) {
      // The branch was put back to what runs, or can be read again: nothing newer speaks against anything any more.
      await this.#recordApplied(commit);
      this.#isRejected = false;
    }
    if (branch.is === "at") {
      if (!this.#isRejected) this.#tell({ state: "applied" }, [...(branch.note === undefined ? [] : [branch.note])]);
      return;
    }
    const message = branch.is === "unreachable" ? branch.error : `branch ${source.branch} was deleted${branch.why === undefined ? "" : `: ${branch.why}`}`;
    await this.#trouble(branch.is, message);
  }

  /** What runs goes on, and everybody who asks is told why nothing newer does. */
  async #trouble(state: "unreachable" | "unreadable" | "deleted", message: string): Promise<void> {
    const { synchroniser, record } = this.#options;
    this.#tell({ state, message }, []);
    this.#isUnrecorded = true;
    await record.write(synchroniser.state?.config, this.#observed(synchroniser.state?.commit.id, state, message));
  }

  /** Never rejects: what cannot be told now is told after the next try. */
  async #tellFailure(error: unknown, signal: AbortSignal): Promise<void> {
    const { reporter, loader, logger, synchroniser } = this.#options;
    try {
      if (synchroniser.state === undefined) await this.#resume(undefined, signal);
      if (reporter.branch === undefined) await reporter.configure(loader.defaultConfig.status);
      await this.#trouble("unreadable", withoutCredentials(describeError(error)));
    } catch (failure) {
      logger.warn("trouble with the repository not recorded, will retry", { error: describeError(failure) });
    }
  }

  async #deploy(id: string, signal: AbortSignal): Promise<void> {
    const { source, synchroniser, reporter, record, clock, logger, loader } = this.#options;
    const { objects } = source.store;
    const pusher = await source.pusherOf?.(id);
    const prepared =
      this.#prepared.get(id) ??
      (await this.prepare(id, objects, { pusher }).catch((error: unknown) => {
        throw new Error(`read commit ${shortId(id)}`, { cause: error });
      }));
    await reporter.configure(prepared.state.config.status);
    // Another repository may have got something since this was planned.
    const foreign = prepared.problems.length === 0 ? synchroniser.findForeign(prepared.state) : [];
    if (prepared.problems.length + foreign.length === 0) {
      await this.#options.sources?.retain(prepared.state.config.sources);
      loader.adopt(prepared.state);
      synchroniser.admit({
        state: prepared.state,
        objects,
        messages: prepared.messages,
        outcomes: prepared.outcomes,
        startedMs: prepared.startedMs,
        ...(pusher === undefined ? {} : { pusher }),
      });
      this.#prepared.delete(id);
      this.#handled = id;
      this.#isRejected = false;
      this.#isUnrecorded = true;
      this.#options.sources?.start(prepared.state.config.sources);
      return this.#recordApplied(id);
    }
    const problems = [...prepared.problems, ...foreign].map(formatProblem);
    logger.warn("commit rejected", { commit: id, problems: problems.length, first: problems[0] });
    if (synchroniser.state === undefined) await this.#resume(id, signal);
    synchroniser.rollouts.reject(prepared.state.commit, clock.now(), prepared.startedMs, problems);
    this.#isRejected = true;
    this.#tell({ state: "rejected", newest: id, problems }, []);
    await record.write(
      synchroniser.state?.config,
      this.#observed(synchroniser.state?.commit.id, "rejected", `${shortId(id)}: ${problems.slice(0, 5).join("; ")}`),
    );
  }

  /** After a restart with a bad newest commit, or one that cannot be read: the last one that was admitted goes on. */
  async #resume(bad: string | undefined, signal: AbortSignal): Promise<void> {
    const { source, synchroniser, record, clock, logger, loader } = this.#options;
    const last = await record.lastAdmitted();
    if (last === undefined || last === bad) return;
    try {
      const { objects } = source.store;
      const state = await loader.load(objects, await objects.commit(last));
      throwIfAborted(signal);
      if (state.problems.length > 0) return;
      synchroniser.admit({ state, objects, messages: [], outcomes: new Map(), startedMs: clock.monotonic() });
      this.#options.sources?.start(state.config.sources);
    } catch (error) {
      throwIfAborted(signal);
      logger.warn("last admitted commit not read", { commit: last, error: describeError(error) });
    }
  }

  #tell(sync: SyncFacts, notes: readonly string[]): void {
    this.#options.reporter.setSync(sync, [...notes, ...(this.#options.synchroniser.state?.notices ?? [])]);
  }

  async #recordApplied(commit: string): Promise<void> {
    const { source, synchroniser, record } = this.#options;
    const pusher = await source.pusherOf?.(commit);
    const observed = { ...this.#observed(commit, "applied"), ...(pusher === undefined ? {} : { pusher }) };
    await record.write(synchroniser.state?.config, observed).catch((error: unknown) => {
      throw new UnrecordedError(`record that commit ${shortId(commit)} is applied`, { cause: error });
    });
    this.#isUnrecorded = false;
  }

  #observed(
    commit: string | undefined,
    result: string,
    message?: string,
  ): { url: string; branch: string; commit?: string; result: string; message?: string; time: string } {
    const { source, clock } = this.#options;
    return {
      url: source.url,
      branch: source.branch,
      ...(commit === undefined ? {} : { commit }),
      result,
      ...(message === undefined ? {} : { message }),
      time: formatTime(clock.now()),
    };
  }
}
