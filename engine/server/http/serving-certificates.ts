import type { Http2SecureServer } from "node:http2";
import { createSecureContext, type SecureContext } from "node:tls";
import { API_SERVER_NAME } from "../../apimachinery/names.ts";
import type { KeyPair } from "../../auth/certificates.ts";
import type { Following } from "../../lib/changing-value.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";

export interface CertificateSources {
  /** PEM; what clients may show certificates of. */
  readonly ca: string;
  /** Our own certificate; asked for again from time to time, so that it can be renewed. */
  readonly serving: () => Promise<KeyPair>;
  /** A certificate that an operator has given: for everybody but the cluster's own clients, who ask by API_SERVER_NAME. */
  readonly presented?: Following<KeyPair>;
}

const RENEW_CHECK_MS = 6 * 3_600_000;
const VERSION_MIN = "TLSv1.2";

/** The certificates of a listener, renewed while it listens. */
export class ServingCertificates {
  readonly #sources: CertificateSources;
  #own: KeyPair;
  #ownContext: SecureContext;

  private constructor(sources: CertificateSources, own: KeyPair) {
    this.#sources = sources;
    this.#own = own;
    this.#ownContext = this.#contextOf(own);
  }

  static async open(sources: CertificateSources): Promise<ServingCertificates> {
    return new ServingCertificates(sources, await sources.serving());
  }

  /** For the options of a TLS server. */
  options() {
    const { certificate, key } = this.#shown();
    const choose = (name: string, done: (error: Error | null, context?: SecureContext) => void) => done(null, name === API_SERVER_NAME ? this.#ownContext : undefined);
    return { cert: certificate, key, ca: this.#sources.ca, minVersion: VERSION_MIN, ...(this.#sources.presented === undefined ? {} : { SNICallback: choose }) } as const;
  }

  /** Shows newer ones to new connections until the signal fires; connections that are open stay as they are. */
  async renewForever(server: Pick<Http2SecureServer, "setSecureContext">, clock: Clock, logger: Logger, signal: AbortSignal): Promise<void> {
    const show = () => {
      const { certificate, key } = this.#shown();
      server.setSecureContext({ cert: certificate, key, ca: this.#sources.ca, minVersion: VERSION_MIN });
    };
    this.#sources.presented?.onChange(show, signal);
    while (!signal.aborted) {
      try {
        await sleep(clock, RENEW_CHECK_MS, signal);
        const own = await this.#sources.serving();
        if (own.certificate === this.#own.certificate) continue;
        this.#own = own;
        this.#ownContext = this.#contextOf(own);
        show();
        logger.info("the serving certificate was renewed");
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("the serving certificate could not be renewed, trying again later", { error });
      }
    }
  }

  #shown(): KeyPair {
    return this.#sources.presented?.current ?? this.#own;
  }

  #contextOf({ certificate, key }: KeyPair): SecureContext {
    return createSecureContext({ cert: certificate, key, ca: this.#sources.ca, minVersion: VERSION_MIN });
  }
}
