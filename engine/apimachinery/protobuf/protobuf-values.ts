import { formatTime } from "../../lib/clock.ts";
import { ProtobufReader, WireType, type ProtobufWriter } from "./protobuf-wire.ts";
import { parseJson } from "../../lib/json.ts";

/**
 * The messages that stand for plain JSON values: Quantity, IntOrString, Time and MicroTime, RawExtension and FieldsV1, lists of strings.
 * Writers leave the content of the message behind in the writer; their caller adds length and key. Readers get the content.
 */

export function writeQuantity(writer: ProtobufWriter, value: unknown): void {
  writeText(writer, 1, String(value));
}

export function readQuantity(content: Buffer): string {
  return readFields(content, (tag, reader) => (tag === 1 ? reader.bytes().toString("utf8") : undefined)) ?? "0";
}

/** {type: 0 for a number, 1 for text; intVal; strVal}, all three always written. */
export function writeIntOrString(writer: ProtobufWriter, value: unknown): void {
  const isText = typeof value === "string";
  writeText(writer, 3, isText ? value : "");
  writer.varint(isText ? 0 : Number(value));
  writer.key(2, WireType.varint);
  writer.varint(isText ? 1 : 0);
  writer.key(1, WireType.varint);
}

export function readIntOrString(content: Buffer): number | string {
  let isText = false;
  let number = 0;
  let text = "";
  readFields(content, (tag, reader) => {
    if (tag === 1) isText = reader.varint() !== 0;
    else if (tag === 2) number = reader.varint();
    else if (tag === 3) text = reader.bytes().toString("utf8");
    else return undefined;
    return true;
  });
  return isText ? text : number;
}

/** {seconds, nanos} since 1970; Time has whole seconds, MicroTime six decimals. */
export function writeTime(writer: ProtobufWriter, text: string, decimals: 0 | 6): void {
  const instantMs = Date.parse(text);
  if (Number.isNaN(instantMs)) throw new Error(`${JSON.stringify(text)} is no time`);
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? "";
  writer.varint(decimals === 0 ? 0 : Number(fraction.slice(0, 6).padEnd(6, "0")) * 1000);
  writer.key(2, WireType.varint);
  writer.varint(Math.floor(instantMs / 1000));
  writer.key(1, WireType.varint);
}

/** RFC 3339 has years of four digits. */
const YEAR_1_SECONDS = -62_135_596_800;
const YEAR_9999_SECONDS = 253_402_300_799;

/** Undefined for the zero time, which upstream writes as an empty message where JSON has null. */
export function readTime(content: Buffer, decimals: 0 | 6): string | undefined {
  if (content.length === 0) return undefined;
  let seconds = 0;
  let nanos = 0;
  readFields(content, (tag, reader) => {
    if (tag === 1) seconds = reader.varint();
    else if (tag === 2) nanos = reader.varint();
    else return undefined;
    return true;
  });
  if (seconds < YEAR_1_SECONDS || seconds > YEAR_9999_SECONDS || nanos < 0 || nanos >= 1e9)
    throw new Error(`protobuf: ${seconds} seconds and ${nanos} nanoseconds are no time`);
  const text = formatTime(seconds * 1000);
  return decimals === 0 ? text : text.replace("Z", `.${String(Math.floor(nanos / 1000)).padStart(6, "0")}Z`);
}

/** {raw}: any JSON value as text. */
export function writeJson(writer: ProtobufWriter, value: unknown): void {
  writeText(writer, 1, JSON.stringify(value));
}

export function readJson(content: Buffer): unknown {
  const raw = readFields(content, (tag, reader) => (tag === 1 ? reader.bytes() : undefined));
  if (raw === undefined || raw.length === 0) return undefined;
  try {
    return parseJson(raw.toString("utf8"));
  } catch (cause) {
    throw new Error("protobuf: an embedded object is not JSON", { cause });
  }
}

/** {items}: a list of strings as a value of a map, where protobuf allows no list. */
export function writeStringList(writer: ProtobufWriter, value: unknown): void {
  if (!Array.isArray(value)) throw new Error("a list of strings is needed");
  for (let i = value.length - 1; i >= 0; i--) writeText(writer, 1, String(value[i]));
}

export function readStringList(content: Buffer): string[] {
  const items: string[] = [];
  readFields(content, (tag, reader) => (tag === 1 ? items.push(reader.bytes().toString("utf8")) : undefined));
  return items;
}

export function writeText(writer: ProtobufWriter, tag: number, text: string): void {
  const before = writer.length;
  writer.text(text);
  writer.delimit(tag, before);
}

/** Calls `read` for each field; it takes the value or answers undefined, and then the field is skipped. Gives the last answer. */
export function readFields<T>(content: Buffer, read: (tag: number, reader: ProtobufReader) => T | undefined): T | undefined {
  const reader = new ProtobufReader(content);
  let last: T | undefined;
  while (!reader.done) {
    const { tag, wireType } = reader.key();
    const answer = read(tag, reader);
    if (answer === undefined) reader.skip(wireType);
    else last = answer;
  }
  return last;
}
