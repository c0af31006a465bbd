/** What was made for keys lately: at least the last values of so much weight, and at most twice that. Older ones are to be made again. */
export class RecentMap<K, V> {
  readonly #weightMax: number;
  #values = new Map<K, V>();
  #older = new Map<K, V>();
  #weight = 0;

  constructor(weightMax: number) {
    this.#weightMax = weightMax;
  }

  get(key: K): V | undefined {
    return this.#values.get(key) ?? this.#older.get(key);
  }

  set(key: K, value: V, weight = 1): void {
    if (this.#weight + weight > this.#weightMax) {
      this.#older = this.#values;
      this.#values = new Map();
      this.#weight = 0;
    }
    this.#values.set(key, value);
    this.#weight += weight;
  }
}
