import { createHash } from "node:crypto";

/** So many bits of a flow's hash are used; a hand may need no more (see the validation of priority levels). */
const HASH_BITS = 60n;

/** The number that a flow is known by, the same on every server. */
export function hashFlow(schema: string, distinguisher: string): bigint {
  const digest = createHash("sha256").update(`${schema.length}:${schema}${distinguisher}`).digest();
  return digest.readBigUInt64BE(0) & ((1n << HASH_BITS) - 1n);
}

/**
 * The queues that a flow is spread over: `handSize` different ones out of `deckSize`, dealt as a hand of cards whose order the hash
 * decides. Two flows rarely have all of their queues in common, so a greedy one leaves every other a queue to itself.
 */
export function dealHand(hash: bigint, deckSize: number, handSize: number): readonly number[] {
  const hand: number[] = [];
  let rest = hash;
  for (let dealt = 0; dealt < handSize; dealt++) {
    const left = BigInt(deckSize - dealt);
    // The card's number among those that are still in the deck.
    let card = Number(rest % left);
    rest /= left;
    for (const taken of [...hand].sort((a, b) => a - b)) if (card >= taken) card++;
    hand.push(card);
  }
  return hand;
}
