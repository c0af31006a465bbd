import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Authenticator } from "../../../engine/auth/authenticate.ts";
import { createSigningRequest, isSignedBy, readCertificate } from "../../../engine/auth/certificates.ts";
import { ClusterPki } from "../../../engine/auth/cluster-pki.ts";
import { generateTokenKey, ISSUER, ServiceAccountTokens, type TokenLookup } from "../../../engine/auth/service-account-token.ts";
import type { Clock } from "../../../engine/lib/clock.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { joinNode } from "../../../engine/server/node-join.ts";

let nowMs = Date.parse("2026-01-01T00:00:00Z");
const clock: Clock = { now: () => nowMs, monotonic: () => nowMs, after: () => () => {} };
const admin = { commonName: "kubernetes-admin", organizations: ["system:masters"], usage: "client" as const };

describe("the cluster's certificates", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), "pki-"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test("are made once, kept, and readable by their owner alone", async () => {
    const pki = await ClusterPki.open(directory, clock);
    const first = await pki.certificate("admin", admin);
    const again = await (await ClusterPki.open(directory, clock)).certificate("admin", admin);
    expect(again).toEqual(first);
    expect(await pki.joinToken()).toBe(await (await ClusterPki.open(directory, clock)).joinToken());
    for (const file of await readdir(directory)) expect((await stat(path.join(directory, file))).mode & 0o777).toBe(0o600);
  });

  test("are renewed before they end, and when they must say something else", async () => {
    const pki = await ClusterPki.open(directory, clock);
    const names = { commonName: "kube-apiserver", usage: "serving" as const, dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
    const first = await pki.certificate("server", names);
    const more = await pki.certificate("server", { ...names, ipAddresses: ["127.0.0.1", "10.0.0.5"] });
    expect(more.certificate).not.toBe(first.certificate);
    expect(readCertificate(more.certificate).names).toEqual(["localhost", "127.0.0.1", "10.0.0.5"]);
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
    const answer = await joinNode(joiner, { nodeName: "n2", csr: request, servingCsr, addresses: ["10.0.0.7"] }, pki);
    expect(readCertificate(answer.certificate)).toMatchObject({ commonName: "system:node:n2", names: [] });
    expect(readCertificate(answer.servingCertificate ?? "").names).toEqual(["n2", "10.0.0.7"]);
    expect(await isSignedBy({ certificate: pki.ca, key: "" }, answer.certificate)).toBe(true);
    const node = { username: "system:node:n2", groups: ["system:nodes", "system:authenticated"] };
    expect((await joinNode(node, { nodeName: "n2", csr: request }, pki)).servingCertificate).toBeUndefined();
    await expect(joinNode(node, { nodeName: "n3", csr: request }, pki)).rejects.toThrow('User "system:node:n2" cannot ask for the certificate of node "n3"');
    await expect(joinNode(joiner, { nodeName: "Not A Name", csr: request }, pki)).rejects.toThrow("nodeName: Invalid value");
    await expect(joinNode(joiner, { nodeName: "n2", csr: "nonsense" }, pki)).rejects.toThrow("the certificate request is not a PEM encoded PKCS #10 request");
  });
});

describe("service account tokens", () => {
  const tokens = new ServiceAccountTokens(generateTokenKey(), clock, seededRandom(1));
  const subject = { namespace: "shop", serviceaccount: { name: "robot", uid: "u1" }, pod: { name: "p", uid: "u2" } };
  const living: { account: string | undefined; pod: string | undefined; deleted?: string } = { account: "u1", pod: "u2" };
  const existing = (uid: string | undefined, deletionTimestamp?: string) => (uid === undefined ? undefined : { metadata: { uid, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) } });
  const lookup: TokenLookup = { serviceAccount: async () => existing(living.account), pod: async () => existing(living.pod, living.deleted), secret: async () => undefined };

  test("say who they are for, and end", async () => {
    const { token, expiresMs } = await tokens.issue(subject, [ISSUER], 600);
    expect(expiresMs).toBe(Math.floor(nowMs / 1000) * 1000 + 600_000);
    const verified = await tokens.verify(token, [ISSUER], lookup);
    expect(verified?.user).toMatchObject({ username: "system:serviceaccount:shop:robot", uid: "u1", groups: ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"], extra: { "authentication.kubernetes.io/pod-name": ["p"] } });
    expect(await tokens.verify(token, ["other"], lookup)).toBeUndefined();
    nowMs += 601_000;
    expect(await tokens.verify(token, [ISSUER], lookup)).toBeUndefined();
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
    const authenticator = new Authenticator({ tokens, lookup, joinToken: "join-me", staticTokens: new Map([["static", jane]]) });
    const certificate = { commonName: "joe", organizations: ["ops"], fingerprint: "ab", isTrusted: true };
    expect(await authenticator.authenticate({ certificate })).toMatchObject({ username: "joe", groups: ["ops", "system:authenticated"] });
    expect(await authenticator.authenticate({})).toEqual({ username: "system:anonymous", groups: ["system:unauthenticated"] });
    expect(await authenticator.authenticate({ bearer: "static" })).toEqual({ username: "jane", groups: ["dev", "system:authenticated"] });
    expect((await authenticator.authenticate({ bearer: "join-me" })).groups).toContain("system:bootstrappers");
    await expect(authenticator.authenticate({ bearer: "join-you" })).rejects.toMatchObject({ reason: "Unauthorized" });
    await expect(authenticator.authenticate({ certificate: { ...certificate, isTrusted: false } })).rejects.toMatchObject({ reason: "Unauthorized" });
    expect((await authenticator.authenticate({ certificate: { ...certificate, isTrusted: false }, bearer: "static" })).username).toBe("jane");
  });
});
