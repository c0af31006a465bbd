import { describe, expect, test } from "vitest";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../../engine/resources/core/namespace.ts";
import { serviceResource } from "../../../../engine/resources/core/service.ts";
import { bootstrapCluster, type BootstrapOptions } from "../../../../engine/server/bootstrap/bootstrap.ts";
import { createNamespaceKeeper } from "../../../../engine/server/bootstrap/namespace-keeper.ts";
import { openMemoryStorage } from "../../../../engine/storage/memory-storage.ts";
import type { Storage } from "../../../../engine/storage/storage.ts";
import type { Service } from "../../../../engine/resources/types.ts";
import { computeDnsRecords } from "../../../../node-agent/network/dns-records.ts";
import { computeServicePorts } from "../../../../node-agent/network/service-map.ts";
import { startTestApi } from "../../../kit/test-api.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

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

  test("has the namespaces of the system again within a minute of their end", async () => {
    const clock = new VirtualClock();
    await using api = await startTestApi({ clock });
    const names = async () => (await api.client.for(namespaceResource).list("")).items.map(({ metadata }) => metadata.name);
    await api.store.update(namespaceResource, "", "kube-node-lease", () => ({ do: "delete" }));
    expect(await names()).toEqual(["default", "kube-public", "kube-system"]);
    await api.store.caughtUp();
    const running = new AbortController();
    const keeping = createNamespaceKeeper(api.server, clock, silentLogger)
      .run(running.signal)
      .catch(() => {});
    await clock.advance(60_000);
    await expect.poll(names).toEqual(["default", "kube-node-lease", "kube-public", "kube-system"]);
    running.abort();
    await keeping;
  });

  test("has the name service under the name by which all look for it, and no proxy takes it for one without endpoints", async () => {
    await using api = await startTestApi();
    const { metadata, spec } = await api.client.for(serviceResource).get(NAMESPACE, "kube-dns");
    expect(spec).toMatchObject({
      clusterIP: "10.43.0.10",
      ports: [
        { name: "dns", protocol: "UDP", port: 53 },
        { name: "dns-tcp", protocol: "TCP", port: 53 },
      ],
    });
    expect(metadata.labels).toMatchObject({ "k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true" });
    const service: Service = { apiVersion: "v1", kind: "Service", metadata, ...(spec === undefined ? {} : { spec }) };
    expect(computeServicePorts([service], [], { nodeName: "n1", zone: undefined }, "IPv4")).toEqual([]);
    expect(computeDnsRecords([service], [], "cluster.local").addresses.get("kube-dns.kube-system.svc.cluster.local")).toEqual(["10.43.0.10"]);
  });

  test("leaves the address of the name service to whoever has it", async () => {
    await using api = await startTestApi();
    const services = api.client.for(serviceResource);
    await services.delete(NAMESPACE, "kube-dns");
    await services.create({ apiVersion: "v1", kind: "Service", metadata: { name: "coredns", namespace: NAMESPACE }, spec: { clusterIP: "10.43.0.10", ports: [{ port: 53 }] } });
    await bootstrapCluster(api.server, { serviceCidr: "10.43.0.0/16", apiPort: 6443 });
    expect((await services.list(NAMESPACE)).items.map(({ metadata }) => metadata.name)).toEqual(["coredns"]);
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
  return {
    list,
    get: get.bind(storage),
    commit: commit.bind(storage),
    watch: watch.bind(storage),
    currentRevision: currentRevision.bind(storage),
    compact: compact.bind(storage),
    close: close.bind(storage),
  };
}
