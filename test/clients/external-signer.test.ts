import { setImmediate } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { generateTokenKey } from "../../engine/auth/service-account-token.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { resolveServerConfig, UsageError } from "../../engine/options/config.ts";
import { ExternalSigner } from "../../engine/auth/external-signer/external-signer.ts";
import { setUpExternalSigner } from "../../engine/setup/signer-setup.ts";
import { rawClient } from "../kit/raw-https.ts";
import { startTestListener } from "../kit/test-listener.ts";
import { signingKey, TokenSignerProgram } from "../kit/token-signer.ts";
import { VirtualClock } from "../kit/virtual-clock.ts";

/** A program beside the server that signs tokens, over a real socket; it is of another make than our client of gRPC. */
const METHOD = "/v1.ExternalJWTSigner";

async function setUp(program: TokenSignerProgram, { maxTokenExpiration = undefined as number | undefined } = {}) {
  const metrics = new MetricsRegistry();
  const setup = await setUpExternalSigner(program.endpoint, { serviceAccountMaxTokenExpiration: maxTokenExpiration }, { clock: systemClock, logger: silentLogger, metrics });
  onTestFinished(() => setup.signer.close());
  return { ...setup, metrics };
}

async function serve(program: TokenSignerProgram) {
  const { signer, secondsMax, metrics } = await setUp(program);
  const api = await startTestListener({ tokenSigner: signer, tokenSettings: { secondsMax } });
  const admin = await rawClient(api.url, api.pki, { commonName: "boss", organizations: ["system:masters"] });
  onTestFinished(async () => {
    admin.close();
    await api.stop();
  });
  const ask = async (seconds = 3600) => {
    const { code, text } = await admin.send("/api/v1/namespaces/default/serviceaccounts/default/token", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: seconds } }),
    });
    return { code, answer: JSON.parse(text) as { readonly message?: string; readonly spec: { readonly expirationSeconds: number }; readonly status: { readonly token: string } } };
  };
  const whoIs = async (token: string) => {
    const { text } = await admin.send("/apis/authentication.k8s.io/v1/tokenreviews", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } }),
    });
    return (JSON.parse(text) as { readonly status: { readonly user?: { readonly username?: string } } }).status.user?.username;
  };
  return { admin, ask, whoIs, signer, metrics };
}

test("tokens are signed by it, and known by the keys that it tells", async () => {
  await using program = await TokenSignerProgram.start();
  program.keys = [signingKey("key-1"), signingKey("old", { isHidden: true })];
  const { admin, ask, whoIs, metrics } = await serve(program);
  const { code, answer } = await ask();
  const { token } = answer.status;
  expect([code, JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString())]).toEqual([201, { alg: "ES256", kid: "key-1", typ: "JWT" }]);
  expect(JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString())).toMatchObject({
    iss: "https://kubernetes.default.svc.cluster.local",
    sub: "system:serviceaccount:default:default",
    "kubernetes.io": { namespace: "default" },
  });
  expect(await whoIs(token)).toBe("system:serviceaccount:default:default");
  expect(await whoIs(`${token.slice(0, -8)}AAAAAAAA`)).toBeUndefined();

  // Nothing lives longer than it signs for, and the hidden key is nobody else's business.
  expect((await ask(86_400)).answer.spec.expirationSeconds).toBe(7_200);
  const page = await admin.send("/openid/v1/jwks");
  expect((JSON.parse(page.text) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)).toEqual(["key-1"]);
  expect(page.headers["cache-control"]).toMatch(/^public, max-age=3[56]\d\d$/);
  expect((await admin.send("/.well-known/openid-configuration")).headers["cache-control"]).toMatch(/^public, max-age=3[56]\d\d$/);

  const text = metrics.render();
  for (const line of [
    `apiserver_externaljwt_fetch_keys_data_timestamp 1000000000.5`,
    `apiserver_externaljwt_fetch_keys_request_total{code="OK"} 1`,
    `apiserver_externaljwt_sign_request_total{code="OK"} 2`,
    `apiserver_externaljwt_request_duration_seconds_count{code="OK",method="${METHOD}/Sign"} 2`,
    `apiserver_externaljwt_request_duration_seconds_count{code="OK",method="${METHOD}/Metadata"} 1`,
  ])
    expect(text).toContain(line);
  expect(text).toMatch(/^apiserver_externaljwt_fetch_keys_success_timestamp \d{10}\.\d+$/m);
});

test("a key that is not known is asked for, and what a key has signed that is there no more is good no more", async () => {
  await using program = await TokenSignerProgram.start();
  const { ask, whoIs, signer } = await serve(program);
  const first = (await ask()).answer.status.token;
  expect(await whoIs(first)).toBe("system:serviceaccount:default:default");
  program.keys = [signingKey("key-2")];
  program.dataSeconds = 1_000_000_001;
  const second = (await ask()).answer.status.token;
  expect(await whoIs(second)).toBe("system:serviceaccount:default:default");
  expect(program.calls.fetchKeys).toBe(2);
  expect(await whoIs(first)).toBeUndefined();
  expect(signer.published.map(({ id }) => id)).toEqual(["key-2"]);
});

test("a token that it does not sign as it should is not given out", async () => {
  await using program = await TokenSignerProgram.start();
  const { ask, metrics } = await serve(program);
  const cases = [
    [{ typ: "JOSE" }, "while validating header: bad type"],
    [{ kid: "" }, "while validating header: key id missing"],
    [{ kid: "k".repeat(1025) }, "while validating header: key id longer than 1 kb"],
    [{ alg: "HS256" }, 'while validating header: bad signing algorithm "HS256"'],
    [{ crit: ["x"] }, 'while validating header: while parsing header JSON: json: unknown field "crit"'],
  ] as const;
  for (const [header, why] of cases) {
    program.header = header;
    const { code, answer } = await ask();
    expect([code, answer.message]).toEqual([500, `failed to generate token: ${why}`]);
  }
  program.header = {};
  program.keys = program.keys.map((key) => ({ ...key, isHidden: true, id: "hidden" }));
  expect((await ask()).answer.message).toBe("failed to generate token: while validating header: key used for signing JWT (kid: hidden) is excluded from OIDC discovery docs");
  program.isLocked = true;
  expect((await ask()).answer.message).toContain("failed to generate token: while signing jwt: rpc error: code = FailedPrecondition desc = the vault is locked");
  expect(metrics.render()).toContain(`apiserver_externaljwt_sign_request_total{code="unknown-non-grpc"} 6`);
  expect(metrics.render()).toContain(`apiserver_externaljwt_sign_request_total{code="FailedPrecondition"} 1`);
});

test("keys are fetched as often as it wants, and ten seconds after a failure; what is known meanwhile stays good", async () => {
  await using program = await TokenSignerProgram.start();
  program.refreshSeconds = 60;
  const clock = new VirtualClock();
  const metrics = new MetricsRegistry();
  const signer = new ExternalSigner(program.endpoint, { clock, logger: silentLogger, metrics });
  await signer.fetchKeys();
  const running = new AbortController();
  const ended = signer.run(running.signal);
  const fetched = async (count: number) => {
    await expect.poll(() => metrics.render(), { timeout: 5_000 }).toContain(`fetch_keys_request_total{code="OK"} ${count}`);
    await expect.poll(() => clock.pending, { timeout: 5_000 }).toBeGreaterThan(0);
  };
  await clock.advance(59_000);
  expect(program.calls.fetchKeys).toBe(1);
  await clock.advance(1_000);
  await fetched(2);
  program.keys = [signingKey("")];
  await clock.advance(60_000);
  await expect.poll(() => metrics.render(), { timeout: 5_000 }).toContain(`fetch_keys_request_total{code="unknown-non-grpc"} 1`);
  expect(signer.published.map(({ id }) => id)).toEqual(["key-1"]);
  program.keys = [signingKey("key-2")];
  await clock.advance(10_000);
  await fetched(3);
  expect(signer.published.map(({ id }) => id)).toEqual(["key-2"]);
  running.abort();
  await ended;
});

test("keys that cannot be are refused in upstream's words", async () => {
  await using program = await TokenSignerProgram.start();
  const refusal = (change: Partial<Pick<TokenSignerProgram, "keys" | "refreshSeconds" | "dataSeconds" | "secondsMax">>) => {
    Object.assign(program, { keys: [signingKey("key-1")], refreshSeconds: 60, dataSeconds: 1, secondsMax: 600 }, change);
    return expect(
      setUp(program).then(
        () => undefined,
        (error: Error) => [error, error.cause, (error.cause as Error).cause].map((one) => (one as Error | undefined)?.message).join(": "),
      ),
    ).resolves;
  };
  const fetching = `set up --service-account-signing-endpoint ${JSON.stringify(program.endpoint)}: while fetching token verification keys: `;
  await refusal({ keys: [] }).toBe(`${fetching}found no keys`);
  await refusal({ keys: [signingKey("")] }).toBe(`${fetching}found invalid public key id ""`);
  await refusal({ keys: [signingKey("k".repeat(1025))] }).toContain("found invalid public key id");
  await refusal({ keys: [signingKey("k", { der: Buffer.alloc(0) })] }).toBe(`${fetching}found empty public key`);
  await refusal({ keys: [signingKey("k", { der: Buffer.from("no key") })] }).toBe(`${fetching}while parsing external public keys`);
  await refusal({ refreshSeconds: 0 }).toBe(`${fetching}found invalid refresh hint (0s)`);
  await refusal({ dataSeconds: undefined }).toContain("invalid data timestamp");
  await refusal({ secondsMax: 599 }).toContain("max token life supported by external-jwt-signer (599s) is less than acceptable (min 600s)");
  Object.assign(program, { secondsMax: 7_200, dataSeconds: 1 });
  await expect(setUp(program, { maxTokenExpiration: 7_201 })).rejects.toThrow(UsageError);
  expect((await setUp(program, { maxTokenExpiration: 3_600 })).secondsMax).toBe(3_600);
});

test.each([true, false])("a program that comes a moment later is waited for, whether its socket is a file (%s) or not", async (hasFile) => {
  await using program = await TokenSignerProgram.prepare(hasFile);
  const waiting = setUp(program);
  await setImmediate(); // by now it has been asked in vain
  await program.open();
  expect((await waiting).signer.published.map(({ id }) => id)).toEqual(["key-1"]);
});

test("it excludes keys of our own, and its socket is named as upstream's", () => {
  const key = generateTokenKey(); // a file's name will do as well
  expect(resolveServerConfig({ serviceAccountSigningEndpoint: "@sign.example" }, {}).serviceAccountSigningEndpoint).toBe("@sign.example");
  expect(resolveServerConfig({ serviceAccountSigningEndpoint: "" }, {}).serviceAccountSigningEndpoint).toBeUndefined();
  for (const more of [{ serviceAccountSigningKeyFile: key }, { serviceAccountKeyFile: "a.pem" }])
    expect(() => resolveServerConfig({ serviceAccountSigningEndpoint: "/run/sign.sock", ...more }, {})).toThrow("they exclude each other");
  expect(() => resolveServerConfig({ serviceAccountSigningEndpoint: "@a b" }, {})).toThrow("must be a valid abstract socket name");
});
