import { existsSync } from "node:fs";
import { raceAbort } from "../../lib/abort.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { openGitObjects, overlayEnvironment, type ObjectOverlay } from "../git/git-objects.ts";
import { MissingObject, shortId, type GitObjects } from "../git/git-source.ts";
import { readRef } from "../git/git-refs.ts";
import { inheritedEnvironment, runGit } from "../git/native-git.ts";
import { removeStaleRefLocks } from "../git/stale-locks.ts";
import { forecastCommit } from "../plan/forecast-commit.ts";
import { podLines } from "../plan/plan-page.ts";
import { renderPlan, summarisePlan } from "../plan/plan-text.ts";
import type { ForecastPods } from "../plan/plan-workloads.ts";
import { atLeast, countProblems, formatProblem } from "../manifests/problem.ts";
import { LOCAL_IDENTITY, type GitIdentity } from "./git-access.ts";
import { computeNeed, explainRefusal, isCreation, isDeletion, isProtected, isUnread, type BranchRules, type RefUpdate } from "./git-rights.ts";
import { finalLine, parsePushOptions, progressLines, timeoutLine, type RolloutView } from "./push-progress.ts";
import type { SourceFollower } from "../sync/source-follower.ts";
import type { StatusReporter } from "../status/status-reporter.ts";
import type { Synchroniser } from "../sync/synchroniser.ts";

/** A push as the hooks report it. */
export interface PushSession {
  readonly updates: readonly RefUpdate[];
  readonly options: readonly string[];
  /** Where the objects are that Git has not accepted yet. */
  readonly overlay: ObjectOverlay | undefined;
  readonly pusher: GitIdentity;
  readonly print: (line: string) => void;
  /** Fires when the pusher is gone, or the engine stops. */
  readonly signal: AbortSignal;
}

export interface PushGateOptions {
  readonly gitDir: string;
  /** The name of the repository's object, on which roles give rights. */
  readonly repository: string;
  readonly branch: string;
  readonly follower: SourceFollower;
  readonly synchroniser: Synchroniser;
  readonly reporter: StatusReporter;
  readonly forecastPods: ForecastPods | undefined;
  /** Called after a branch was pushed that is not the desired one. */
  readonly onBranchMoved: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

const PROBLEMS_SHOWN = 100;
const NOTICES_SHOWN = 5;
const RESTING_SHOWN = 10;
/** What stands for bytes that are no UTF-8. */
const NOT_UTF8 = "\ufffd";
/** Ancestors walked to see that a push goes forward, before Git itself is asked. */
const WALK_MAX = 200;
/** Git moves the ref right after an accepted pre-receive. */
const REF_LOOK_MS = 3;
const REF_WAIT_MS = 5_000;
/** Between two looks at a rollout that is told to the pusher. */
const VIEW_GATHER_MS = 25;
const START_WAIT_MS = 60_000;
/** Most commits are applied by then; the pusher of one that is not is told what it waits for. */
const QUIET_MS = 1_000;

/** Decides about pushes before Git accepts them, and tells the pusher how it goes afterwards. */
export class PushGate {
  readonly #options: PushGateOptions;
  /** The push that is being decided, until its ref has moved: two at once are taken one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: PushGateOptions) {
    this.#options = options;
  }

  /** Whether Git may accept the push. Everything that speaks against it has been printed. */
  async decide(session: PushSession): Promise<boolean> {
    const before = this.#turn;
    let end = () => {};
    this.#turn = new Promise((resolve) => (end = resolve));
    try {
      await raceAbort(before, session.signal);
      const isAccepted = await this.#decideInTurn(session);
      const { repository, logger } = this.#options;
      logger.info(isAccepted ? "push accepted" : "push refused", { repository, user: session.pusher.name, refs: session.updates.map(({ ref }) => ref) });
      const update = session.updates.find(({ ref }) => ref === this.#ref);
      if (isAccepted && update !== undefined && !isDeletion(update)) void this.#awaitRef(update.to).finally(end);
      else end();
      return isAccepted;
    } catch (error) {
      // The next one waits for whoever was before us, not for us.
      void before.then(end);
      this.#options.logger.error("push not decided", { error: describeError(error) });
      const isGone = error instanceof MissingObject && session.overlay !== undefined && !existsSync(session.overlay.objectDir);
      session.print(
        isGone
          ? "refused: what was pushed has been removed while it was checked, as git gc --prune=now does; nothing has changed: push it again"
          : `refused: the push could not be checked: ${describeError(error)}`,
      );
      return false;
    }
  }

  /** Prints how the pushed commit gets into the cluster, until it is healthy or the wait is over. */
  async follow(session: PushSession): Promise<void> {
    const { synchroniser, follower, clock, reporter } = this.#options;
    const update = session.updates.find((one) => one.ref === this.#ref && !isDeletion(one));
    if (session.updates.some(({ ref }) => ref !== this.#ref)) this.#options.onBranchMoved();
    if (update === undefined) return;
    follower.trigger();
    const { waitMs } = parsePushOptions(session.options);
    if (waitMs === 0) return session.print("accepted; not waiting for it");
    const begunMs = clock.monotonic();
    const deadline = begunMs + waitMs;
    let shown: RolloutView | undefined;
    for (;;) {
      const changed = nextChange(synchroniser);
      const quietMs = begunMs + QUIET_MS - clock.monotonic();
      const view = this.#view(update.to, quietMs <= 0);
      if (view !== undefined) {
        for (const line of progressLines(shown, view)) session.print(line);
        shown = view;
        const last = finalLine(view);
        if (last !== undefined) return session.print(last);
      }
      const left = deadline - clock.monotonic();
      if (left <= 0 || session.signal.aborted)
        return session.print(
          timeoutLine(
            shown ?? { appliedMs: undefined, healthyMs: undefined, isSuperseded: false, isHeldUp: false, units: [] },
            waitMs,
            reporter.branch ?? "status",
          ),
        );
      // Changes come in swarms, and nobody reads faster than this.
      await sleep(clock, Math.min(left, VIEW_GATHER_MS), session.signal).catch(() => {});
      const stop = new AbortController();
      await Promise.race([changed, sleep(clock, quietMs > 0 ? Math.min(left, quietMs) : left, AbortSignal.any([stop.signal, session.signal])).catch(() => {})]);
      stop.abort();
    }
  }

  async #decideInTurn(session: PushSession): Promise<boolean> {
    const { updates, print, signal } = session;
    const { follower, clock } = this.#options;
    const { dryRun, isForced, unknown } = parsePushOptions(session.options);
    let isAccepted = true;
    for (const update of updates) if (!(await this.#isAllowed(update, session, isForced))) isAccepted = false;
    if (!isAccepted) return false;
    // Right after a start the last state is still being read; a plan against nothing would be wrong.
    await raceAbort(Promise.race([follower.firstLook(), sleep(clock, START_WAIT_MS, signal)]), signal);
    for (const option of unknown) print(`push option ${option} is not known and has no effect; known are wait=<time>, no-wait, dry-run and force`);
    const unread = updates.filter((update) => isUnread(update.ref) && !isDeletion(update));
    if (unread[0] !== undefined)
      print(
        `note: ${unread[0].ref}${unread.length === 1 ? " is" : ` and ${unread.length - 1} more are`} neither branch nor tag: kept, but not planned and not deployed`,
      );
    for (const { ref } of updates)
      if (ref.includes(NOT_UTF8)) print(`note: the name of ${ref} is not UTF-8: kept, but its plan is told here only, and nobody sees its pages`);
    const objects = openGitObjects(this.#options.gitDir, session.overlay);
    for (const update of updates) {
      if (isDeletion(update) || !update.ref.startsWith("refs/heads/")) continue;
      const isDesired = update.ref === this.#ref;
      if (!(await this.#plan(update, objects, session, isDesired))) isAccepted = isAccepted && !isDesired;
    }
    if (!isAccepted && updates.length > 1)
      print(`a push is taken as a whole: of its ${updates.length} branches and tags nothing has moved; those that are right can be pushed by themselves`);
    if (dryRun && isAccepted) print("dry run: nothing has been changed, the push is refused on purpose");
    if (isAccepted)
      await removeStaleRefLocks(
        this.#options.gitDir,
        updates.map(({ ref }) => ref),
      );
    return isAccepted && !dryRun;
  }

  /** Plans one ref's commit and prints the plan. Returns false when it has problems. */
  async #plan(update: RefUpdate, objects: GitObjects, session: PushSession, isDesired: boolean): Promise<boolean> {
    const { follower } = this.#options;
    const { print } = session;
    const prepared = await follower.prepare(update.to, objects, {
      isProposal: !isDesired,
      pusher: session.pusher === LOCAL_IDENTITY ? undefined : session.pusher.name,
      isSealed: !isDesired && !(await follower.mayOpen(true)),
    });
    const name = update.ref.slice("refs/heads/".length);
    if (!isDesired) print(`if ${name} were merged:`);
    if (prepared.problems.length > 0) {
      for (const problem of prepared.problems.slice(0, PROBLEMS_SHOWN)) print(formatProblem(problem));
      if (prepared.problems.length > PROBLEMS_SHOWN) print(`… and ${atLeast(prepared.problems)}${prepared.problems.length - PROBLEMS_SHOWN} more`);
      // What is missing may be in a file that nothing reads.
      for (const notice of prepared.state.notices.slice(0, NOTICES_SHOWN)) print(`note: ${notice}`);
      const count = countProblems(prepared.problems);
      print(isDesired ? `refused: ${count}; nothing has changed, in the repository or in the cluster` : `it would be refused: ${count}`);
      return false;
    }
    for (const line of renderPlan(prepared.plan)) print(line);
    for (const line of prepared.resting.slice(0, RESTING_SHOWN)) print(line);
    if (prepared.resting.length > RESTING_SHOWN) print(`= … and ${prepared.resting.length - RESTING_SHOWN} more`);
    for (const line of podLines(await forecastCommit(prepared, this.#options.forecastPods))) print(line);
    print(`plan for ${shortId(update.to, 7)}: ${summarisePlan(prepared.plan)}`);
    for (const warning of prepared.warnings.slice(0, PROBLEMS_SHOWN)) print(`warning: ${formatProblem(warning)}`);
    for (const notice of prepared.state.notices.slice(0, NOTICES_SHOWN)) print(`note: ${notice}`);
    if (prepared.state.notices.length > NOTICES_SHOWN) print(`note: … and ${prepared.state.notices.length - NOTICES_SHOWN} more`);
    if (prepared.state.objects.size === 0) print("note: the commit holds no manifests: there will be nothing to run");
    if (isDesired) follower.keep(prepared);
    return true;
  }

  /** Protected branches go forward only: what was deployed stays in their history, and two people cannot undo each other by accident. */
  async #isAllowed(update: RefUpdate, session: PushSession, isForced: boolean): Promise<boolean> {
    const { gitDir, repository } = this.#options;
    const { pusher, print } = session;
    const rules = this.#rules;
    const current = await readRef(gitDir, update.ref);
    if (isProtected(update.ref, rules) && current !== undefined && !isCreation(update) && current !== update.from) {
      print(`refused: ${update.ref.slice("refs/heads/".length)} has moved to ${shortId(current)} while you pushed; git pull --rebase, then push again`);
      return false;
    }
    const objects = openGitObjects(gitDir, session.overlay);
    const isForward = isCreation(update) || (!isDeletion(update) && (await isAncestor(gitDir, objects, update, session.overlay)));
    // Git itself would refuse it, after the push has been taken for good here and the next one has waited for it.
    const commit = isDeletion(update) || !update.ref.startsWith("refs/heads/") ? undefined : await objects.commit(update.to);
    if (commit !== undefined && commit.id !== update.to) {
      print(`refused: ${update.ref} would be a tag, and a branch is a commit: push what it names, <tag>^{commit}`);
      return false;
    }
    const need = computeNeed(update, isForward, rules);
    if (need.is === "never") {
      print(`refused: ${need.why}`);
      return false;
    }
    const has = await pusher.may(need.right, repository);
    // The right alone is not enough to rewrite: who has every right would have no protection from his own mistakes.
    if (has && (need.right !== "force" || isForced)) return true;
    print(explainRefusal(update, need.right, rules, { pusher: pusher.name, repository, mayForce: has, isForced }));
    return false;
  }

  get #rules(): BranchRules {
    const { branch, synchroniser } = this.#options;
    return { branch, protected: synchroniser.state?.config.protectedBranches ?? [] };
  }

  /** Starts the sync as soon as Git has moved the ref; the hook that says so comes 40 ms later. */
  async #awaitRef(commit: string): Promise<void> {
    const { clock, gitDir, follower } = this.#options;
    const deadline = clock.monotonic() + REF_WAIT_MS;
    while (clock.monotonic() < deadline) {
      if ((await readRef(gitDir, this.#ref).catch(() => undefined)) === commit) return follower.trigger();
      await new Promise<void>((resolve) => void clock.after(REF_LOOK_MS, resolve));
    }
  }

  #view(commit: string, isLate: boolean): RolloutView | undefined {
    const { synchroniser } = this.#options;
    const rollout = synchroniser.rollouts.find(commit);
    if (rollout === undefined) return undefined;
    const units = synchroniser.units
      .facts()
      .filter((app) => rollout.units.has(app.name))
      .map((app) => ({
        name: app.name,
        health: app.health,
        ready: app.ready,
        reason: app.reason,
        detail:
          app.health === "Healthy"
            ? ""
            : (app.objects
                .filter((object) => object.health === app.health)
                .map((object) => object.chain.at(-1) ?? "")
                .find((text) => text !== "") ?? ""),
      }));
    return {
      appliedMs: rollout.appliedMs,
      healthyMs: rollout.healthyMs,
      isSuperseded: rollout.isSuperseded,
      isHeldUp: isLate && rollout.appliedMs === undefined,
      trouble: synchroniser.trouble,
      units,
    };
  }

  get #ref(): string {
    return `refs/heads/${this.#options.branch}`;
  }
}

/** Resolves at the synchroniser's next change. */
function nextChange(synchroniser: Synchroniser): Promise<void> {
  return new Promise((resolve) => {
    const unsubscribe = synchroniser.subscribe(() => {
      unsubscribe();
      resolve();
    });
  });
}

async function isAncestor(gitDir: string, objects: GitObjects, update: RefUpdate, overlay: ObjectOverlay | undefined): Promise<boolean> {
  // Nearly every push adds a few commits in a straight line; seeing that needs no process.
  let id: string | undefined = update.to;
  for (let steps = 0; id !== undefined && steps < WALK_MAX; steps++) {
    if (id === update.from) return true;
    const commit: { readonly parents: readonly string[] } | undefined = await objects.commit(id).catch(() => undefined);
    id = commit?.parents[0];
  }
  const environment = { ...inheritedEnvironment(), ...(overlay === undefined ? {} : overlayEnvironment(overlay)) };
  return (await runGit({ gitDir, args: ["merge-base", "--is-ancestor", update.from, update.to], environment })).code === 0;
}
