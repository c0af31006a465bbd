import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { exportJWK, SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import { OidcAuthenticator } from "../../engine/auth/authentication/oidc.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { resolveServerConfig } from "../../engine/options/config.ts";
import { setUpProviders } from "../../engine/setup/providers-setup.ts";
import { OtherServer } from "../kit/other-server.ts";
import { startTestListener } from "../kit/test-listener.ts";
import { VirtualClock } from "../kit/virtual-clock.ts";
import { whoami } from "../kit/whoami.ts";

describe("OpenID Connect", () => {
  test("lets people in by their provider's tokens, also after it has changed its keys", async () => {
    const makeKey = (kid: string) => ({ kid, ...generateKeyPairSync("rsa", { modulusLength: 2048 }) });
    let current = makeKey("one");
    const provider: OtherServer = await OtherServer.start((where) =>
      where === "/.well-known/openid-configuration" ? { issuer: provider.url, jwks_uri: `${provider.url}/keys` } : where === "/keys" ? { keys } : undefined,
    );
    let keys: readonly object[] = [{ ...(await exportJWK(current.publicKey)), kid: current.kid, alg: "RS256", use: "sig" }];
    let nowMs = systemClock.monotonic();
    const clock = { ...systemClock, monotonic: () => nowMs };
    const oidc = new OidcAuthenticator(
      {
        issuer: provider.url,
        audiences: ["mainstay"],
        ca: provider.authority.certificate,
        username: { claim: "email", prefix: "id:" },
        groups: { claim: "roles", prefix: "id:" },
        requiredClaims: { hd: "example.com" },
        algorithms: ["RS256"],
      },
      clock,
      silentLogger,
    );
    const api = await startTestListener({ authentication: { tokenAuthenticators: [oidc] } });
    const token = (claims: object = {}, audience = "mainstay", lifetime = "10m") =>
      new SignJWT({ email: "jane@example.com", roles: ["dev"], hd: "example.com", ...claims })
        .setProtectedHeader({ alg: "RS256", kid: current.kid })
        .setIssuer(provider.url)
        .setAudience(audience)
        .setExpirationTime(lifetime)
        .sign(current.privateKey);
    const as = async (bearer: string) => whoami(api, { authorization: `Bearer ${bearer}` });
    try {
      expect(await as(await token())).toEqual(["id:jane@example.com", "id:dev", "system:authenticated"]);
      expect(await as(await token({}, "somebody"))).toBe(401);
      expect(await as(await token({ hd: "example.org" }))).toBe(401);
      expect(await as(await token({ email_verified: false }))).toBe(401);
      expect(await as(await token({}, "mainstay", "-1m"))).toBe(401);
      const begins = (inSeconds: number) => token({ nbf: Math.floor(systemClock.now() / 1000) + inSeconds });
      expect([await as(await begins(40)), await as(await begins(90))]).toEqual([["id:jane@example.com", "id:dev", "system:authenticated"], 401]); // clocks differ
      current = makeKey("two");
      expect(await as(await token())).toBe(401);
      keys = [{ ...(await exportJWK(current.publicKey)), kid: current.kid, alg: "RS256", use: "sig" }];
      nowMs += 11_000; // a key that nobody knows makes it ask again, but not all the time
      expect(await as(await token())).toEqual(["id:jane@example.com", "id:dev", "system:authenticated"]);
    } finally {
      await api.stop();
      await provider.stop();
    }
  });

  test("tries each key that a token may be signed with, and asks for new ones when it was none of them", async () => {
    const pairs = [0, 1, 2].map(() => generateKeyPairSync("rsa", { modulusLength: 2048 }));
    const published = await Promise.all(pairs.map(async ({ publicKey }) => ({ ...(await exportJWK(publicKey)), alg: "RS256", use: "sig" })));
    let keys = published.slice(0, 2);
    const provider: OtherServer = await OtherServer.start((where) => (where === "/keys" ? { keys } : { issuer: provider.url, jwks_uri: `${provider.url}/keys` }));
    let nowMs = systemClock.monotonic();
    const shape = { issuer: provider.url, audiences: ["us"], ca: provider.authority.certificate, username: { claim: "sub", prefix: "" }, requiredClaims: {}, algorithms: ["RS256"] };
    const oidc = new OidcAuthenticator(shape, { ...systemClock, monotonic: () => nowMs }, silentLogger);
    const userOf = async (pair: (typeof pairs)[number] | undefined, lifetime = "5m") => {
      const token = new SignJWT({ sub: "jane" }).setProtectedHeader({ alg: "RS256" }).setIssuer(provider.url).setAudience("us").setExpirationTime(lifetime);
      return oidc.authenticate(await token.sign(pair!.privateKey)); // one of those above
    };
    try {
      expect([await userOf(pairs[0]), await userOf(pairs[1]), await userOf(pairs[2]), await userOf(pairs[1], "-1m")]).toEqual([
        { username: "jane", groups: [] },
        { username: "jane", groups: [] },
        undefined,
        undefined,
      ]);
      keys = published;
      nowMs += 11_000;
      expect(await userOf(pairs[2])).toEqual({ username: "jane", groups: [] });
    } finally {
      await provider.stop();
    }
  });

  test("takes Google by both names that it gives itself, and nobody else without a scheme", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const jwk = { ...(await exportJWK(publicKey)), kid: "one", alg: "RS256", use: "sig" };
    const userOf = async (issuer: string, written: string) => {
      const provider: OtherServer = await OtherServer.start((where) => (where === "/keys" ? { keys: [jwk] } : { issuer, jwks_uri: `${provider.url}/keys` }));
      const token = await new SignJWT({ sub: "jane" }).setProtectedHeader({ alg: "RS256", kid: "one" }).setIssuer(written).setAudience("us").setExpirationTime("5m").sign(privateKey);
      try {
        return await new OidcAuthenticator(
          {
            issuer,
            discoveryUrl: `${provider.url}/discovery`,
            audiences: ["us"],
            ca: provider.authority.certificate,
            username: { claim: "sub", prefix: "" },
            requiredClaims: {},
            algorithms: ["RS256"],
          },
          systemClock,
          silentLogger,
        ).authenticate(token);
      } finally {
        await provider.stop();
      }
    };
    expect(await userOf("https://accounts.google.com", "https://accounts.google.com")).toEqual({ username: "jane", groups: [] });
    expect(await userOf("https://accounts.google.com", "accounts.google.com")).toEqual({ username: "jane", groups: [] });
    expect(await userOf("https://id.example.com", "id.example.com")).toBeUndefined();
  });

  test("takes a provider that its configuration names while the server runs, once that can be asked", async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), "authn-"));
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const jwk = { ...(await exportJWK(publicKey)), kid: "one", alg: "RS256", use: "sig" };
    let isAway = true;
    const provider: OtherServer = await OtherServer.start((where) => (isAway ? undefined : where === "/keys" ? { keys: [jwk] } : { issuer: provider.url, jwks_uri: `${provider.url}/keys` }));
    const file = path.join(folder, "authn.json");
    /** At once: nobody reads half of it. */
    const write = async (...jwt: readonly object[]) => {
      await writeFile(`${file}.new`, JSON.stringify({ apiVersion: "apiserver.config.k8s.io/v1", kind: "AuthenticationConfiguration", jwt }));
      await rename(`${file}.new`, file);
    };
    await write();
    const [clock, metrics, stop] = [new VirtualClock(systemClock.now()), new MetricsRegistry(), new AbortController()];
    const { authenticator, services } = setUpProviders(resolveServerConfig({ authenticationConfig: file }, {}), { clock, metrics, logger: silentLogger, serverName: "m1" });
    const running = services.map((one) => one.run(stop.signal));
    const reloads = (status: string) => Number(new RegExp(`authentication_config_controller_automatic_reloads_total\\{[^}]*status="${status}"\\} (\\d+)`).exec(metrics.render())?.[1] ?? 0);
    /** Files and servers are asked on the machine's time, not on the clock's. */
    const until = async (isSo: () => boolean) => {
      while (!isSo()) await clock.advance(5_000);
    };
    const token = await new SignJWT({ sub: "jane" }).setProtectedHeader({ alg: "RS256", kid: "one" }).setIssuer(provider.url).setAudience("us").setExpirationTime("30d").sign(privateKey);
    try {
      await write({ issuer: { url: provider.url, audiences: ["us"], certificateAuthority: provider.authority.certificate }, claimMappings: { username: { claim: "sub", prefix: "id:" } } });
      await until(() => reloads("failure") >= 2);
      expect(await authenticator.authenticate(token)).toBeUndefined();
      isAway = false;
      await until(() => reloads("success") === 1);
      expect(await authenticator.authenticate(token)).toEqual({ username: "id:jane", groups: [] });
      const sha = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
      const of = `jwt_issuer_hash="${sha(provider.url)}"`;
      const ours = () =>
        metrics
          .render()
          .split("\n")
          .filter((line) => line.startsWith("apiserver_authentication_jwt_authenticator_") && !line.includes("_bucket"));
      expect(ours()).toEqual(
        expect.arrayContaining([
          expect.stringMatching(new RegExp(`_latency_seconds_count\\{.*${of}.*\\} 1$`)),
          expect.stringMatching(new RegExp(`_jwks_fetch_last_timestamp_seconds\\{.*result="success".*\\} \\d`)),
          ...[of, `apiserver_id_hash="${sha("m1")}"`, `hash="${sha(JSON.stringify({ keys: [jwk] }))}"`].map((label) =>
            expect.stringMatching(new RegExp(`_jwks_fetch_last_key_set_info\\{.*${label}.*\\} 1$`)),
          ),
        ]),
      );
      await write();
      await until(() => reloads("success") === 2);
      expect(await authenticator.authenticate(token)).toBeUndefined();
      expect(ours().filter((line) => line.includes("jwks_fetch"))).toEqual([]);
    } finally {
      stop.abort();
      await Promise.all(running);
      await provider.stop();
      await rm(folder, { recursive: true });
    }
  });
});
