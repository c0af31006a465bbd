import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { leaseResource } from "../../../../engine/resources/coordination/lease.ts";
import { endpointSliceResource } from "../../../../engine/resources/discovery/endpoint-slice.ts";
import { createApiPresence, planApiSlices } from "../../../../engine/server/bootstrap/api-presence.ts";
import { serverIdentity } from "../../../../engine/server/server-identity.ts";
import { serverUrls } from "../../../../node-agent/node/follow-servers.ts";
import { startTestApi, type TestApi } from "../../../kit/test-api.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

describe("the slices of the API's own Service", () => {
  it("hold all servers, one slice for a port", () => {
    const slices = planApiSlices([
      { address: "10.0.0.2", port: 6443 },
      { address: "10.0.0.1", port: 6443 },
      { address: "10.0.0.3", port: 7443 },
      { address: "127.0.0.1", port: 6443 },
    ]);
    expect(slices.map(({ metadata, endpoints, ports }) => [metadata.name, endpoints?.map(({ addresses }) => addresses[0]), ports?.[0]?.port])).toEqual([
      ["kubernetes", ["10.0.0.1", "10.0.0.2"], 6443],
      ["kubernetes-7443", ["10.0.0.3"], 7443],
    ]);
    expect(serverUrls(slices)).toEqual(["https://10.0.0.1:6443", "https://10.0.0.2:6443", "https://10.0.0.3:7443"]);
  });

  it("are none where servers are reached from their own machine only", () => expect(planApiSlices([{ address: "127.0.0.1", port: 6443 }])).toEqual([]));
});

it("a server's Lease has the name that upstream gives that of a machine with its name", () => {
  expect(serverIdentity("m1")).toBe("apiserver-276wpfzo55z6xlhwmv7sebbpdm");
});

describe("servers of one cluster", () => {
  let api: TestApi;
  let clock: VirtualClock;
  const ends: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    clock = new VirtualClock();
    api = await startTestApi({ clock });
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    await api.stop();
  });

  /** A server whose wall clock is wrong by so much. */
  const start = async (name: string, address: string, { skewMs = 0, isAlone = false } = {}) => {
    const own = { now: () => clock.now() + skewMs, monotonic: () => clock.monotonic(), after: (ms: number, callback: () => void) => clock.after(ms, callback) };
    const presence = createApiPresence({ client: api.client, clock: own, logger: silentLogger, name, address, port: 6443, isAlone });
    await presence.announce();
    const stop = new AbortController();
    const running = presence.service.run(stop.signal);
    ends.push(async () => {
      stop.abort();
      await running;
    });
    return ends.at(-1);
  };
  const shown = async () => serverUrls((await api.client.for(endpointSliceResource).list("default")).items);
  const leases = async () => (await api.client.for(leaseResource).list("kube-system")).items.map(({ metadata }) => metadata.labels?.["kubernetes.io/hostname"]).sort();

  it("all stand behind the Service of the API, whatever their clocks say", async () => {
    await start("a", "10.0.0.1", { skewMs: -3_600_000 });
    await start("b", "10.0.0.2", { skewMs: 3_600_000 });
    await clock.advance(60_000);
    expect(await shown()).toEqual(["https://10.0.0.1:6443", "https://10.0.0.2:6443"]);
    expect(await leases()).toEqual(["a", "b"]);
  });

  it("leave the Service alone where somebody else keeps it, and show that they are there", async () => {
    await createApiPresence({ client: api.client, clock, logger: silentLogger, name: "a", address: "10.0.0.1", port: 6443, isUnpublished: true }).announce();
    expect(await shown()).toEqual([]);
    expect(await leases()).toEqual(["a"]);
  });

  it("go from behind it when they show no sign of life, and come back", async () => {
    await start("a", "10.0.0.1");
    // It was started, and died without a word.
    const dead = createApiPresence({ client: api.client, clock, logger: silentLogger, name: "b", address: "10.0.0.2", port: 6443 });
    await dead.announce();
    expect(await shown()).toHaveLength(2);
    await clock.advance(25_000);
    expect(await shown()).toEqual(["https://10.0.0.1:6443"]);
    expect(await leases()).toEqual(["a"]);
    await dead.announce();
    expect(await shown()).toHaveLength(2);
  });

  it("say goodbye when they end in order", async () => {
    await start("a", "10.0.0.1");
    const end = await start("b", "10.0.0.2");
    await end?.();
    expect(await leases()).toEqual(["a"]);
    await clock.advance(5_000);
    expect(await shown()).toEqual(["https://10.0.0.1:6443"]);
  });

  it("write nothing but their own sign of life while nothing changes", async () => {
    await start("a", "10.0.0.1");
    const before = (await api.client.for(endpointSliceResource).get("default", "kubernetes")).metadata.resourceVersion;
    await clock.advance(60_000);
    expect((await api.client.for(endpointSliceResource).get("default", "kubernetes")).metadata.resourceVersion).toBe(before);
  });

  it("write hardly anything when there can be but one, which knows that others are left from before", async () => {
    await createApiPresence({ client: api.client, clock, logger: silentLogger, name: "old-name", address: "10.0.0.1", port: 6443 }).announce();
    await start("a", "10.0.0.1", { isAlone: true });
    expect([await shown(), await leases()]).toEqual([["https://10.0.0.1:6443"], ["a", "old-name"]]);
    await clock.advance(20_000);
    expect([await shown(), await leases()]).toEqual([["https://10.0.0.1:6443"], ["a"]]);
    const version = async () => (await api.client.for(leaseResource).get("kube-system", serverIdentity("a"))).metadata.resourceVersion;
    const before = await version();
    await api.client.for(endpointSliceResource).delete("default", "kubernetes");
    await clock.advance(9 * 60_000);
    expect([await shown(), await version()]).toEqual([["https://10.0.0.1:6443"], before]);
    await clock.advance(2 * 60_000);
    expect(await version()).not.toBe(before);
  });

  it("follow a server that has moved to another address", async () => {
    await start("a", "10.0.0.1");
    await start("a", "10.0.0.9");
    expect(await shown()).toEqual(["https://10.0.0.9:6443"]);
  });
});
