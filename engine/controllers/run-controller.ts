import { hasReason } from "../apimachinery/status-error.ts";
import { Workqueue } from "../client/workqueue.ts";
import { aborted } from "../lib/abort.ts";
import { describeError } from "../lib/log.ts";
import { service, type Service } from "../lib/service.ts";
import type { ControllerContext } from "./controller-context.ts";
import type { ControllerDefinition } from "./define-controller.ts";
import { executeActions } from "./execute-actions.ts";

const DEFAULT_WORKERS = 4;
/** An own write is awaited this long; then the key is looked at with what there is, and a conflict at worst tells. */
const HOLD_MAX_MS = 10_000;

/**
 * A controller as a service: workers over a queue of keys. A failure is retried with a growing delay and never ends it;
 * a key whose own writes the informers do not show yet is set aside without keeping a worker.
 */
export function runController<Inputs>(definition: ControllerDefinition<Inputs>, context: ControllerContext): Service {
  return service(definition.name, (signal) => new Runner(definition, context, signal).run());
}

class Runner<Inputs> {
  readonly #definition: ControllerDefinition<Inputs>;
  readonly #context: ControllerContext;
  readonly #signal: AbortSignal;
  readonly #queue: Workqueue;
  readonly #held = new Map<string, Promise<void>>();

  constructor(definition: ControllerDefinition<Inputs>, context: ControllerContext, signal: AbortSignal) {
    this.#definition = definition;
    this.#context = context;
    this.#signal = signal;
    this.#queue = new Workqueue({
      clock: context.clock,
      ...(context.workqueues === undefined ? {} : { measured: { name: definition.name, by: context.workqueues } }),
    });
  }

  async run(): Promise<void> {
    const { watches, reads = [], initialKeys = [], workers = DEFAULT_WORKERS, follow } = this.#definition;
    const disconnect = watches.map(({ informer, handler }) => informer.addHandler(handler((key) => this.#queue.add(key))));
    try {
      await Promise.all([...watches.map(({ informer }) => informer), ...reads].map((informer) => informer.waitForSync(this.#signal)));
      for (const key of initialKeys) this.#queue.add(key);
      follow?.((key) => this.#queue.add(key), this.#signal);
      const working = Array.from({ length: workers }, () => this.#work());
      await aborted(this.#signal);
      this.#queue.close();
      await Promise.all([...working, ...this.#held.values()]);
    } finally {
      this.#queue.close();
      for (const undo of disconnect) undo();
    }
  }

  async #work(): Promise<void> {
    for (;;) {
      const key = await this.#queue.take();
      if (key === undefined) return;
      // Keys still queued when the signal fires are not begun.
      const restMs = this.#signal.aborted || this.#hold(key) ? 0 : await this.#attempt(key);
      this.#queue.done(key, restMs);
    }
  }

  /** Resolves to the time for which the key wants to be left alone. */
  async #attempt(key: string): Promise<number> {
    const { name } = this.#definition;
    try {
      const { againMs, restMs } = await this.#sync(key);
      this.#queue.forget(key);
      if (againMs !== undefined) this.#queue.addAfter(key, againMs);
      return restMs;
    } catch (error) {
      if (this.#signal.aborted) return 0;
      // A lost race is the normal course of things: the newer state is on its way.
      if (!hasReason(error, "Conflict"))
        this.#context.logger.warn("sync failed, will retry", { controller: name, key, failures: this.#queue.failures(key) + 1, error: describeError(error) });
      this.#queue.retry(key);
      return 0;
    }
  }

  /** Observes, plans, executes; resolves to the times after which the key wants to be looked at again, and for which it wants to be left alone. */
  async #sync(key: string): Promise<{ readonly againMs?: number; readonly restMs: number }> {
    const { observe, plan, conclude, restMs: restOf, name, component = name } = this.#definition;
    const { clock } = this.#context;
    const actor = { writer: this.#writer(key), component };
    const inputs = await observe(key, this.#signal);
    if (inputs === undefined) return { restMs: 0 };
    const restMs = restOf?.(inputs) ?? 0;
    const main = await executeActions(plan(inputs, clock.now()), actor, this.#context);
    if (this.#signal.aborted) return { restMs };
    const after = conclude === undefined ? undefined : await executeActions(conclude(inputs, main, clock.now()), actor, this.#context);
    const failure = main.failure ?? after?.failure;
    if (failure !== undefined) throw failure;
    const waits = [main.waitMs, after?.waitMs].filter((wait) => wait !== undefined);
    return { restMs, ...(waits.length === 0 ? {} : { againMs: Math.max(1, Math.min(...waits)) }) };
  }

  /** Whether the key waits for its own writes to come back. It is queued again when they have, or after a bounded time. */
  #hold(key: string): boolean {
    if (this.#held.has(key)) return true;
    const { clock, consistency, logger } = this.#context;
    const { watches, reads = [], name } = this.#definition;
    const enough = new AbortController();
    const settled = consistency.held(this.#writer(key), [...watches.map(({ informer }) => informer), ...reads], AbortSignal.any([this.#signal, enough.signal]));
    if (settled === undefined) return false;
    const cancel = clock.after(HOLD_MAX_MS, () => {
      logger.warn("own writes have not come back, going on without them", { controller: name, key });
      consistency.forget(this.#writer(key));
      enough.abort();
    });
    const waiting = settled
      .catch(() => {}) // the time is up, or the controller ends
      .finally(() => {
        cancel();
        this.#held.delete(key);
        this.#queue.add(key);
      });
    this.#held.set(key, waiting);
    return true;
  }

  #writer(key: string): string {
    return `${this.#definition.name}/${key}`;
  }
}
