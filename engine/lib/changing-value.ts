/** A value that is replaced while others use it, such as a certificate that was renewed. Who keeps it is the only one to set it. */
export class ChangingValue<T> {
  #current: T;
  readonly #listeners = new Set<() => void>();

  constructor(current: T) {
    this.#current = current;
  }

  get current(): T {
    return this.#current;
  }

  /** Replaces it and tells all listeners, in the order in which they came. */
  set(value: T): void {
    this.#current = value;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls the listener after each change until the signal fires. */
  onChange(listener: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
  }
}

/** What others may read of one. */
export type Following<T> = Pick<ChangingValue<T>, "current" | "onChange">;
