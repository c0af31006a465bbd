/** The fields of an object in a configuration file, read with their place in it. Everything throws with that place. */
export class ConfigFields {
  readonly path: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(value: unknown, path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${path === "" ? "the file" : path}: must be an object`);
    this.#fields = value as Readonly<Record<string, unknown>>; // just checked
    this.path = path;
  }

  get names(): readonly string[] {
    return Object.keys(this.#fields);
  }

  value(name: string): unknown {
    return this.#fields[name];
  }

  text(name: string): string | undefined {
    const value = this.#fields[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "string") throw new Error(`${this.#at(name)}: must be a text`);
    return value;
  }

  required(name: string): string {
    const value = this.text(name);
    return value === undefined || value === "" ? this.missing(name) : value;
  }

  /** A whole number that is no less than `min`; undefined where there is none. */
  whole(name: string, min: number): number | undefined {
    const value = this.#fields[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "number" || !Number.isInteger(value) || value < min)
      throw new Error(`${this.#at(name)}: must be a whole number${min === Number.MIN_SAFE_INTEGER ? "" : ` from ${min}`}`);
    return value;
  }

  flag(name: string): boolean {
    const value = this.#fields[name] ?? false;
    if (typeof value !== "boolean") throw new Error(`${this.#at(name)}: must be true or false`);
    return value;
  }

  texts(name: string): readonly string[] {
    const value = this.#fields[name] ?? [];
    if (!Array.isArray(value) || !value.every((one): one is string => typeof one === "string")) throw new Error(`${this.#at(name)}: must be a list of texts`);
    return value;
  }

  /** What the field's text means; undefined where it has none. What `parse` throws is told with the place. */
  parsed<T>(name: string, parse: (text: string) => T): T | undefined {
    const text = this.text(name);
    return text === undefined || text === "" ? undefined : this.requiredParsed(name, parse);
  }

  /** The same of a field that must be set. */
  requiredParsed<T>(name: string, parse: (text: string) => T): T {
    const text = this.required(name);
    try {
      return parse(text);
    } catch (error) {
      throw new Error(`${this.#at(name)}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }

  requiredOneOf<T extends string>(name: string, values: readonly T[]): T {
    return this.requiredParsed(name, (text) => {
      const found = values.find((value) => value === text);
      if (found === undefined) throw new Error(`must be one of ${values.join(", ")}`);
      return found;
    });
  }

  /** What the texts of all fields mean, by their names. */
  parsedEntries<T>(parse: (text: string) => T): Readonly<Record<string, T>> {
    return Object.fromEntries(Object.keys(this.#fields).map((name) => [name, this.text(name) === "" ? parse("") : this.requiredParsed(name, parse)]));
  }

  part(name: string): ConfigFields | undefined {
    const value = this.#fields[name];
    return value === undefined || value === null ? undefined : new ConfigFields(value, this.#at(name));
  }

  requiredPart(name: string): ConfigFields {
    return new ConfigFields(this.#fields[name], this.#at(name));
  }

  list(name: string): readonly ConfigFields[] {
    const value = this.#fields[name] ?? [];
    if (!Array.isArray(value)) throw new Error(`${this.#at(name)}: must be a list`);
    return value.map((one: unknown, index) => new ConfigFields(one, `${this.#at(name)}[${index}]`));
  }

  /** `versions` are whole, such as policy/v1; the first is the one that is told. */
  requireKind(kind: string, versions: readonly string[]): void {
    if (this.text("kind") === kind && versions.includes(this.text("apiVersion") ?? "")) return;
    throw new Error(`${this.path === "" ? "" : `${this.path}: `}must be ${/^[AEIOU]/.test(kind) ? "an" : "a"} ${kind} of ${versions[0]}`);
  }

  missing(name: string): never {
    throw new Error(`${this.#at(name)}: must be set`);
  }

  refuseOthers(known: readonly string[]): void {
    const other = Object.keys(this.#fields).find((name) => !known.includes(name));
    if (other !== undefined) throw new Error(`${this.#at(other)}: is not known`);
  }

  #at(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }
}
