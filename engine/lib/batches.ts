/** How much goes into one batch. */
export interface BatchLimits<T> {
  readonly lengthOf: (item: T) => number;
  /** Of all items of a batch together; an item that is longer has one of its own. */
  readonly lengthMax: number;
  /** Items of a batch; any number when absent. */
  readonly itemsMax?: number;
}

/** The items in batches, in their order; each is gathered when the one before it has been dealt with. */
export function* inBatches<T>(items: Iterable<T>, { lengthOf, lengthMax, itemsMax = Infinity }: BatchLimits<T>): Generator<readonly T[]> {
  let batch: T[] = [];
  let length = 0;
  for (const item of items) {
    const own = lengthOf(item);
    if (batch.length >= itemsMax || (batch.length > 0 && length + own > lengthMax)) {
      yield batch;
      batch = [];
      length = 0;
    }
    batch.push(item);
    length += own;
  }
  if (batch.length > 0) yield batch;
}
