import { X509Certificate } from "node:crypto";
import type { Http2SecureServer } from "node:http2";
import type { SecureContext } from "node:tls";
import { nodeJs } from "../../lib/late-modules.ts";
import { API_SERVER_NAME } from "../../apimachinery/names.ts";
import type { KeyPair } from "../../auth/certificates.ts";
import type { Following } from "../../lib/changing-value.ts";
import type { TlsVersion } from "./tls-settings.ts";

export interface CertificateSources {
  /** PEM; what clients may show certificates of. */
  readonly ca: Following<string>;
  /** Our own certificate. */
  readonly serving: Following<KeyPair>;
  /** A certificate that an operator has given: for everybody but the cluster's own clients, who ask by API_SERVER_NAME. */
  readonly presented?: Following<KeyPair>;
  /** Further ones, for those who ask by their names; the first that fits is shown. */
  readonly named?: readonly NamedCertificate[];
  readonly tls?: TlsSettings;
}

export interface NamedCertificate {
  readonly pair: Following<KeyPair>;
  /** Such as example.org and *.example.com; those in the certificate when there are none. */
  readonly names: readonly string[];
}

export interface TlsSettings {
  readonly minVersion: TlsVersion;
  /** OpenSSL's list of them; its usual one when undefined. */
  readonly ciphers?: string | undefined;
  /** OpenSSL's list of ways to agree on a key; its usual one when undefined. */
  readonly groups?: string | undefined;
}

const USUAL_TLS: TlsSettings = { minVersion: "TLSv1.2" };

/** The certificates of a listener, which may be renewed while it listens. */
export class ServingCertificates {
  readonly #sources: CertificateSources;
  #ownContext: SecureContext;
  #named: readonly { readonly names: readonly string[]; readonly context: SecureContext }[];

  constructor(sources: CertificateSources) {
    this.#sources = sources;
    this.#ownContext = this.#contextOf(sources.serving.current);
    this.#named = this.#contextsOfNamed();
  }

  /** For the options of a TLS server. */
  options() {
    const { presented, named = [] } = this.#sources;
    const choose = (name: string, done: (error: Error | null, context?: SecureContext) => void) => done(null, this.#contextFor(name));
    return { ...this.#shown(), ...(presented === undefined && named.length === 0 ? {} : { SNICallback: choose }) } as const;
  }

  /** Undefined for the certificate that everybody is shown. */
  #contextFor(name: string): SecureContext | undefined {
    if (name === API_SERVER_NAME && this.#sources.presented !== undefined) return this.#ownContext;
    const wildcard = name.replace(/^[^.]+/, "*").toLowerCase();
    return [name.toLowerCase(), wildcard].map((wanted) => this.#named.find(({ names }) => names.includes(wanted))).find((found) => found !== undefined)
      ?.context;
  }

  /** Shows newer ones to new connections until the signal fires; connections that are open stay as they are. */
  follow(server: Pick<Http2SecureServer, "setSecureContext">, signal: AbortSignal): void {
    const { ca, serving, presented, named = [] } = this.#sources;
    for (const { pair } of named) pair.onChange(() => void (this.#named = this.#contextsOfNamed()), signal);
    const show = () => server.setSecureContext(this.#shown());
    presented?.onChange(show, signal);
    serving.onChange(() => {
      this.#ownContext = this.#contextOf(serving.current);
      show();
    }, signal);
    ca.onChange(() => {
      this.#ownContext = this.#contextOf(serving.current);
      this.#named = this.#contextsOfNamed();
      show();
    }, signal);
  }

  #shown() {
    const { serving, presented = serving } = this.#sources;
    return this.#contextOptions(presented.current);
  }

  #contextsOfNamed() {
    return (this.#sources.named ?? []).map(({ pair: { current }, names }) => ({
      names: (names.length === 0 ? namesIn(current) : names).map((name) => name.toLowerCase()),
      context: this.#contextOf(current),
    }));
  }

  #contextOf(pair: KeyPair): SecureContext {
    return nodeJs.tls.createSecureContext(this.#contextOptions(pair));
  }

  #contextOptions({ certificate, key }: KeyPair) {
    const { ca, tls: { minVersion, ciphers, groups } = USUAL_TLS } = this.#sources;
    // The order of the server's own list counts, as it does in upstream's.
    return {
      cert: certificate,
      key,
      ca: ca.current,
      minVersion,
      ...(ciphers === undefined ? {} : { ciphers, honorCipherOrder: true }),
      ...(groups === undefined ? {} : { ecdhCurve: groups }),
    } as const;
  }
}

/** The names of hosts that a certificate is for; without any, the one that it is of. */
function namesIn({ certificate }: KeyPair): readonly string[] {
  const { subjectAltName = "", subject } = new X509Certificate(certificate);
  const names = [...subjectAltName.matchAll(/DNS:([^,\s]+)/g)].map(([, name = ""]) => name);
  return names.length > 0 ? names : [...subject.matchAll(/^CN=(.+)$/gm)].map(([, name = ""]) => name);
}
