import { isAbort } from "../../lib/abort.ts";
import { backoffMs } from "../../lib/backoff.ts";
import { Bell } from "../../lib/bell.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import type { StatusFacts } from "../status/status-facts.ts";
import type { PlannedPages } from "../status/status-reporter.ts";
import { ForgeLimitError } from "./forge-http.ts";
import { commentMark, computeForgeReports, type RequestComment } from "./forge-reports.ts";
import type { CommitStatus, Forge, OpenRequest } from "./forge.ts";

const RETRY = { initialMs: 2_000, maxMs: 600_000 };
/** What changes together is told together. */
const GATHER_MS = 500;
const REMEMBERED_MAX = 2_000;

export interface ForgeReporterOptions {
  readonly cluster: string;
  /** The forge as it can be reached now; undefined while no token is configured, or nobody knows which forge it is. */
  readonly forge: () => Promise<Forge | undefined>;
  readonly facts: () => StatusFacts;
  readonly plans: () => PlannedPages | undefined;
  readonly subscribe: (listener: () => void) => () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tells the forge: one comment in each open request, edited when the plan changes, and a status on each commit. Each thing once. */
export class ForgeReporter {
  readonly #options: ForgeReporterOptions;
  readonly #said = new BoundedCache<string>(REMEMBERED_MAX);
  readonly #bell: Bell;

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
    let failures = 0;
    try {
      while (!signal.aborted) {
        // While the forge fails, events do not hurry: each try costs it something.
        if (failures > 0) await sleep(clock, backoffMs(RETRY, failures), signal);
        else await this.#bell.wait(Infinity, signal);
        await sleep(clock, GATHER_MS, signal);
        this.#bell.take();
        try {
          await this.#report(signal);
          failures = 0;
        } catch (error) {
          if (signal.aborted) return;
          failures++;
          logger.warn("forge not told, will retry", { error: describeError(error) });
          if (error instanceof ForgeLimitError) await sleep(clock, error.retryAfterMs, signal);
        }
      }
    } catch (error) {
      if (!isAbort(error)) throw error;
    } finally {
      unsubscribe();
    }
  }

  async #report(signal: AbortSignal): Promise<void> {
    const forge = await this.#options.forge();
    if (forge === undefined) return;
    const planned = this.#options.plans();
    const facts = this.#options.facts();
    // The forge is asked which requests are open only when there is something to say in one.
    const maybe = computeForgeReports(facts, planned, undefined, forge.commentMax);
    const isNews =
      maybe.comments.some(({ request, body }) => this.#said.get(`comment ${request}`) !== body) ||
      maybe.statuses.some((status) => this.#said.get(statusKey(status)) !== statusText(status));
    if (!isNews) return;
    const open = maybe.comments.length === 0 ? [] : await forge.openRequests(signal);
    const { comments, statuses } = computeForgeReports(facts, planned, open, forge.commentMax);
    for (const status of statuses) await this.#say(forge, status, signal);
    for (const comment of comments) await this.#comment(forge, comment, signal);
  }

  async #say(forge: Forge, status: CommitStatus, signal: AbortSignal): Promise<void> {
    if (this.#said.get(statusKey(status)) === statusText(status)) return;
    await forge.setStatus(status, signal);
    this.#said.set(statusKey(status), statusText(status));
  }

  async #comment(forge: Forge, { request, body }: RequestComment, signal: AbortSignal): Promise<void> {
    const key = `comment ${request}`;
    if (this.#said.get(key) === body) return;
    const mark = commentMark(this.#options.cluster);
    const own = (await forge.comments(request, signal)).find((comment) => comment.body.startsWith(mark));
    if (own === undefined) await forge.addComment(request, body, signal);
    // Forges change line ends and trim.
    else if (own.body.replaceAll("\r\n", "\n").trim() !== body.trim()) await forge.editComment(request, own.id, body, signal);
    this.#said.set(key, body);
  }
}

function statusKey({ commit, context }: CommitStatus): string {
  return `status ${commit} ${context}`;
}

function statusText({ state, description }: CommitStatus): string {
  return `${state} ${description}`;
}
