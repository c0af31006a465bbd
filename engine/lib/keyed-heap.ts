interface Slot<V> {
  readonly key: string;
  value: V;
  /** When its key was added. */
  readonly turn: number;
  index: number;
}

/**
 * Values by key, of which the first by an order is always at hand; adding, replacing and taking out cost the logarithm of their number.
 * Of equals that one comes first whose key was added first; to replace its value changes nothing about that.
 */
export class KeyedHeap<V> {
  readonly #comesBefore: (one: V, other: V) => boolean;
  readonly #slots: Slot<V>[] = [];
  readonly #byKey = new Map<string, Slot<V>>();
  #turn = 0;

  constructor(comesBefore: (one: V, other: V) => boolean) {
    this.#comesBefore = comesBefore;
  }

  get size(): number {
    return this.#slots.length;
  }

  get first(): V | undefined {
    return this.#slots[0]?.value;
  }

  get(key: string): V | undefined {
    return this.#byKey.get(key)?.value;
  }

  set(key: string, value: V): void {
    let slot = this.#byKey.get(key);
    if (slot === undefined) {
      slot = { key, value, turn: this.#turn++, index: this.#slots.length };
      this.#byKey.set(key, slot);
      this.#slots.push(slot);
    } else slot.value = value;
    this.#settle(slot);
  }

  delete(key: string): void {
    const slot = this.#byKey.get(key);
    if (slot === undefined) return;
    this.#byKey.delete(key);
    const last = this.#slots.pop() as Slot<V>; // the slot itself is there
    if (last === slot) return;
    this.#place(last, slot.index);
    this.#settle(last);
  }

  /** Moves a slot up past those that come after it, or down past those that come before. */
  #settle(slot: Slot<V>): void {
    for (let parent = this.#slots[(slot.index - 1) >> 1]; parent !== undefined && this.#isBefore(slot, parent); parent = this.#slots[(slot.index - 1) >> 1])
      this.#swap(slot, parent);
    for (let child = this.#firstChild(slot); child !== undefined && this.#isBefore(child, slot); child = this.#firstChild(slot)) this.#swap(slot, child);
  }

  #firstChild({ index }: Slot<V>): Slot<V> | undefined {
    const [left, right] = [this.#slots[2 * index + 1], this.#slots[2 * index + 2]];
    return left !== undefined && right !== undefined && this.#isBefore(right, left) ? right : left;
  }

  #swap(one: Slot<V>, other: Slot<V>): void {
    const { index } = one;
    this.#place(one, other.index);
    this.#place(other, index);
  }

  #place(slot: Slot<V>, index: number): void {
    this.#slots[index] = slot;
    slot.index = index;
  }

  #isBefore(one: Slot<V>, other: Slot<V>): boolean {
    if (this.#comesBefore(one.value, other.value)) return true;
    return one.turn < other.turn && !this.#comesBefore(other.value, one.value);
  }
}
