import type { UserInfo } from "../apimachinery/api-request.ts";
import type { Clock } from "../lib/clock.ts";
import type { Counter, Histogram, MetricsRegistry } from "../lib/metrics.ts";
import type { Decision } from "./authorize.ts";

const SECONDS = Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power);
const RESULTS: Readonly<Record<Decision["is"], string>> = { allow: "allowed", deny: "denied", none: "no-opinion" };
/** Names that say what somebody is rather than who. */
const KNOWN_NAMES: ReadonlySet<string> = new Set(["admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default"]);

export type AuthenticationResult = { readonly is: "success"; readonly user: UserInfo } | { readonly is: "failure" | "error" };

/** By result, what counts an attempt that has ended and how long it took. */
function endings(attempts: Counter, durations: Histogram): (result: string) => (seconds: number) => void {
  return (result) => {
    const [count, observe] = [attempts.bind({ result }), durations.bind({ result })];
    return (seconds) => (count(), observe(seconds));
  };
}

/** How callers prove who they are, under upstream's names. Users are counted by kind, not by name. */
export class AuthenticationMetrics {
  readonly #clock: Clock;
  readonly #ended: Readonly<Record<AuthenticationResult["is"], (seconds: number) => void>>;
  readonly #users: (username: string) => void;

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    const attempts = registry.counter("authentication_attempts", "Attempts to prove who somebody is.");
    const durations = registry.histogram("authentication_duration_seconds", "Time that finding out who calls took.", SECONDS);
    const users = registry.counter("authenticated_user_requests", "Requests by the kind of their user.");
    const end = endings(attempts, durations);
    this.#ended = { success: end("success"), failure: end("failure"), error: end("error") };
    this.#users = (username) => users.add({ username: kindOfUser(username) });
  }

  begin(): (result: AuthenticationResult) => void {
    const start = this.#clock.monotonic();
    return (result) => {
      if (result.is === "success") this.#users(result.user.username);
      this.#ended[result.is]((this.#clock.monotonic() - start) / 1000);
    };
  }
}

function kindOfUser(username: string): string {
  return KNOWN_NAMES.has(username) ? username : username.includes("@") ? "email_id" : "other";
}

/** What callers may, under upstream's names. */
export class AuthorizationMetrics {
  readonly #clock: Clock;
  readonly #ended: Readonly<Record<Decision["is"] | "error", (seconds: number) => void>>;
  readonly #decisions: (type: string, name: string, decision: string) => void;

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    const attempts = registry.counter("authorization_attempts_total", "Requests by whether they were allowed.");
    const durations = registry.histogram("authorization_duration_seconds", "Time that deciding about a request took.", SECONDS);
    const decisions = registry.counter("apiserver_authorization_decisions_total", "Decisions by who made them.");
    const end = endings(attempts, durations);
    this.#ended = { allow: end(RESULTS.allow), deny: end(RESULTS.deny), none: end(RESULTS.none), error: end("error") };
    const bound = new Map<string, () => void>();
    this.#decisions = (type, name, decision) => {
      const key = `${type} ${name} ${decision}`;
      const count = bound.get(key) ?? decisions.bind({ type, name, decision });
      bound.set(key, count);
      count();
    };
  }

  /** Begins the decision about a request; the result ends it. */
  begin(): (result: Decision["is"] | "error") => void {
    const start = this.#clock.monotonic();
    return (result) => this.#ended[result]((this.#clock.monotonic() - start) / 1000);
  }

  /** One mode has decided, for a request or for somebody who asked. */
  decided({ type = "", name = type.toLowerCase() }: { readonly type?: string; readonly name?: string }, { is }: Decision): void {
    if (is !== "none") this.#decisions(type, name, RESULTS[is]);
  }
}

/** Who acts as somebody else, under upstream's names: by which mode, and what was asked of the authorizer for it. */
export class ImpersonationMetrics {
  readonly #clock: Clock;
  readonly #attempts;
  readonly #attemptSeconds;
  readonly #questions;
  readonly #questionSeconds;

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    const prefix = "apiserver_impersonation";
    this.#attempts = registry.counter(`${prefix}_attempts_total`, "Requests in the name of somebody else, by mode and decision.");
    this.#attemptSeconds = registry.histogram(
      `${prefix}_attempts_duration_seconds`,
      "Time that finding out whether a caller may act as somebody else took.",
      SECONDS,
    );
    this.#questions = registry.counter(`${prefix}_authorization_attempts_total`, "Questions to the authorizer about them, by mode and decision.");
    this.#questionSeconds = registry.histogram(`${prefix}_authorization_attempts_duration_seconds`, "Time that such a question took.", SECONDS);
  }

  /** Begins an attempt; one that is denied has no mode. */
  attempt(): ImpersonationEnd {
    return this.#begin(this.#attempts, this.#attemptSeconds);
  }

  /** Begins a question to the authorizer. */
  question(): ImpersonationEnd {
    return this.#begin(this.#questions, this.#questionSeconds);
  }

  #begin(counter: Counter, histogram: Histogram): ImpersonationEnd {
    const start = this.#clock.monotonic();
    return (decision, mode) => {
      counter.add({ decision, mode });
      histogram.observe((this.#clock.monotonic() - start) / 1000, { decision, mode });
    };
  }
}

type ImpersonationEnd = (decision: "allowed" | "denied", mode: string) => void;
