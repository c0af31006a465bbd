import * as yaml from "js-yaml";
import { parseYamlEvents } from "../../apimachinery/yaml/yaml.ts";

/** A single value of a YAML or JSON text, and where it stands. */
export interface ScalarSite {
  readonly text: string;
  readonly style: yaml.ScalarEvent["style"];
  /** Keys that lead to it; list indexes are not among them. */
  readonly keys: readonly string[];
  readonly start: number;
  readonly end: number;
  /** Offset of the line's first character of its value, quotes included. */
  readonly line: number;
}

/** A key of the top level with the range of its whole entry. */
export interface TopEntry {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

export interface WalkedText {
  /** What the offsets count in: the text, with lines moved to the right where it could not be read otherwise. */
  readonly text: string;
  readonly scalars: readonly ScalarSite[];
  readonly top: readonly TopEntry[];
}

interface Frame {
  readonly is: "map" | "list" | "document";
  /** The key that the next value belongs to; undefined where a key comes next. */
  key: string | undefined;
  readonly keys: readonly string[];
}

/** All values of a text in its order, keys left out; keys and values in quotes with them. Throws js-yaml's exception for bad text. */
export function walkScalars(source: string): WalkedText {
  const { events, text } = parseYamlEvents(source);
  const scalars: ScalarSite[] = [];
  const starts: { key: string; start: number }[] = [];
  const stack: Frame[] = [];
  const enter = (is: Frame["is"]) => {
    const parent = stack.at(-1);
    const keys = parent === undefined ? [] : parent.is === "map" && parent.key !== undefined ? [...parent.keys, parent.key] : parent.keys;
    if (parent?.is === "map") parent.key = undefined;
    stack.push({ is, key: undefined, keys });
  };
  for (const event of events) {
    const frame = stack.at(-1);
    if (event.type === yaml.EVENT_ID.DOCUMENT) enter("document");
    else if (event.type === yaml.EVENT_ID.MAPPING) enter("map");
    else if (event.type === yaml.EVENT_ID.SEQUENCE) enter("list");
    else if (event.type === yaml.EVENT_ID.POP) stack.pop();
    else if (event.type === yaml.EVENT_ID.ALIAS) {
      if (frame?.is === "map") frame.key = undefined;
    } else if (event.type === yaml.EVENT_ID.SCALAR) {
      const value = yaml.getScalarValue(text, event);
      if (frame?.is === "map" && frame.key === undefined) {
        frame.key = value;
        if (stack.length === 2) starts.push({ key: value, start: quoteStart(text, event) });
        continue;
      }
      const keys = frame?.is === "map" && frame.key !== undefined ? [...frame.keys, frame.key] : (frame?.keys ?? []);
      if (frame?.is === "map") frame.key = undefined;
      scalars.push({ text: value, style: event.style, keys, start: quoteStart(text, event), end: quoteEnd(text, event), line: lineAt(text, event.valueStart) });
    }
  }
  return { text, scalars, top: starts.map(({ key, start }, index) => ({ key, start, end: starts[index + 1]?.start ?? text.length })) };
}

function isQuoted(event: yaml.ScalarEvent): boolean {
  return event.style === yaml.SCALAR_STYLE.SINGLE_QUOTED || event.style === yaml.SCALAR_STYLE.DOUBLE_QUOTED;
}

function quoteStart(text: string, event: yaml.ScalarEvent): number {
  return isQuoted(event) && /["']/.test(text.charAt(event.valueStart - 1)) ? event.valueStart - 1 : event.valueStart;
}

function quoteEnd(text: string, event: yaml.ScalarEvent): number {
  return isQuoted(event) && /["']/.test(text.charAt(event.valueEnd)) ? event.valueEnd + 1 : event.valueEnd;
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
