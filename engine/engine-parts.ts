import type { Progress } from "./cli/progress.ts";
import type { Clock } from "./lib/clock.ts";
import type { Logger } from "./lib/log.ts";
import type { Random } from "./lib/random.ts";

/** What an engine is given from outside: the same for a server and for a test of one. */
export interface EngineParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly progress: Progress;
  /** Fires when the server is told to end, a while before it has to where that is configured; never when absent. */
  readonly told?: AbortSignal;
  /** What the server was started with, by option, without secrets; nothing when absent. */
  readonly flags?: Readonly<Record<string, string>>;
}
