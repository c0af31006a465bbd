import type { LevelLimits } from "./limits.ts";

/** A level at the moment at which seats are shared out anew. */
export interface Borrower {
  readonly name: string;
  readonly isExempt: boolean;
  readonly limits: LevelLimits;
  /** The most seats that it asked for at once since the last time. */
  readonly high: number;
  readonly smoothed: number;
}

export interface Borrowing {
  /** What each level may use until the next time. */
  readonly current: ReadonlyMap<string, number>;
  /** What each level that is not exempt should have. */
  readonly targets: ReadonlyMap<string, number>;
  /** Which part of its target every level gets that meets no bound. */
  readonly fairFraction: number;
}

/**
 * Shares the seats of all levels out by what they asked for lately: a level keeps what it needed, up to its own share, never gets less than
 * it does not lend nor more than it may borrow, and of the rest all get the same part of what they should have. Upstream's rules (KEP-1040).
 * Pure.
 */
export function computeBorrowing(levels: readonly Borrower[]): Borrowing {
  const exempt = levels.filter(({ isExempt }) => isExempt);
  const others = levels.filter(({ isExempt }) => !isExempt).map((level) => ({ ...level, needed: neededBy(level) }));
  const targets = new Map(others.map(({ name, needed, smoothed }) => [name, Math.max(needed, smoothed)]));
  const exemptSeats = new Map(exempt.map(({ name, limits, high }) => [name, Math.max(limits.lower, high)]));
  const all = levels.reduce((sum, { limits }) => sum + limits.nominal, 0);
  const left = all - [...exemptSeats.values()].reduce((sum, seats) => sum + seats, 0);
  const lowest = others.reduce((sum, { limits }) => sum + limits.lower, 0);
  const needed = others.reduce((sum, level) => sum + level.needed, 0);
  const give = (seats: (level: (typeof others)[number], index: number) => number, fairFraction = 0): Borrowing => ({
    current: new Map([...exemptSeats, ...others.map((level, index) => [level.name, Math.round(seats(level, index))] as const)]),
    targets,
    fairFraction,
  });
  // Exempt requests ask nobody, and may have taken nearly everything.
  if (left <= lowest) return give(({ limits }) => limits.lower);
  if (left <= needed) return give((level) => level.limits.lower + ((level.needed - level.limits.lower) * (left - lowest)) / (needed - lowest));
  const { seats, fraction } = shareOut(
    all,
    others.map((level) => ({ lower: level.needed, upper: level.limits.upper, target: targets.get(level.name) ?? 0 })),
  );
  return give((_level, index) => seats[index] ?? 0, fraction);
}

function neededBy({ limits, high }: Borrower): number {
  return Math.max(limits.lower, Math.min(limits.nominal, high));
}

export interface Claim {
  readonly lower: number;
  readonly upper: number;
  readonly target: number;
}

const TARGET_MIN = 0.001;

/**
 * The seats of each claim when all get the same fraction of their targets, but for those that meet a bound. They sum up to `total` unless
 * the bounds forbid it. As the fraction grows, the sum grows in straight lines from bound to bound: the line that reaches the total is it. Pure.
 */
export function shareOut(total: number, claims: readonly Claim[]): { readonly seats: readonly number[]; readonly fraction: number } {
  const safe = claims.map(({ lower, upper, target }) => ({ lower, upper: Math.max(lower, upper), target: Math.max(target, TARGET_MIN) }));
  const seatsAt = (fraction: number) => safe.map(({ lower, upper, target }) => Math.min(upper, Math.max(lower, fraction * target)));
  const sumAt = (fraction: number) => seatsAt(fraction).reduce((sum, seats) => sum + seats, 0);
  const bends = [0, ...safe.flatMap(({ lower, upper, target }) => [lower / target, upper / target])].sort((a, b) => a - b);
  let from = bends[0] ?? 0;
  for (const to of bends) {
    const [low, high] = [sumAt(from), sumAt(to)];
    if (high >= total && high > low) {
      const fraction = low >= total ? from : from + ((total - low) / (high - low)) * (to - from);
      return { seats: seatsAt(fraction), fraction };
    }
    from = to;
  }
  return { seats: seatsAt(from), fraction: from };
}
