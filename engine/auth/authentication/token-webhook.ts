import { createHash } from "node:crypto";
import type { UserInfo } from "../../apimachinery/api-request.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { ExpiringCache } from "../../lib/expiring-cache.ts";
import type { Random } from "../../lib/random.ts";
import type { AudienceAuthenticator, AuthenticatedToken } from "../authenticate.ts";
import { reviewFlag, reviewStatus, reviewText } from "../review-answer.ts";
import { fetchRemoteJsonRetried, REVIEW_RETRIES, type RemoteJson } from "../remote-json.ts";

/** Where another server answers reviews. */
export type WebhookTarget = Omit<RemoteJson, "method" | "body" | "timeoutMs">;

const TIMEOUT_MS = 30_000;
const CACHED_MAX = 4_096;

export interface TokenWebhookOptions {
  readonly version: "v1" | "v1beta1";
  readonly target: WebhookTarget;
  /** For whom a token is when the other server does not say it. */
  readonly audiences: readonly string[];
  readonly cacheTtlMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface Verdict {
  readonly found: AuthenticatedToken | undefined;
}

/** Asks another server whose token it is; answers, refusals too, are kept for `cacheTtlMs`. */
export class TokenWebhook implements AudienceAuthenticator {
  readonly #options: TokenWebhookOptions;
  readonly #cache: ExpiringCache<Verdict>;

  constructor(options: TokenWebhookOptions) {
    this.#options = options;
    this.#cache = new ExpiringCache(options.clock, CACHED_MAX);
  }

  async authenticateFor(token: string, audiences: readonly string[]): Promise<AuthenticatedToken | undefined> {
    const { version, target, cacheTtlMs, clock, random, logger } = this.#options;
    const key = createHash("sha256")
      .update(JSON.stringify([token, audiences]))
      .digest("hex");
    const known = this.#cache.get(key);
    if (known !== undefined) return known.found;
    const body = { apiVersion: `authentication.k8s.io/${version}`, kind: "TokenReview", metadata: {}, spec: { token, audiences } };
    try {
      const answer = await fetchRemoteJsonRetried({ ...target, method: "POST", body, timeoutMs: TIMEOUT_MS }, { ...REVIEW_RETRIES, clock, random });
      const verdict = { found: readVerdict(answer, audiences, this.#options.audiences) };
      this.#cache.set(key, verdict, cacheTtlMs);
      return verdict.found;
    } catch (error) {
      logger.warn("the token webhook gave no answer that can be used", { url: target.url, error });
      return undefined;
    }
  }
}

/** What a TokenReview answers; throws for what is no answer. A server that knows audiences says for which of those in question the token is. */
function readVerdict(answer: unknown, audiences: readonly string[], implied: readonly string[]): AuthenticatedToken | undefined {
  const status = reviewStatus(answer);
  const said = status["audiences"] ?? [];
  if (!isTexts(said)) throw new Error("status.audiences: must be a list of texts");
  const accepted = audiences.filter((audience) => (said.length === 0 ? implied : said).includes(audience));
  const [isAuthenticated, error] = [reviewFlag(status, "authenticated"), reviewText(status, "error")];
  if (accepted.length === 0) return undefined;
  if (!isAuthenticated && error !== "") throw new Error(error);
  if (!isAuthenticated) return undefined;
  const user = (status["user"] ?? {}) as Partial<Record<keyof UserInfo, unknown>>; // each field is checked
  const { username, uid = "", groups, extra } = user;
  if (typeof username !== "string" || typeof uid !== "string" || !isTexts(groups ?? []) || !isExtra(extra ?? {})) throw new Error("status.user: is no user");
  return {
    user: {
      username,
      groups: (groups ?? []) as readonly string[],
      ...(uid === "" ? {} : { uid }),
      ...(extra === undefined || extra === null ? {} : { extra: extra as NonNullable<UserInfo["extra"]> }),
    },
    audiences: accepted,
  }; // just checked
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function isExtra(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every(isTexts);
}
