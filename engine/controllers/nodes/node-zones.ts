import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { REGION_LABEL, ZONE_LABEL } from "../../apimachinery/known-labels.ts";
import type { Node } from "../../resources/types.ts";
import type { ControllerTimings } from "../timings.ts";

/** Down nodes a zone must have before it counts as partly down; two can always be a coincidence. */
const PARTIAL_MIN = 3;

export interface Zone {
  /** `full`: no node is ready. `partial`: so many are down that the zone itself is suspect. */
  readonly is: "normal" | "partial" | "full";
  readonly size: number;
}

type Settings = Pick<ControllerTimings, "evictionRate" | "secondaryEvictionRate" | "largeZoneSize" | "unhealthyZoneThreshold">;

/** The state of each zone, as upstream judges it. */
export function computeZones(nodes: readonly Node[], { unhealthyZoneThreshold }: Pick<Settings, "unhealthyZoneThreshold">): ReadonlyMap<string, Zone> {
  const counts = new Map<string, { ready: number; down: number }>();
  for (const node of nodes) {
    const zone = zoneOf(node);
    const count = counts.get(zone) ?? { ready: 0, down: 0 };
    counts.set(zone, count);
    if (isConditionTrue(node.status?.conditions, "Ready")) count.ready++;
    else count.down++;
  }
  return new Map([...counts].map(([zone, { ready, down }]) => [zone, { is: judge(ready, down, unhealthyZoneThreshold), size: ready + down }]));
}

/** Whether nothing anywhere is ready: then it is more likely that we hear nobody than that everybody is gone. */
export function isDisrupted(zones: ReadonlyMap<string, Zone>): boolean {
  return zones.size > 0 && [...zones.values()].every((zone) => zone.is === "full");
}

/** Nodes per second whose pods may be told to leave. A zone that is down as a whole is emptied at the normal rate: others have room. */
export function evictionRate(zone: Zone | undefined, settings: Settings): number {
  if (zone?.is !== "partial") return settings.evictionRate;
  return zone.size > settings.largeZoneSize ? settings.secondaryEvictionRate : 0;
}

export function zoneOf(node: Node): string {
  const labels = node.metadata.labels ?? {};
  return `${labels[REGION_LABEL] ?? ""}:${labels[ZONE_LABEL] ?? ""}`;
}

/** Takes turns within each zone, one at a time at the rate given. */
export class EvictionTurns {
  readonly #lastMs = new Map<string, number>();

  /** 0 when it is the caller's turn, which is taken with that; else the time until it may be. */
  take(zone: string, perSecond: number, nowMs: number): number {
    const waitMs = (this.#lastMs.get(zone) ?? -Infinity) + 1_000 / perSecond - nowMs;
    if (waitMs > 0) return waitMs;
    this.#lastMs.set(zone, nowMs);
    return 0;
  }
}

function judge(ready: number, down: number, threshold: number): Zone["is"] {
  if (ready === 0 && down > 0) return "full";
  return down >= PARTIAL_MIN && down / (ready + down) >= threshold ? "partial" : "normal";
}
