import { createHash } from "node:crypto";
import type { UserInfo } from "../../apimachinery/api-request.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { ExpiringCache } from "../../lib/expiring-cache.ts";
import { fetchRemoteJson, type RemoteJson } from "../remote-json.ts";

/** Where another server answers reviews. */
export type WebhookTarget = Omit<RemoteJson, "method" | "body" | "timeoutMs">;

const TIMEOUT_MS = 30_000;
const CACHED_MAX = 4_096;

interface Verdict {
  readonly user: UserInfo | undefined;
}

/** Asks another server whose token it is; answers, refusals too, are kept for `cacheTtlMs`. */
export class TokenWebhook {
  readonly #version: "v1" | "v1beta1";
  readonly #target: WebhookTarget;
  readonly #audiences: readonly string[];
  readonly #cacheTtlMs: number;
  readonly #cache: ExpiringCache<Verdict>;
  readonly #logger: Logger;

  constructor(options: { readonly version: "v1" | "v1beta1"; readonly target: WebhookTarget; readonly audiences: readonly string[]; readonly cacheTtlMs: number; readonly clock: Clock; readonly logger: Logger }) {
    this.#version = options.version;
    this.#target = options.target;
    this.#audiences = options.audiences;
    this.#cacheTtlMs = options.cacheTtlMs;
    this.#cache = new ExpiringCache(options.clock, CACHED_MAX);
    this.#logger = options.logger;
  }

  async authenticate(token: string): Promise<UserInfo | undefined> {
    const key = createHash("sha256").update(token).digest("hex");
    const known = this.#cache.get(key);
    if (known !== undefined) return known.user;
    const body = { apiVersion: `authentication.k8s.io/${this.#version}`, kind: "TokenReview", metadata: {}, spec: { token, audiences: this.#audiences } };
    try {
      const verdict = readVerdict(await fetchRemoteJson({ ...this.#target, method: "POST", body, timeoutMs: TIMEOUT_MS }), this.#audiences);
      this.#cache.set(key, verdict, this.#cacheTtlMs);
      return verdict.user;
    } catch (error) {
      this.#logger.warn("the token webhook could not be asked", { url: this.#target.url, error });
      return undefined;
    }
  }
}

/** What a TokenReview answers. A server that knows audiences says which of ours the token is for. */
function readVerdict(answer: unknown, audiences: readonly string[]): Verdict {
  const { status = {} } = (answer ?? {}) as { readonly status?: { readonly authenticated?: unknown; readonly audiences?: unknown; readonly user?: Partial<UserInfo> } }; // each field is checked
  if (status.authenticated !== true || typeof status.user?.username !== "string") return { user: undefined };
  if (Array.isArray(status.audiences) && status.audiences.length > 0 && !audiences.some((audience) => (status.audiences as readonly unknown[]).includes(audience))) return { user: undefined };
  const { username, uid, groups, extra } = status.user;
  return { user: { username, groups: Array.isArray(groups) ? groups : [], ...(typeof uid === "string" && uid !== "" ? { uid } : {}), ...(extra === undefined ? {} : { extra }) } };
}
