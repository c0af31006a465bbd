/**
 * Where a walk through a value is. Entering and leaving cost next to nothing; text is made only when there is something to report.
 */
export class PathTrail {
  readonly #prefix: string;
  readonly #steps: (string | number)[] = [];
  /** Which steps are keys of maps; they are written in brackets. */
  readonly #isKey: boolean[] = [];

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Whether the walk is at a value of a map, not of a property or a list. */
  get isAtKey(): boolean {
    return this.#isKey.at(-1) === true;
  }

  enter(step: string | number, isMapKey: boolean): void {
    this.#steps.push(step);
    this.#isKey.push(isMapKey);
  }

  leave(): void {
    this.#steps.pop();
    this.#isKey.pop();
  }

  /** Whether the walk is in this field of the outermost object. */
  isWithin(field: string): boolean {
    return this.#steps[0] === field;
  }

  /** The steps, with one below them. */
  path(step: string | number): readonly (string | number)[] {
    return [...this.#steps, step];
  }

  /** As field errors name a place: `spec.containers[0].image`, `metadata.labels[app]`; with a field below it, if given. */
  text(field?: string): string {
    let text = this.#prefix;
    for (const [depth, step] of this.#steps.entries()) {
      if (typeof step === "number" || this.#isKey[depth] === true) text += `[${step}]`;
      else text += text === "" ? step : `.${step}`;
    }
    return field === undefined ? text : text === "" ? field : `${text}.${field}`;
  }

  /** As upstream's strict decoder names an unknown field: keys of maps are steps like any other. */
  dotted(field: string): string {
    let text = this.#prefix;
    for (const step of this.#steps) text += typeof step === "number" ? `[${step}]` : text === "" ? step : `.${step}`;
    return text === "" ? field : `${text}.${field}`;
  }
}
