import { backoffMs } from "../../engine/lib/backoff.ts";
import { Bell } from "../../engine/lib/bell.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";

/** Rules of the machine that follow something of the cluster. */
export interface KeptRules {
  /** For messages, such as "service rules". */
  readonly name: string;
  /** Makes the machine's rules as they should be now. */
  sync(signal: AbortSignal): Promise<void>;
  /** What the kernel holds is unknown from now on: the next sync looks. */
  forget(): void;
  /** Puts back the ways into our chains; whether any was gone. */
  restoreJumps(): Promise<boolean>;
  /** Looks whether the machine takes by now what it has refused; the next sync tries that. */
  reconsiderRefused(): Promise<void>;
}

/** Changes that come within this time are applied together; a single change waits no longer than this. */
const COALESCE_MS = 20;
/** How often it is looked whether somebody removed our rules, and whether the machine takes those that it refused; however much changes meanwhile. */
const AUDIT_MS = 30_000;
const RETRY = { initialMs: 200, maxMs: 30_000 };

/** Level-triggered: after any change the rules are computed whole, and applied until that succeeds. */
export class RuleKeeper {
  readonly #rules: KeptRules;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #bell: Bell;

  constructor(rules: KeptRules, { clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#rules = rules;
    this.#clock = clock;
    this.#logger = logger;
    this.#bell = new Bell(clock, { isRung: true });
  }

  /** Something changed. */
  requestSync(): void {
    this.#bell.ring();
  }

  /** Keeps the rules until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    // The first sync looks at everything.
    let auditedMs = this.#clock.monotonic();
    for (let failures = 0; !signal.aborted;) {
      this.#bell.take();
      try {
        if (this.#clock.monotonic() - auditedMs >= AUDIT_MS) {
          auditedMs = this.#clock.monotonic();
          await this.#audit();
        }
        await this.#rules.sync(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        this.#rules.forget();
        this.#logger.warn(`${this.#rules.name} not applied, will retry`, { error: describeError(error), failures });
        await sleep(this.#clock, backoffMs(RETRY, failures), signal);
        continue;
      }
      // Until something changed, plus a moment for what comes with it.
      if (await this.#bell.wait(Math.max(0, auditedMs + AUDIT_MS - this.#clock.monotonic()), signal)) await sleep(this.#clock, COALESCE_MS, signal);
    }
  }

  async #audit(): Promise<void> {
    if (await this.#rules.restoreJumps()) {
      this.#logger.warn(`${this.#rules.name} had been removed by someone else, writing them again`);
      this.#rules.forget();
    }
    await this.#rules.reconsiderRefused();
  }
}
