import { Turns } from "./turns.ts";

/** Calls whose answers are in memory would otherwise keep everyone else waiting until the last of them: an API call takes up to a millisecond. */
const CALLS_PER_TURN = 8;

/** Maps items with at most `limit` calls under way; results in the order of the items. The first rejection ends it once running calls are done. */
export async function mapConcurrently<T, R>(items: readonly T[], limit: number, call: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const turns = new Turns(CALLS_PER_TURN);
  const worker = async () => {
    while (next < items.length && failure === undefined) {
      const index = next++;
      try {
        await turns.next();
        // The index is below the length, so there is an item.
        results[index] = await call(items[index] as T);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  if (failure !== undefined) throw failure.error;
  return results;
}
