import { CelError } from "./cel-error.ts";
import type { CallContext } from "./functions.ts";

/** One run of a program: its variables and what is left of its budget. */
export class Evaluation implements CallContext {
  /** Declared variables first, then those of macros. */
  readonly slots: unknown[];
  readonly #limit: number;
  #cost = 0;

  constructor(slots: unknown[], limit: number) {
    this.slots = slots;
    this.#limit = limit;
  }

  get cost(): number {
    return this.#cost;
  }

  spend(cost: number): void {
    this.#cost += cost;
    if (this.#cost > this.#limit) throw new CelError("operation cancelled: actual cost limit exceeded", true);
  }
}

/** A part of a program, ready to run. */
export type Step = (run: Evaluation) => unknown;
