import { describe, expect, test } from "vitest";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { bootstrapCluster, type BootstrapOptions } from "../../../engine/server/bootstrap.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import type { Storage } from "../../../engine/storage/storage.ts";
import { startTestApi } from "../../kit/test-api.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const NAMESPACE = "kube-system";
const FACTS = "extension-apiserver-authentication";

describe("what every cluster has from its beginning", () => {
  test("is made without waiting for news of keys that are no objects", { timeout: 10_000 }, async () => {
    const clock = new VirtualClock(); // stands still: who waits for the store's next sign of life waits for ever
    const storage = openMemoryStorage({ clock });
    await using api = await startTestApi({ clock, storage: withForeignKeys(storage), defaultAccounts: false });
    expect(api.store.revision()).toBeGreaterThan(2);
  });

  test("costs the starts after the first one no write", async () => {
    await using api = await startTestApi();
    const options: BootstrapOptions = { serviceCidr: "10.43.0.0/16", apiPort: 6443, authenticationFacts: { "client-ca-file": "one" }, registersApis: true };
    await bootstrapCluster(api.server, options);
    const before = await api.storage.currentRevision();
    await bootstrapCluster(api.server, options);
    expect(await api.storage.currentRevision()).toBe(before);
  });

  test("tells how callers prove who they are as it is now, and leaves what others have added", async () => {
    await using api = await startTestApi();
    const told = (facts: Readonly<Record<string, string>>) => bootstrapCluster(api.server, { serviceCidr: "10.43.0.0/16", apiPort: 6443, authenticationFacts: facts });
    const maps = api.client.for(configMapResource);
    await told({ "client-ca-file": "one" });
    await maps.patch(NAMESPACE, FACTS, "merge", { data: { more: "theirs" } });
    await told({ "client-ca-file": "two" });
    expect((await maps.get(NAMESPACE, FACTS)).data).toEqual({ "client-ca-file": "two", more: "theirs" });
  });
});

/** Whoever lists it finds that something else was written meanwhile, as an etcd's first server does whose keys lie beside the objects. */
function withForeignKeys(storage: Storage): Storage {
  const list: Storage["list"] = async (prefix, range) => {
    const page = await storage.list(prefix, range);
    await storage.commit([], [{ do: "put", key: "/elsewhere", value: Buffer.from("x") }]);
    return page;
  };
  const { get, commit, watch, currentRevision, compact, close } = storage;
  return { list, get: get.bind(storage), commit: commit.bind(storage), watch: watch.bind(storage), currentRevision: currentRevision.bind(storage), compact: compact.bind(storage), close: close.bind(storage) };
}
