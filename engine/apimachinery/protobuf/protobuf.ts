import { messagePlan, type AlternativeForm, type FieldPlan, type MessagePlan, type ValueCodec } from "./protobuf-plan.ts";
import {
  readIntOrString,
  readFields,
  readJson,
  readQuantity,
  readStringList,
  readTime,
  writeIntOrString,
  writeJson,
  writeQuantity,
  writeStringList,
  writeText,
  writeTime,
} from "./protobuf-values.ts";
import { ProtobufReader, ProtobufWriter, WireType } from "./protobuf-wire.ts";
import type { Schema } from "../schema.ts";

/**
 * Kubernetes' protobuf encoding of its built-in kinds, driven by the `x-protobuf-*` extensions of their schemas
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding). Absent fields are not written, whereas upstream
 * writes zero values for some; decoders cannot tell the difference.
 */

type JsonObject = Record<string, unknown>;

/** Nested messages beyond this are an attack or a mistake: JSONSchemaProps is the only type that contains itself. */
const DEPTH_MAX = 100;

/** The bare message of an object that conforms to the schema; its apiVersion and kind are not in it (`wrapUnknown`). */
export function encodeProtobuf(schema: Schema, object: object): Buffer {
  const writer = new ProtobufWriter();
  writeMessage(writer, messagePlan(schema), object as JsonObject, 0); // any object is read by names the schema gives
  return writer.finish();
}

/** The inverse, without apiVersion and kind. Fields that the schema does not know are left out. Throws an Error for malformed bytes. */
export function decodeProtobuf(schema: Schema, bytes: Uint8Array): JsonObject {
  const object: JsonObject = {};
  readMessage(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), messagePlan(schema), object, 0);
  return object;
}

const MAGIC = Buffer.from("k8s\0", "latin1");

/** A message in the envelope that says what it is: four magic bytes and a runtime.Unknown. */
export function wrapUnknown(apiVersion: string, kind: string, raw: Uint8Array): Buffer {
  return wrapWritten(apiVersion, kind, raw.length, (writer) => writer.bytes(raw));
}

/** The same around a message that is only now written, into its place, and takes about so many bytes. */
export function wrapWritten(apiVersion: string, kind: string, bytes: number, write: (writer: ProtobufWriter) => void): Buffer {
  const writer = new ProtobufWriter(bytes + 128);
  writeText(writer, 4, "");
  writeText(writer, 3, "");
  const beforeRaw = writer.length;
  write(writer);
  writer.delimit(2, beforeRaw);
  const beforeType = writer.length;
  writeText(writer, 2, kind);
  writeText(writer, 1, apiVersion);
  writer.delimit(1, beforeType);
  writer.bytes(MAGIC);
  return writer.take();
}

/** Opens the envelope; `raw` is a view of `bytes`. Throws an Error when it is none. */
export function unwrapUnknown(bytes: Uint8Array): { apiVersion: string; kind: string; raw: Buffer } {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!view.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error("provided data does not appear to be a protobuf message, expected prefix k8s");
  const envelope = { apiVersion: "", kind: "", raw: Buffer.alloc(0) as Buffer };
  readFields(view.subarray(MAGIC.length), (tag, reader) => {
    if (tag === 2) envelope.raw = reader.bytes();
    else if (tag === 1)
      readFields(reader.bytes(), (field, inner) => {
        if (field === 1) envelope.apiVersion = inner.bytes().toString("utf8");
        else if (field === 2) envelope.kind = inner.bytes().toString("utf8");
        else return undefined;
        return true;
      });
    else return undefined;
    return true;
  });
  return envelope;
}

function writeMessage(writer: ProtobufWriter, plan: MessagePlan, object: JsonObject, depth: number): void {
  if (depth > DEPTH_MAX) throw new Error(`protobuf: messages are nested more than ${DEPTH_MAX} deep`);
  for (const field of plan.fields) {
    if (field.is === "inline") {
      writeInline(writer, field, object, depth);
      continue;
    }
    const value = object[field.name];
    if (value === undefined || value === null) continue;
    try {
      writeField(writer, field, value, depth);
    } catch (cause) {
      throw new Error(`field ${field.name}`, { cause });
    }
  }
}

/** Embedded messages are no pointers in Go: upstream writes them even when they are empty. */
function writeInline(writer: ProtobufWriter, field: Extract<FieldPlan, { is: "inline" }>, object: JsonObject, depth: number): void {
  const before = writer.length;
  writeMessage(writer, field.plan, object, depth + 1);
  writer.delimit(field.tag, before);
}

function writeField(writer: ProtobufWriter, field: Extract<FieldPlan, { is: "field" }>, value: unknown, depth: number): void {
  if (field.shape === "single") return writeValue(writer, field.tag, field.value, value, depth);
  if (field.shape === "repeated") {
    if (!Array.isArray(value)) throw new Error("must be a list");
    for (let i = value.length - 1; i >= 0; i--) writeValue(writer, field.tag, field.value, value[i], depth);
    return;
  }
  if (typeof value !== "object" || value === null) throw new Error("must be a map");
  // Sorted by key, so that equal objects have equal bytes.
  for (const [key, item] of Object.entries(value).sort(([a], [b]) => (a < b ? 1 : -1))) {
    const before = writer.length;
    writeValue(writer, 2, field.value, item, depth);
    writeText(writer, 1, key);
    writer.delimit(field.tag, before);
  }
}

function writeValue(writer: ProtobufWriter, tag: number, codec: ValueCodec, value: unknown, depth: number): void {
  switch (codec.is) {
    case "integer":
    case "bool":
      writer.varint(codec.is === "bool" ? (value === true ? 1 : 0) : Number(value));
      return writer.key(tag, WireType.varint);
    case "double":
      writer.double(Number(value));
      return writer.key(tag, WireType.fixed64);
    case "string":
      return writeText(writer, tag, String(value));
    default: {
      const before = writer.length;
      writeContent(writer, codec, value, depth);
      writer.delimit(tag, before);
    }
  }
}

/** The content of a length-delimited value; its length and key follow. */
function writeContent(writer: ProtobufWriter, codec: ValueCodec, value: unknown, depth: number): void {
  switch (codec.is) {
    case "message":
      if (typeof value !== "object" || value === null) throw new Error("must be an object");
      return writeMessage(writer, messagePlan(codec.schema), value as JsonObject, depth + 1); // checked above
    case "bytes":
      return writer.bytes(Buffer.from(String(value), "base64"));
    case "quantity":
      return writeQuantity(writer, value);
    case "intOrString":
      return writeIntOrString(writer, value);
    case "time":
      return value === null ? undefined : writeTime(writer, String(value), 0);
    case "microTime":
      return value === null ? undefined : writeTime(writer, String(value), 6);
    case "json":
      return writeJson(writer, value);
    case "stringList":
      return writeStringList(writer, value);
    case "schemaOrArray":
    case "schemaOrBoolean":
    case "schemaOrStrings":
      return writeAlternative(writer, codec, value, depth);
    default:
      throw new Error(`protobuf: ${codec.is} has no content`);
  }
}

type AlternativeCodec = Extract<ValueCodec, { readonly schema: Schema; readonly is: AlternativeForm }>;

/** JSONSchemaPropsOrArray {1: schema, 2: several}, -OrBool {1: bool, 2: schema}, -OrStringArray {1: schema, 2: strings}. */
function writeAlternative(writer: ProtobufWriter, { is, schema }: AlternativeCodec, value: unknown, depth: number): void {
  const one: ValueCodec = { is: "message", schema };
  if (Array.isArray(value)) {
    for (let i = value.length - 1; i >= 0; i--) writeValue(writer, 2, is === "schemaOrStrings" ? { is: "string" } : one, value[i], depth);
  } else if (is !== "schemaOrBoolean") writeValue(writer, 1, one, value, depth);
  else {
    if (typeof value !== "boolean") writeValue(writer, 2, one, value, depth);
    writeValue(writer, 1, { is: "bool" }, value !== false, depth);
  }
}

function readAlternative(content: Buffer, { is, schema }: AlternativeCodec, depth: number): unknown {
  const one: ValueCodec = { is: "message", schema };
  const reader = new ProtobufReader(content);
  const items: unknown[] = [];
  let isAllowed = false;
  let found: unknown;
  while (!reader.done) {
    const { tag, wireType } = reader.key();
    if (tag === (is === "schemaOrBoolean" ? 2 : 1)) found = readValue(reader, wireType, one, undefined, depth);
    else if (tag === 1) isAllowed = reader.varint() !== 0;
    else if (tag === 2) items.push(readValue(reader, wireType, is === "schemaOrStrings" ? { is: "string" } : one, undefined, depth));
    else reader.skip(wireType);
  }
  return found ?? (is === "schemaOrBoolean" ? isAllowed : items);
}

function readMessage(bytes: Buffer, plan: MessagePlan, object: JsonObject, depth: number): void {
  if (depth > DEPTH_MAX) throw new Error(`protobuf: messages are nested more than ${DEPTH_MAX} deep`);
  const reader = new ProtobufReader(bytes);
  while (!reader.done) {
    const { tag, wireType } = reader.key();
    const field = plan.byTag.get(tag);
    if (field === undefined) reader.skip(wireType);
    else if (field.is === "inline") readMessage(reader.bytes(), field.plan, object, depth + 1);
    else if (field.shape === "map") readMapEntry(reader.bytes(), field, object, depth);
    else if (field.shape === "repeated") readItems(reader, wireType, field, object, depth);
    else {
      const value = readValue(reader, wireType, field.value, object[field.name], depth);
      if (value !== undefined && (field.keepsZero || !isZero(value))) object[field.name] = value;
    }
  }
}

function isZero(value: unknown): boolean {
  return value === 0 || value === false || value === "";
}

function readItems(reader: ProtobufReader, wireType: number, field: Extract<FieldPlan, { is: "field" }>, object: JsonObject, depth: number): void {
  const items = (object[field.name] ??= []) as unknown[]; // only this function fills it
  const isNumber = field.value.is === "integer" || field.value.is === "bool";
  if (!isNumber || wireType === WireType.varint) {
    items.push(readValue(reader, wireType, field.value, undefined, depth));
    return;
  }
  // Packed, as proto3 writers send numbers.
  const packed = new ProtobufReader(reader.bytes());
  while (!packed.done) items.push(readValue(packed, WireType.varint, field.value, undefined, depth));
}

function readMapEntry(entry: Buffer, field: Extract<FieldPlan, { is: "field" }>, object: JsonObject, depth: number): void {
  const reader = new ProtobufReader(entry);
  let key = "";
  let value: unknown;
  while (!reader.done) {
    const { tag, wireType } = reader.key();
    if (tag === 1) key = reader.bytes().toString("utf8");
    else if (tag === 2) value = readValue(reader, wireType, field.value, undefined, depth);
    else reader.skip(wireType);
  }
  if (key === "__proto__") throw new Error("protobuf: __proto__ cannot be the key of a map");
  const map = (object[field.name] ??= {}) as JsonObject; // only this function fills it
  map[key] = value ?? emptyValue(field.value);
}

/** Upstream's zero time is null in JSON. */
function emptyValue(codec: ValueCodec): unknown {
  if (codec.is === "time" || codec.is === "microTime") return null;
  return codec.is === "message"
    ? {}
    : codec.is === "stringList"
      ? []
      : codec.is === "integer" || codec.is === "double"
        ? 0
        : codec.is === "bool"
          ? false
          : codec.is === "quantity"
            ? "0"
            : "";
}

function readValue(reader: ProtobufReader, wireType: number, codec: ValueCodec, known: unknown, depth: number): unknown {
  const expected = codec.is === "integer" || codec.is === "bool" ? WireType.varint : codec.is === "double" ? WireType.fixed64 : WireType.bytes;
  if (wireType !== expected) throw new Error(`protobuf: wire type ${wireType} where ${expected} is needed`);
  switch (codec.is) {
    case "integer":
      return reader.varint();
    case "bool":
      return reader.varint() !== 0;
    case "double":
      return reader.double();
    case "string":
      return reader.bytes().toString("utf8");
    case "bytes":
      return reader.bytes().toString("base64");
    case "quantity":
      return readQuantity(reader.bytes());
    case "intOrString":
      return readIntOrString(reader.bytes());
    case "time":
      return readTime(reader.bytes(), 0);
    case "microTime":
      return readTime(reader.bytes(), 6);
    case "json":
      return readJson(reader.bytes());
    case "stringList":
      return readStringList(reader.bytes());
    case "schemaOrArray":
    case "schemaOrBoolean":
    case "schemaOrStrings":
      return readAlternative(reader.bytes(), codec, depth);
    case "message": {
      // A message that comes in several parts is merged.
      const object = (known ?? {}) as JsonObject; // made by this function
      readMessage(reader.bytes(), messagePlan(codec.schema), object, depth + 1);
      return object;
    }
  }
}
