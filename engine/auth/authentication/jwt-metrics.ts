import { createHash } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import type { MetricsRegistry } from "../../lib/metrics.ts";

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What is known of an issuer's keys. */
interface Fetches {
  /** Hash of the keys that were fetched last. */
  readonly hash?: string;
  /** In seconds since 1970, by result. */
  readonly ended: Readonly<Partial<Record<"success" | "failure", number>>>;
}

/** Hears of one issuer's tokens and keys. */
export interface IssuerMetrics {
  /** A token of this issuer is judged; gives what is to be called with the result. */
  judging(): (result: "success" | "failure") => void;
  /** Its keys have been fetched, as the text that came; undefined when they could not be. */
  fetched(keys: string | undefined): void;
}

/** How long tokens of identity providers took to judge, and when their keys came, under upstream's names. Issuers, keys and this server are shown as hashes. */
export class JwtMetrics {
  readonly #clock: Clock;
  readonly #durations;
  /** By issuer's hash. */
  readonly #fetches = new Map<string, Fetches>();

  /** `server` is this server's name. */
  constructor(registry: MetricsRegistry, clock: Clock, server: string) {
    this.#clock = clock;
    const prefix = "apiserver_authentication_jwt_authenticator";
    this.#durations = registry.histogram(`${prefix}_latency_seconds`, "Time that judging a token of an identity provider took.", SECONDS);
    const ended = registry.gauge(`${prefix}_jwks_fetch_last_timestamp_seconds`, "When an identity provider's keys were last fetched, by whether they came.");
    const info = registry.gauge(`${prefix}_jwks_fetch_last_key_set_info`, "The keys of an identity provider that were fetched last, as a hash.");
    const apiserver_id_hash = hashOf(server);
    registry.beforeRender(() => {
      ended.clear();
      info.clear();
      for (const [jwt_issuer_hash, { hash, ended: times }] of this.#fetches) {
        for (const [result, seconds] of Object.entries(times)) ended.set(seconds, { result, jwt_issuer_hash, apiserver_id_hash });
        if (hash !== undefined) info.set(1, { jwt_issuer_hash, apiserver_id_hash, hash });
      }
    });
  }

  of(issuer: string): IssuerMetrics {
    const jwt_issuer_hash = hashOf(issuer);
    return {
      judging: () => {
        const start = this.#clock.monotonic();
        return (result) => this.#durations.observe((this.#clock.monotonic() - start) / 1000, { result, jwt_issuer_hash });
      },
      fetched: (keys) => {
        const before = this.#fetches.get(jwt_issuer_hash);
        const ended = { ...before?.ended, [keys === undefined ? "failure" : "success"]: this.#clock.now() / 1000 };
        this.#fetches.set(jwt_issuer_hash, keys === undefined ? { ...before, ended } : { hash: hashOf(keys), ended });
      },
    };
  }

  /** Forgets the keys of issuers that are no longer among these. */
  keep(issuers: readonly string[]): void {
    const kept = new Set(issuers.map(hashOf));
    for (const hash of this.#fetches.keys()) if (!kept.has(hash)) this.#fetches.delete(hash);
  }
}

function hashOf(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
