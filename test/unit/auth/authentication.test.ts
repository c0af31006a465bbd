import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Authenticator, type AuthenticatorParts, type ClientCertificate } from "../../../engine/auth/authenticate.ts";
import { createAuthority, createSigningRequest, issueCertificate, isFor, isSignedBy, readCertificate } from "../../../engine/auth/certificates.ts";
import { ClusterPki } from "../../../engine/auth/cluster-pki.ts";
import { formatNodeToken, hashOfAuthority, parseNodeToken } from "../../../engine/auth/node-token.ts";
import { DEFAULT_ISSUER as ISSUER, generateTokenKey, ServiceAccountTokens } from "../../../engine/auth/service-account-token.ts";
import type { Clock } from "../../../engine/lib/clock.ts";
import { describeError } from "../../../engine/lib/log.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import type { Secret } from "../../../engine/resources/types.ts";
import { parseAuthenticationConfig } from "../../../engine/auth/authentication/authentication-config.ts";
import { parseBootstrapToken, userOfBootstrapToken } from "../../../engine/auth/authentication/bootstrap-token.ts";
import { CertificateVerifier } from "../../../engine/auth/authentication/client-certificate.ts";
import { userOfClaims } from "../../../engine/auth/authentication/oidc.ts";
import { userOfProxy } from "../../../engine/auth/authentication/request-header.ts";
import { parseTokenFile } from "../../../engine/auth/authentication/static-tokens.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { joinNode } from "../../../engine/server/nodes/node-join.ts";
import { startTestApi } from "../../kit/test-api.ts";

let nowMs = Date.parse("2026-01-01T00:00:00Z");
const clock: Clock = { now: () => nowMs, monotonic: () => nowMs, after: () => () => {} };
const admin = { commonName: "kubernetes-admin", organizations: ["system:masters"], usage: "client" as const };

describe("the cluster's certificates", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), "pki-"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test("gives all who ask for a certificate at the same time one pair, which is the one that is kept", async () => {
    const pki = await ClusterPki.open(directory, clock);
    const pairs = await Promise.all(Array.from({ length: 4 }, () => pki.certificate("agents", { commonName: "agents", organizations: [], usage: "client" })));
    expect(new Set(pairs.map(({ key, certificate }) => `${key}${certificate}`)).size).toBe(1);
  });

  test("are made once, kept, and readable by their owner alone", async () => {
    const pki = await ClusterPki.open(directory, clock);
    const first = await pki.certificate("admin", admin);
    const again = await (await ClusterPki.open(directory, clock)).certificate("admin", admin);
    expect(again).toEqual(first);
    expect(await pki.joinToken()).toBe(await (await ClusterPki.open(directory, clock)).joinToken());
    for (const file of await readdir(directory)) expect((await stat(path.join(directory, file))).mode & 0o777).toBe(0o600);
  });

  test("are not looked for beside an authority that is none, or whose key is another's: the files are named", async () => {
    const own = await mkdtemp(path.join(os.tmpdir(), "pki-"));
    onTestFinished(() => rm(own, { recursive: true, force: true }));
    const { certificate, key } = (await ClusterPki.open(directory, clock)).authority;
    const other = await createAuthority("other", nowMs - 1000, nowMs + 1000);
    const opened = async (files: { readonly crt: string; readonly key: string }) => {
      await Promise.all(Object.entries(files).map(([end, text]) => writeFile(path.join(own, `ca.${end}`), text)));
      return ClusterPki.open(own, clock).then(() => "opened", describeError);
    };
    expect(await opened({ crt: certificate, key })).toBe("opened");
    expect(await opened({ crt: certificate, key: other.key })).toMatch(
      new RegExp(`^${own}/ca.crt and ca.key cannot be used; put those of a backup in their place .*: the key is that of another certificate$`),
    );
    expect(await opened({ crt: "garbage", key })).toContain(`${own}/ca.crt and ca.key cannot be used`);
    const leaf = await issueCertificate(other, { ...admin, notBeforeMs: nowMs - 1000, notAfterMs: nowMs + 1000 });
    expect(await opened({ crt: leaf.certificate, key: leaf.key })).toContain("the certificate is not one of an authority");
  });

  test("are renewed before they end, and when they must say something else", async () => {
    const pki = await ClusterPki.open(directory, clock);
    const names = { commonName: "kube-apiserver", usage: "serving" as const, dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
    const first = await pki.certificate("server", names);
    const more = await pki.certificate("server", { ...names, ipAddresses: ["127.0.0.1", "10.0.0.5"] });
    expect(more.certificate).not.toBe(first.certificate);
    expect(isFor(more.certificate, { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1", "10.0.0.5"] })).toBe(true);
    nowMs += 300 * 86_400_000;
    const renewed = await pki.certificate("server", { ...names, ipAddresses: ["127.0.0.1", "10.0.0.5"] });
    expect(renewed.certificate).not.toBe(more.certificate);
    expect(readCertificate(renewed.certificate).notAfterMs).toBeGreaterThan(nowMs + 300 * 86_400_000);
  });

  test("are given to machines that join, in the name of the node and no other", async () => {
    const pki = await ClusterPki.open(directory, clock);
    const joiner = { username: "system:bootstrap:mainstay", groups: ["system:bootstrappers", "system:authenticated"] };
    const { request } = await createSigningRequest("system:masters");
    const { request: servingCsr } = await createSigningRequest("anything");
    const claimed: string[] = [];
    const names = { claim: async (nodeName: string) => void claimed.push(nodeName), checkAddresses: async (_nodeName: string, addresses: readonly string[]) => void checked.push(...addresses) };
    const checked: string[] = [];
    const nodePassword = "0123456789abcdef";
    const answer = await joinNode(joiner, { nodeName: "n2", csr: request, nodePassword, servingCsr, addresses: ["10.0.0.7"] }, pki, names);
    expect(readCertificate(answer.certificate)).toMatchObject({ commonName: "system:node:n2" });
    expect(isFor(answer.certificate, { dnsNames: ["n2"] })).toBe(false);
    expect(isFor(answer.servingCertificate ?? "", { dnsNames: ["n2"], ipAddresses: ["10.0.0.7"] })).toBe(true);
    expect(isSignedBy({ certificate: pki.ca, key: "" }, answer.certificate)).toBe(true);
    const node = { username: "system:node:n2", groups: ["system:nodes", "system:authenticated"] };
    expect((await joinNode(node, { nodeName: "n2", csr: request }, pki, names)).servingCertificate).toBeUndefined();
    await expect(joinNode(node, { nodeName: "n3", csr: request }, pki, names)).rejects.toThrow('User "system:node:n2" cannot ask for the certificate of node "n3"');
    expect([claimed, checked]).toEqual([["n2"], ["10.0.0.7"]]);
    await joinNode(joiner, { nodeName: "n2", nodePassword, csr: request, servingCsr, addresses: ["10.0.0.7"] }, pki, names, "10.0.0.7");
    expect(checked).toEqual(["10.0.0.7"]); // it calls from there
    for (const name of ["kubernetes.default.svc", "localhost", "web.shop.svc.cluster.local"])
      await expect(joinNode(joiner, { nodeName: name, nodePassword, csr: request }, pki, names)).rejects.toThrow("Services of the cluster are called so");
    await expect(joinNode(joiner, { nodeName: "n2", nodePassword: "short", csr: request }, pki, names)).rejects.toThrow("nodePassword: Required value");
    await expect(joinNode(joiner, { nodeName: "n2", nodePassword, csr: request }, pki, { ...names, claim: async () => Promise.reject(new Error("taken")) })).rejects.toThrow("taken");
    await expect(joinNode(joiner, { nodeName: "Not A Name", csr: request }, pki, names)).rejects.toThrow("nodeName: Invalid value");
    await expect(joinNode(joiner, { nodeName: "n2", nodePassword, csr: "nonsense" }, pki, names)).rejects.toThrow("PEM block type must be CERTIFICATE REQUEST");
  });
});

describe("service account tokens", () => {
  const KEY = generateTokenKey();
  const tokens = new ServiceAccountTokens(KEY, clock, seededRandom(1));
  const subject = { namespace: "shop", serviceaccount: { name: "robot", uid: "u1" }, pod: { name: "p", uid: "u2" } };
  const living: { account: string | undefined; pod: string | undefined; deleted?: string } = { account: "u1", pod: "u2" };
  const kept = new Map<string, Secret>();
  const existing = (uid: string | undefined, deletionTimestamp?: string) => (uid === undefined ? undefined : { metadata: { uid, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) } });
  const lookup: AuthenticatorParts["lookup"] = {
    serviceAccount: async () => existing(living.account),
    pod: async () => existing(living.pod, living.deleted),
    secret: async (_namespace, name) => kept.get(name),
    secretObject: async (_namespace, name) => kept.get(name),
    node: async () => existing("n-uid"),
  };

  test("say who they are for, and end", async () => {
    const { token, expiresMs } = await tokens.issue(subject, [ISSUER], 600);
    expect(expiresMs).toBe(Math.floor(nowMs / 1000) * 1000 + 600_000);
    const verified = await tokens.verify(token, [ISSUER], lookup);
    expect(verified?.user).toMatchObject({
      username: "system:serviceaccount:shop:robot",
      uid: "u1",
      groups: ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
      extra: { "authentication.kubernetes.io/pod-name": ["p"] },
    });
    expect(await tokens.verify(token, ["other"], lookup)).toBeUndefined();
    nowMs += 601_000;
    expect(await tokens.verify(token, [ISSUER], lookup)).toBeDefined(); // clocks of servers are not quite the same
    nowMs += 60_000;
    expect(await tokens.verify(token, [ISSUER], lookup)).toBeUndefined();
    const next = await tokens.issue(subject, [ISSUER], 600);
    nowMs -= 59_000;
    const fresh = new ServiceAccountTokens(KEY, clock, seededRandom(1));
    for (const server of [tokens, fresh]) expect(await server.verify(next.token, [ISSUER], lookup)).toBeDefined();
    nowMs -= 2_000;
    for (const server of [tokens, fresh]) expect(await server.verify(next.token, [ISSUER], lookup)).toBeUndefined();
    nowMs += 61_000;
    const unseen = new ServiceAccountTokens(generateTokenKey(), clock, seededRandom(6), { looksUpLegacy: false });
    const alone = await unseen.issueLegacy("shop", { name: "robot", uid: "u1" }, "robot-token");
    expect((await unseen.verify(alone, [ISSUER], lookup))?.user.username).toBe("system:serviceaccount:shop:robot");
    expect(await unseen.verify(alone, ["somebody else"], lookup)).toBeUndefined();
  });

  test("stop with what they are bound to, pods a minute after their end", async () => {
    const { token } = await tokens.issue(subject, [ISSUER], 3600);
    const isGood = async () => (await tokens.verify(token, [ISSUER], lookup)) !== undefined;
    living.deleted = new Date(nowMs - 30_000).toISOString();
    expect(await isGood()).toBe(true);
    living.deleted = new Date(nowMs - 61_000).toISOString();
    expect(await isGood()).toBe(false);
    Object.assign(living, { deleted: undefined, pod: "u3" });
    expect(await isGood()).toBe(false);
    Object.assign(living, { pod: "u2", account: undefined });
    expect(await isGood()).toBe(false);
    living.account = "u1";
  });

  test("of another key, or none at all, are nobody's", async () => {
    const other = new ServiceAccountTokens(generateTokenKey(), clock, seededRandom(2));
    const { token } = await other.issue(subject, [ISSUER], 600);
    expect(await tokens.verify(token, [ISSUER], lookup)).toBeUndefined();
    expect(await tokens.verify("not.a.token", [ISSUER], lookup)).toBeUndefined();
  });

  test("who calls is found by certificate, by token, or not at all", async () => {
    const jane = { username: "jane", groups: ["dev"] };
    const trusted: readonly Buffer[] = [Buffer.from("trusted")];
    const clientAuthority = { isTrusted: ({ chain }: ClientCertificate) => chain === trusted } as unknown as CertificateVerifier; // chains have a test of their own
    const authenticator = new Authenticator({ tokens, lookup, clock, clientAuthority, joinToken: "join-me", staticTokens: new Map([["static", jane]]) });
    const certificate = { commonName: "joe", organizations: ["ops"], fingerprint: "ab", chain: trusted };
    expect(await authenticator.authenticate({ certificate })).toMatchObject({ username: "joe", groups: ["ops", "system:authenticated"] });
    expect(await authenticator.authenticate({})).toEqual({ username: "system:anonymous", groups: ["system:unauthenticated"] });
    expect(await authenticator.authenticate({ bearer: "static" })).toEqual({ username: "jane", groups: ["dev", "system:authenticated"] });
    expect((await authenticator.authenticate({ bearer: "join-me" })).groups).toContain("system:bootstrappers");
    await expect(authenticator.authenticate({ bearer: "join-you" })).rejects.toMatchObject({ reason: "Unauthorized" });
    await expect(authenticator.authenticate({ certificate: { ...certificate, chain: [] } })).rejects.toMatchObject({ reason: "Unauthorized" });
    expect((await authenticator.authenticate({ certificate: { ...certificate, chain: [] }, bearer: "static" })).username).toBe("jane");
  });
});

describe("keys of service account tokens", () => {
  const lookup = { serviceAccount: async () => ({ metadata: { uid: "u1" } }), pod: async () => undefined, secret: async () => undefined, node: async () => undefined };
  const subject = { namespace: "shop", serviceaccount: { name: "robot", uid: "u1" } };

  test("can be changed while tokens of the old one stay good", async () => {
    const [old, fresh] = [generateTokenKey(), generateTokenKey()];
    const before = new ServiceAccountTokens(old, clock, seededRandom(3));
    const { token } = await before.issue(subject, [ISSUER], 600);
    const after = new ServiceAccountTokens(fresh, clock, seededRandom(4), { verificationKeys: [old] });
    expect((await after.verify(token, [ISSUER], lookup))?.user.username).toBe("system:serviceaccount:shop:robot");
    expect(await new ServiceAccountTokens(fresh, clock, seededRandom(4)).verify(token, [ISSUER], lookup)).toBeUndefined();
    expect((await after.keySet()).keys).toHaveLength(2);
  });

  test("of the RSA kind work as well", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const tokens = new ServiceAccountTokens(privateKey.export({ type: "pkcs8", format: "pem" }).toString(), clock, seededRandom(5), { issuers: ["https://new.example", "https://old.example"] });
    const { token } = await tokens.issue(subject, ["https://new.example"], 600);
    expect(tokens.algorithms).toEqual(["RS256"]);
    const claims = { "kubernetes.io": subject, iss: "https://new.example", aud: ["https://new.example"], exp: nowMs / 1000 + 60 };
    const verified = async (alg: string, changed: object = {}, kid?: string) =>
      (await tokens.verify(await new SignJWT({ ...claims, ...changed }).setProtectedHeader({ alg, ...(kid && { kid }) }).sign(privateKey), tokens.audiences, lookup)) !== undefined;
    expect(await Promise.all(["RS384", "RS512", "PS256"].map((alg) => verified(alg)))).toEqual([true, true, true]);
    expect(await verified("RS256", {}, "of another name")).toBe(false);
    expect(await verified("RS256", { iat: nowMs / 1000 + 61 })).toBe(false);
    for (const claim of [{}, "x", [], { namespace: "shop" }, { ...subject, serviceaccount: { name: "robot" } }, { ...subject, pod: {} }])
      expect(await verified("RS256", { "kubernetes.io": claim })).toBe(false);
    expect(await tokens.verify(token, tokens.audiences, lookup)).toBeDefined();
  });

  test("also sign the tokens of Secrets, which stop with their Secret", async () => {
    const tokens = new ServiceAccountTokens(generateTokenKey(), clock, seededRandom(6));
    const token = await tokens.issueLegacy("shop", { name: "robot", uid: "u1" }, "robot-token");
    const kept = { metadata: { uid: "s" }, data: { token: Buffer.from(token).toString("base64") } };
    expect((await tokens.verify(token, [ISSUER], { ...lookup, secret: async () => kept }))?.user).toEqual({
      username: "system:serviceaccount:shop:robot",
      uid: "u1",
      groups: ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
    });
    expect(await tokens.verify(token, [ISSUER], { ...lookup, secret: async () => ({ ...kept, data: { token: "" } }) })).toBeUndefined();
    expect(await tokens.verify(token, [ISSUER], lookup)).toBeUndefined();
  });
});

describe("the token of machines", () => {
  test("carries the hash of the authority that they shall trust", () => {
    const token = formatNodeToken("-----BEGIN", "s3cret");
    expect(token).toMatch(/^K10[0-9a-f]{64}::s3cret$/);
    expect(parseNodeToken(token)).toEqual({ caHash: hashOfAuthority("-----BEGIN"), secret: "s3cret" });
    expect(parseNodeToken("abcdef.0123456789abcdef\n")).toEqual({ caHash: undefined, secret: "abcdef.0123456789abcdef" });
  });
});

describe("a bootstrap token", () => {
  const base64 = (fields: Readonly<Record<string, string>>) => Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
  const fields = { "token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true", "auth-extra-groups": "system:bootstrappers:workers" };
  const userWith = (changed: Readonly<Record<string, string>>, secret = "0123456789abcdef") =>
    userOfBootstrapToken(
      { apiVersion: "v1", kind: "Secret", metadata: { name: "bootstrap-token-abcdef" }, type: "bootstrap.kubernetes.io/token", data: base64({ ...fields, ...changed }) },
      { id: "abcdef", secret },
      nowMs,
    );

  test.each([
    [true, "system:bootstrap:abcdef"],
    [false, undefined],
  ])("is taken unless that is switched off: %s", async (takesBootstrapTokens, username) => {
    await using api = await startTestApi({ authentication: { takesBootstrapTokens } });
    await api.client
      .for(secretResource)
      .create({ apiVersion: "v1", kind: "Secret", metadata: { name: "bootstrap-token-abcdef", namespace: "kube-system" }, type: "bootstrap.kubernetes.io/token", data: base64(fields) });
    const caller = await api.server.parts.authenticator.authenticate({ bearer: "abcdef.0123456789abcdef" }).catch(() => undefined);
    expect(caller?.username).toBe(username);
  });

  test("stands for a machine that wants to join", () => {
    expect(parseBootstrapToken("abcdef.0123456789abcdef")).toEqual({ id: "abcdef", secret: "0123456789abcdef" });
    expect(parseBootstrapToken("abcdef.0123")).toBeUndefined();
    expect(userWith({})).toEqual({ username: "system:bootstrap:abcdef", groups: ["system:bootstrappers", "system:bootstrappers:workers"] });
  });

  test.each<[string, Readonly<Record<string, string>>, string?]>([
    ["with another secret", {}, "0000000000000000"],
    ["that is not meant for it", { "usage-bootstrap-authentication": "false" }],
    ["whose time is over", { expiration: "2020-01-01T00:00:00Z" }],
    ["whose time cannot be read", { expiration: "soon" }],
    ["whose time is none that Go reads", { expiration: "2030-01-01" }],
    ["that wants to be in other groups", { "auth-extra-groups": "system:masters" }],
    ["under another name", { "token-id": "fedcba" }],
  ])("%s is nobody's", (_what, changed, secret) => {
    expect(userWith(changed, secret)).toBeUndefined();
  });
});

describe("clients' certificates", () => {
  test("are trusted when one of the authorities has signed them for clients, and in their time", async () => {
    const start = Date.parse("2030-01-01T00:00:00Z");
    const validity = { notBeforeMs: start, notAfterMs: start + 86_400_000 };
    const [ours, theirs] = [await createAuthority("ours", validity.notBeforeMs, validity.notAfterMs), await createAuthority("theirs", validity.notBeforeMs, validity.notAfterMs)];
    const shown = async (authority: typeof ours, usage: "client" | "serving"): Promise<ClientCertificate> => {
      const { certificate } = await issueCertificate(authority, { commonName: "joe", usage, ...validity });
      return { commonName: "joe", organizations: [], fingerprint: "", chain: [new X509Certificate(certificate).raw] };
    };
    const verifier = new CertificateVerifier(`${ours.certificate}\n`);
    const good = await shown(ours, "client");
    expect(verifier.isTrusted(good, start + 1000)).toBe(true);
    expect(verifier.isTrusted(good, start + 2 * 86_400_000)).toBe(false);
    expect(verifier.isTrusted(good, start - 1000)).toBe(false);
    expect(verifier.isTrusted(await shown(theirs, "client"), start + 1000)).toBe(false);
    expect(verifier.isTrusted(await shown(ours, "serving"), start + 1000)).toBe(false);
    expect(verifier.isTrusted({ ...good, chain: [Buffer.from("nonsense")] }, start + 1000)).toBe(false);
    expect(() => new CertificateVerifier("nothing")).toThrow("no certificate");
  });
});

describe("a proxy before the server", () => {
  const verifier = { isTrusted: () => true } as unknown as CertificateVerifier; // chains have a test of their own
  const proxy = { verifier, allowedNames: ["front"], usernameHeaders: ["X-Remote-User"], uidHeaders: ["X-Remote-Uid"], groupHeaders: ["X-Remote-Group"], extraHeaderPrefixes: ["X-Remote-Extra-"] };
  const front: ClientCertificate = { commonName: "front", organizations: [], fingerprint: "", chain: [] };

  test("says who is calling, in headers", () => {
    const headers = { "x-remote-user": "jane", "x-remote-uid": "7", "x-remote-group": ["a", "b"], "x-remote-extra-acme.com%2fproject": "p" };
    expect(userOfProxy(proxy, front, headers, 0)).toEqual({ username: "jane", uid: "7", groups: ["a", "b"], extra: { "acme.com/project": ["p"] } });
    const wide = Buffer.from("jörg-日").toString("latin1"); // as Node reads what is written in UTF-8
    const said = { "x-remote-user": wide, "x-remote-group": ["", wide], "x-remote-extra-a": "" };
    expect(userOfProxy(proxy, front, said, 0)).toEqual({ username: "jörg-日", groups: ["jörg-日"], extra: { a: [""] } });
    expect(userOfProxy({ ...proxy, extraHeaderPrefixes: ["X-Remote-Extra-", "X-More-"] }, front, { ...headers, "x-more-acme.com%2fproject": "q", "x-more-constructor": "c" }, 0)?.extra).toEqual({
      "acme.com/project": ["p", "q"],
      constructor: ["c"],
    });
    expect(userOfProxy(proxy, { ...front, commonName: "other" }, headers, 0)).toBeUndefined();
    expect(userOfProxy(proxy, front, {}, 0)).toBeUndefined();
    expect(userOfProxy({ ...proxy, verifier: { isTrusted: () => false } as unknown as CertificateVerifier }, front, headers, 0)).toBeUndefined(); // as above
  });
});

describe("a file of tokens", () => {
  test("has a line for each, groups in quotes", () => {
    expect([...parseTokenFile('# people\nt1,jane,1,"dev,ops"\nt2,joe\n')]).toEqual([
      ["t1", { username: "jane", uid: "1", groups: ["dev", "ops"] }],
      ["t2", { username: "joe", groups: [] }],
    ]);
    expect(() => parseTokenFile("t1\n")).toThrow("line 1");
  });
});

describe("an AuthenticationConfiguration", () => {
  const file = (jwt: string, anonymous = "{enabled: true, conditions: [{path: /livez}]}") =>
    `apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous: ${anonymous}\njwt:\n${jwt}`;
  const parse = (text: string) => parseAuthenticationConfig(text, ["https://ours.example"]);
  /** One provider, in the flow style of YAML. */
  const jwt = (parts: { readonly issuer?: string; readonly mappings?: string; readonly more?: string } = {}) =>
    `- {issuer: {${parts.issuer ?? "url: https://id.example, audiences: [us]"}}, claimMappings: {${parts.mappings ?? "username: {claim: sub, prefix: ''}"}}${parts.more === undefined ? "" : `, ${parts.more}`}}\n`;

  test("names providers and how claims become users", () => {
    expect(
      parse(
        file(
          "- issuer: {url: https://id.example, audiences: [us]}\n  claimMappings: {username: {claim: email, prefix: ''}, groups: {claim: roles, prefix: 'id:'}, uid: {claim: sub}}\n  claimValidationRules: [{claim: hd, requiredValue: example.com}]",
        ),
      ),
    ).toMatchObject({
      providers: [
        {
          issuer: "https://id.example",
          audiences: ["us"],
          username: { claim: "email", prefix: "" },
          groups: { claim: "roles", prefix: "id:" },
          uid: { claim: "sub", prefix: "" },
          requiredClaims: { hd: "example.com" },
        },
      ],
      anonymous: { isEnabled: true, paths: ["/livez"] },
    });
    expect(
      parse(
        file(
          jwt({
            issuer: "url: https://id.example, audiences: [us, them], audienceMatchPolicy: MatchAny",
            mappings: "username: {claim: sub, prefix: '', expression: ''}, groups: {prefix: ''}, uid: {}",
          }),
          "{}",
        ),
      ),
    ).toMatchObject({ providers: [{ audiences: ["us", "them"] }], anonymous: { isEnabled: false } });
  });

  test.each([
    ["nobody without a name is limited to nothing by a slip", file("", "{enabled: true, condition: [{path: /livez}]}"), "anonymous.condition: is not known"],
    ["nor is it guessed whether he may come in", file("", "{enabled: 'no'}"), "anonymous.enabled: must be true or false"],
    ["nor where", file("", "{enabled: true, conditions: [{path: /livez, method: GET}]}"), "anonymous.conditions[0].method: is not known"],
    ["who may nowhere be goes nowhere", file("", "{conditions: [{path: /livez}]}"), "anonymous.conditions: enabled should be set to true when conditions are defined"],
    ["more providers than upstream takes", file(jwt().repeat(65)), "jwt: must have at most 64 items"],
    ["one provider twice", file(jwt() + jwt()), 'jwt[1].issuer.url: "https://id.example" is there twice'],
    [
      "one description of two",
      file(["a", "b"].map((name) => jwt({ issuer: `url: https://${name}.example, discoveryURL: https://id.example, audiences: [us]` })).join("")),
      'jwt[1].issuer.discoveryURL: "https://id.example" is there twice',
    ],
  ])("is refused as a whole: %s", (_what, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  const issuer = (rest: string) => ({ issuer: `url: https://id.example, ${rest}` });
  const username = (fields: string) => ({ mappings: `username: {${fields}}` });
  const rule = (fields: string) => ({ more: `claimValidationRules: [${fields}]` });
  test.each<[Parameters<typeof jwt>[0], string]>([
    [{ issuer: "url: http://id.example, audiences: [us]" }, "jwt[0].issuer.url: URL scheme must be https"],
    [{ issuer: "url: https://ours.example, audiences: [us]" }, "jwt[0].issuer.url: URL must not overlap with disallowed issuers: [https://ours.example]"],
    [{ issuer: "url: 'https://a:b@id.example', audiences: [us]" }, "jwt[0].issuer.url: URL must not contain a username or password"],
    [{ issuer: "url: 'https://id.example/?a', audiences: [us]" }, "jwt[0].issuer.url: URL must not contain a query"],
    [{ issuer: "url: 'https://id.example/#a', audiences: [us]" }, "jwt[0].issuer.url: URL must not contain a fragment"],
    [issuer("discoveryURL: https://id.example/, audiences: [us]"), "jwt[0].issuer.discoveryURL: discoveryURL must be different from URL"],
    [issuer("discoveryURL: http://id.example/x, audiences: [us]"), "jwt[0].issuer.discoveryURL: URL scheme must be https"],
    [issuer("certificateAuthority: x, audiences: [us]"), "jwt[0].issuer.certificateAuthority: there is no certificate"],
    [issuer("audiences: [us, '']"), "jwt[0].issuer.audiences[1]: must be set"],
    [issuer("audiences: [us, us]"), 'jwt[0].issuer.audiences[1]: "us" is there twice'],
    [issuer("audiences: [us, them]"), "jwt[0].issuer.audienceMatchPolicy: audienceMatchPolicy must be MatchAny for multiple audiences"],
    [issuer("audiences: [us], audienceMatchPolicy: MatchAll"), "jwt[0].issuer.audienceMatchPolicy: audienceMatchPolicy must be empty or MatchAny for single audience"],
    [username("claim: sub"), "jwt[0].claimMappings.username.prefix: prefix is required when claim is set"],
    [username("prefix: x"), "jwt[0].claimMappings.username: claim or expression is required"],
    [username("expression: 'claims.a +'"), "jwt[0].claimMappings.username.expression: compilation failed"],
    [username("expression: '1'"), "must evaluate to string, got int"],
    [username("expression: claims.sub, prefix: ''"), "jwt[0].claimMappings.username.prefix: may not be specified when expression is set"],
    [username("expression: claims.sub, claim: sub"), "jwt[0].claimMappings.username: claim and expression can't both be set"],
    [username("claim: sub, Prefix: ''"), "jwt[0].claimMappings.username.Prefix: is not known"],
    [username("expression: claims.email"), "claims.email_verified must be used"],
    [username(`expression: "claims.?email.orValue('claims.email_verified')"`), "claims.email_verified must be used"],
    [{ mappings: "username: {claim: sub, prefix: ''}, uid: {claim: a, expression: claims.a}" }, "jwt[0].claimMappings.uid: claim and expression can't both be set"],
    [rule("{claim: hd, requiredValue: x, expression: 'true'}"), "jwt[0].claimValidationRules[0]: claim and expression can't both be set"],
    [rule("{requiredValue: x}"), "jwt[0].claimValidationRules[0]: claim or expression is required"],
    [rule("{claim: hd, message: x}"), "jwt[0].claimValidationRules[0].message: may not be specified when claim is set"],
    [rule("{expression: 'true', requiredValue: x}"), "jwt[0].claimValidationRules[0].requiredValue: may not be specified when expression is set"],
    [rule("{claim: hd, requiredValue: x}, {claim: hd, requiredValue: y}"), 'jwt[0].claimValidationRules[1].claim: "hd" is there twice'],
    [rule("{expression: 'true'}, {expression: 'true'}"), 'jwt[0].claimValidationRules[1].expression: "true" is there twice'],
    [{ more: "userValidationRules: [{expression: user.name == ''}]" }, "jwt[0].userValidationRules[0].expression: compilation failed"],
    [{ more: "userValidationRules: [{expression: 'true', claim: a}]" }, "jwt[0].userValidationRules[0].claim: is not known"],
    [{ more: "surprise: 1" }, "jwt[0].surprise: is not known"],
  ])("is refused by the place of what is wrong: %j", (parts, message) => {
    expect(() => parse(file(jwt(parts)))).toThrow(message);
  });

  test.each([
    username("expression: 'claims.email_verified ? claims.email : claims.sub'"),
    { ...username("expression: claims.email"), ...rule("{expression: 'has(claims.email_verified) && claims.email_verified'}") },
    { ...username("expression: claims.email"), ...rule("{expression: 'claims.?email_verified.orValue(false)'}") },
  ])("takes addresses for names where somebody has looked whether they are checked: %j", (parts) => {
    expect(parse(file(jwt(parts))).providers).toHaveLength(1);
  });

  test.each([
    ["{key: tenant}", 'extra[0].key: Invalid value: "tenant": must be a domain-prefixed path'],
    ["{key: example.com/Tenant}", "extra[0].key: must be lowercase"],
    ["{key: authentication.kubernetes.io/node-name}", "extra[0].key: k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use"],
    ["{key: k8s.io/a}", "are reserved for Kubernetes use"],
    [`{key: example.com/a, valueExpression: "'x'"}, {key: example.com/a, valueExpression: "'y'"}`, 'jwt[0].claimMappings.extra[1].key: "example.com/a" is there twice'],
  ])("lets no provider say of a user what is not his to say: %s", (extra, message) => {
    expect(() => parse(file(jwt({ mappings: `username: {claim: sub, prefix: ''}, extra: [${extra}]` })))).toThrow(message);
  });

  test.each<[string, Readonly<Record<string, unknown>>]>([
    ["a name that is a list", { sub: ["ada"] }],
    ["an id that is not there", { number: undefined }],
    ["an id that is no text", { number: 7 }],
    ["values of which one is no text", { tenants: ["acme", 7] }],
    ["groups of which one is no text", { roles: ["dev", 7] }],
  ])("makes nobody of claims that it cannot use: %s", (_what, changed) => {
    const { providers } = parse(
      file(jwt({ mappings: "username: {claim: sub, prefix: ''}, groups: {expression: claims.roles}, uid: {claim: number}, extra: [{key: example.com/tenants, valueExpression: claims.tenants}]" })),
    );
    const claims = { sub: "ada", number: "7", tenants: ["acme", ""], roles: ["", "dev"], jti: "" };
    expect(userOfClaims(providers[0]!, claims)).toEqual({ username: "ada", groups: ["dev"], uid: "7", extra: { "example.com/tenants": ["acme"] } });
    expect(userOfClaims(providers[0]!, { ...claims, ...changed })).toBeUndefined();
  });

  test("makes users of claims by expressions, and holds them against its rules", () => {
    const { providers } = parse(
      file(`- issuer: {url: https://id.example, audiences: [us]}
  claimMappings:
    username: {expression: "claims.sub + '@' + claims.tenant"}
    groups: {expression: "claims.roles.filter(r, r.startsWith('k8s-')).map(r, r.substring(4))"}
    uid: {expression: "string(claims.number)"}
    extra: [{key: example.com/tenant, valueExpression: claims.tenant}, {key: example.com/none, valueExpression: "claims.?absent.orValue('') == '' ? [] : ['x']"}]
  claimValidationRules: [{expression: "claims.exp - claims.nbf <= 86400", message: tokens live for a day at most}, {claim: hd, requiredValue: x}]
  userValidationRules: [{expression: "!user.username.startsWith('system:')", message: reserved}]`),
    );
    const provider = providers[0]!;
    const claims = { sub: "ada", tenant: "acme", roles: ["k8s-dev", "mail"], number: 7, exp: 100, nbf: 0, hd: "x" };
    expect(userOfClaims(provider, claims)).toEqual({ username: "ada@acme", groups: ["dev"], uid: "7", extra: { "example.com/tenant": ["acme"] } });
    expect(() => userOfClaims(provider, { ...claims, exp: 100_000 })).toThrow("tokens live for a day at most");
    expect(() => userOfClaims(provider, { ...claims, sub: "system:admin" })).toThrow("reserved");
    expect(() => userOfClaims(provider, { ...claims, tenant: undefined })).toThrow();
    expect(userOfClaims(provider, { ...claims, hd: "y" })).toBeUndefined();
  });

  test("makes users of claims, and none of claims that say too little", () => {
    const provider = {
      issuer: "https://id.example",
      audiences: ["us"],
      username: { claim: "email", prefix: "id:" },
      groups: { claim: "roles", prefix: "g:" },
      requiredClaims: { hd: "x" },
      algorithms: ["RS256"],
    };
    expect(userOfClaims(provider, { email: "a@x", hd: "x", roles: "dev", email_verified: true })).toEqual({ username: "id:a@x", groups: ["g:dev"] });
    expect(userOfClaims(provider, { email: "a@x", hd: "x", email_verified: false })).toBeUndefined();
    expect(userOfClaims(provider, { email: "a@x", hd: "y" })).toBeUndefined();
    expect(userOfClaims(provider, { hd: "x" })).toBeUndefined();
    expect(userOfClaims(provider, { email: "a@x", hd: "x", roles: { dev: true } })).toBeUndefined();
  });
});
