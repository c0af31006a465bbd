import { readFileSync } from "node:fs";
import path from "node:path";
import { readCertificate } from "../engine/auth/certificates.ts";
import { readKubeconfig, type Connection } from "../engine/client/kubeconfig.ts";
import { backoffMs } from "../engine/lib/backoff.ts";
import { ChangingValue, type Following } from "../engine/lib/changing-value.ts";
import { formatTime, sleep, type Clock } from "../engine/lib/clock.ts";
import { describeError, type Logger } from "../engine/lib/log.ts";
import type { Random } from "../engine/lib/random.ts";
import { service, type Service } from "../engine/lib/service.ts";
import type { ServingPair } from "./server/agent-server.ts";

/** What a node shows of itself: to the API server, and to whoever comes to its own endpoint. Kept in the folder of its kubeconfig. */
export class NodeIdentity {
  readonly #kubeconfig: string;
  readonly #connection: ChangingValue<Connection>;
  readonly #serving: ChangingValue<ServingPair>;

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
    this.#connection = new ChangingValue(readKubeconfig(kubeconfig));
    this.#serving = new ChangingValue(this.#readServing());
  }

  get connection(): Following<Connection> {
    return this.#connection;
  }

  get serving(): Following<ServingPair> {
    return this.#serving;
  }

  /** Takes up what is in the folder by now. */
  reload(): void {
    this.#connection.set(readKubeconfig(this.#kubeconfig));
    this.#serving.set(this.#readServing());
  }

  #readServing(): ServingPair {
    const read = (name: string) => readFileSync(path.join(path.dirname(this.#kubeconfig), name), "utf8");
    return { certificate: read("serving.crt"), key: read("serving.key") };
  }
}

export interface IdentityRenewalOptions {
  /** Puts new certificates into the folder. */
  readonly renew: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A node is renewed between these parts of its certificates' life, as upstream's is: nodes that joined together do not ask together. */
const RENEW_EARLIEST = 0.7;
const RENEW_SPREAD = 0.2;
const RETRY = { initialMs: 10_000, maxMs: 10 * 60_000 };
/** Timers count no further than 24 days. */
const WAIT_MAX_MS = 24 * 3_600_000;

/** When a certificate is to be replaced. Pure. */
export function computeRenewalMs({ notBeforeMs, notAfterMs }: { readonly notBeforeMs: number; readonly notAfterMs: number }, random: Random): number {
  return notBeforeMs + (notAfterMs - notBeforeMs) * (RENEW_EARLIEST + RENEW_SPREAD * random.next());
}

/** Renews a running node's certificates before they end; pods, streams and watches go on. A renewal that fails is tried again, also when it is too late. */
export function createIdentityRenewal(identity: NodeIdentity, { renew, clock, random, logger }: IdentityRenewalOptions): Service {
  const dueMs = () => {
    const certificates = [identity.connection.current.certificate ?? "", identity.serving.current.certificate];
    return Math.min(...certificates.filter((pem) => pem !== "").map((pem) => computeRenewalMs(readCertificate(pem), random)));
  };
  return service("certificates", async (signal) => {
    for (let atMs = dueMs(), failures = 0; !signal.aborted;) {
      const leftMs = atMs - clock.now();
      if (leftMs > 0) {
        await sleep(clock, Math.min(leftMs, WAIT_MAX_MS), signal).catch(() => {});
        continue;
      }
      try {
        await renew();
        identity.reload();
        failures = 0;
        atMs = dueMs();
        logger.info("the node's certificates were renewed", { notAfter: formatTime(readCertificate(identity.serving.current.certificate).notAfterMs) });
      } catch (error) {
        failures++;
        logger.warn("the node's certificates could not be renewed, will retry", { failures, error: describeError(error) });
      }
      // Whatever the server's answer says, it is not asked without a pause.
      atMs = Math.max(atMs, clock.now() + backoffMs(RETRY, Math.max(1, failures)));
    }
  });
}
