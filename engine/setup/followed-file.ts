import { readFile } from "node:fs/promises";
import { ReloadMetrics } from "../auth/reload-metrics.ts";
import { raceAbort } from "../lib/abort.ts";
import { sleep, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";
import { service, type Service } from "../lib/service.ts";

/** Whoever changes who may come in, or who may what, wants to see it soon. */
const LOOK_MS = 5_000;

/** A configuration that may change while the server runs. */
export interface FollowedFile<T> {
  /** What it configures, as upstream's metrics call it. */
  readonly what: "authentication" | "authorization";
  readonly file: string;
  /** What is in force. */
  readonly text: string;
  /** Throws for a text that can never be used. */
  readonly parse: (text: string) => T;
  /** Throws, or rejects, for what cannot be used yet: that is tried again. */
  readonly apply: (value: T) => void | Promise<void>;
}

export interface FollowingParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  /** This server's own. */
  readonly serverName: string;
}

/** Takes up what the file says from now on. What cannot be taken up is told of, and what was in force stays so. */
export function followFile<T>(followed: FollowedFile<T>, parts: FollowingParts): Service {
  const metrics = new ReloadMetrics(parts.metrics, parts.clock, { what: followed.what, server: parts.serverName });
  metrics.inForce(followed.text);
  return followText({ ...followed, what: `${followed.what} configuration`, heard: metrics }, parts);
}

/** The same for any file: `what` is what a log calls it, and `heard` is told what becomes of each change. */
export function followText<T>(
  {
    what,
    file,
    text: first,
    parse,
    apply,
    heard,
  }: Omit<FollowedFile<T>, "what"> & { readonly what: string; readonly heard?: Pick<ReloadMetrics, "succeeded" | "failed"> },
  { clock, logger }: Pick<FollowingParts, "clock" | "logger">,
): Service {
  return service(what.replaceAll(" ", "-"), async (signal) => {
    for (let known = first; !signal.aborted;) {
      await sleep(clock, LOOK_MS, signal).catch(() => {});
      if (signal.aborted) return;
      try {
        const [text, before] = [await readFile(file, "utf8"), known];
        if (text === before) continue;
        known = text;
        const value = parse(text);
        known = before;
        await raceAbort(Promise.resolve(apply(value)), signal);
        known = text;
        heard?.succeeded(text);
        logger.info(`the ${what} was taken up anew`, { file });
      } catch (error) {
        if (signal.aborted) return; // what is applied may be broken off by a time of its own, which is a failure
        heard?.failed();
        logger.warn(`the ${what} cannot be used, going on with the last one`, { file, error: describeError(error) });
      }
    }
  });
}
