import { StatusError } from "../apimachinery/status-error.ts";
import { Bell } from "../lib/bell.ts";
import type { Following } from "../lib/changing-value.ts";
import type { Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { service, type Service } from "../lib/service.ts";

const AGAIN_MS = 5_000;

export interface WriteParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: { readonly signal: AbortSignal; start(...services: readonly Service[]): void };
}

/**
 * Does what a start writes through the API. What the API refuses is done again in the background until it is let: a webhook that is asked about
 * everything and cannot be called would otherwise keep down the very server at which it could be taken away. Throws what is no refusal.
 */
export async function writeAtStart(what: string, write: () => Promise<void>, parts: WriteParts): Promise<void> {
  if (!(await tryOnce(what, write, parts))) keepWritten(what, write, parts, new Bell(parts.clock), false);
}

/** Writes what is written already again after each change, in the same manner. */
export function writeOnChange(what: string, write: () => Promise<void>, changing: Following<unknown>, parts: WriteParts): void {
  const bell = new Bell(parts.clock);
  changing.onChange(() => bell.ring(), parts.scope.signal);
  keepWritten(what, write, parts, bell, true);
}

function keepWritten(what: string, write: () => Promise<void>, parts: WriteParts, bell: Bell, isWrittenAlready: boolean): void {
  const follow = async (signal: AbortSignal) => {
    for (let isWritten = isWrittenAlready; ; isWritten = await tryOnce(what, write, parts)) {
      await bell.wait(isWritten ? Infinity : AGAIN_MS, signal);
      if (signal.aborted) return;
      bell.take();
    }
  };
  parts.scope.start(service(`writing of ${what}`, follow));
}

async function tryOnce(what: string, write: () => Promise<void>, { logger }: WriteParts): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    logger.warn(`${what} cannot be written, will retry`, { error: describeError(error) });
    return false;
  }
}
