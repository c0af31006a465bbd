import { asError } from "../../lib/as-error.ts";
import * as yaml from "js-yaml";
import { documentRanges, LineIndex, markEvents, Positions, type MarkRange, type PositionsSource, type YamlMarks } from "./yaml-positions.ts";
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
  const { text, marks, documents } = readYaml(source, limits, schema, lastKeyCounts);
  const lines = new LineIndex(text);
  return documents.map(({ value, range }) => locatedDocument(value, { text, marks, lines, range }));
}

/** What a text holds, and where; plain data, which one thread may give another. */
export interface YamlReading {
  /** The text that the marks count in, which is not always the one that was read. */
  readonly text: string;
  readonly marks: YamlMarks;
  readonly documents: readonly { readonly value: unknown; readonly range: MarkRange }[];
}

/** Reads as `parseYamlDocuments`. */
export function readYaml(
  source: string | YamlEvents,
  limits: YamlLimits = DEFAULT_YAML_LIMITS,
  schema: yaml.Schema = kubernetesYamlSchema,
  lastKeyCounts = false,
): YamlReading {
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
  const ranges = documentRanges(events);
  for (const value of values) countValues(value, { left: limits.expandedValuesMax }, 0);
  const documents = values.flatMap((value, index) => (value === null || value === undefined ? [] : [{ value, range: ranges[index] ?? ([0, 0] as const) }]));
  return { text, marks: markEvents(events), documents };
}

/** What the first document of a text consists of. */
export function firstDocument({ events, text }: YamlEvents): YamlEvents {
  const next = events.findIndex(({ type }, index) => index > 0 && type === yaml.EVENT_ID.DOCUMENT);
  return { events: next === -1 ? events : events.slice(0, next), text };
}

/** A document whose fields are looked for only when there is something to say about them. */
export function locatedDocument(value: unknown, place: PositionsSource): YamlDocument {
  const positions = new Positions(place);
  return { value, line: positions.lineOf([]), lineOf: (path) => positions.lineOf(path), textOf: (path) => positions.textOf(path) };
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
  if (/(^|[\n\r])[ \t]*$/.test(text)) return events;
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
  if (!(error instanceof yaml.YAMLException)) return asError(error);
  return new YamlError(error.reason, (error.mark?.line ?? 0) + 1, (error.mark?.column ?? 0) + 1);
}
