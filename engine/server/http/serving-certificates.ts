import type { Http2SecureServer } from "node:http2";
import type { SecureContext } from "node:tls";
import { nodeJs } from "../../lib/late-modules.ts";
import { API_SERVER_NAME } from "../../apimachinery/names.ts";
import type { KeyPair } from "../../auth/certificates.ts";
import type { Following } from "../../lib/changing-value.ts";

export interface CertificateSources {
  /** PEM; what clients may show certificates of. */
  readonly ca: string;
  /** Our own certificate. */
  readonly serving: Following<KeyPair>;
  /** A certificate that an operator has given: for everybody but the cluster's own clients, who ask by API_SERVER_NAME. */
  readonly presented?: Following<KeyPair>;
}

const VERSION_MIN = "TLSv1.2";

/** The certificates of a listener, which may be renewed while it listens. */
export class ServingCertificates {
  readonly #sources: CertificateSources;
  #ownContext: SecureContext;

  constructor(sources: CertificateSources) {
    this.#sources = sources;
    this.#ownContext = this.#contextOfOwn();
  }

  /** For the options of a TLS server. */
  options() {
    const choose = (name: string, done: (error: Error | null, context?: SecureContext) => void) => done(null, name === API_SERVER_NAME ? this.#ownContext : undefined);
    return { ...this.#shown(), ...(this.#sources.presented === undefined ? {} : { SNICallback: choose }) } as const;
  }

  /** Shows newer ones to new connections until the signal fires; connections that are open stay as they are. */
  follow(server: Pick<Http2SecureServer, "setSecureContext">, signal: AbortSignal): void {
    const { serving, presented } = this.#sources;
    const show = () => server.setSecureContext(this.#shown());
    presented?.onChange(show, signal);
    serving.onChange(() => {
      this.#ownContext = this.#contextOfOwn();
      show();
    }, signal);
  }

  #shown() {
    const { serving, presented = serving, ca } = this.#sources;
    return contextOptions(presented.current, ca);
  }

  #contextOfOwn(): SecureContext {
    return nodeJs.tls.createSecureContext(contextOptions(this.#sources.serving.current, this.#sources.ca));
  }
}

function contextOptions({ certificate, key }: KeyPair, ca: string) {
  return { cert: certificate, key, ca, minVersion: VERSION_MIN } as const;
}
