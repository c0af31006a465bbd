import type { Random } from "./random.ts";

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Multiplier between tries; 2 when absent. */
  readonly factor?: number;
  /** Adds up to this share of the delay at random, so that many waiters do not retry in step; 0 when absent. */
  readonly jitter?: number;
}

/** Delay in milliseconds before try number `failures` (1 is the first retry): exponential, bounded, optionally jittered. */
export function backoffMs(options: BackoffOptions, failures: number, random?: Random): number {
  const factor = options.factor ?? 2;
  const base = Math.min(options.maxMs, options.initialMs * factor ** Math.max(0, Math.min(failures, 64) - 1));
  return random && options.jitter ? base * (1 + options.jitter * random.next()) : base;
}
