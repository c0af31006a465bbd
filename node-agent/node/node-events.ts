import { findCondition } from "../../engine/apimachinery/conditions.ts";
import type { EventContent } from "../../engine/client/event-recorder.ts";
import type { Node } from "../../engine/resources/types.ts";

/** What an event is called when a pressure comes and when it goes. */
const PRESSURE_REASONS: Readonly<Record<string, { readonly present: string; readonly absent: string }>> = {
  MemoryPressure: { present: "NodeHasInsufficientMemory", absent: "NodeHasSufficientMemory" },
  DiskPressure: { present: "NodeHasDiskPressure", absent: "NodeHasNoDiskPressure" },
  PIDPressure: { present: "NodeHasInsufficientPID", absent: "NodeHasSufficientPID" },
};

/** The first that is told of a Node by an agent that has just started. */
export const STARTING: EventContent = { type: "Normal", reason: "Starting", message: "Starting kubelet." };

/**
 * What the agent tells of its Node once a status is written: `before` is the Node that it was computed from, `seen` the one that the agent saw
 * before that, if any. Names and texts are upstream's. Pure.
 */
export function nodeEvents(seen: Node | undefined, before: Node, after: Node): readonly EventContent[] {
  const name = after.metadata.name ?? "";
  const is = (reason: string): EventContent => ({ type: "Normal", reason, message: `Node ${name} status is now: ${reason}` });
  const told: EventContent[] = [];
  const bootId = before.status?.nodeInfo?.bootID ?? "";
  const { bootID = "" } = after.status?.nodeInfo ?? {};
  if (bootId !== "" && bootId !== bootID) told.push({ type: "Warning", reason: "Rebooted", message: `Node ${name} has been rebooted, boot id: ${bootID}` });
  for (const [type, { present, absent }] of Object.entries(PRESSURE_REASONS)) {
    const status = statusOf(after, type);
    if (status !== statusOf(before, type)) told.push(is(status === "True" ? present : absent));
  }
  const ready = statusOf(after, "Ready");
  if (ready !== statusOf(before, "Ready") && (ready === "True" || statusOf(before, "Ready") !== undefined))
    told.push(is(ready === "True" ? "NodeReady" : "NodeNotReady"));
  const isCordoned = after.spec?.unschedulable === true;
  if (seen !== undefined && (seen.spec?.unschedulable === true) !== isCordoned) told.push(is(isCordoned ? "NodeNotSchedulable" : "NodeSchedulable"));
  return told;
}

function statusOf({ status }: Node, type: string): string | undefined {
  return findCondition(status?.conditions, type)?.status;
}
