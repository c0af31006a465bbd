import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Client } from "../../../../engine/client/client.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { runServices } from "../../../../engine/lib/service.ts";
import type { Pod, ResourceClaim } from "../../../../engine/resources/types.ts";
import type { ContainerConfig } from "../../../../node-agent/cri/runtime.ts";
import { applyCdiDevices } from "../../../../node-agent/devices/cdi-edits.ts";
import { meterClaims } from "../../../../node-agent/devices/claims-in-use.ts";
import { DeviceDrivers } from "../../../../node-agent/devices/device-drivers.ts";
import { DeviceHealthBook, resourcesStatus } from "../../../../node-agent/devices/device-health.ts";
import { DeviceManager } from "../../../../node-agent/devices/device-manager.ts";
import { DeviceHealthSchema, HealthStatus } from "../../../../node-agent/devices/dra_health_pb.ts";
import { NodePrepareResourcesResponseSchema, NodeUnprepareResourcesResponseSchema } from "../../../../node-agent/devices/dra_pb.ts";
import { PreparedClaims } from "../../../../node-agent/devices/prepared-claims.ts";
import { withCdiDevices } from "../../../../node-agent/devices/runtime-devices.ts";
import { createAgentMetrics } from "../../../../node-agent/stats/agent-metrics.ts";
import { DeviceDriver } from "../../../kit/device-driver.ts";
import { aDeviceClaim, DRIVER } from "../../../kit/devices.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(os.tmpdir(), "devices-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const pod = (name: string, ...claims: readonly string[]): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", uid: `uid-${name}` },
  spec: {
    resourceClaims: claims.map((claim) => ({ name: claim, resourceClaimName: claim })),
    containers: [{ name: "c", image: "i", resources: { claims: claims.map((claim) => ({ name: claim })) } }],
  },
});
const reserved = (name: string, ...pods: readonly string[]): ResourceClaim =>
  aDeviceClaim(
    name,
    {},
    {
      status: {
        allocation: { devices: { results: [{ request: "gpu", driver: DRIVER, pool: "p", device: `device-of-${name}` }] } },
        reservedFor: pods.map((user) => ({ resource: "pods", name: user, uid: `uid-${user}` })),
      },
    },
  );

/** A manager over a file in the folder, with one driver that says what it was asked. */
function aManager(...known: readonly ResourceClaim[]) {
  const calls: string[] = [];
  const trouble = { error: "" };
  let go = () => {};
  const paused = new Promise<void>((resolve) => (go = resolve));
  const pause = { claim: "", end: go };
  const driver = {
    prepare: async (wanted: readonly { readonly name: string; readonly uid: string }[]) => {
      calls.push(`prepare ${wanted.map(({ name }) => name).join()}`);
      if (wanted.some(({ name }) => name === pause.claim)) await paused;
      return create(NodePrepareResourcesResponseSchema, {
        claims: Object.fromEntries(
          wanted.map(({ name, uid }) => [uid, { error: trouble.error, devices: [{ requestNames: ["gpu"], poolName: "p", deviceName: `device-of-${name}`, cdiDeviceIds: [`vendor/gpu=${name}`] }] }]),
        ),
      });
    },
    unprepare: async (wanted: readonly { readonly name: string; readonly uid: string }[]) => {
      calls.push(`unprepare ${wanted.map(({ name }) => name).join()}`);
      return create(NodeUnprepareResourcesResponseSchema, { claims: Object.fromEntries(wanted.map(({ uid }) => [uid, { error: trouble.error }])) });
    },
  };
  const client = {
    for: () => ({ get: async (_namespace: string, name: string) => known.find(({ metadata }) => metadata.name === name) ?? Promise.reject(new Error(`no claim ${name}`)) }),
  } as unknown as Client; // nothing else of it is used
  const drivers = {
    get: (name: string) =>
      name === DRIVER
        ? driver
        : (() => {
            throw new Error(`DRA driver ${name} is not registered`);
          })(),
  };
  const health = new DeviceHealthBook(() => {});
  const clock = new VirtualClock();
  const metrics = createAgentMetrics("n1");
  const claims = new PreparedClaims(path.join(folder, "claims.json"));
  meterClaims(metrics.registry, claims);
  const manager = new DeviceManager({ client, clock, logger: silentLogger, metrics, drivers, health, claims });
  return {
    shown: (name: string) =>
      metrics.registry
        .render()
        .split("\n")
        .filter((line) => line.startsWith(name)),
    manager,
    calls,
    trouble,
    health,
    pause,
    clock,
  };
}
const main = (of: Pod) => of.spec.containers[0]!;

describe("the devices of a pod", () => {
  test("are prepared once, shown to its containers, and taken back once nobody on the node needs them", async () => {
    const { manager, calls } = aManager(reserved("shared", "a", "b"));
    const [a, b] = [pod("a", "shared"), pod("b", "shared")];
    await Promise.all([manager.prepare(a), manager.prepare(b)]);
    expect(manager.cdiDevices(a, main(a))).toEqual(["vendor/gpu=shared"]);
    await manager.unprepare(a);
    await manager.unprepare(a);
    expect(calls).toEqual(["prepare shared"]);
    await manager.unprepare(b);
    expect(calls).toEqual(["prepare shared", "unprepare shared"]);
    expect(JSON.parse(readFileSync(path.join(folder, "claims.json"), "utf8"))).toEqual([]);
  });

  test("are known to the next agent, which has them prepared again for a new sandbox, and takes them back", async () => {
    const a = pod("a", "mine");
    await aManager(reserved("mine", "a")).manager.prepare(a);
    const { manager, calls } = aManager(reserved("mine", "a"));
    expect(manager.cdiDevices(a, main(a))).toEqual(["vendor/gpu=mine"]);
    await manager.prepare(a);
    await manager.prepare(a);
    await manager.unprepare(a);
    expect(calls).toEqual(["prepare mine", "unprepare mine"]);
  });

  test("are counted while they are prepared, and how long that takes is told of those that have any", async () => {
    const { manager, trouble, shown } = aManager(reserved("mine", "a"), reserved("other", "b"));
    await manager.prepare(pod("a", "mine"));
    await manager.prepare(pod("none"));
    trouble.error = "out of order";
    await expect(manager.prepare(pod("b", "other"))).rejects.toThrow("out of order");
    expect(shown("dra_resource_claims_in_use")).toEqual(['dra_resource_claims_in_use{driver_name="<any>"} 1', `dra_resource_claims_in_use{driver_name="${DRIVER}"} 1`]);
    trouble.error = "";
    await manager.unprepare(pod("a", "mine"));
    await manager.unprepare(pod("a", "mine"));
    expect(shown("dra_resource_claims_in_use")).toEqual(['dra_resource_claims_in_use{driver_name="<any>"} 0']);
    expect(shown("dra_operations_duration_seconds_count")).toEqual([
      'dra_operations_duration_seconds_count{is_error="false",operation_name="PrepareResources"} 1',
      'dra_operations_duration_seconds_count{is_error="true",operation_name="PrepareResources"} 1',
      'dra_operations_duration_seconds_count{is_error="false",operation_name="UnprepareResources"} 1',
    ]);
  });

  test("are prepared again for the next pod when only some of its drivers took them back", async () => {
    const { manager, calls, trouble } = aManager(reserved("shared", "a", "b"));
    const [a, b] = [pod("a", "shared"), pod("b", "shared")];
    await manager.prepare(a);
    trouble.error = "out of order";
    await expect(manager.unprepare(a)).rejects.toThrow("out of order");
    trouble.error = "";
    await manager.prepare(b);
    expect(calls).toEqual(["prepare shared", "unprepare shared", "prepare shared"]);
  });

  test("are taken back from pods that are gone, but not before it is known which pods there are", async () => {
    const { manager, calls, clock } = aManager(reserved("mine", "a"), reserved("other", "b"));
    await manager.prepare(pod("a", "mine"));
    await manager.prepare(pod("b", "other"));
    let alive: ReadonlySet<string> | undefined;
    const running = new AbortController();
    const ended = runServices([manager.asService(() => alive)], running.signal);
    await clock.advance(61_000);
    expect(calls).toEqual(["prepare mine", "prepare other"]);
    alive = new Set(["uid-b"]);
    await clock.advance(61_000);
    expect(calls.slice(2)).toEqual(["unprepare mine"]);
    running.abort();
    await ended;
  });

  test("are not held up by a driver that takes its time over another pod's", async () => {
    const { manager, calls, pause } = aManager(reserved("slow", "a", "c"), reserved("quick", "b"));
    pause.claim = "slow";
    const [a, b, c] = [pod("a", "slow"), pod("b", "quick"), pod("c", "slow")];
    const waiting = [manager.prepare(a), manager.prepare(c)];
    await manager.prepare(b);
    await manager.unprepare(b);
    expect(calls).toEqual(["prepare slow", "prepare quick", "unprepare quick"]);
    pause.end();
    await Promise.all(waiting);
    expect(calls).toHaveLength(3);
  });

  test("are asked for again when the driver failed, and are taken back even so", async () => {
    const { manager, calls, trouble } = aManager(reserved("mine", "a"));
    const a = pod("a", "mine");
    trouble.error = "out of order";
    await expect(manager.prepare(a)).rejects.toThrow("NodePrepareResources failed for ResourceClaim mine: out of order");
    await expect(manager.unprepare(a)).rejects.toThrow("NodeUnprepareResources failed for ResourceClaim mine: out of order");
    trouble.error = "";
    await manager.prepare(a);
    await manager.unprepare(a);
    expect(calls).toEqual(["prepare mine", "unprepare mine", "prepare mine", "unprepare mine"]);
  });

  test.each<[string, ResourceClaim, RegExp]>([
    ["of a claim that is reserved for another", reserved("mine", "b"), /pod a \(uid-a\) is not allowed to use ResourceClaim mine \(uid-mine\)/],
    ["of a claim without devices", { ...reserved("mine"), status: { reservedFor: [{ resource: "pods", name: "a", uid: "uid-a" }] } }, /ResourceClaim mine: not allocated/],
    [
      "of a driver that is not there",
      { ...reserved("mine", "a"), status: { ...reserved("mine", "a").status, allocation: { devices: { results: [{ request: "r", driver: "other", pool: "p", device: "d" }] } } } },
      /DRA driver other is not registered/,
    ],
  ])("are not prepared: %s", async (_name, claim, why) => {
    const { manager, calls } = aManager(claim);
    await expect(manager.prepare(pod("a", "mine"))).rejects.toThrow(why);
    expect(calls).toEqual([]);
  });

  test("are shown with how they fare, for as long as the driver's word holds", async () => {
    const { manager, health } = aManager(reserved("mine", "a"));
    const a = pod("a", "mine");
    await manager.prepare(a);
    const status = () => resourcesStatus(main(a), (claim, request) => manager.held(a, claim, request));
    expect(status()).toEqual([{ name: "claim:mine", resources: [{ resourceID: "vendor/gpu=mine", health: "Unknown" }] }]);
    const now = new VirtualClock().now();
    health.tell(DRIVER, [create(DeviceHealthSchema, { device: { poolName: "p", deviceName: "device-of-mine" }, health: HealthStatus.UNHEALTHY, message: "too hot" })], now);
    expect(status()?.[0]?.resources?.[0]).toMatchObject({ health: "Unhealthy", message: "too hot" });
    expect(health.of(DRIVER, "p", "device-of-mine", now + 31_000)).toEqual({ health: "Unknown" });
  });
});

test("two devices that are one to a container are told of once: no status may name one twice", () => {
  const container = { name: "c", image: "i", resources: { claims: [{ name: "gpus", request: "gpu" }] } };
  const held = () => [
    { id: "vendor/gpu=0", health: "Healthy" as const },
    { id: "vendor/gpu=0", health: "Unknown" as const },
    { id: "vendor/gpu=1", health: "Unknown" as const },
  ];
  expect(resourcesStatus(container, held)).toEqual([
    {
      name: "claim:gpus/gpu",
      resources: [
        { resourceID: "vendor/gpu=0", health: "Healthy" },
        { resourceID: "vendor/gpu=1", health: "Unknown" },
      ],
    },
  ]);
});

describe("a container with CDI devices", () => {
  const config = {
    metadata: { name: "c" },
    envs: [
      { key: "A", value: "1" },
      { key: "B", value: "2" },
    ],
    mounts: [],
  } as ContainerConfig;
  const describeDevice = (containerEdits: object, shared = {}) =>
    writeFileSync(path.join(folder, "vendor.json"), JSON.stringify({ cdiVersion: "0.5.0", kind: "vendor/gpu", containerEdits: shared, devices: [{ name: "0", containerEdits }] }));

  test("names them to a runtime that looks them up itself", async () => {
    for (const version of ["1.7.24", "v2.0.0"])
      expect(await withCdiDevices({ describe: async () => ({ name: "containerd", version }) }, config, ["vendor/gpu=0"])).toMatchObject({ CDIDevices: [{ name: "vendor/gpu=0" }], envs: config.envs });
    expect(await withCdiDevices({ describe: async () => ({ name: "containerd", version: "1.6.20~ds1" }) }, config, [])).toBe(config);
  });

  test("gets what their description says, where the runtime does not know CDI", () => {
    describeDevice(
      { env: ["B=new", "C=3"], deviceNodes: [{ path: "/dev/gpu", hostPath: "/dev/null" }], mounts: [{ hostPath: "/lib/gpu", containerPath: "/gpu", options: ["ro", "bind"] }], additionalGids: [44] },
      { env: ["ALL=1"] },
    );
    const made = applyCdiDevices(config, ["vendor/gpu=0"], [path.join(folder, "none"), folder]);
    expect(made.envs).toEqual(
      [
        { key: "A", value: "1" },
        { key: "ALL", value: "1" },
        { key: "B", value: "new" },
        { key: "C", value: "3" },
      ].sort((x, y) => ["A", "ALL", "B", "C"].indexOf(x.key) - ["A", "ALL", "B", "C"].indexOf(y.key)),
    );
    expect(made.devices).toEqual([{ containerPath: "/dev/gpu", hostPath: "/dev/null", permissions: "rwm" }]);
    expect(made.mounts).toMatchObject([{ hostPath: "/lib/gpu", containerPath: "/gpu", readonly: true }]);
    expect(made.linux?.securityContext?.supplementalGroups).toEqual([44n]);
  });

  test("is not made when nobody describes a device, or it wants what only a runtime can do", () => {
    describeDevice({ hooks: [{ hookName: "createContainer", path: "/bin/hook" }] });
    expect(() => applyCdiDevices(config, ["vendor/gpu=1"], [folder])).toThrow("unresolvable CDI devices vendor/gpu=1");
    expect(() => applyCdiDevices(config, ["vendor/gpu=0"], [folder])).toThrow(/containerd 1.7 or newer is needed/);
  });
});

test("of a driver that names ever new devices those are known that it named last", () => {
  const health = new DeviceHealthBook(() => {});
  const report = (from: number, count: number) =>
    health.tell(
      DRIVER,
      Array.from({ length: count }, (_, index) =>
        create(DeviceHealthSchema, { device: { poolName: "p", deviceName: `d${from + index}` }, health: HealthStatus.HEALTHY, healthCheckTimeoutSeconds: 1_000_000n }),
      ),
      0,
    );
  const of = (device: number) => health.of(DRIVER, "p", `d${device}`, 0).health;
  report(0, 4_000);
  report(4_000, 1_000);
  expect([of(0), of(903), of(904), of(4_999)]).toEqual(["Unknown", "Unknown", "Healthy", "Healthy"]);
  // One that is named again is among the last.
  report(904, 1);
  report(5_000, 1);
  expect([of(904), of(905), of(5_000)]).toEqual(["Healthy", "Unknown", "Healthy"]);
  report(10_000, 10_000);
  expect([of(904), of(15_903), of(15_904), of(19_999)]).toEqual(["Unknown", "Unknown", "Healthy", "Healthy"]);
});

describe("a driver of devices", () => {
  const plugin = (endpoint: string, versions = ["v1.DRAPlugin"]) => ({ name: DRIVER, endpoint, versions });
  /** Drivers of the node n1, with what was deleted of its slices. */
  function someDrivers(slices: readonly string[] = [], failures = 0) {
    const clock = new VirtualClock();
    const wiped: string[] = [];
    const api = {
      deleteCollection: async (_namespace: string, { fieldSelector }: { readonly fieldSelector: string }) => void wiped.push(fieldSelector),
      list: async () => (failures-- > 0 ? Promise.reject(new Error("no server")) : { items: slices.map((driver) => ({ spec: { driver } })) }),
    };
    const metrics = createAgentMetrics("n1");
    const drivers = new DeviceDrivers({ metrics, client: { for: () => api } as unknown as Client, clock, logger: silentLogger, nodeName: "n1", health: new DeviceHealthBook(() => {}) }); // nothing else of it is used
    return { clock, wiped, drivers, metrics };
  }

  test("is asked in the protocol that it names first of those known here, and refused without one", async () => {
    const { drivers, metrics } = someDrivers();
    const driver = new DeviceDriver({ name: `test-${process.pid}.example.com`, rootDir: folder, versions: ["v1beta1.DRAPlugin"] });
    await driver.start();
    const registered = { name: DRIVER, endpoint: path.join(folder, "plugins", `test-${process.pid}.example.com`, "dra.sock"), versions: ["v9.DRAPlugin", "v1beta1.DRAPlugin"] };
    try {
      drivers.validate(registered);
      await drivers.register(registered, new AbortController().signal);
      expect((await drivers.get(DRIVER).unprepare([{ namespace: "default", name: "c", uid: "u" }])).claims["u"]?.error).toBe("");
      expect(driver.calls).toEqual(["unprepare c"]);
      expect(metrics.registry.render()).toContain(
        `dra_grpc_operations_duration_seconds_count{driver_name="${DRIVER}",grpc_status_code="OK",method_name="/k8s.io.kubelet.pkg.apis.dra.v1beta1.DRAPlugin/NodeUnprepareResources"} 1`,
      );
      expect(() => drivers.validate(plugin("/s", ["v9.DRAPlugin"]))).toThrow(/none of services supported by the plugin \(v9.DRAPlugin\)/);
    } finally {
      drivers.deregister(registered);
      driver.destroy();
    }
  });

  test("that stays away loses what it offered on the node; one that is replaced in time keeps it", async () => {
    const { clock, wiped, drivers } = someDrivers();
    const { signal } = new AbortController();
    await drivers.register(plugin(`${folder}/one.sock`), signal);
    drivers.deregister(plugin(`${folder}/one.sock`));
    await clock.advance(29_000);
    await drivers.register(plugin(`${folder}/two.sock`), signal);
    expect(() => drivers.get("other")).toThrow("DRA driver other is not registered");
    await clock.advance(1_500);
    expect(wiped).toEqual([]);
    drivers.deregister(plugin(`${folder}/two.sock`));
    await clock.advance(31_000);
    expect(wiped).toEqual([`spec.nodeName=n1,spec.driver=${DRIVER}`]);
  });

  test("that does not come back after a start of the agent loses what it offered before, as soon as the API says what that is", async () => {
    const { clock, wiped, drivers } = someDrivers(["gone.example.com", "gone.example.com"], 1);
    const running = new AbortController();
    const ended = runServices([drivers.asService()], running.signal);
    await clock.advance(31_000);
    expect(wiped).toEqual([]);
    await clock.advance(30_000);
    expect(wiped).toEqual(["spec.nodeName=n1,spec.driver=gone.example.com"]);
    running.abort();
    await ended;
  });
});
