import { describe, expect, it } from "vitest";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { objectStorageKey } from "../../../engine/storage/keys.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { withEncryption } from "../../../engine/storage/encryption/encrypted-storage.ts";
import { parseEncryptionConfig, ruleFor } from "../../../engine/storage/encryption/encryption-config.ts";
import { sealerOf, type SealerKind } from "../../../engine/storage/encryption/sealers.ts";
import { startTestApi } from "../../kit/test-api.ts";

const secretOf = (fill: number) => Buffer.alloc(32, fill).toString("base64");
const config = (providers: string, resources = "[secrets]") =>
  parseEncryptionConfig(
    `apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: ${resources}\n  providers:\n${providers}`,
    ({ name, endpoint, timeoutMs }) => ({ ...sealerOf("aesgcm", name, Buffer.alloc(32)), prefix: `k8s:enc:kms:v2:${name}:${endpoint}:${timeoutMs}` }),
  );
const provider = (kind: string, ...keys: readonly (readonly [string, number])[]) => `  - ${kind}: {keys: [${keys.map(([name, fill]) => `{name: ${name}, secret: ${secretOf(fill)}}`).join(", ")}]}\n`;
const IDENTITY = "  - identity: {}\n";
const secret = (name: string) => ({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "default" }, stringData: { password: "open sesame" } });
const KEY = objectStorageKey(secretResource, "default", "a");

describe("a sealed value", () => {
  it.each<SealerKind>(["aesgcm", "aescbc", "secretbox"])("of %s is opened to what it was, and is another one each time", (kind) => {
    const sealer = sealerOf(kind, "k1", Buffer.alloc(32, 7));
    for (const text of ["", "x", "open sesame", "0".repeat(100_000)]) {
      const sealed = sealer.seal("/a", Buffer.from(text));
      expect(sealer.open("/a", sealed).toString()).toBe(text);
      if (text.length > 8) expect(sealed.includes(text)).toBe(false);
      expect(sealer.seal("/a", Buffer.from(text)).equals(sealed)).toBe(false);
    }
  });

  it.each<SealerKind>(["aesgcm", "secretbox"])("of %s that was tampered with is opened by nobody", (kind) => {
    const sealed = sealerOf(kind, "k1", Buffer.alloc(32, 7)).seal("/a", Buffer.from("open sesame"));
    sealed[sealed.length - 3] = (sealed.at(-3) ?? 0) ^ 1;
    expect(() => sealerOf(kind, "k1", Buffer.alloc(32, 7)).open("/a", sealed)).toThrow();
    expect(() => sealerOf(kind, "k1", Buffer.alloc(32, 8)).open("/a", sealed)).toThrow();
  });

  it("of AES-GCM belongs where it was stored", () => {
    const sealer = sealerOf("aesgcm", "k1", Buffer.alloc(16, 7));
    expect(() => sealer.open("/b", sealer.seal("/a", Buffer.from("x")))).toThrow();
  });

  it("has upstream's layout: a nonce, what was sealed, and the tag or padding of its cipher", () => {
    expect(sealerOf("secretbox", "k", Buffer.alloc(32)).seal("/a", Buffer.from("text")).length).toBe(24 + 16 + 4);
    expect(sealerOf("aescbc", "k", Buffer.alloc(16)).seal("/a", Buffer.alloc(16)).length).toBe(16 + 32);
    expect(sealerOf("aesgcm", "k", Buffer.alloc(16)).seal("/a", Buffer.alloc(5)).length).toBe(12 + 5 + 16);
  });
});

describe("the configuration", () => {
  it.each([
    [IDENTITY, "[]", "at least one resource is required"],
    [IDENTITY, "secrets", "resources[0].resources: must be a list of texts"],
    [`${IDENTITY}  writes: all`, "[secrets]", "resources[0].writes: is not known"],
    ["  - identity:", "[secrets]", "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity"],
    ["  - Identity: {}", "[secrets]", "resources[0].providers[0].Identity: is not known"],
    ["  - aesgcm: {keys: [{name: a, value: x}]}", "[secrets]", "resources[0].providers[0].aesgcm.keys[0].value: is not known"],
    ["  - aesgcm: {keys: [{name: 1, secret: x}]}", "[secrets]", "resources[0].providers[0].aesgcm.keys[0].name: must be a text"],
    ["  - kms: {apiVersion: v2, name: a, endpoint: 'unix:///k', cachesize: 10}", "[secrets]", "kms.cachesize: Invalid value: 10: cachesize is not supported in v2"],
    [IDENTITY, "[ingresses.extensions]", "'extensions' group has been removed and cannot be used for encryption"],
    [IDENTITY, "[serviceipallocations]", "resources which do not have REST API/s cannot be encrypted"],
    ["  - aesgcm: {keys: []}", "[secrets]", "at least one keys is required"],
    ["  - aesgcm: {keys: [{name: a, secret: c2hvcnQ=}]}", "[secrets]", "secret is not of the expected length, got 5, expected one of [16 24 32]"],
    ["  - secretbox: {keys: [{secret: c2hvcnQ=}]}", "[secrets]", "name is a mandatory field for a key"],
    ["  - aesgcm: {keys: [{name: a, secret: '?'}]}", "[secrets]", "secrets must be base64 encoded"],
    ["  - {identity: {}, aesgcm: {}}", "[secrets]", "more than one provider specified in a single element"],
    ["  - kms: {name: a, endpoint: 'unix:///k'}", "[secrets]", 'resources[0].providers[0].kms.apiVersion: Invalid value: "v1": KMSv1 is deprecated'],
    ["  - kms: {apiVersion: v3, name: a, endpoint: 'unix:///k'}", "[secrets]", "only v1 and v2 are supported"],
    ["  - kms: {apiVersion: v2, endpoint: 'unix:///k'}", "[secrets]", "name is a mandatory field for a provider"],
    ["  - kms: {apiVersion: v2, name: 'a:b', endpoint: 'unix:///k'}", "[secrets]", "invalid KMS provider name a:b, must not contain ':'"],
    ["  - kms: {apiVersion: v2, name: a, endpoint: 'unix:///k'}\n  - kms: {apiVersion: v2, name: a, endpoint: 'unix:///k'}", "[secrets]", "duplicate KMS provider name a, names must be unique"],
    ["  - kms: {apiVersion: v2, name: a}", "[secrets]", "endpoint is a mandatory field for a kms"],
    ["  - kms: {apiVersion: v2, name: a, endpoint: 'tcp://k'}", "[secrets]", 'unsupported scheme "tcp" for KMS provider, only unix is supported'],
    ["  - kms: {apiVersion: v2, name: a, endpoint: 'unix:///k', timeout: 0s}", "[secrets]", "timeout should be a positive value"],
    [IDENTITY, "['*']", "use '*.' to encrypt all the resources from core API group"],
    [IDENTITY, "[secrets, '*.']", "using overlapping resources"],
    [IDENTITY, "['*.apps', deployments.apps]", "using overlapping resources"],
    [IDENTITY, "[secrets, secrets]", "the same resource cannot be specified multiple times"],
  ])("is refused with what is wrong: %s for %s", (providers, resources, message) => {
    expect(() => config(providers, resources)).toThrow(message);
  });

  it("connects to plugins with upstream's patience unless told otherwise", () => {
    expect(config("  - kms: {apiVersion: v2, name: a, endpoint: 'unix:///k'}\n  - kms: {apiVersion: v2, name: b, endpoint: 'unix:///l', timeout: 1m}")[0]?.sealers.map(({ prefix }) => prefix)).toEqual(
      ["k8s:enc:kms:v2:a:unix:///k:3000", "k8s:enc:kms:v2:b:unix:///l:60000"],
    );
  });

  it("never shows a key in what it complains about", () => {
    expect(() => config("  - aesgcm: {keys: [{name: a, secret: c2hvcnQ=}]}")).toThrow(/^(?!.*c2hvcnQ)/s);
  });

  it.each([
    ["secrets", "", "secrets", true],
    ["secrets", "", "configmaps", false],
    ["'*.'", "", "configmaps", true],
    ["'*.'", "apps", "deployments", false],
    ["'*.apps'", "apps", "deployments", true],
    ["'*.*'", "example.com", "widgets", true],
    ["deployments.apps", "apps", "deployments", true],
  ])("for %s is about %s/%s: %s", (pattern, group, resource, isAbout) => {
    expect(ruleFor(config(IDENTITY, `[${pattern}]`), group, resource) !== undefined).toBe(isAbout);
  });
});

describe("an API over an encrypted store", () => {
  it("keeps Secrets sealed and everything else as it is, and shows both", async () => {
    const storage = openMemoryStorage();
    await using api = await startTestApi({ storage: withEncryption(storage, config(provider("aesgcm", ["k1", 1]))) });
    await api.client.for(secretResource).create(secret("a"));
    const stored = (await storage.get(KEY))?.value.toString("latin1") ?? "";
    expect(stored.startsWith("k8s:enc:aesgcm:v1:k1:")).toBe(true);
    expect(stored).not.toContain("password");
    expect((await storage.get("/registry/core/namespaces/default"))?.value.toString()).toContain('"kind":"Namespace"');
    expect((await api.client.for(secretResource).get("default", "a")).data).toEqual({ password: Buffer.from("open sesame").toString("base64") });
    expect((await api.client.for(secretResource).list("default")).items).toHaveLength(1);
  });

  it("reads what older keys and no key have sealed, and seals by the newest when it is written again", async () => {
    const storage = openMemoryStorage();
    const sealed = withEncryption(storage, []);
    await using api = await startTestApi({ storage: sealed });
    const secrets = api.client.for(secretResource);
    const prefix = async () => /^k8s:enc:[^:]*:v1:[^:]*:|^\{/.exec((await storage.get(KEY))?.value.toString("latin1") ?? "")?.[0];
    await secrets.create(secret("a"));
    expect(await prefix()).toBe("{");
    for (const [rules, expected] of [
      [config(provider("aescbc", ["k1", 1]) + IDENTITY), "k8s:enc:aescbc:v1:k1:"],
      [config(provider("secretbox", ["k2", 2]) + provider("aescbc", ["k1", 1])), "k8s:enc:secretbox:v1:k2:"],
      [config(provider("aesgcm", ["k3", 3], ["k2", 2]) + provider("secretbox", ["k2", 2])), "k8s:enc:aesgcm:v1:k3:"],
      [config(IDENTITY + provider("aesgcm", ["k3", 3])), "{"],
    ] as const) {
      sealed.setRules(rules);
      const before = await secrets.get("default", "a");
      const after = await secrets.update(before);
      expect(await prefix()).toBe(expected);
      expect(after.data).toEqual(before.data);
      // It was a write, and a second one with the same key is none.
      expect(after.metadata.resourceVersion).not.toBe(before.metadata.resourceVersion);
      await api.store.caughtUp();
      expect((await secrets.update(after)).metadata.resourceVersion).toBe(after.metadata.resourceVersion);
    }
  });

  it("does not start on data whose key it lacks, and takes nothing unsealed for sealed", async () => {
    const storage = openMemoryStorage();
    const first = withEncryption(storage, config(provider("aesgcm", ["k1", 1])));
    await first.commit([], [{ do: "put", key: KEY, value: Buffer.from("{}") }]);
    await expect(withEncryption(storage, config(provider("aesgcm", ["k2", 2]))).list("/registry/")).rejects.toThrow(`${KEY} is stored as k8s:enc:aesgcm:v1:k1… and cannot be read`);
    await expect(withEncryption(storage, []).get(KEY)).rejects.toThrow("cannot be read with the encryption configuration");
    await storage.commit([], [{ do: "put", key: KEY, value: Buffer.from("{}") }]);
    await expect(first.get(KEY)).rejects.toThrow("add the provider identity");
  });
});
