/** Every interval, rate and bound of the controllers; the defaults are upstream's flags. Times in milliseconds. */
export interface ControllerTimings {
  /** How often nodes are looked at. */
  readonly nodeMonitorPeriodMs: number;
  /** A node that has not renewed its lease for this long is Unknown. */
  readonly nodeMonitorGraceMs: number;
  /** The same for a node that has never been heard of. */
  readonly nodeStartupGraceMs: number;
  /** Nodes per second and zone whose pods may be told to leave while the zone is well, or gone as a whole. */
  readonly evictionRate: number;
  /** The same while a large zone is partly down. */
  readonly secondaryEvictionRate: number;
  /** Zones up to this many nodes stop evicting while they are partly down. */
  readonly largeZoneSize: number;
  /** The share of nodes not ready from which a zone counts as partly down. */
  readonly unhealthyZoneThreshold: number;
  /** How long an Event is kept. */
  readonly eventTtlMs: number;
  readonly eventTtlPeriodMs: number;
  /** How often orphaned pods are looked for. */
  readonly podGcPeriodMs: number;
  /** A pod whose node is gone is removed after this long. */
  readonly podGcQuarantineMs: number;
  /** Finished pods kept in the cluster; the oldest beyond it go. */
  readonly terminatedPodsMax: number;
  /** How often a namespace that is ending is looked at. */
  readonly namespacePeriodMs: number;
  /** How often an autoscaler looks at its figures. */
  readonly autoscalerPeriodMs: number;
  /** How often tokens are looked for that nobody uses. */
  readonly unusedTokenPeriodMs: number;
  /** A token in a Secret that was made for every account is refused when nobody has used it for this long, and goes after as long again. */
  readonly unusedTokenMs: number;
  /** How often each quota is counted although nothing seems to have changed. */
  readonly quotaResyncMs: number;
  /** The same for quotas that count custom kinds. */
  readonly customQuotaResyncMs: number;
}

export const DEFAULT_TIMINGS: ControllerTimings = {
  nodeMonitorPeriodMs: 5_000,
  nodeMonitorGraceMs: 50_000,
  nodeStartupGraceMs: 60_000,
  evictionRate: 0.1,
  secondaryEvictionRate: 0.01,
  largeZoneSize: 50,
  unhealthyZoneThreshold: 0.55,
  eventTtlMs: 60 * 60_000,
  eventTtlPeriodMs: 60_000,
  podGcPeriodMs: 20_000,
  podGcQuarantineMs: 40_000,
  terminatedPodsMax: 12_500,
  namespacePeriodMs: 1_000,
  autoscalerPeriodMs: 15_000,
  unusedTokenPeriodMs: 24 * 3_600_000,
  unusedTokenMs: 365 * 24 * 3_600_000,
  quotaResyncMs: 5 * 60_000,
  customQuotaResyncMs: 10_000,
};
