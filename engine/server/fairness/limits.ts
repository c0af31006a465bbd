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
