import { isConditionTrue, withCondition } from "../../engine/apimachinery/conditions.ts";
import { wholeValue } from "../../engine/apimachinery/quantity.ts";
import type { Client } from "../../engine/client/client.ts";
import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import { formatTime, type Clock } from "../../engine/lib/clock.ts";
import { GrpcCode } from "../../engine/lib/grpc/grpc-error.ts";
import { describeError } from "../../engine/lib/log.ts";
import { persistentVolumeClaimResource } from "../../engine/resources/core/persistent-volume-claim.ts";
import type { PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus, Pod } from "../../engine/resources/types.ts";
import { driverCode, isFinal } from "../csi/csi-driver.ts";

/** A claim and the volume that it has. */
export interface ClaimedVolume {
  readonly claim: PersistentVolumeClaim;
  readonly persistent: PersistentVolume;
}

/**
 * `marks`: what is written into the claim's status: each step, where its resizer has left one to this node; the end alone, where nothing but
 * the volume's size tells of it, as with resizers of old and sizes that a person has raised; nothing, where another node has done that.
 */
export interface PlannedExpansion {
  readonly do: "expand";
  readonly size: string;
  readonly marks: "steps" | "end" | "nothing";
}
export type Expansion = { readonly do: "nothing" } | PlannedExpansion;

const NOT_REQUIRED_ANNOTATION = "volume.kubernetes.io/node-expansion-not-required";
const RESIZE_CONDITIONS = ["Resizing", "FileSystemResizePending", "ControllerResizeError", "NodeResizeError"];

/**
 * Whether a volume that has grown has to grow on this node too: when its resizer has left that to a node, or, for volumes of many nodes,
 * when another node has done its part. `knownSize` is the claim's size when it was mounted here. Pure.
 */
export function planExpansion({ claim, persistent }: ClaimedVolume, knownSize: string | undefined): Expansion {
  const size = persistent.spec?.capacity?.["storage"];
  const { capacity, allocatedResources, allocatedResourceStatuses } = claim.status ?? {};
  const state = allocatedResourceStatuses?.["storage"];
  if (size === undefined) return { do: "nothing" };
  if (state === "NodeResizePending" || state === "NodeResizeInProgress") return { do: "expand", size: allocatedResources?.["storage"] ?? size, marks: "steps" };
  const known = capacity?.["storage"];
  if (state !== undefined || known === undefined) return { do: "nothing" };
  if (wholeValue(known) < wholeValue(size)) return allocatedResources === undefined ? { do: "expand", size, marks: "end" } : { do: "nothing" };
  const isForAllNodes = claim.spec?.accessModes?.includes("ReadWriteMany") === true && claim.metadata.annotations?.[NOT_REQUIRED_ANNOTATION] === undefined;
  const isSmallerHere = knownSize !== undefined && wholeValue(knownSize) < wholeValue(size);
  return isForAllNodes && isSmallerHere ? { do: "expand", size, marks: "nothing" } : { do: "nothing" };
}

/** A claim's status when its volume has grown. Pure. */
export function computeGrownStatus(status: PersistentVolumeClaimStatus, size: string): object {
  return {
    capacity: { ...status.capacity, storage: size },
    allocatedResourceStatuses: { storage: null },
    conditions: (status.conditions ?? []).filter(({ type }) => !RESIZE_CONDITIONS.includes(type)),
  };
}

/** A claim's status when its volume would not grow; one that never will is said to be so, for its resizer to act on. Pure. */
export function computeFailedStatus(status: PersistentVolumeClaimStatus, message: string, isInfeasible: boolean, nowMs: number): object {
  return {
    ...(isInfeasible ? { allocatedResourceStatuses: { storage: "NodeResizeInfeasible" } } : {}),
    conditions: withCondition(
      status.conditions ?? [],
      { type: "NodeResizeError", status: "True", message: `failed to expand pvc with ${message}` },
      formatTime(nowMs),
    ),
  };
}

export interface ExpansionParts {
  readonly client: Client;
  readonly events: EventRecorder;
  readonly clock: Clock;
}

/**
 * Has a volume grown, by its driver or by this agent, and tells of it in the claim. Rejects when it would not, unless a driver only would
 * not while it is in use.
 */
export async function executeExpansion(
  { client, events, clock }: ExpansionParts,
  pod: Pod,
  { claim }: ClaimedVolume,
  { size, marks }: PlannedExpansion,
  expand: (bytes: number) => Promise<void>,
): Promise<void> {
  const api = client.for(persistentVolumeClaimResource);
  const { namespace = "", name = "" } = claim.metadata;
  const write = (status: object) => api.patch(namespace, name, "merge", { metadata: { uid: claim.metadata.uid }, status }, { subresource: "status" });
  if (marks === "steps") await write({ allocatedResourceStatuses: { storage: "NodeResizeInProgress" } });
  try {
    await expand(wholeValue(size));
  } catch (error) {
    const code = driverCode(error);
    const message = describeError(error);
    events.record(pod, { type: "Warning", reason: "VolumeResizeFailed", message: `NodeExpandVolume failed for volume of claim "${name}": ${message}` });
    // Of what the agent does itself, nothing goes on after it has failed.
    if (marks === "steps" && (code === undefined || isFinal(error)))
      await write(computeFailedStatus((await api.get(namespace, name)).status ?? {}, message, isInfeasible(code) || hasGivenUp(claim, size), clock.now()));
    // It can grow when no pod has it; that is no reason for this one to wait.
    if (code === GrpcCode.failedPrecondition) return;
    throw error;
  }
  for (const object of [pod, claim])
    events.record(object, {
      type: "Normal",
      reason: "FileSystemResizeSuccessful",
      message: `MountVolume.NodeExpandVolume succeeded for volume of claim "${name}"`,
    });
  if (marks !== "nothing") await write(computeGrownStatus((await api.get(namespace, name)).status ?? {}, size));
}

/** Whether a claim has asked for another size since its volume failed to grow to this one: its resizer is to make another attempt, with that. Pure. */
function hasGivenUp({ spec, status }: PersistentVolumeClaim, size: string): boolean {
  const asked = spec?.resources?.requests?.["storage"];
  return asked !== undefined && wholeValue(asked) !== wholeValue(size) && isConditionTrue(status?.conditions, "NodeResizeError");
}

function isInfeasible(code: number | undefined): boolean {
  return code === GrpcCode.invalidArgument || code === GrpcCode.outOfRange || code === GrpcCode.notFound;
}
