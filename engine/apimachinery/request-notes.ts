/** Warnings of one request beyond these are dropped: they travel in headers. */
const WARNINGS_MAX = 64;

/** What is remarked about a request while it is answered, whether it succeeds or fails: warnings for the writer, notes for the audit log. */
export class RequestNotes {
  readonly #warnings = new Set<string>();
  readonly #annotations = new Map<string, string>();
  readonly #contents = new Set<string>();

  /** In the order in which they were made, each once. */
  get warnings(): readonly string[] {
    return [...this.#warnings];
  }

  get annotations(): ReadonlyMap<string, string> {
    return this.#annotations;
  }

  /** Those that show nothing of what was written, for records that are not to. */
  get annotationsWithoutContents(): ReadonlyMap<string, string> {
    return this.#contents.size === 0 ? this.#annotations : new Map([...this.#annotations].filter(([key]) => !this.#contents.has(key)));
  }

  /** A writer whose request is refused is warned as well. */
  warn(...texts: readonly string[]): void {
    for (const text of texts) if (this.#warnings.size < WARNINGS_MAX) this.#warnings.add(text);
  }

  /** What was noted first under a key stays. */
  annotate(key: string, value: string): void {
    if (!this.#annotations.has(key)) this.#annotations.set(key, value);
  }

  /** The same of a note that shows what was written, such as a patch of it. */
  annotateContents(key: string, value: string): void {
    this.#contents.add(key);
    this.annotate(key, value);
  }
}
