import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { eventsOf } from "../../../engine/apimachinery/watch-stream.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import { clusterRoleResource } from "../../../engine/resources/rbac/cluster-role.ts";
import { withEncryption, type EncryptedStorage } from "../../../engine/storage/encryption/encrypted-storage.ts";
import { parseEncryptionConfig, type EncryptionRule } from "../../../engine/storage/encryption/encryption-config.ts";
import { KmsProvider } from "../../../engine/storage/encryption/kms-provider.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { ObjectStore } from "../../../engine/storage/object-store.ts";
import type { Storage } from "../../../engine/storage/storage.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

let clock: VirtualClock;
let storage: Storage;
const stops: (() => Promise<void>)[] = [];

beforeEach(() => {
  clock = new VirtualClock();
  storage = openMemoryStorage({ clock });
});

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const KEYS = { ours: 1, theirs: 2 };
/** Secrets, ClusterRoles and Things are sealed by the first of these keys, and opened by all. */
function rules(...names: readonly (keyof typeof KEYS)[]): readonly EncryptionRule[] {
  const keys = names.map((name) => `{name: ${name}, secret: ${Buffer.alloc(32, KEYS[name]).toString("base64")}}`).join(", ");
  return parseEncryptionConfig(
    `apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets, clusterroles.rbac.authorization.k8s.io, things.x.example]\n  providers:\n  - aesgcm: {keys: [${keys}]}\n`,
    () => {
      throw new Error("there is no plugin");
    },
  );
}

/** A server of its own over the one store. */
function startServer(key: keyof typeof KEYS): { readonly store: ObjectStore; readonly sealed: EncryptedStorage } {
  const sealed = withEncryption(storage, rules(key));
  const store = new ObjectStore({ storage: sealed, resources: catalog, clock, logger: silentLogger });
  const running = new AbortController();
  const ended = store.run(running.signal);
  stops.push(async () => {
    running.abort();
    await ended;
  });
  return { store, sealed };
}

const object = (kind: string, name: string) => ({ apiVersion: "v1", kind, metadata: { name, namespace: "shop" }, data: {} });
const names = async (store: ObjectStore, definition: ResourceDefinition<KubeObject>) => (await store.list(definition, "shop", {})).items.map(({ object: { metadata } }) => metadata.name);
const listSecrets = (store: ObjectStore) => names(store, secretResource as unknown as ResourceDefinition<KubeObject>);
const listConfigMaps = (store: ObjectStore) => names(store, configMapResource as unknown as ResourceDefinition<KubeObject>);
const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "r" }, rules: [] };
const REFUSAL = /^Internal error occurred: \/registry\/core\/secrets\/shop\/theirs is stored as k8s:enc:aesgcm:v1:theirs.* and cannot be read with the encryption configuration/;

test("what another server seals with a key that is lacked here stops reads of its kind, and of no other", async () => {
  const ours = startServer("ours");
  const theirs = startServer("theirs");
  await ours.store.create(secretResource, object("Secret", "ours"));
  await clock.settle();
  const watch = await ours.store.watch(secretResource, "shop", {});
  const events: string[] = [];
  const watching = (async () => {
    for await (const event of eventsOf(watch)) events.push(event.type);
  })();
  await theirs.store.create(secretResource, object("Secret", "theirs"));
  await theirs.store.create(configMapResource, object("ConfigMap", "a"));

  expect(await listConfigMaps(ours.store)).toEqual(["a"]);
  await expect(listSecrets(ours.store)).rejects.toThrow(REFUSAL);
  await expect(ours.store.watch(secretResource, "shop", {})).rejects.toThrow(REFUSAL);
  await expect(ours.store.get(secretResource, "shop", "theirs")).rejects.toThrow(REFUSAL);
  await expect(ours.store.update(secretResource, "shop", "theirs", () => ({ do: "delete" }))).rejects.toThrow(REFUSAL);
  await watching;
  expect(events).toEqual(["ADDED"]);
  // What can be opened is there, and may be changed.
  expect((await ours.store.get(secretResource, "shop", "ours"))?.object.metadata.name).toBe("ours");
  await ours.store.update(secretResource, "shop", "ours", () => ({ do: "delete" }));
  await ours.store.create(secretResource, object("Secret", "later"));

  ours.sealed.setRules(rules("ours", "theirs"));
  await clock.advance(10_000);
  expect(await listSecrets(ours.store)).toEqual(["later", "theirs"]);
  await ours.store.create(secretResource, object("Secret", "last"));
  expect(await listSecrets(ours.store)).toEqual(["last", "later", "theirs"]);
});

test("a server starts without what it cannot open, and has it when it can", async () => {
  await startServer("theirs").store.create(secretResource, object("Secret", "theirs"));
  const { store, sealed } = startServer("ours");
  await clock.advance(1_000);
  expect(await listConfigMaps(store)).toEqual([]);
  await expect(listSecrets(store)).rejects.toThrow(REFUSAL);
  sealed.setRules(rules("theirs"));
  await clock.advance(10_000);
  expect(await listSecrets(store)).toEqual(["theirs"]);
});

test("a kind is read again as often as it takes, also when more comes meanwhile that cannot be opened", async () => {
  const ours = startServer("ours");
  const theirs = startServer("theirs");
  for (const name of ["theirs", "theirs-too"]) {
    await theirs.store.create(secretResource, object("Secret", name));
    await clock.advance(20_000);
    await expect(listSecrets(ours.store)).rejects.toThrow(REFUSAL);
  }
  await theirs.store.update(secretResource, "shop", "theirs", () => ({ do: "delete" }));
  await clock.advance(10_000);
  await expect(listSecrets(ours.store)).rejects.toThrow("/registry/core/secrets/shop/theirs-too");
  await theirs.store.update(secretResource, "shop", "theirs-too", () => ({ do: "delete" }));
  await clock.advance(10_000);
  expect(await listSecrets(ours.store)).toEqual([]);
});

test("nobody who keeps a view of a kind takes what cannot be opened for absent", async () => {
  const follower = { replaced: () => {}, changed: () => {} };
  const ours = startServer("ours");
  await clock.settle();
  ours.store.follow(clusterRoleResource, follower);
  const theirs = startServer("theirs");
  await theirs.store.create(clusterRoleResource, role);
  await clock.advance(1_000);
  const before = ours.store.revision();
  await theirs.store.create(configMapResource, object("ConfigMap", "a"));
  await clock.advance(10_000);
  expect(ours.store.revision()).toBe(before);
  ours.sealed.setRules(rules("ours", "theirs"));
  await clock.advance(10_000);
  expect(ours.store.revision()).toBeGreaterThan(before);
  expect((await ours.store.get(clusterRoleResource, "", "r"))?.object.kind).toBe("ClusterRole");

  const later = startServer("ours");
  await clock.advance(1_000);
  expect(() => later.store.follow(clusterRoleResource, follower)).toThrow("cannot be read with the encryption configuration");
});

test("a value that was damaged stops reads of its kind alone, also where a plugin would be asked about it", async () => {
  const config =
    "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n  - kms: {apiVersion: v2, name: vault, endpoint: 'unix:///nowhere'}\n";
  const plugins: KmsProvider[] = [];
  const sealedByPlugin = parseEncryptionConfig(config, (settings) => {
    plugins.push(new KmsProvider(settings, { clock, random: seededRandom(1), logger: silentLogger }));
    return plugins.at(-1)!;
  });
  stops.push(async () => plugins.forEach((plugin) => plugin.close()));
  const put = (name: string) => storage.commit([], [{ do: "put", key: `/registry/core/secrets/shop/${name}`, value: Buffer.from("k8s:enc:kms:v2:vault:\xff", "latin1") }]);
  await put("before");
  const { store, sealed } = startServer("ours");
  sealed.setRules(sealedByPlugin);
  await clock.advance(1_000);
  await put("later");
  await store.create(configMapResource, object("ConfigMap", "a"));
  await clock.advance(10_000);
  expect(await listConfigMaps(store)).toEqual(["a"]);
  await expect(listSecrets(store)).rejects.toThrow("is stored as k8s:enc:kms:v2:vault");
  await expect(store.get(secretResource, "shop", "later")).rejects.toThrow("is stored as k8s:enc:kms:v2:vault");
});

test("who waits for what cannot be opened tells of nothing twice", async () => {
  const ours = startServer("ours");
  const theirs = startServer("theirs");
  await clock.settle();
  ours.store.follow(clusterRoleResource, { replaced: () => {}, changed: () => {} });
  const watch = await ours.store.watch(configMapResource, "shop", {});
  const events: string[] = [];
  const watching = (async () => {
    for await (const event of eventsOf(watch)) events.push(event.type);
  })();
  await theirs.store.transaction(async () => {
    await theirs.store.create(configMapResource, object("ConfigMap", "a"));
    await theirs.store.create(clusterRoleResource, role);
  });
  await clock.advance(10_000);
  ours.sealed.setRules(rules("ours", "theirs"));
  await clock.advance(10_000);
  watch.close();
  await watching;
  expect(events).toEqual(["ADDED"]);
});

describe("a kind that came later", () => {
  const things = { ...configMapResource, group: "x.example", resource: "things" };
  const thing = { ...object("ConfigMap", "theirs"), apiVersion: "x.example/v1" };
  const listThings = (store: ObjectStore) => names(store, things as unknown as ResourceDefinition<KubeObject>);

  async function withUnreadableThing(): Promise<ReturnType<typeof startServer>> {
    const theirs = startServer("theirs");
    await theirs.store.addKind(things);
    await theirs.store.create(things, thing);
    const ours = startServer("ours");
    await clock.advance(1_000);
    await ours.store.addKind(things);
    await expect(listThings(ours.store)).rejects.toThrow("cannot be read with the encryption configuration");
    return ours;
  }

  test("is served as soon as what it holds can be opened", async () => {
    const { store, sealed } = await withUnreadableThing();
    sealed.setRules(rules("theirs"));
    await clock.advance(10_000);
    expect(await listThings(store)).toEqual(["theirs"]);
  });

  test("and goes and comes again is served as it is then", async () => {
    const { store, sealed } = await withUnreadableThing();
    store.interruptKind(things, true);
    sealed.setRules(rules("theirs"));
    await store.addKind(things);
    expect(await listThings(store)).toEqual(["theirs"]);

    sealed.setRules(rules("ours"));
    store.interruptKind(things, true);
    await store.addKind(things);
    await expect(listThings(store)).rejects.toThrow("cannot be read with the encryption configuration");
    sealed.setRules(rules("theirs"));
    await clock.advance(10_000);
    expect(await listThings(store)).toEqual(["theirs"]);
  });

  test("while the store does not answer is served as soon as it does", async () => {
    const { store, sealed } = startServer("theirs");
    await store.addKind(things);
    await store.create(things, thing);
    store.interruptKind(things, true);
    const { list } = sealed;
    sealed.list = () => Promise.reject(new Error("the members elect a leader"));
    await store.addKind(things);
    await expect(listThings(store)).rejects.toThrow("the members elect a leader");
    sealed.list = list;
    await clock.advance(10_000);
    expect(await listThings(store)).toEqual(["theirs"]);
  });
});
