import { describe, expect, test } from "vitest";
import type { Client } from "../../../../engine/client/client.ts";
import type { EventRecorder } from "../../../../engine/client/event-recorder.ts";
import { GrpcCode, GrpcError } from "../../../../engine/lib/grpc/grpc-error.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../../../../engine/resources/types.ts";
import { computeFailedStatus, computeGrownStatus, executeExpansion, planExpansion } from "../../../../node-agent/volumes/expand-volume.ts";
import { MountError } from "../../../../node-agent/volumes/volume-plugin.ts";
import { aPod } from "../../../kit/objects.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const persistent = (): PersistentVolume => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: "pv" },
  spec: { capacity: { storage: "2Gi" }, accessModes: ["ReadWriteOnce"], csi: { driver: "d", volumeHandle: "h" } },
});

describe("a volume grows on the node", () => {
  const claim = (capacity: string, state?: string, more: object = {}): PersistentVolumeClaim => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "c" },
    spec: { accessModes: ["ReadWriteMany"] },
    status: { capacity: { storage: capacity }, ...(state === undefined ? {} : { allocatedResourceStatuses: { storage: state } }) },
    ...more,
  });

  test("when its resizer has left that to the node, and not while the resizer is at work or has given up", () => {
    for (const state of ["NodeResizePending", "NodeResizeInProgress"])
      expect(planExpansion({ claim: claim("1Gi", state), persistent: persistent() }, "1Gi")).toEqual({ do: "expand", size: "2Gi", marks: "steps" });
    for (const state of ["ControllerResizeInProgress", "NodeResizeInfeasible"]) expect(planExpansion({ claim: claim("1Gi", state), persistent: persistent() }, "1Gi")).toEqual({ do: "nothing" });
  });

  test("to what its resizer has taken in hand, which may be less than the volume has got since", () => {
    const taken = { capacity: { storage: "1Gi" }, allocatedResources: { storage: "1536Mi" } };
    expect(planExpansion({ claim: claim("1Gi", undefined, { status: { ...taken, allocatedResourceStatuses: { storage: "NodeResizePending" } } }), persistent: persistent() }, "1Gi")).toEqual({
      do: "expand",
      size: "1536Mi",
      marks: "steps",
    });
    expect(planExpansion({ claim: claim("1Gi", undefined, { status: taken }), persistent: persistent() }, "1Gi")).toEqual({ do: "nothing" });
  });

  test("when nothing but the volume's size tells that it has grown", () => {
    expect(planExpansion({ claim: claim("1Gi"), persistent: persistent() }, undefined)).toEqual({ do: "expand", size: "2Gi", marks: "end" });
    expect(planExpansion({ claim: claim("3Gi"), persistent: persistent() }, undefined)).toEqual({ do: "nothing" });
    expect(planExpansion({ claim: claim("1Gi", undefined, { status: { phase: "Bound" } }), persistent: persistent() }, undefined)).toEqual({ do: "nothing" });
  });

  test("after another node's part is done, if many have it and nobody has said that there is nothing to do", () => {
    const done = claim("2Gi");
    expect(planExpansion({ claim: done, persistent: persistent() }, "1Gi")).toEqual({ do: "expand", size: "2Gi", marks: "nothing" });
    expect(planExpansion({ claim: done, persistent: persistent() }, "2Gi")).toEqual({ do: "nothing" });
    expect(planExpansion({ claim: { ...done, spec: { accessModes: ["ReadWriteOnce"] } }, persistent: persistent() }, "1Gi")).toEqual({ do: "nothing" });
    expect(planExpansion({ claim: { ...done, metadata: { annotations: { "volume.kubernetes.io/node-expansion-not-required": "true" } } }, persistent: persistent() }, "1Gi")).toEqual({
      do: "nothing",
    });
  });

  test("and the claim tells of it, or of why it has not", () => {
    const status = {
      capacity: { storage: "1Gi" },
      conditions: [
        { type: "FileSystemResizePending", status: "True" },
        { type: "ModifyingVolume", status: "True" },
      ],
    };
    expect(computeGrownStatus(status, "2Gi")).toEqual({ capacity: { storage: "2Gi" }, allocatedResourceStatuses: { storage: null }, conditions: [{ type: "ModifyingVolume", status: "True" }] });
    expect(computeFailedStatus({}, "no room", false, 0)).toEqual({
      conditions: [{ type: "NodeResizeError", status: "True", message: "failed to expand pvc with no room", lastTransitionTime: "1970-01-01T00:00:00Z" }],
    });
    expect(computeFailedStatus({}, "no room", true, 0)).toMatchObject({ allocatedResourceStatuses: { storage: "NodeResizeInfeasible" } });
  });
});

describe("a claim whose volume grows", () => {
  const held = (state: string | undefined): PersistentVolumeClaim => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "c", namespace: "default", uid: "u" },
    spec: {},
    status: { capacity: { storage: "1Gi" }, ...(state === undefined ? {} : { allocatedResourceStatuses: { storage: state } }) },
  });
  const grow = async (marks: "steps" | "end" | "nothing", expand: () => Promise<void>, claim = held(undefined)) => {
    const written: unknown[] = [];
    const told: string[] = [];
    const client = {
      for: () => ({ get: async () => held(undefined), patch: async (_namespace: string, _name: string, _type: string, { status }: { status: unknown }) => void written.push(status) }),
    } as unknown as Client; // nothing else is used
    const events = { record: (object: { kind: string }, { reason }: { reason: string }) => void told.push(`${object.kind} ${reason}`) } as unknown as EventRecorder; // nor of this
    const failure = await executeExpansion({ client, events, clock: new VirtualClock() }, aPod("p"), { claim, persistent: persistent() }, { do: "expand", size: "2Gi", marks }, expand).catch(
      (error: unknown) => error,
    );
    return { written, told, failure };
  };
  const done = { capacity: { storage: "2Gi" }, allocatedResourceStatuses: { storage: null }, conditions: [] };

  test.each([
    ["steps" as const, [{ allocatedResourceStatuses: { storage: "NodeResizeInProgress" } }, done]],
    ["end" as const, [done]],
    ["nothing" as const, []],
  ])("has written into it: %s", async (marks, written) => {
    expect(await grow(marks, async () => {})).toEqual({ written, told: ["Pod FileSystemResizeSuccessful", "PersistentVolumeClaim FileSystemResizeSuccessful"], failure: undefined });
  });

  test("says nothing of a growth that may still come about, but its pod does", async () => {
    const failure = new MountError("no room");
    expect(await grow("end", () => Promise.reject(failure))).toEqual({ written: [], told: ["Pod VolumeResizeFailed"], failure });
  });

  const asking = (storage: string, failed: boolean): PersistentVolumeClaim => ({
    ...held("NodeResizePending"),
    spec: { resources: { requests: { storage } } },
    status: { ...held("NodeResizePending").status, conditions: failed ? [{ type: "NodeResizeError", status: "True" }] : [] },
  });
  const IN_PROGRESS = { allocatedResourceStatuses: { storage: "NodeResizeInProgress" } };
  const told = (more: object = {}) => ({
    ...more,
    conditions: [expect.objectContaining({ type: "NodeResizeError", status: "True", message: expect.stringContaining("failed to expand pvc with refused") as unknown }) as unknown],
  });
  const GIVEN_UP = { allocatedResourceStatuses: { storage: "NodeResizeInfeasible" } };
  test.each<[string, PersistentVolumeClaim, number | undefined, readonly object[]]>([
    ["at the first failure", asking("2Gi", false), GrpcCode.permissionDenied, [IN_PROGRESS, told()]],
    ["while it asks for what failed", asking("2Gi", true), GrpcCode.permissionDenied, [IN_PROGRESS, told()]],
    ["when it asks for less before anything has failed", asking("1536Mi", false), GrpcCode.permissionDenied, [IN_PROGRESS, told()]],
    ["when it asks for less after a failure, for the resizer to try that", asking("1536Mi", true), GrpcCode.permissionDenied, [IN_PROGRESS, told(GIVEN_UP)]],
    ["when it can never be", asking("2Gi", false), GrpcCode.outOfRange, [IN_PROGRESS, told(GIVEN_UP)]],
    ["while the driver may still be at it", asking("1536Mi", true), GrpcCode.deadlineExceeded, [IN_PROGRESS]],
    ["when the agent itself could not grow it", asking("2Gi", false), undefined, [IN_PROGRESS, told()]],
  ])("tells that it has not grown: %s", async (_when, claim, code, written) => {
    const failure = new MountError("refused", code === undefined ? {} : { cause: new GrpcError(code, "") });
    expect((await grow("steps", () => Promise.reject(failure), claim)).written).toEqual(written);
  });
});
