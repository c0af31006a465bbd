import type { UserInfo } from "../../apimachinery/api-request.ts";
import type { Secret } from "../../resources/types.ts";
import { timeProblem } from "../../apimachinery/time-problem.ts";
import { JOINERS_GROUP } from "../../apimachinery/known-users.ts";
import { isSameSecret } from "./static-tokens.ts";

const BOOTSTRAP_TOKEN_TYPE = "bootstrap.kubernetes.io/token";
export const BOOTSTRAP_TOKEN_NAMESPACE = "kube-system";
const NAME_PREFIX = "bootstrap-token-";

/** The two parts of a token like `abcdef.0123456789abcdef`; undefined for any other text. */
export function parseBootstrapToken(token: string): { readonly id: string; readonly secret: string } | undefined {
  const match = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(token);
  return match === null ? undefined : { id: match[1] ?? "", secret: match[2] ?? "" };
}

export function bootstrapSecretName(id: string): string {
  return `${NAME_PREFIX}${id}`;
}

/** Who a bootstrap token stands for, by the Secret that defines it; undefined when it is wrong, over, or not meant for this. */
export function userOfBootstrapToken(
  { type, metadata, data = {} }: Secret,
  token: { readonly id: string; readonly secret: string },
  nowMs: number,
): UserInfo | undefined {
  const text = (key: string) => Buffer.from(data[key] ?? "", "base64").toString("utf8");
  if (type !== BOOTSTRAP_TOKEN_TYPE || metadata.name !== bootstrapSecretName(token.id) || metadata.deletionTimestamp !== undefined) return undefined;
  if (text("token-id") !== token.id || !isSameSecret(text("token-secret"), token.secret)) return undefined;
  if (isExpired(text("expiration"), nowMs) || text("usage-bootstrap-authentication") !== "true") return undefined;
  const extra = text("auth-extra-groups")
    .split(",")
    .filter((group) => group !== "");
  // A group of another shape would let a token become anybody.
  if (!extra.every((group) => /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/.test(group))) return undefined;
  return { username: `system:bootstrap:${token.id}`, groups: [...new Set([JOINERS_GROUP, ...extra])].sort() };
}

/** A time that cannot be read counts as over: nobody meant such a token to last for ever. */
function isExpired(expiration: string, nowMs: number): boolean {
  if (expiration === "") return false;
  return timeProblem(expiration, false) !== undefined || Date.parse(expiration.replace(",", ".")) <= nowMs;
}
