import { createHash, createHmac, timingSafeEqual } from "node:crypto";

export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export type WebhookVerdict = { readonly is: "genuine"; readonly from: string } | { readonly is: "refused"; readonly why: string };

const DIGESTS: ReadonlySet<string> = new Set(["sha256", "sha384", "sha512"]);

interface Dialect {
  readonly from: string;
  readonly header: string;
  /** What the header must hold for this body and secret; undefined: its form is wrong. */
  readonly expected: (value: string, body: Buffer, secret: string) => string | undefined;
}

const hmac = (algorithm: string, body: Buffer, secret: string) => createHmac(algorithm, secret).update(body).digest("hex");

/** `sha256=<hex>`: the algorithm is the sender's choice among those that are still good; SHA-1 is not. */
const prefixed = (value: string, body: Buffer, secret: string) => {
  const [algorithm = ""] = value.split("=");
  return DIGESTS.has(algorithm) ? `${algorithm}=${hmac(algorithm, body, secret)}` : undefined;
};
const plainHex = (_value: string, body: Buffer, secret: string) => hmac("sha256", body, secret);

/** How each forge signs what it sends, more specific headers first: Gitea also sends GitHub's and Gogs' for old receivers. */
const DIALECTS: readonly Dialect[] = [
  { from: "Forgejo", header: "x-forgejo-signature", expected: plainHex },
  { from: "Gitea", header: "x-gitea-signature", expected: plainHex },
  { from: "Gogs", header: "x-gogs-signature", expected: plainHex },
  { from: "GitHub", header: "x-hub-signature-256", expected: prefixed },
  { from: "Bitbucket", header: "x-hub-signature", expected: prefixed },
  // GitLab sends the secret itself.
  { from: "GitLab", header: "x-gitlab-token", expected: (_value, _body, secret) => secret },
  { from: "generic", header: "x-signature", expected: prefixed },
];

/** Whether a request really comes from someone who knows the secret. Comparing takes as long for a wrong signature as for a right one. */
export function verifyWebhook(headers: Headers, body: Buffer, secret: string): WebhookVerdict {
  for (const { from, header, expected } of DIALECTS) {
    const value = headers[header];
    if (typeof value !== "string") continue;
    const wanted = expected(value.trim(), body, secret);
    if (wanted === undefined) return { is: "refused", why: `${header} must be sha256=, sha384= or sha512= and the signature` };
    return isSame(value.trim(), wanted) ? { is: "genuine", from } : { is: "refused", why: `${header} does not fit the secret` };
  }
  return { is: "refused", why: `no signature: one of ${DIALECTS.map(({ header }) => header).join(", ")} is needed` };
}

/** Digests have one length, so that not even that of the secret shows. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
