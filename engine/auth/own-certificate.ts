import { ChangingValue, type Following } from "../lib/changing-value.ts";
import { sleep, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { service, type Service } from "../lib/service.ts";
import type { KeyPair } from "./certificates.ts";

/** Long before an end that is near. */
const RENEW_CHECK_MS = 6 * 3_600_000;

/** A certificate that may be renewed while it is shown. */
export interface FollowedCertificate<T extends KeyPair = KeyPair> {
  readonly shown: Following<T>;
  /** Follows where it comes from until the signal fires; what cannot be used is left until it can. */
  readonly service: Service;
}

/** A certificate of the cluster's own authority, which gives a new one when the old one's end is near. */
export async function openOwnCertificate<T extends KeyPair>(
  name: string,
  issue: () => Promise<T>,
  clock: Clock,
  logger: Logger,
): Promise<FollowedCertificate<T>> {
  const shown = new ChangingValue(await issue());
  const follow = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      try {
        await sleep(clock, RENEW_CHECK_MS, signal);
        const pair = await issue();
        if (pair.certificate === shown.current.certificate) continue;
        shown.set(pair);
        logger.info("a certificate was renewed", { name });
      } catch (error) {
        if (!signal.aborted) logger.warn("a certificate could not be renewed, trying again later", { name, error: describeError(error) });
      }
    }
  };
  return { shown, service: service(`${name}-certificate`, follow) };
}
