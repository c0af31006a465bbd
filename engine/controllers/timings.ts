/** Every interval of the controllers, in milliseconds; the defaults are upstream's flags. */
export interface ControllerTimings {
  /** How often nodes are looked at. */
  readonly nodeMonitorPeriodMs: number;
  /** A node that has not renewed its lease for this long is Unknown. */
  readonly nodeMonitorGraceMs: number;
  /** How long an Event is kept. */
  readonly eventTtlMs: number;
  /** How often orphaned pods are looked for. */
  readonly podGcPeriodMs: number;
  /** A pod whose node is gone is removed after this long. */
  readonly podGcQuarantineMs: number;
}

export const DEFAULT_TIMINGS: ControllerTimings = {
  nodeMonitorPeriodMs: 5_000,
  nodeMonitorGraceMs: 50_000,
  eventTtlMs: 60 * 60_000,
  podGcPeriodMs: 20_000,
  podGcQuarantineMs: 40_000,
};
