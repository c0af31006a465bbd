import * as yaml from "js-yaml";
import { quoteAmbiguousText } from "./yaml-scalar-style.ts";
import { kubernetesYamlSchema } from "./yaml-schema.ts";

/** One document of a YAML stream, with the way back from its fields to lines. */
export interface YamlDocument {
  readonly value: unknown;
  /** 1-based line where the document's content begins. */
  readonly line: number;
  /** 1-based line of a field's key or of a list item; of the nearest existing ancestor when the path does not exist. */
  lineOf(path: readonly (string | number)[]): number;
  /** A single value as it is written, `1.10` or the empty text; undefined when there is none at the path. */
  textOf(path: readonly (string | number)[]): string | undefined;
}

export interface YamlLimits {
  readonly bytesMax: number;
  /** Uses of anchors per document. */
  readonly aliasesMax: number;
  /** Values after all aliases are expanded: what a "billion laughs" file is stopped by. */
  readonly expandedValuesMax: number;
}

export const DEFAULT_YAML_LIMITS: YamlLimits = { bytesMax: 1 << 20, aliasesMax: 200, expandedValuesMax: 200_000 };

/** For files that hold many objects: bundles of definitions have several megabytes. */
export const BUNDLE_YAML_LIMITS: YamlLimits = { bytesMax: 16 << 20, aliasesMax: 200, expandedValuesMax: 2_000_000 };

const EXPANDED_DEPTH_MAX = 1000;
/** Lines that may be moved. Each costs a parse, so of a long text there are fewer: all together read no more than so much, or the text once more. */
const REPAIRS_MAX = 64;
const REPAIRED_LENGTH_MAX = 2 << 20;
/** Further right than any key stands. */
const INDENTATION = " ".repeat(200);

/** Text that is no acceptable YAML. `line` and `column` are 1-based. */
export class YamlError extends Error {
  override readonly name = "YamlError";
  readonly line: number;
  readonly column: number;
  constructor(message: string, line: number, column: number) {
    super(message);
    this.line = line;
    this.column = column;
  }
}

/**
 * Reads a YAML (or JSON) stream the way kubectl does: YAML 1.1 booleans and octals, merge keys, no timestamps.
 * Empty documents are left out. Another schema reads plain scalars in another way. Throws a YamlError for bad text and anything beyond the
 * limits, and for a key that is there twice unless the last one is to count.
 */
export function parseYamlDocuments(
  source: string | YamlEvents,
  limits: YamlLimits = DEFAULT_YAML_LIMITS,
  schema: yaml.Schema = kubernetesYamlSchema,
  lastKeyCounts = false,
): YamlDocument[] {
  if (Buffer.byteLength(typeof source === "string" ? source : source.text) > limits.bytesMax)
    throw new YamlError(`the file is larger than ${limits.bytesMax} bytes; split it`, 1, 1);
  let events: yaml.Event[];
  let text: string;
  let values: unknown[];
  try {
    ({ events, text } = typeof source === "string" ? parseYamlEvents(source) : source);
    requireFew(events, limits);
    values = yaml.constructFromEvents(events, { source: text, schema, maxAliases: limits.aliasesMax, json: lastKeyCounts });
  } catch (error) {
    throw asYamlError(error);
  }
  const ranges = splitDocuments(events);
  return values
    .map((value, index) => {
      const positions = new Positions(text, events, ranges[index] ?? [0, 0]);
      countValues(value, { left: limits.expandedValuesMax }, 0);
      return {
        value,
        line: positions.lineOf([]),
        lineOf: (path: readonly (string | number)[]) => positions.lineOf(path),
        textOf: (path: readonly (string | number)[]) => positions.textOf(path),
      };
    })
    .filter((document) => document.value !== null && document.value !== undefined);
}

/** What a text consists of, and the text that the offsets count in. */
export interface YamlEvents {
  readonly events: yaml.Event[];
  readonly text: string;
}

/**
 * The events of a text, and the text that their offsets count in. Inside brackets and quotes, Go's parser lets lines stand as far
 * left as they like, and many files have a closing bracket right below its key; such lines are moved to the right, so that every
 * line keeps its number. Throws js-yaml's exception.
 */
export function parseYamlEvents(text: string): YamlEvents {
  const repairsMax = Math.min(REPAIRS_MAX, Math.max(1, Math.floor(REPAIRED_LENGTH_MAX / text.length)));
  let moved = text;
  for (let repairs = 0; ; repairs++) {
    try {
      return { events: withoutAddedBreak(yaml.parseEvents(moved, { maxDepth: 100 }), moved), text: moved };
    } catch (error) {
      const line = error instanceof yaml.YAMLException && error.reason === "deficient indentation" ? error.mark?.line : undefined;
      if (line === undefined || repairs === repairsMax) throw error;
      const lines = moved.split("\n");
      lines[line] = `${INDENTATION}${lines[line] ?? ""}`;
      moved = lines.join("\n");
    }
  }
}

/** A block of text at the end of a file whose last line is not ended has no line break at its end for Go, which adds none. */
function withoutAddedBreak(events: yaml.Event[], text: string): yaml.Event[] {
  if (/\s$/.test(text)) return events;
  const index = events.findLastIndex((event) => event.type === yaml.EVENT_ID.SCALAR);
  const last = events[index];
  const isBlock = last?.type === yaml.EVENT_ID.SCALAR && (last.style === yaml.SCALAR_STYLE.LITERAL_BLOCK || last.style === yaml.SCALAR_STYLE.FOLDED_BLOCK);
  return isBlock && last.valueEnd >= text.length ? events.with(index, { ...last, chomping: yaml.CHOMPING_MODE.STRIP }) : events;
}

/**
 * A value as `kubectl get -o yaml` writes it: keys sorted, lists not indented, double quotes around text that would be read as
 * something else, single quotes around text that cannot stand bare, blocks for several lines. Long lines are not folded.
 */
export function formatYaml(value: unknown): string {
  const scalarStyleRules = [quoteAmbiguousText, ...Object.values(yaml.DEFAULT_SCALAR_STYLE_RULES)];
  return yaml.dump(value, { sortKeys: true, noRefs: true, lineWidth: -1, seqNoIndent: true, schema: kubernetesYamlSchema, scalarStyleRules });
}

/** Before values are made: of what is written, at most every second thing is a key. */
function requireFew(events: readonly yaml.Event[], { expandedValuesMax }: YamlLimits): void {
  let [documents, written] = [0, 0];
  for (const { type } of events) {
    if (type === yaml.EVENT_ID.DOCUMENT) documents++;
    else if (type !== yaml.EVENT_ID.POP) written++;
  }
  if (written > 2 * expandedValuesMax * Math.max(1, documents)) throw tooManyValues();
}

function tooManyValues(): YamlError {
  return new YamlError("aliases expand to more values than any manifest needs; write the content out, or use fewer aliases", 1, 1);
}

/** Counts values as if every alias were written out, and stops early; an anchor may even contain itself. */
function countValues(value: unknown, budget: { left: number }, depth: number): void {
  if (--budget.left < 0 || depth > EXPANDED_DEPTH_MAX) throw tooManyValues();
  if (typeof value === "number" && !Number.isFinite(value)) throw new YamlError(`${value} is a number that JSON, and so the API, cannot hold`, 1, 1);
  if (Array.isArray(value)) for (const item of value) countValues(item, budget, depth + 1);
  else if (typeof value === "object" && value !== null) for (const item of Object.values(value)) countValues(item, budget, depth + 1);
}

/** The parser's complaint as a YamlError; anything else as it is. */
export function asYamlError(error: unknown): Error {
  if (!(error instanceof yaml.YAMLException)) return error instanceof Error ? error : new Error(String(error));
  return new YamlError(error.reason, (error.mark?.line ?? 0) + 1, (error.mark?.column ?? 0) + 1);
}

/** The range of events of each document, its DOCUMENT and POP events left out. */
function splitDocuments(events: readonly yaml.Event[]): (readonly [number, number])[] {
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

/** Finds where a field was written by walking the document's events; only asked when there is something to say. */
class Positions {
  readonly #text: string;
  readonly #events: readonly yaml.Event[];
  readonly #range: readonly [number, number];

  constructor(text: string, events: readonly yaml.Event[], range: readonly [number, number]) {
    this.#text = text;
    this.#events = events;
    this.#range = range;
  }

  textOf(path: readonly (string | number)[]): string | undefined {
    let at = this.#range[0];
    for (const step of path) {
      const found = this.#child(at, step);
      if (found === undefined) return undefined;
      at = found.at;
    }
    const event = this.#events[at];
    return event?.type === yaml.EVENT_ID.SCALAR ? yaml.getScalarValue(this.#text, event) : undefined;
  }

  lineOf(path: readonly (string | number)[]): number {
    let at = this.#range[0];
    let offset = this.#startOf(at);
    for (const step of path) {
      const found = this.#child(at, step);
      if (found === undefined) break;
      offset = found.offset;
      at = found.at;
    }
    return lineAt(this.#text, offset);
  }

  #child(at: number, step: string | number): { at: number; offset: number } | undefined {
    const event = this.#events[at];
    if (event?.type === yaml.EVENT_ID.SEQUENCE && typeof step === "number") {
      let item = at + 1;
      for (let index = 0; this.#isOpen(item); index++, item = this.#skip(item)) {
        if (index === step) return { at: item, offset: this.#startOf(item) };
      }
    }
    if (event?.type === yaml.EVENT_ID.MAPPING) {
      for (let key = at + 1; this.#isOpen(key); key = this.#skip(this.#skip(key))) {
        const name = this.#events[key];
        if (name?.type === yaml.EVENT_ID.SCALAR && yaml.getScalarValue(this.#text, name) === String(step))
          return { at: this.#skip(key), offset: name.valueStart };
      }
    }
    return undefined;
  }

  #isOpen(at: number): boolean {
    return at < this.#range[1] && this.#events[at]?.type !== yaml.EVENT_ID.POP;
  }

  /** The event after the node that begins here. */
  #skip(at: number): number {
    let depth = 0;
    for (let index = at; index < this.#range[1]; index++) {
      const type = this.#events[index]?.type;
      if (type === yaml.EVENT_ID.MAPPING || type === yaml.EVENT_ID.SEQUENCE) depth++;
      else if (type === yaml.EVENT_ID.POP) depth--;
      if (depth === 0) return index + 1;
    }
    return this.#range[1];
  }

  #startOf(at: number): number {
    const event = this.#events[at];
    if (event?.type === yaml.EVENT_ID.SCALAR) return Math.max(0, event.valueStart);
    if (event?.type === yaml.EVENT_ID.MAPPING) {
      const key = this.#events[at + 1];
      return key?.type === yaml.EVENT_ID.SCALAR ? key.valueStart : event.start;
    }
    return event?.type === yaml.EVENT_ID.SEQUENCE ? event.start : event?.type === yaml.EVENT_ID.ALIAS ? event.anchorStart : 0;
  }
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
