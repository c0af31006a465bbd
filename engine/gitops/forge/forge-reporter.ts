import { isAbort } from "../../lib/abort.ts";
import { backoffMs } from "../../lib/backoff.ts";
import { Bell } from "../../lib/bell.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import { shortId } from "../git/git-source.ts";
import type { StatusFacts } from "../status/status-facts.ts";
import type { PlannedPages } from "../status/status-reporter.ts";
import { ForgeLimitError, ForgeRefusal } from "./forge-http.ts";
import { commentMark, computeForgeReports, type ForgeReports, type RequestComment } from "./forge-reports.ts";
import type { CommitStatus, Forge, OpenRequest } from "./forge.ts";

const RETRY = { initialMs: 2_000, maxMs: 600_000 };
/** What changes together is told together. */
const GATHER_MS = 500;
const REMEMBERED_MAX = 2_000;
/** What the forge refuses by itself (a request that is locked, a commit that it has not got yet) is tried again by itself. */
const REFUSED_RETRY = { initialMs: 30_000, maxMs: 3_600_000 };
/** So many answers of a server in trouble in a row are an outage. */
const TROUBLES_MAX = 3;

interface Refused {
  readonly text: string;
  readonly why: string;
  /** Of HTTP. */
  readonly status: number;
  readonly failures: number;
  /** Monotonic. */
  readonly retryAtMs: number;
}

export interface ForgeReporterOptions {
  readonly cluster: string;
  /** The forge as it can be reached now; undefined while no token is configured, or nobody knows which forge it is. */
  readonly forge: () => Promise<Forge | undefined>;
  readonly facts: () => StatusFacts;
  readonly plans: () => PlannedPages | undefined;
  readonly subscribe: (listener: () => void) => () => void;
  /** Called when it begins that nothing can be told, with why, and without when it ends. */
  readonly onTrouble: (trouble: string | undefined) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Tells the forge: one comment in each open request, edited when the plan changes, and a status on each commit. Each thing once, and
 * what the forge does not take keeps nothing else from being told.
 */
export class ForgeReporter {
  readonly #options: ForgeReporterOptions;
  readonly #said = new BoundedCache<string>(REMEMBERED_MAX);
  readonly #refused = new BoundedCache<Refused>(REMEMBERED_MAX);
  readonly #bell: Bell;
  #trouble: string | undefined;

  constructor(options: ForgeReporterOptions) {
    this.#options = options;
    this.#bell = new Bell(options.clock, { isRung: true });
  }

  /** Requests that are open now; undefined when no forge can be asked. */
  async openRequests(signal: AbortSignal): Promise<readonly OpenRequest[] | undefined> {
    const forge = await this.#options.forge();
    return forge?.openRequests(signal);
  }

  trigger(): void {
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { subscribe, clock, logger } = this.#options;
    const unsubscribe = subscribe(() => this.trigger());
    let [failures, nextMs] = [0, Infinity];
    try {
      while (!signal.aborted) {
        // While the forge fails, events do not hurry: each try costs it something.
        if (failures > 0) await sleep(clock, backoffMs(RETRY, failures), signal);
        else await this.#bell.wait(nextMs, signal);
        await sleep(clock, GATHER_MS, signal);
        this.#bell.take();
        try {
          const reports = await this.#report(signal);
          nextMs = reports === undefined ? Infinity : this.#untilRetry(reports);
          failures = 0;
          await this.#setTrouble(reports === undefined ? undefined : this.#refusalsIn(reports));
        } catch (error) {
          if (signal.aborted) return;
          failures++;
          logger.warn("forge not told, will retry", { error: describeError(error) });
          if (error instanceof ForgeRefusal && error.status === 401)
            await this.#setTrouble(
              `the forge does not accept the token (forgeToken of the Secret), so commits and requests show nothing there: ${error.message}`,
            );
          else if (failures >= TROUBLES_MAX) await this.#setTrouble(`the forge cannot be told how commits and requests fare: ${describeError(error)}`);
          if (error instanceof ForgeLimitError) await sleep(clock, error.retryAfterMs, signal);
        }
      }
    } catch (error) {
      if (!isAbort(error)) throw error;
    } finally {
      unsubscribe();
    }
  }

  /** Never rejects: what could not be said is said after the next try. */
  async #setTrouble(trouble: string | undefined): Promise<void> {
    if (trouble === this.#trouble) return;
    try {
      await this.#options.onTrouble(trouble);
      this.#trouble = trouble;
    } catch (error) {
      this.#options.logger.warn("trouble with the forge not recorded, will retry", { error: describeError(error) });
    }
  }

  /** Returns what there is to be said, which the forge has been told or has refused. */
  async #report(signal: AbortSignal): Promise<ForgeReports | undefined> {
    const forge = await this.#options.forge();
    if (forge === undefined) return undefined;
    const planned = this.#options.plans();
    const facts = this.#options.facts();
    // The forge is asked which requests are open only when there is something to say in one.
    const maybe = computeForgeReports(facts, planned, undefined, forge.commentMax);
    if (this.#isTold(maybe)) return maybe;
    const open = maybe.comments.length === 0 ? [] : await forge.openRequests(signal);
    const reports = computeForgeReports(facts, planned, open, forge.commentMax);
    let troubles = 0;
    const say = async (key: string, text: string, send: () => Promise<void>): Promise<void> => {
      if (this.#isDone(key, text)) return;
      try {
        await send();
        this.#said.set(key, text);
        troubles = 0;
      } catch (error) {
        if (!(error instanceof ForgeRefusal) || error.status === 401) throw error;
        if (error.status >= 500 && ++troubles >= TROUBLES_MAX) throw error;
        this.#refuse(key, text, error);
      }
    };
    for (const status of reports.statuses) await say(statusKey(status), statusText(status), () => forge.setStatus(status, signal));
    for (const comment of reports.comments) await say(commentKey(comment), comment.body, () => this.#comment(forge, comment, signal));
    return reports;
  }

  #isTold({ comments, statuses }: ForgeReports): boolean {
    return (
      comments.every((comment) => this.#isDone(commentKey(comment), comment.body)) && statuses.every((one) => this.#isDone(statusKey(one), statusText(one)))
    );
  }

  /** It was said, or is not to be tried again yet. */
  #isDone(key: string, text: string): boolean {
    return this.#isSaid(key, text) || (this.#refusalOf(key, text)?.retryAtMs ?? -Infinity) > this.#options.clock.monotonic();
  }

  #isSaid(key: string, text: string): boolean {
    const said = this.#said.get(key);
    // What came of it stays.
    return said === text || (text.startsWith("superseded ") && said !== undefined && !said.startsWith("pending "));
  }

  /** What the forge said against it, if it is still to be said. */
  #refusalOf(key: string, text: string): Refused | undefined {
    const refused = this.#refused.get(key);
    return refused?.text === text && !this.#isSaid(key, text) ? refused : undefined;
  }

  #refuse(key: string, text: string, error: ForgeRefusal): void {
    const { clock, logger } = this.#options;
    const before = this.#refused.get(key);
    const failures = before?.text === text ? before.failures + 1 : 1;
    this.#refused.set(key, {
      text,
      why: describeError(error),
      status: error.status,
      failures,
      retryAtMs: clock.monotonic() + backoffMs(REFUSED_RETRY, failures),
    });
    logger.warn("the forge does not take this, will retry", { about: key, error: describeError(error) });
  }

  /** How long it is until something that was refused is to be tried again. */
  #untilRetry(reports: ForgeReports): number {
    const now = this.#options.clock.monotonic();
    return this.#refusedOf(reports).reduce((soonest, { retryAtMs }) => Math.min(soonest, Math.max(0, retryAtMs - now)), Infinity);
  }

  /**
   * In words, what will not be seen at the forge; undefined: all of it will. What lacks a right lacks it the next time as well, other
   * refusals (a commit that the forge has not got yet) mostly pass.
   */
  #refusalsIn(reports: ForgeReports): string | undefined {
    const [first, ...more] = this.#refusedOf(reports).filter(({ status, failures }) => status === 403 || failures >= TROUBLES_MAX);
    if (first === undefined) return undefined;
    const rest = more.length === 0 ? "" : `, and ${more.length} more`;
    const advice = first.status === 403 ? "; see that the token (forgeToken of the Secret) may write commit statuses and comments" : "";
    return `the forge does not take the ${first.about}${rest}: ${first.why}${advice}`;
  }

  #refusedOf({ comments, statuses }: ForgeReports): readonly (Refused & { readonly about: string })[] {
    const all = [
      ...statuses.map((status) => ({ key: statusKey(status), text: statusText(status), about: `status of commit ${shortId(status.commit)}` })),
      ...comments.map((comment) => ({ key: commentKey(comment), text: comment.body, about: `comment in request ${comment.request}` })),
    ];
    return all.flatMap(({ key, text, about }) => {
      const refused = this.#refusalOf(key, text);
      return refused === undefined ? [] : [{ ...refused, about }];
    });
  }

  async #comment(forge: Forge, { request, body }: RequestComment, signal: AbortSignal): Promise<void> {
    const mark = commentMark(this.#options.cluster);
    for (const comment of await forge.comments(request, signal)) {
      if (!comment.body.startsWith(mark)) continue;
      // Forges change line ends and trim.
      if (comment.body.replaceAll("\r\n", "\n").trim() === body.trim()) return;
      try {
        return await forge.editComment(request, comment.id, body, signal);
      } catch (error) {
        // Somebody else's, who has copied ours.
        if (!(error instanceof ForgeRefusal) || (error.status !== 403 && error.status !== 404)) throw error;
      }
    }
    await forge.addComment(request, body, signal);
  }
}

function commentKey({ request }: RequestComment): string {
  return `comment ${request}`;
}

function statusKey({ commit, context }: CommitStatus): string {
  return `status ${commit} ${context}`;
}

function statusText({ state, description }: CommitStatus): string {
  return `${state} ${description}`;
}
