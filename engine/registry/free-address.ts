import { formatAddress } from "../lib/net/ip-address.ts";
import type { Random } from "../lib/random.ts";
import type { IpRange } from "./ip-range.ts";

/** An address of the dynamic band, or of a range without one; somebody may have it. */
export function guessAddress(range: IpRange, random: Random): string {
  const from = range.dynamicFrom <= range.last ? range.dynamicFrom : range.first;
  return formatAddress(range.family, from + randomOffset(random, range.last - from + 1n));
}

/** The first free address of the ranges in their order, from a random one on: of the dynamic band, then of what is before it. Undefined when all are taken. */
export function findFreeAddress(ranges: readonly IpRange[], taken: ReadonlySet<string>, random: Random): string | undefined {
  for (const { family, first, last, dynamicFrom } of ranges) {
    for (const [from, to] of [
      [dynamicFrom, last],
      [first, dynamicFrom - 1n > last ? last : dynamicFrom - 1n],
    ] as const) {
      const count = to - from + 1n;
      if (count <= 0n) continue;
      const start = randomOffset(random, count);
      for (let step = 0n; step < count; step++) {
        const text = formatAddress(family, from + ((start + step) % count));
        if (!taken.has(text)) return text;
      }
    }
  }
  return undefined;
}

/** Chance has 48 bits: what is beyond them in a range is never hit, which leaves enough. */
function randomOffset(random: Random, count: bigint): bigint {
  const bound = count < 1n << 48n ? count : 1n << 48n;
  return BigInt(Math.floor(random.next() * Number(bound)));
}
