import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Client } from "../../../../engine/client/client.ts";
import type { EventRecorder } from "../../../../engine/client/event-recorder.ts";
import { GrpcCode, GrpcError } from "../../../../engine/lib/grpc/grpc-error.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { runServices } from "../../../../engine/lib/service.ts";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../../../engine/resources/types.ts";
import type { CsiDriver } from "../../../../node-agent/csi/csi-driver.ts";
import type { CsiDrivers } from "../../../../node-agent/csi/csi-drivers.ts";
import { CsiVolumes } from "../../../../node-agent/csi/csi-volumes.ts";
import { persistentCsiVolume } from "../../../../node-agent/csi/volume-request.ts";
import { MountError } from "../../../../node-agent/volumes/volume-plugin.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

let rootDir: string;
beforeEach(() => void (rootDir = mkdtempSync(path.join(os.tmpdir(), "csi-staging-"))));
afterEach(() => rmSync(rootDir, { recursive: true }));

const pod = (uid: string): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name: uid, namespace: "default", uid }, spec: { containers: [] } });
const persistent: PersistentVolume = {
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: "pv" },
  spec: { capacity: { storage: "2Gi" }, accessModes: ["ReadWriteOnce"], csi: { driver: "d", volumeHandle: "h" } },
};
const claim: PersistentVolumeClaim = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "c", namespace: "default" },
  spec: {},
  status: { capacity: { storage: "1Gi" }, allocatedResourceStatuses: { storage: "NodeResizePending" } },
};

/** Volumes of one driver that mounts nothing, and says what it was asked, with how much it was at at once. */
function someVolumes() {
  const calls: string[] = [];
  const failures = new Map<string, Error>();
  const most = { active: 0, max: 0 };
  const asked = (method: string) => async () => {
    calls.push(method);
    most.max = Math.max(most.max, ++most.active);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    most.active--;
    const failure = failures.get(method);
    if (failure !== undefined) throw failure;
  };
  const driver = {
    name: "d",
    capabilities: async () => new Set(["STAGE_UNSTAGE_VOLUME", "EXPAND_VOLUME"]),
    stage: asked("stage"),
    unstage: asked("unstage"),
    publish: asked("publish"),
    unpublish: asked("unpublish"),
    expand: asked("expand"),
  } as unknown as CsiDriver;
  const drivers = { get: () => driver, describe: async () => ({ attachRequired: false, fsGroupPolicy: "None" }) } as unknown as CsiDrivers; // nothing else of these is used
  const client = { for: () => ({ get: async () => claim, patch: async () => claim }) } as unknown as Client;
  const clock = new VirtualClock();
  const volumes = new CsiVolumes({
    client,
    clock,
    events: { record: () => {} } as unknown as EventRecorder,
    logger: silentLogger,
    nodeName: "n1",
    rootDir,
    drivers,
    token: () => Promise.reject(new Error("no token is asked for")),
  });
  const podDir = (uid: string) => path.join(rootDir, "pods", uid);
  return {
    calls,
    failures,
    most,
    clock,
    volumes,
    mount: (uid: string, claimed?: { claim: PersistentVolumeClaim; persistent: PersistentVolume }) => volumes.mount(pod(uid), "v", persistentCsiVolume(persistent, false), podDir(uid), claimed),
    unmount: (uid: string) => volumes.unmountPod(podDir(uid)),
  };
}

const failure = (code: number, what: string) => new MountError(what, { cause: new GrpcError(code, what) });

test("what a driver is long in staging is not unstaged while a pod waits for it, but when the pod has gone", async () => {
  const { calls, failures, clock, volumes, mount, unmount } = someVolumes();
  const running = new AbortController();
  const ended = runServices([volumes.asService()], running.signal);
  failures.set("stage", failure(GrpcCode.deadlineExceeded, "late"));
  await expect(mount("a")).rejects.toThrow("late");
  await clock.advance(25_000);
  expect(calls).toEqual(["stage"]);
  await unmount("a");
  await clock.advance(25_000);
  expect(calls).toEqual(["stage", "unstage"]);
  running.abort();
  await ended;
});

test("what one pod leaves stays staged for another that waits for it, and goes with the last", async () => {
  const { calls, failures, mount, unmount } = someVolumes();
  await mount("a");
  failures.set("publish", failure(GrpcCode.internal, "not now"));
  await expect(mount("b")).rejects.toThrow("not now");
  await unmount("a");
  expect(calls).toEqual(["stage", "publish", "publish", "unpublish"]);
  failures.clear();
  await mount("b");
  await unmount("b");
  expect(calls.slice(4)).toEqual(["publish", "unpublish", "unstage"]);
});

test("a driver is asked one thing at a time about a volume, also when it has to grow", async () => {
  const { calls, most, mount } = someVolumes();
  await Promise.all([mount("a", { claim, persistent }), mount("b", { claim, persistent })]);
  expect([...calls].sort()).toEqual(["expand", "expand", "publish", "publish", "stage"]);
  expect(most.max).toBe(1);
});

test("what could not be unstaged for certain is staged again for the next pod", async () => {
  const { calls, failures, mount, unmount } = someVolumes();
  await mount("a");
  failures.set("unstage", failure(GrpcCode.invalidArgument, "not now"));
  await expect(unmount("a")).rejects.toThrow("not now");
  failures.clear();
  await mount("b");
  await unmount("b");
  expect(calls).toEqual(["stage", "publish", "unpublish", "unstage", "stage", "publish", "unpublish", "unstage"]);
});
