import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHttpClient } from "../../engine/client/http-client.ts";
import { readKubeconfig } from "../../engine/client/kubeconfig.ts";
import { ServerList } from "../../engine/client/server-list.ts";
import type { Client } from "../../engine/client/client.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

/** More than the client has connections for requests. */
const MANY = 80;

let api: TestListener;
let client: Client;
beforeAll(async () => {
  api = await startTestListener();
  client = createHttpClient(readKubeconfig(api.kubeconfig), "test-agent");
});
afterAll(() => api.stop());

const map = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "default", name } }) as const;

describe("the client over HTTPS", () => {
  test("gives listed objects their type, and continues where a page ended", async () => {
    const maps = client.for(configMapResource);
    for (const name of ["page-a", "page-b", "page-c"]) await maps.create({ ...map(name), metadata: { ...map(name).metadata, labels: { paged: "yes" } } });
    const first = await maps.list("default", { labelSelector: "paged=yes", limit: 2 });
    expect(first.items[0]).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });
    const second = await maps.list("default", { labelSelector: "paged=yes", limit: 2, ...(first.continue === undefined ? {} : { continue: first.continue }) });
    expect([...first.items, ...second.items].map(({ metadata }) => metadata.name)).toEqual(["page-a", "page-b", "page-c"]);
  });

  test("rejects with the server's reason", async () => {
    const maps = client.for(configMapResource);
    await maps.create(map("twice"));
    await expect(maps.create(map("twice"))).rejects.toMatchObject({ status: { reason: "AlreadyExists", code: 409 } });
    await expect(maps.get("default", "missing")).rejects.toMatchObject({ status: { reason: "NotFound", code: 404 } });
    await expect(maps.update({ ...map("twice"), metadata: { ...map("twice").metadata, resourceVersion: "1" } })).rejects.toMatchObject({ status: { reason: "Conflict", code: 409 } });
  });

  test("asks and writes while more watches are open than it has connections for requests", async () => {
    const maps = client.for(configMapResource);
    const stop = new AbortController();
    const { resourceVersion } = await maps.list("default");
    let told = 0;
    const all = Promise.withResolvers<void>();
    const watches = Array.from({ length: MANY }, async () => {
      for await (const event of maps.watch("default", { resourceVersion }, stop.signal)) if (event.object.metadata.name === "watched" && ++told === MANY) all.resolve();
    });
    await maps.create(map("watched"));
    await all.promise;
    stop.abort();
    await Promise.allSettled(watches);
    expect(told).toBe(MANY);
  });

  test("misses nothing of a commit of several objects in the middle of which its connection broke", async () => {
    const maps = client.for(configMapResource);
    const names = ["torn-a", "torn-b", "torn-c"];
    const { resourceVersion = "" } = await maps.list("default");
    await api.store.transaction(() => Promise.all(names.map((name) => api.client.for(configMapResource).create(map(name)))));
    /** The first events behind a version, before the connection is broken off. */
    const first = async (version: string, count: number) => {
      const seen: (readonly [name: string, version: string])[] = [];
      const stop = new AbortController();
      for await (const { object } of maps.watch("default", { resourceVersion: version }, stop.signal)) {
        seen.push([object.metadata.name ?? "", object.metadata.resourceVersion ?? ""]);
        if (seen.length === count) break;
      }
      stop.abort();
      return seen;
    };
    const [torn] = await first(resourceVersion, 1);
    expect(torn?.[0]).toBe("torn-a");
    const rest = await first(torn?.[1] ?? "", 3);
    expect(rest.map(([name]) => name)).toEqual(names);
    await maps.create(map("torn-later"));
    expect((await first(torn?.[1] ?? "", 4)).map(([name]) => name)).toEqual([...names, "torn-later"]);
  });

  test("says which server it cannot reach, as a failure that is worth a retry", async () => {
    const gone = createHttpClient({ ...readKubeconfig(api.kubeconfig), server: "https://127.0.0.1:1" }, "test-agent");
    await expect(gone.for(configMapResource).list("default")).rejects.toMatchObject({ status: { reason: "ServiceUnavailable" }, message: expect.stringContaining("https://127.0.0.1:1") });
  });

  test("goes on to another server of the cluster, with reads, writes that were never sent, and watches", async () => {
    const connection = readKubeconfig(api.kubeconfig);
    const servers = new ServerList(["https://127.0.0.1:1", connection.server]);
    const maps = createHttpClient(connection, "test-agent", servers).for(configMapResource);
    await maps.create(map("elsewhere"));
    expect(servers.pick().url).toBe(connection.server);
    const { resourceVersion } = await maps.list("default");
    const watching = maps.watch("default", { resourceVersion }, new AbortController().signal)[Symbol.asyncIterator]();
    const first = watching.next();
    await maps.create(map("seen"));
    expect((await first).value).toMatchObject({ object: { metadata: { name: "seen" } } });
    // Whoever finds the server gone ends the watch of the others too; its reader begins again.
    const rest = watching.next();
    servers.leave(connection.server);
    expect(await rest).toEqual({ done: true, value: undefined });
    await expect(maps.get("default", "elsewhere")).resolves.toMatchObject({ metadata: { name: "elsewhere" } });
  });

  test("tries every server once before it fails", async () => {
    const servers = new ServerList(["https://127.0.0.1:1", "https://127.0.0.1:2"]);
    await expect(createHttpClient(readKubeconfig(api.kubeconfig), "test-agent", servers).for(configMapResource).list("default")).rejects.toMatchObject({ status: { reason: "ServiceUnavailable" } });
  });
});
