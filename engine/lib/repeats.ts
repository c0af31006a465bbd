/** Of each item, whether one before it is the same: has the same text, or the same key. In one pass, however long the list is. */
export function repeatsOf<T>(list: readonly T[], keyOf: (item: T) => unknown = (item) => item): readonly boolean[] {
  const seen = new Set<unknown>();
  return list.map((item) => {
    const { size } = seen;
    return seen.add(keyOf(item)).size === size;
  });
}
