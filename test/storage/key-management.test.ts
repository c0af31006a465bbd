import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, expect, it } from "vitest";
import { setUpEncryption } from "../../engine/setup/encryption-setup.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { seededRandom } from "../../engine/lib/random.ts";
import { runServices } from "../../engine/lib/service.ts";
import { namespaceResource } from "../../engine/resources/core/namespace.ts";
import { secretResource } from "../../engine/resources/core/secret.ts";
import { decodeEnvelope, DEK_SEED, openWithSource } from "../../engine/storage/encryption/kms-envelope.ts";
import { KmsProvider } from "../../engine/storage/encryption/kms-provider.ts";
import { objectStorageKey } from "../../engine/storage/keys.ts";
import { openMemoryStorage } from "../../engine/storage/memory-storage.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { KmsPlugin } from "../kit/kms-plugin.ts";
import { startTestApi, type TestApi } from "../kit/test-api.ts";
import { VirtualClock } from "../kit/virtual-clock.ts";

const KEY = objectStorageKey(secretResource, "default", "a");
const PREFIX = "k8s:enc:kms:v2:vault:";
const secret = (name: string) => ({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "default" }, data: { password: Buffer.from("open sesame").toString("base64") } });
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** An API whose Secrets are sealed with the plugin's help, over a store that may hold some already. */
async function startSealed(
  plugin: KmsPlugin,
  storage: Storage,
  clock = new VirtualClock(),
): Promise<{ readonly api: TestApi; readonly file: string; readonly clock: VirtualClock; readonly check: () => void }> {
  const directory = await mkdtemp(path.join(os.tmpdir(), "kms-config-"));
  const file = path.join(directory, "encryption.yaml");
  await writeFile(
    file,
    `apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n  - kms: {apiVersion: v2, name: vault, endpoint: "${plugin.endpoint}"}\n`,
  );
  const running = new AbortController();
  const parts = { clock, random: seededRandom(1), logger: silentLogger };
  const setup = await setUpEncryption({ encryptionProviderConfig: file, encryptionProviderConfigAutomaticReload: true }, storage, parts);
  const ended = runServices(setup.services, running.signal);
  const api = await startTestApi({ storage: { ...setup.storage, close: async () => {} }, clock, defaultAccounts: false });
  const check = () => {
    for (const each of setup.healthChecks) each.check();
  };
  stops.push(async () => {
    await api.stop();
    running.abort();
    await ended;
    await rm(directory, { recursive: true, force: true });
  });
  return { api, file, clock, check };
}

it("keeps Secrets sealed by keys that only the plugin opens, and asks it once for each", async () => {
  await using plugin = await KmsPlugin.start();
  const storage = openMemoryStorage();
  const { api } = await startSealed(plugin, storage);
  for (const name of ["a", "b", "c"]) await api.client.for(secretResource).create(secret(name));
  const stored = (await storage.get(KEY))?.value ?? Buffer.alloc(0);
  expect(stored.toString("latin1").startsWith(PREFIX)).toBe(true);
  expect(stored.includes("password")).toBe(false);
  expect(decodeEnvelope(stored.subarray(PREFIX.length))).toMatchObject({ keyID: "key-1", encryptedDEKSourceType: DEK_SEED });
  expect((await api.client.for(secretResource).get("default", "a")).data).toEqual(secret("a").data);
  expect(plugin.calls).toMatchObject({ encrypt: 1, decrypt: 0 });

  const { api: next } = await startSealed(plugin, storage);
  expect((await next.client.for(secretResource).list("default")).items.map(({ data }) => data)).toEqual([secret("a").data, secret("a").data, secret("a").data]);
  expect(plugin.calls).toMatchObject({ encrypt: 2, decrypt: 1 });
});

it("seals by the plugin's new key when that has changed, and by no other what is written again", async () => {
  await using plugin = await KmsPlugin.start();
  const storage = openMemoryStorage();
  const { api, clock } = await startSealed(plugin, storage);
  const secrets = api.client.for(secretResource);
  const created = await secrets.create(secret("a"));
  await api.store.caughtUp();
  expect((await secrets.update(created)).metadata.resourceVersion).toBe(created.metadata.resourceVersion);
  plugin.keyId = "key-2";
  const asked = plugin.calls.encrypt;
  await expect.poll(async () => (await clock.advance(20_000), plugin.calls.encrypt), { timeout: 20_000 }).toBeGreaterThan(asked);
  await expect
    .poll(
      async () => {
        await clock.advance(20_000);
        await secrets.update(await secrets.get("default", "a"));
        return decodeEnvelope(((await storage.get(KEY))?.value ?? Buffer.alloc(0)).subarray(PREFIX.length)).keyID;
      },
      { timeout: 20_000 },
    )
    .toBe("key-2");
  expect((await secrets.get("default", "a")).data).toEqual(secret("a").data);
});

it("goes on reading without the plugin, writes for three minutes more, and says that it is not well", async () => {
  await using plugin = await KmsPlugin.start();
  const { api, clock, check } = await startSealed(plugin, openMemoryStorage());
  const secrets = api.client.for(secretResource);
  await secrets.create(secret("a"));
  check();
  plugin.healthz = "the vault is sealed";
  await expect
    .poll(
      async () => {
        await clock.advance(30_000);
        try {
          check();
          return "";
        } catch (error) {
          return (error as Error).message;
        }
      },
      { timeout: 20_000 },
    )
    .toBe("kmsv2 Provider vault is not healthy, error: got unexpected healthz status: the vault is sealed");
  await clock.advance(4 * 60_000);
  await expect(secrets.create(secret("b"))).rejects.toThrow("encryptedDEKSource expired");
  expect((await secrets.get("default", "a")).data).toEqual(secret("a").data);
  plugin.healthz = "ok";
  await expect
    .poll(
      async () => (
        await clock.advance(10_000),
        secrets.create(secret("b")).then(
          () => true,
          () => false,
        )
      ),
      { timeout: 20_000 },
    )
    .toBe(true);
  check();
});

it("does not take for absent what the plugin will not open", async () => {
  await using plugin = await KmsPlugin.start();
  const storage = openMemoryStorage();
  const { api } = await startSealed(plugin, storage);
  await api.client.for(secretResource).create(secret("a"));
  plugin.isLocked = true;
  const running = new AbortController();
  const file = path.join(os.tmpdir(), `kms-${process.pid}.yaml`);
  await writeFile(file, `apiVersion: v1\nkind: EncryptionConfig\nresources:\n- resources: [secrets]\n  providers:\n  - kms: {apiVersion: v2, name: vault, endpoint: "${plugin.endpoint}"}\n`);
  const other = await setUpEncryption({ encryptionProviderConfig: file, encryptionProviderConfigAutomaticReload: false }, storage, {
    clock: new VirtualClock(),
    random: seededRandom(2),
    logger: silentLogger,
  });
  await rm(file);
  const ended = runServices(other.services, running.signal);
  await expect(other.storage.list("/registry/core/secrets/")).rejects.toThrow(`${KEY} is stored as ${PREFIX}… and cannot be read`);
  plugin.isLocked = false;
  expect((await other.storage.list("/registry/core/secrets/")).entries).toHaveLength(1);
  running.abort();
  await ended;
});

it.each([
  ["another key", Buffer.alloc(32)],
  ["something that is no key", Buffer.alloc(5)],
  ["nothing", Buffer.alloc(0)],
])("serves all but Secrets while the plugin takes a key for %s, and Secrets too when it no longer does", async (_what, answer) => {
  await using plugin = await KmsPlugin.start();
  const storage = openMemoryStorage();
  const { api: first } = await startSealed(plugin, storage);
  await first.client.for(secretResource).create(secret("a"));
  plugin.answer = answer;
  const { api, clock } = await startSealed(plugin, storage);
  const secrets = api.client.for(secretResource);
  expect((await api.client.for(namespaceResource).list("")).items.length).toBeGreaterThan(0);
  await expect(secrets.list("default")).rejects.toThrow(`${KEY} is stored as ${PREFIX.slice(0, -1)}`);
  plugin.answer = undefined;
  const list = async () => (await clock.advance(5_000), (await secrets.list("default").catch(() => undefined))?.items.map(({ data }) => data));
  await expect.poll(list, { timeout: 20_000 }).toEqual([secret("a").data]);
});

it("does not wait again at once for a plugin that opens no key in time, and uses what it knows while there is none better", async () => {
  await using plugin = await KmsPlugin.start();
  const clock = new VirtualClock();
  const providerOf = () => new KmsProvider({ name: "vault", endpoint: plugin.endpoint, timeoutMs: 1_000 }, { clock, random: seededRandom(1), logger: silentLogger });
  const [sealing, opening] = [providerOf(), providerOf()];
  await Promise.all([sealing.ask(), opening.ask()]);
  const sealed = sealing.seal("/a", Buffer.from("x"));
  plugin.answer = "never";
  await expect(opening.prepare(sealed)).rejects.toThrow("failed to decrypt DEK");
  await expect(opening.prepare(sealed)).rejects.toThrow("failed to decrypt DEK");
  expect(plugin.calls.decrypt).toBe(1);
  plugin.answer = undefined;
  await clock.advance(10_000);
  await opening.prepare(sealed);
  expect(opening.open("/a", sealed).toString()).toBe("x");

  // A value that was spoilt says nothing against its key.
  await clock.advance(10_000);
  expect(() => opening.open("/b", sealed)).toThrow();
  plugin.isLocked = true;
  await opening.prepare(sealed);
  expect(plugin.calls.decrypt).toBe(3);
  expect(opening.open("/a", sealed).toString()).toBe("x");
  sealing.close();
  opening.close();
});

it("starts without a plugin, says that it is not well, and asks it for no key; once it is there, Secrets are served", async () => {
  await using plugin = await KmsPlugin.start();
  const storage = openMemoryStorage();
  const { api: first } = await startSealed(plugin, storage);
  await first.client.for(secretResource).create(secret("a"));
  plugin.close();
  const { api, clock, check } = await startSealed(plugin, storage);
  const secrets = api.client.for(secretResource);
  expect(check).toThrow("kmsv2 Provider vault is not healthy, error: ");
  expect((await api.client.for(namespaceResource).list("")).items.length).toBeGreaterThan(0);
  await expect(secrets.list("default")).rejects.toMatchObject({ status: { reason: "InternalError", message: expect.stringContaining("kmsv2 Provider vault is not healthy") as string } });
  await expect(secrets.create(secret("b"))).rejects.toMatchObject({
    status: { reason: "InternalError", message: expect.stringContaining("cannot be sealed: kmsv2 Provider vault is not healthy") as string },
  });
  plugin.healthz = "still unsealing";
  await plugin.open();
  await clock.advance(5_000);
  await expect(secrets.get("default", "a")).rejects.toThrow("kmsv2 Provider vault is not healthy");
  expect(plugin.calls.decrypt).toBe(0);
  plugin.healthz = "ok";
  const list = async () => (await clock.advance(1_000), (await secrets.list("default").catch(() => undefined))?.items.map(({ data }) => data));
  await expect.poll(list, { timeout: 20_000 }).toEqual([secret("a").data]);
  check();
  await secrets.create(secret("b"));
});

it("opens what upstream sealed: the key follows from the seed and the first 32 bytes, and the value belongs where it is", () => {
  // Made with Python's cryptography (HKDFExpand, AESGCM) by the rules of upstream's envelope, with a nonce of twos.
  const seed = Buffer.alloc(32, 7);
  const sealed = Buffer.concat([Buffer.alloc(32, 1), Buffer.from("020202020202020202020202d239b10981e5fd098778e47a6d235b376e2990b3f7fcf6090b22b8", "hex")]);
  expect(openWithSource(DEK_SEED, seed, "/registry/secrets/default/a", sealed).toString()).toBe("open sesame");
  expect(() => openWithSource(DEK_SEED, seed, "/registry/secrets/default/b", sealed)).toThrow();
});
