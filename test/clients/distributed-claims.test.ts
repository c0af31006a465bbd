import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAuthenticationConfig } from "../../engine/auth/authentication/authentication-config.ts";
import { OidcAuthenticator } from "../../engine/auth/authentication/oidc.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { OtherServer } from "../kit/other-server.ts";

const makeKey = (kid: string) => ({ kid, ...generateKeyPairSync("rsa", { modulusLength: 2048 }) });
const jwkOf = async ({ kid, publicKey }: ReturnType<typeof makeKey>) => ({ ...(await exportJWK(publicKey)), kid, alg: "RS256", use: "sig" });

describe("groups that a provider keeps at another address", () => {
  const [own, personnel] = [makeKey("own"), makeKey("personnel")];
  /** What is answered there, and who asked with which credentials. */
  let answers: Record<string, unknown> = {};
  let asked: (string | undefined)[] = [];
  let provider: OtherServer;
  let nowMs = systemClock.monotonic();
  const clock = { ...systemClock, monotonic: () => nowMs };

  beforeAll(async () => {
    const documents: Record<string, unknown> = { "/keys": { keys: [await jwkOf(own)] }, "/hr/keys": { keys: [await jwkOf(personnel)] } };
    provider = await OtherServer.start((where, _body, authorization) => {
      const issuer = `${provider.url}${where.startsWith("/hr/") ? "/hr" : ""}`;
      if (where.endsWith("/.well-known/openid-configuration")) return { issuer, jwks_uri: `${issuer}/keys` };
      if (where in documents) return documents[where];
      asked.push(authorization);
      return answers[where];
    });
  });
  afterAll(() => provider.stop());

  const sign = ({ kid, privateKey }: ReturnType<typeof makeKey>, issuer: string, claims: object, { audience = "us", lifetime = "10m" } = {}) =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg: "RS256", kid }).setIssuer(issuer).setAudience(audience).setExpirationTime(lifetime).sign(privateKey);
  const at = (endpoint: string, more: object = {}) =>
    sign(own, provider.url, { sub: "jane", _claim_names: { groups: "src1" }, _claim_sources: { src1: { endpoint, access_token: "let me in" } }, ...more });
  const authenticator = (claimMappings: object = {}) => {
    const config = {
      apiVersion: "apiserver.config.k8s.io/v1",
      kind: "AuthenticationConfiguration",
      jwt: [
        {
          issuer: { url: provider.url, audiences: ["us"], certificateAuthority: provider.authority.certificate },
          claimMappings: { username: { claim: "sub", prefix: "" }, groups: { claim: "groups", prefix: "id:" }, ...claimMappings },
        },
      ],
    };
    return new OidcAuthenticator(parseAuthenticationConfig(JSON.stringify(config), []).providers[0]!, clock, silentLogger);
  };
  const answerWith = async (answer: unknown) => {
    answers = { "/groups": await answer };
    asked = [];
  };

  test("are fetched with the token that is named for it, of the provider or of another issuer below the same authority", async () => {
    await answerWith(sign(own, provider.url, { groups: ["dev", "ops"] }));
    expect(await authenticator().authenticate(await at(`${provider.url}/groups`))).toEqual({ username: "jane", groups: ["id:dev", "id:ops"] });
    expect(asked).toEqual(["Bearer let me in"]);
    await answerWith(sign(personnel, `${provider.url}/hr`, { groups: "dev" }));
    const token = await at(`${provider.url}/groups`, { _claim_sources: { src1: { endpoint: `${provider.url}/groups` } } });
    expect(await authenticator().authenticate(token)).toEqual({ username: "jane", groups: ["id:dev"] });
    expect(asked).toEqual([undefined]);
  });

  test("are what expressions for other things see, but an expression for groups sees the token's own claims", async () => {
    await answerWith(sign(own, provider.url, { groups: ["dev"] }));
    const extra = [{ key: "example.com/groups", valueExpression: "claims.?groups.orValue([])" }];
    const token = await at(`${provider.url}/groups`);
    expect(await authenticator({ extra }).authenticate(token)).toEqual({ username: "jane", groups: ["id:dev"], extra: { "example.com/groups": ["dev"] } });
    expect(asked).toHaveLength(1);
    expect(await authenticator({ groups: { expression: "claims.?groups.orValue([])" } }).authenticate(token)).toEqual({ username: "jane", groups: [] });
    expect(await authenticator({ groups: undefined, extra }).authenticate(token)).toEqual({ username: "jane", groups: [] });
    expect(asked).toHaveLength(1);
  });

  test("are not asked for when the token has them", async () => {
    await answerWith(500);
    expect(await authenticator().authenticate(await at(`${provider.url}/groups`, { groups: ["dev"] }))).toEqual({ username: "jane", groups: ["id:dev"] });
    expect(asked).toEqual([]);
  });

  test("are asked for once in ten seconds, by all who show the same token", async () => {
    await answerWith(sign(own, provider.url, { groups: ["dev"] }));
    const [one, token] = [authenticator(), await at(`${provider.url}/groups`)];
    const jane = { username: "jane", groups: ["id:dev"] };
    expect(await Promise.all([one.authenticate(token), one.authenticate(token)])).toEqual([jane, jane]);
    await answerWith(500);
    nowMs += 9_000;
    expect(await one.authenticate(token)).toEqual(jane);
    nowMs += 2_000;
    expect([await one.authenticate(token), asked.length]).toEqual([undefined, 1]);
    expect([await one.authenticate(token), asked.length]).toEqual([undefined, 2]); // a failure is not remembered
  });

  test.each<[string, () => unknown]>([
    ["is for somebody else", () => sign(own, provider.url, { groups: ["dev"] }, { audience: "them" })],
    ["has ended", () => sign(own, provider.url, { groups: ["dev"] }, { lifetime: "-1m" })],
    ["has no groups", () => sign(own, provider.url, { roles: ["dev"] })],
    ["has groups that are none", () => sign(own, provider.url, { groups: { dev: true } })],
    ["is not of whom it says", () => sign(personnel, provider.url, { groups: ["dev"] })],
    ["is of an issuer that calls itself otherwise", () => sign(own, `${provider.url}/elsewhere`, { groups: ["dev"] })],
    ["is no token", () => "dev"],
    ["is a failure", () => 403],
  ])("let nobody in when the answer %s", async (_what, answer) => {
    await answerWith(answer());
    expect(await authenticator().authenticate(await at(`${provider.url}/groups`))).toBeUndefined();
    expect(asked).toHaveLength(1);
  });

  test("are fetched from none whom the provider's authority does not vouch for, and never in the open", async () => {
    const answer = await sign(own, provider.url, { groups: ["dev"] });
    const stranger = await OtherServer.start(() => answer);
    const open = createServer((_request, response) => response.end(answer));
    await new Promise<void>((resolve) => open.listen(0, "127.0.0.1", resolve));
    try {
      for (const endpoint of [`${stranger.url}/groups`, `http://127.0.0.1:${(open.address() as AddressInfo).port}/groups`])
        expect(await authenticator().authenticate(await at(endpoint))).toBeUndefined();
    } finally {
      await stranger.stop();
      open.close();
    }
  });

  test("make a token unusable whose sources are not there, also for one who does not ask for groups", async () => {
    const token = await at(`${provider.url}/groups`, { _claim_sources: {} });
    expect(await authenticator().authenticate(token)).toBeUndefined();
    expect(await authenticator({ groups: undefined }).authenticate(token)).toBeUndefined();
  });
});
