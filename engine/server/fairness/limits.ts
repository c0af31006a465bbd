import type { PriorityLevelConfigurationSpec } from "../../resources/types.ts";

/** What a level may use, in seats: a seat is a request that is being served, a wide list takes several. */
export interface LevelLimits {
  /** Its share of the server. */
  readonly nominal: number;
  /** The part of its share that others never get. */
  readonly lower: number;
  /** Its share and what it may borrow. */
  readonly upper: number;
}

/** The limits of every level, from their shares of all seats. Formula: nominal = ⌈seats × shares ÷ all shares⌉, as upstream's. */
export function computeLimits(levels: ReadonlyMap<string, PriorityLevelConfigurationSpec>, seats: number): ReadonlyMap<string, LevelLimits> {
  const sharesOf = (spec: PriorityLevelConfigurationSpec) => (spec.limited ?? spec.exempt)?.nominalConcurrencyShares ?? (spec.type === "Exempt" ? 0 : 30);
  const all = [...levels.values()].reduce((sum, spec) => sum + sharesOf(spec), 0);
  return new Map(
    [...levels].map(([name, spec]) => {
      const nominal = all === 0 ? 0 : Math.ceil((seats * sharesOf(spec)) / all);
      const lendable = Math.round((nominal * ((spec.limited ?? spec.exempt)?.lendablePercent ?? 0)) / 100);
      const borrowing = spec.limited?.borrowingLimitPercent;
      const upper = borrowing === undefined ? seats : Math.min(seats, nominal + Math.round((nominal * borrowing) / 100));
      return [name, { nominal, lower: nominal - lendable, upper: Math.max(nominal, upper) }];
    }),
  );
}

export interface LevelUse {
  readonly limits: LevelLimits;
  readonly inUse: number;
}

/**
 * Whether a level may take `width` more seats: from its own share always; beyond it from what nobody uses, leaving every other level
 * the part of its share that it does not lend. Lent seats are not taken back from requests that run, so that an owner who comes back
 * may for a moment bring the server above its total, by at most what was lent.
 */
export function mayTake(level: LevelUse, width: number, levels: Iterable<LevelUse>, seats: number): boolean {
  const wanted = level.inUse + width;
  // A request that is wider than all of its level runs alone in it.
  if (wanted <= level.limits.nominal || (level.inUse === 0 && level.limits.nominal > 0)) return true;
  if (wanted > level.limits.upper) return false;
  let taken = width;
  for (const other of levels) taken += other === level ? level.inUse : Math.max(other.inUse, other.limits.lower);
  return taken <= seats;
}
