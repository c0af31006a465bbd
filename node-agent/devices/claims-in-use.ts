import type { MetricsRegistry } from "../../engine/lib/metrics.ts";
import type { PreparedClaim, PreparedClaims } from "./prepared-claims.ts";

/** Stands for all drivers: a claim with devices of several is one claim. */
const ANY_DRIVER = "<any>";

/** How many claims are prepared on the node, by driver and in all. Those whose drivers have not all answered are not yet. Pure. */
function computeClaimsInUse(claims: readonly PreparedClaim[]): ReadonlyMap<string, number> {
  const prepared = claims.map(({ drivers }) => Object.entries(drivers)).filter((drivers) => drivers.every(([, devices]) => devices.length > 0));
  const counts = new Map([[ANY_DRIVER, prepared.length]]);
  for (const [driver] of prepared.flat()) counts.set(driver, (counts.get(driver) ?? 0) + 1);
  return counts;
}

export function meterClaims(registry: MetricsRegistry, claims: Pick<PreparedClaims, "all">): void {
  const gauge = registry.gauge(
    "dra_resource_claims_in_use",
    "ResourceClaims that are prepared on the node, by driver; under <any> each once, however many drivers it has devices of.",
  );
  registry.beforeRender(() => {
    gauge.clear();
    for (const [driver_name, count] of computeClaimsInUse(claims.all())) gauge.set(count, { driver_name });
  });
}
