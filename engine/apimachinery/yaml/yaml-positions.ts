import * as yaml from "js-yaml";

/** The events of a text in numbers, a few for each: small, and handed from one thread to another without a copy. */
export type YamlMarks = Int32Array<ArrayBuffer>;

/** The events from the first to before the second. */
export type MarkRange = readonly [number, number];

/** Numbers for each event: what it is, where it begins, where it ends, and how far a block of text is indented. */
const STRIDE = 4;
const [START, END, INDENT] = [1, 2, 3];
/** What an event is: its type, and of a scalar how it is written, above each other. */
const [TYPE_BITS, STYLE_SHIFT, CHOMPING_SHIFT, FAST_SHIFT] = [7, 3, 6, 9];

/** What `Positions` needs to know of events. */
export function markEvents(events: readonly yaml.Event[]): YamlMarks {
  const marks = new Int32Array(events.length * STRIDE);
  for (const [index, event] of events.entries()) {
    const at = index * STRIDE;
    marks[at] = event.type;
    if (event.type === yaml.EVENT_ID.SCALAR) {
      marks[at] = event.type | (event.style << STYLE_SHIFT) | (event.chomping << CHOMPING_SHIFT) | (Number(event.fast) << FAST_SHIFT);
      marks[at + START] = event.valueStart;
      marks[at + END] = event.valueEnd;
      marks[at + INDENT] = event.indent;
    } else if (event.type === yaml.EVENT_ID.MAPPING || event.type === yaml.EVENT_ID.SEQUENCE) marks[at + START] = event.start;
    else if (event.type === yaml.EVENT_ID.ALIAS) marks[at + START] = event.anchorStart;
  }
  return marks;
}

/** The range of events of each document, its DOCUMENT and POP events left out. */
export function documentRanges(events: readonly yaml.Event[]): readonly MarkRange[] {
  const ranges: [number, number][] = [];
  let depth = 0;
  for (const [index, event] of events.entries()) {
    if (event.type === yaml.EVENT_ID.POP) {
      depth--;
      if (depth === 0) ranges[ranges.length - 1]![1] = index;
    } else if (event.type === yaml.EVENT_ID.DOCUMENT) {
      depth++;
      ranges.push([index + 1, events.length]);
    } else if (event.type === yaml.EVENT_ID.MAPPING || event.type === yaml.EVENT_ID.SEQUENCE) depth++;
  }
  return ranges;
}

/** Tells in which line of a text a place is. The text is gone through once, when it is first asked. */
export class LineIndex {
  readonly #text: string;
  #breaks: readonly number[] | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** 1-based; `offset` is in UTF-16 units. */
  lineAt(offset: number): number {
    const breaks = (this.#breaks ??= lineBreaks(this.#text));
    let [low, high] = [0, breaks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((breaks[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  }
}

function lineBreaks(text: string): readonly number[] {
  const breaks: number[] = [];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) breaks.push(at);
  return breaks;
}

/** One document of a text. The lines are the same for all of them. */
export interface PositionsSource {
  readonly text: string;
  readonly marks: YamlMarks;
  readonly lines: LineIndex;
  readonly range: MarkRange;
}

/** Finds where a field was written by walking the document's events; only asked when there is something to say. */
export class Positions {
  readonly #source: PositionsSource;
  /** What was looked at last, for each number of steps: who asks for one field asks for its neighbours next. */
  readonly #items: { readonly sequence: number; readonly index: number; readonly item: number }[] = [];
  readonly #keys: { readonly mapping: number; readonly keys: ReadonlyMap<string, number> }[] = [];

  constructor(source: PositionsSource) {
    this.#source = source;
  }

  textOf(path: readonly (string | number)[]): string | undefined {
    let at = this.#source.range[0];
    for (const [depth, step] of path.entries()) {
      const found = this.#child(at, step, depth);
      if (found === undefined) return undefined;
      at = found.at;
    }
    return this.#scalarAt(at);
  }

  lineOf(path: readonly (string | number)[]): number {
    let at = this.#source.range[0];
    let offset = this.#startOf(at);
    for (const [depth, step] of path.entries()) {
      const found = this.#child(at, step, depth);
      if (found === undefined) break;
      offset = found.offset;
      at = found.at;
    }
    return this.#source.lines.lineAt(offset);
  }

  #child(at: number, step: string | number, depth: number): { at: number; offset: number } | undefined {
    const type = this.#typeOf(at);
    if (type === yaml.EVENT_ID.SEQUENCE && typeof step === "number") {
      const item = this.#itemOf(at, step, depth);
      return item === undefined ? undefined : { at: item, offset: this.#startOf(item) };
    }
    const key = type === yaml.EVENT_ID.MAPPING ? this.#keyOf(at, String(step), depth) : undefined;
    return key === undefined ? undefined : { at: this.#skip(key), offset: this.#mark(key, START) };
  }

  /** Items are asked for in their order, so from each the next one is looked for. */
  #itemOf(sequence: number, index: number, depth: number): number | undefined {
    const known = this.#items[depth];
    const last = known?.sequence === sequence && known.index <= index ? known : { index: 0, item: sequence + 1 };
    let { item } = last;
    for (let passed = last.index; passed < index && this.#isOpen(item); passed++) item = this.#skip(item);
    if (!this.#isOpen(item)) return undefined;
    this.#items[depth] = { sequence, index, item };
    return item;
  }

  /** Where many fields of one mapping are asked for, its keys are read once. */
  #keyOf(mapping: number, name: string, depth: number): number | undefined {
    let known = this.#keys[depth];
    if (known?.mapping !== mapping) {
      const keys = new Map<string, number>();
      for (let key = mapping + 1; this.#isOpen(key); key = this.#skip(this.#skip(key))) {
        const text = this.#scalarAt(key);
        if (text !== undefined && !keys.has(text)) keys.set(text, key);
      }
      this.#keys[depth] = known = { mapping, keys };
    }
    return known.keys.get(name);
  }

  #isOpen(at: number): boolean {
    return at < this.#source.range[1] && this.#typeOf(at) !== yaml.EVENT_ID.POP;
  }

  /** The event after the node that begins here. */
  #skip(at: number): number {
    const end = this.#source.range[1];
    let depth = 0;
    for (let index = at; index < end; index++) {
      const type = this.#typeOf(index);
      if (type === yaml.EVENT_ID.MAPPING || type === yaml.EVENT_ID.SEQUENCE) depth++;
      else if (type === yaml.EVENT_ID.POP) depth--;
      if (depth === 0) return index + 1;
    }
    return end;
  }

  #startOf(at: number): number {
    const isMappingOfKeys = this.#typeOf(at) === yaml.EVENT_ID.MAPPING && this.#typeOf(at + 1) === yaml.EVENT_ID.SCALAR;
    return isMappingOfKeys ? this.#mark(at + 1, START) : Math.max(0, this.#mark(at, START));
  }

  #scalarAt(at: number): string | undefined {
    const what = this.#mark(at, 0);
    if ((what & TYPE_BITS) !== yaml.EVENT_ID.SCALAR) return undefined;
    return yaml.getScalarValue(this.#source.text, {
      type: yaml.EVENT_ID.SCALAR,
      valueStart: this.#mark(at, START),
      valueEnd: this.#mark(at, END),
      anchorStart: -1,
      anchorEnd: -1,
      tagStart: -1,
      tagEnd: -1,
      style: ((what >> STYLE_SHIFT) & 7) as yaml.ScalarStyle, // as it was marked
      chomping: ((what >> CHOMPING_SHIFT) & 7) as yaml.ChompingMode, // as above
      indent: this.#mark(at, INDENT),
      fast: what >> FAST_SHIFT !== 0,
    });
  }

  #typeOf(at: number): number {
    return this.#mark(at, 0) & TYPE_BITS;
  }

  #mark(at: number, field: number): number {
    return this.#source.marks[at * STRIDE + field] ?? 0;
  }
}
