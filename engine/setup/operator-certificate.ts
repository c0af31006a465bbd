import { readFile } from "node:fs/promises";
import { nodeJs } from "../lib/late-modules.ts";
import type { KeyPair } from "../auth/certificates.ts";
import type { FollowedCertificate } from "../auth/own-certificate.ts";
import { ChangingValue } from "../lib/changing-value.ts";
import { sleep, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { service } from "../lib/service.ts";

/** Reading two small files costs nothing, and whoever renews a certificate wants to see it served. */
const LOOK_MS = 10_000;

/** The certificate that the operator has given, which may be renewed in its place. Rejects, naming the files, when they cannot be used. */
export async function openOperatorCertificate(
  files: { readonly certificate: string; readonly key: string },
  clock: Clock,
  logger: Logger,
): Promise<FollowedCertificate> {
  const read = async (): Promise<KeyPair> => {
    const pair = { certificate: await readFile(files.certificate, "utf8"), key: await readFile(files.key, "utf8") };
    nodeJs.tls.createSecureContext({ cert: pair.certificate, key: pair.key }); // throws when they do not belong together, as in the middle of a renewal
    return pair;
  };
  const shown = new ChangingValue(
    await read().catch((error: unknown) => {
      throw new Error(`use the certificate ${files.certificate} with the key ${files.key}`, { cause: error });
    }),
  );
  const follow = async (signal: AbortSignal) => {
    for (let complaint = ""; !signal.aborted;) {
      await sleep(clock, LOOK_MS, signal).catch(() => {});
      if (signal.aborted) return;
      try {
        const pair = await read();
        complaint = "";
        if (pair.certificate === shown.current.certificate && pair.key === shown.current.key) continue;
        shown.set(pair);
        logger.info("the operator's certificate was renewed", { file: files.certificate });
      } catch (error) {
        // Said once for each reason: the files may stay like this for long.
        const reason = describeError(error);
        if (reason !== complaint)
          logger.warn("the operator's new certificate cannot be used, going on with the old one", { file: files.certificate, error: reason });
        complaint = reason;
      }
    }
  };
  return { shown, service: service("operator-certificate", follow) };
}
