import { StatusError } from "../apimachinery/status-error.ts";
import { aborted } from "../lib/abort.ts";
import { sleep, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { service, type Service } from "../lib/service.ts";

const AGAIN_MS = 5_000;

export interface WriteParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: { start(...services: readonly Service[]): void };
}

/**
 * Does what a start writes through the API. What the API refuses is done again in the background until it is let: a webhook that is asked about
 * everything and cannot be called would otherwise keep down the very server at which it could be taken away. Throws what is no refusal.
 */
export async function writeAtStart(what: string, write: () => Promise<void>, { clock, logger, scope }: WriteParts): Promise<void> {
  const tryOnce = async () => {
    try {
      await write();
      return true;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      logger.warn(`${what} cannot be written, will retry`, { error: describeError(error) });
      return false;
    }
  };
  if (await tryOnce()) return;
  scope.start(
    service(`writing of ${what}`, async (signal) => {
      do await sleep(clock, AGAIN_MS, signal).catch(() => {});
      while (!signal.aborted && !(await tryOnce()));
      await aborted(signal); // a service that ends by itself has failed
    }),
  );
}
