/**
 * Counters, gauges and histograms in the Prometheus text exposition format (version 0.0.4).
 * A registry is passed to whoever measures; there is no global one.
 */
export class MetricsRegistry {
  readonly #families = new Map<string, Family>();
  readonly #collectors = new Set<() => void>();
  readonly #questions = new Set<() => Promise<void>>();
  readonly #disabled: ReadonlySet<string>;
  readonly #allowed: AllowedLabels;
  readonly #unexpected: Counter | undefined;

  /** What is disabled is measured by nobody; values of labels that are not among those `allowed` are counted as "unexpected". */
  constructor({ disabled = [], allowed = new Map() }: { readonly disabled?: readonly string[]; readonly allowed?: AllowedLabels } = {}) {
    this.#disabled = new Set(disabled);
    this.#allowed = allowed;
    if (disabled.length > 0) this.counter("disabled_metrics_total", "The count of disabled metrics.").add({}, this.#disabled.size);
    if (allowed.size > 0)
      this.#unexpected = this.counter(
        "cardinality_enforcement_unexpected_categorizations_total",
        "The count of unexpected categorizations during cardinality enforcement.",
      );
  }

  counter(name: string, help: string): Counter {
    if (this.#disabled.has(name)) return IDLE;
    const family = this.#family(name, help, "counter");
    const key = this.#keyOf(name);
    const add = (id: string, amount: number) => void family.values.set(id, (family.values.get(id) ?? 0) + amount);
    return {
      add: (labels = {}, amount = 1) => add(key(labels), amount),
      bind: (labels) => {
        const id = key(labels);
        return () => add(id, 1);
      },
      remove: (labels) => void family.values.delete(textOf(labels)), // what is counted together stays
    };
  }

  gauge(name: string, help: string): Gauge {
    if (this.#disabled.has(name)) return IDLE;
    const key = this.#keyOf(name);
    const family = this.#family(name, help, "gauge");
    return { set: (value, labels = {}) => void family.values.set(key(labels), value), clear: () => family.values.clear() };
  }

  /** Sets gauges just before they are read, where following every change would cost more. Gives the function that ends it. */
  beforeRender(collect: () => void): () => void {
    this.#collectors.add(collect);
    return () => void this.#collectors.delete(collect);
  }

  /** The same of what others have to be asked for. It never rejects. */
  beforePage(ask: () => Promise<void>): void {
    this.#questions.add(ask);
  }

  /** `buckets` are upper bounds in ascending order, in the unit that the metric's name ends with. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram {
    if (this.#disabled.has(name)) return IDLE;
    const key = this.#keyOf(name);
    const family = this.#family(name, help, "histogram");
    const cellsOf = (id: string): Cells => {
      let cells = family.cells.get(id);
      if (cells === undefined) family.cells.set(id, (cells = { counts: new Float64Array(buckets.length), sum: 0, count: 0, isForgotten: false, buckets }));
      return cells;
    };
    return {
      observe: (value, labels = {}) => observe(cellsOf(key(labels)), value),
      bind: (labels) => {
        const id = key(labels);
        let cells: Cells | undefined;
        return (value) => observe(cells === undefined || cells.isForgotten ? (cells = cellsOf(id)) : cells, value);
      },
      remove: (labels) => forgetCells(family, textOf(labels)),
    };
  }

  /** Forgets all series about kinds that are gone, those with labels `group` and `resource`; what is still said of one begins anew. */
  forgetKinds(isGone: (group: string, resource: string) => boolean): void {
    for (const family of this.#families.values()) {
      for (const id of family.values.keys()) if (isAbout(id, isGone)) family.values.delete(id);
      for (const id of family.cells.keys()) if (isAbout(id, isGone)) forgetCells(family, id);
    }
  }

  /** The page that `/metrics` serves. */
  async page(): Promise<string> {
    await Promise.all([...this.#questions].map((ask) => ask()));
    return this.render();
  }

  /** The page with what is known without asking anybody. */
  render(): string {
    for (const collect of this.#collectors) collect();
    const lines: string[] = [];
    for (const [name, family] of [...this.#families].sort(([a], [b]) => (a < b ? -1 : 1))) {
      lines.push(`# HELP ${name} ${family.help}`, `# TYPE ${name} ${family.type}`);
      for (const [labels, value] of family.values) lines.push(`${name}${labels === "" ? "" : `{${labels}}`} ${value}`);
      for (const [labels, cells] of family.cells) lines.push(...renderHistogram(name, labels, cells));
    }
    return `${lines.join("\n")}\n`;
  }

  /** How labels of this metric are written. */
  #keyOf(name: string): (labels: Labels) => string {
    const allowed = this.#allowed.get(name);
    if (allowed === undefined) return textOf;
    return (labels) => {
      const bounded = Object.entries(labels).map(([label, value]) => {
        if (allowed.get(label)?.has(value) !== false) return [label, value];
        this.#unexpected?.add();
        return [label, UNEXPECTED];
      });
      return textOf(Object.fromEntries(bounded) as Labels); // pairs of the labels' own names
    };
  }

  #family(name: string, help: string, type: Family["type"]): Family {
    let family = this.#families.get(name);
    if (family === undefined) this.#families.set(name, (family = { help, type, values: new Map(), cells: new Map() }));
    return family;
  }
}

export type Labels = Readonly<Record<string, string>>;

/** The values that labels may have, by metric and label; those of others may be any. */
export type AllowedLabels = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;

const UNEXPECTED = "unexpected";
/** A metric that is disabled. */
const IDLE = { add() {}, set() {}, clear() {}, observe() {}, remove() {}, bind: () => () => {} };

export interface Counter {
  add(labels?: Labels, amount?: number): void;
  /** Adds 1 under labels that are put together once: for what happens thousands of times a second. */
  bind(labels: Labels): () => void;
  /** Forgets a series whose subject is gone for good. */
  remove(labels: Labels): void;
}
export interface Gauge {
  set(value: number, labels?: Labels): void;
  /** Forgets all values, of things that may be gone. */
  clear(): void;
}
export interface Histogram {
  observe(value: number, labels?: Labels): void;
  /** As a counter's. */
  bind(labels: Labels): (value: number) => void;
  /** As a counter's. */
  remove(labels: Labels): void;
}

interface Cells {
  readonly counts: Float64Array;
  readonly buckets: readonly number[];
  /** Whether it is in no family any more. */
  isForgotten: boolean;
  sum: number;
  count: number;
}
interface Family {
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly values: Map<string, number>;
  readonly cells: Map<string, Cells>;
}

function textOf(labels: Labels): string {
  return Object.keys(labels)
    .sort()
    .map((name) => `${name}="${(labels[name] ?? "").replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`)
    .join(",");
}

function forgetCells(family: Family, id: string): void {
  const cells = family.cells.get(id);
  if (cells === undefined) return;
  cells.isForgotten = true;
  family.cells.delete(id);
}

function isAbout(id: string, isKind: (group: string, resource: string) => boolean): boolean {
  const group = /(?:^|,)group="([^"]*)"/.exec(id)?.[1];
  const resource = /(?:^|,)resource="([^"]*)"/.exec(id)?.[1];
  return group !== undefined && resource !== undefined && isKind(group, resource);
}

/** Counts are cumulative: a value counts in its bucket and in all above it. */
function observe(cells: Cells, value: number): void {
  const { buckets, counts } = cells;
  for (let i = buckets.length - 1; i >= 0 && value <= (buckets[i] ?? Infinity); i--) counts[i]! += 1; // there are as many counts as buckets
  cells.sum += value;
  cells.count += 1;
}

function renderHistogram(name: string, labels: string, cells: Cells): string[] {
  const prefix = labels === "" ? "" : `${labels},`;
  const suffix = labels === "" ? "" : `{${labels}}`;
  return [
    ...cells.buckets.map((bound, i) => `${name}_bucket{${prefix}le="${bound}"} ${cells.counts[i]}`),
    `${name}_bucket{${prefix}le="+Inf"} ${cells.count}`,
    `${name}_sum${suffix} ${cells.sum}`,
    `${name}_count${suffix} ${cells.count}`,
  ];
}
