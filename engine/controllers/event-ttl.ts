import { eventResource } from "../resources/core/event.ts";
import type { CoreEvent } from "../resources/types.ts";
import type { ControllerContext } from "./controller-context.ts";
import { read, type Action, type ControllerDefinition } from "./define-controller.ts";

const DELETED_PER_ROUND_MAX = 2_000;

/**
 * The events that were made, and have occurred last, longer ago than they are kept, within one round's bound: who tells of an old one is
 * heard as long, and whose clock is ahead not until his time has come. Pure.
 */
export function planExpiry(events: readonly CoreEvent[], ttlMs: number, nowMs: number): readonly Action[] {
  const instant = (time: string | null | undefined) => (time ? Date.parse(time) : 0);
  const lastMs = ({ lastTimestamp, eventTime, series, metadata }: CoreEvent) => {
    const told = [series?.lastObservedTime, lastTimestamp, eventTime].map(instant).filter((ms) => ms <= nowMs);
    return Math.max(instant(metadata.creationTimestamp), ...told);
  };
  return events
    .filter((event) => lastMs(event) < nowMs - ttlMs)
    .slice(0, DELETED_PER_ROUND_MAX)
    .map((event) => ({ do: "delete", resource: eventResource, object: event }));
}

/** Events tell of the recent past: older ones go. */
export function eventTtlController({ informers, timings }: ControllerContext): ControllerDefinition<readonly CoreEvent[]> {
  const events = informers.informer(eventResource);
  return {
    name: "event-ttl-controller",
    workers: 1,
    watches: [],
    reads: [read(events)],
    initialKeys: ["events"],
    observe: () => events.list(),
    plan: (observed, nowMs) => [
      { do: "wait", forMs: timings.eventTtlPeriodMs },
      { do: "together", actions: planExpiry(observed, timings.eventTtlMs, nowMs) },
    ],
  };
}
