/** A list of so many objects takes one seat; upstream's figures. */
const OBJECTS_PER_SEAT = 100;
const SEATS_MAX = 10;

/** How many seats a list takes: as many objects as have to be looked at, not only as many as are answered. */
export function listWidth({ stored, limit = 0, isSelective }: { readonly stored: number; readonly limit?: number; readonly isSelective: boolean }): number {
  const looked = limit > 0 && !isSelective ? Math.min(limit, stored) : stored;
  return Math.max(1, Math.min(SEATS_MAX, Math.ceil(looked / OBJECTS_PER_SEAT)));
}
