/** Holds values so that weak references to them live on for a while: at least the last ones of so much weight, and at most twice that. */
export class RecentValues {
  readonly #weightMax: number;
  #values: object[] = [];
  #older: object[] = [];
  #weight = 0;

  constructor(weightMax: number) {
    this.#weightMax = weightMax;
  }

  keep(value: object, weight: number): void {
    if (this.#weight + weight > this.#weightMax) {
      this.#older = this.#values;
      this.#values = [];
      this.#weight = 0;
    }
    this.#values.push(value);
    this.#weight += weight;
  }
}
