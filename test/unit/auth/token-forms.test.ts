import { createPrivateKey, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import { RequestNotes } from "../../../engine/apimachinery/request-notes.ts";
import { DEFAULT_ISSUER as ISSUER, generateTokenKey, ServiceAccountTokens, type TokenLookup } from "../../../engine/auth/service-account-token.ts";
import type { Clock } from "../../../engine/lib/clock.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { createAuthority } from "../../../engine/auth/certificates.ts";

const nowMs = Date.parse("2026-01-01T00:00:00Z");
const clock: Clock = { now: () => nowMs, monotonic: () => nowMs, after: () => () => {} };
const KEY = generateTokenKey();
const tokens = new ServiceAccountTokens(KEY, clock, seededRandom(1));
const seconds = nowMs / 1000;
const subject = { namespace: "shop", serviceaccount: { name: "robot", uid: "u1" } };
const claims = { iss: ISSUER, sub: "system:serviceaccount:shop:robot", aud: [ISSUER], iat: seconds, nbf: seconds, exp: seconds + 60, "kubernetes.io": subject };
const lookup: TokenLookup = {
  serviceAccount: async () => ({ metadata: { uid: "u1" } }),
  pod: async () => ({ metadata: { uid: "u2" } }),
  secret: async () => undefined,
  node: async () => undefined,
};

function signed(header: string, payload: string): string {
  const text = [header, payload].map((part) => Buffer.from(part).toString("base64url")).join(".");
  return `${text}.${sign("sha256", Buffer.from(text), { key: createPrivateKey(KEY), dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

const withHeader = (header: object) => signed(JSON.stringify({ alg: "ES256", ...header }), JSON.stringify(claims));
const withClaims = (changed: object) => signed('{"alg":"ES256"}', JSON.stringify({ ...claims, ...changed }));
const isTaken = async (token: string, audiences: readonly string[] = [ISSUER]) => (await tokens.verify(token, audiences, lookup)) !== undefined;

describe("a token that the cluster's own key has signed", () => {
  test.each<[string, string]>([
    ["is not encoded as it was signed", withHeader({ b64: false })],
    ["brings certificates that are none", withHeader({ x5c: ["AA"] })],
    ["brings something else than certificates", withHeader({ x5c: [5] })],
    ["names its algorithm twice", signed('{"alg":"none","alg":"ES256"}', JSON.stringify(claims))],
    ["names its issuer twice", signed('{"alg":"ES256"}', `{"iss":"evil",${JSON.stringify(claims).slice(1)}`)],
    ["is bound to a Secret that is gone, beside its pod", withClaims({ "kubernetes.io": { ...subject, pod: { name: "p", uid: "u2" }, secret: { name: "s", uid: "u3" } } })],
  ])("and %s is nobody's", async (_what, token) => {
    expect(await isTaken(token)).toBe(false);
  });

  test("may bring certificates, and be bound to nothing by name", async () => {
    const { certificate } = await createAuthority("any", nowMs, nowMs + 1000);
    const x5c = [certificate.replaceAll(/-----[^-]+-----|\s/g, "")];
    expect(await isTaken(withHeader({ x5c, b64: true }))).toBe(true);
    expect(await isTaken(withClaims({ "kubernetes.io": { ...subject, pod: null, secret: null, node: null } }))).toBe(true);
  });

  test("needs no end", async () => {
    expect(await isTaken(withClaims({ exp: undefined }))).toBe(true);
  });

  test("and names no audience is for this server, and on record", async () => {
    const notes = new RequestNotes();
    expect((await tokens.verify(withClaims({ aud: undefined }), [ISSUER, "other"], lookup, notes))?.audiences).toEqual([ISSUER]);
    expect([...notes.annotations]).toEqual([["authentication.k8s.io/legacy-token", "system:serviceaccount:shop:robot"]]);
    expect(await isTaken(withClaims({ aud: undefined }), ["other"])).toBe(false);
    expect(await isTaken(withClaims({ aud: "other" }))).toBe(false);
  });
});
