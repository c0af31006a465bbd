/**
 * Decides whether what concurrent clients saw can be explained by one client at a time: the search of Wing and Gong
 * ("Testing and verifying concurrent objects", 1993) with Lowe's memory of dead ends ("Testing for linearizability", 2017).
 */

/** One call as its client saw it. Instants are of any clock that all clients share. */
export interface Call<I, O> {
  readonly calledAt: number;
  /** Infinity: no answer came, so it may have taken effect at any time after `calledAt`, or never. */
  readonly returnedAt: number;
  readonly input: I;
  /** Undefined when no answer came. */
  readonly output: O | undefined;
}

/** The object in its sequential form. States are values: `step` returns a new one. */
export interface Model<S, I, O> {
  readonly initial: S;
  /** The state after the call, or undefined when the call could not have been answered so. Without an output every answer will do. */
  step(state: S, input: I, output: O | undefined): S | undefined;
  /** Equal states have equal keys. */
  key(state: S): string;
}

export type Verdict<I, O> =
  | { readonly is: "linearizable" }
  /** The longest explanation that was found, and the calls of which none could come next. */
  | { readonly is: "violation"; readonly explained: readonly Call<I, O>[]; readonly stuck: readonly Call<I, O>[] };

export function checkLinearizable<S, I, O>(model: Model<S, I, O>, history: readonly Call<I, O>[]): Verdict<I, O> {
  // Those that returned first are the likeliest to come first; those that never returned are tried last.
  const calls = [...history].sort((a, b) => (a.returnedAt === b.returnedAt ? a.calledAt - b.calledAt : a.returnedAt - b.returnedAt));
  const answered = calls.filter(({ returnedAt }) => returnedAt !== Number.POSITIVE_INFINITY).length;
  const deadEnds = new Set<string>();
  const isPlaced = new Array<boolean>(calls.length).fill(false);
  const order: number[] = [];
  let longest: Verdict<I, O> = { is: "violation", explained: [], stuck: calls.slice(0, answered) };

  /** Whether the calls that are not placed yet can follow in this state. */
  const search = (state: S, answeredLeft: number): boolean => {
    if (answeredLeft === 0) return true;
    const situation = `${situationKey(isPlaced)} ${model.key(state)}`;
    if (deadEnds.has(situation)) return false;
    const candidates = nextCalls(calls, isPlaced);
    for (const index of candidates) {
      const call = calls[index];
      const next = call && model.step(state, call.input, call.output);
      if (next === undefined) continue;
      isPlaced[index] = true;
      order.push(index);
      if (search(next, answeredLeft - (index < answered ? 1 : 0))) return true;
      order.pop();
      isPlaced[index] = false;
    }
    if (longest.is === "violation" && order.length >= longest.explained.length) longest = { is: "violation", explained: pick(calls, order), stuck: pick(calls, candidates) };
    deadEnds.add(situation);
    return false;
  };
  return search(model.initial, answered) ? { is: "linearizable" } : longest;
}

/** Calls that may come next: those that began before any other that is left had returned. */
function nextCalls<I, O>(calls: readonly Call<I, O>[], isPlaced: readonly boolean[]): number[] {
  const candidates: number[] = [];
  let firstReturn = Number.POSITIVE_INFINITY;
  // In order of return: the first that is left bounds all others.
  for (const [index, call] of calls.entries()) {
    if (isPlaced[index]) continue;
    firstReturn = Math.min(firstReturn, call.returnedAt);
    if (call.calledAt <= firstReturn) candidates.push(index);
  }
  return candidates;
}

function situationKey(isPlaced: readonly boolean[]): string {
  let key = "";
  for (let from = 0; from < isPlaced.length; from += 16) {
    let bits = 0;
    for (let index = from; index < from + 16; index++) bits = bits * 2 + (isPlaced[index] === true ? 1 : 0);
    key += String.fromCharCode(bits);
  }
  return key;
}

function pick<T>(values: readonly T[], indexes: readonly number[]): T[] {
  return indexes.flatMap((index) => values[index] ?? []);
}
