import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Attributes, AttributeValue, EndedSpan, SpanEvent, SpanKind } from "./span.ts";
import type { TraceContext } from "./trace-context.ts";

/** OpenTelemetry's protocol over gRPC (https://github.com/open-telemetry/opentelemetry-proto, version 1): names of fields stand beside their numbers. */
export const EXPORT_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/** Who has made the spans, beside what they are of. */
const SCOPE_NAME = "mainstay.dev/engine";
const KINDS: Readonly<Record<SpanKind, number>> = { internal: 1, server: 2, client: 3 };
const FAILED = 2;
const HAS_IS_REMOTE = 0x100;
const IS_REMOTE = 0x200;
/** The wire's type of texts, bytes and messages. */
const LENGTH_DELIMITED = 2;

/** An ExportTraceServiceRequest. */
export function encodeExport(resource: Attributes, spans: readonly EndedSpan[]): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, LENGTH_DELIMITED).fork(); // resource_spans
  writer.tag(1, LENGTH_DELIMITED).fork(); // resource
  writeAttributes(writer, 1, resource);
  writer.join();
  writer.tag(2, LENGTH_DELIMITED).fork(); // scope_spans
  writer.tag(1, LENGTH_DELIMITED).fork(); // scope
  writer.tag(1, LENGTH_DELIMITED).string(SCOPE_NAME).join();
  for (const span of spans) writeSpan(writer.tag(2, LENGTH_DELIMITED).fork(), span).join(); // spans
  return writer.join().join().finish();
}

/** What an ExportTraceServiceResponse says of spans that the collector did not want. */
export function decodeAnswer(bytes: Uint8Array): { readonly rejected: number; readonly message: string } {
  const answer = { rejected: 0, message: "" };
  eachField(new BinaryReader(bytes), (field, reader) => {
    if (field !== 1) return false; // partial_success
    eachField(new BinaryReader(reader.bytes()), (inner, part) => {
      if (inner === 1)
        answer.rejected = Number(part.int64()); // rejected_spans
      else if (inner === 2)
        answer.message = part.string(); // error_message
      else return false;
      return true;
    });
    return true;
  });
  return answer;
}

/** Passes over the fields that `read` does not take. */
function eachField(reader: BinaryReader, read: (field: number, reader: BinaryReader) => boolean): void {
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (!read(field, reader)) reader.skip(type);
  }
}

function writeSpan(
  writer: BinaryWriter,
  { context, parentId, hasRemoteParent, name, kind, startMs, endMs, attributes, events, eventsDropped, links, failure }: EndedSpan,
): BinaryWriter {
  writePlace(writer, context);
  if (parentId !== "") writer.tag(4, LENGTH_DELIMITED).bytes(Buffer.from(parentId, "hex")); // parent_span_id
  writer.tag(5, LENGTH_DELIMITED).string(name); // name
  writer.tag(6, 0).int32(KINDS[kind]); // kind
  writer.tag(7, 1).fixed64(nanoseconds(startMs)); // start_time_unix_nano
  writer.tag(8, 1).fixed64(nanoseconds(endMs)); // end_time_unix_nano
  writeAttributes(writer, 9, attributes);
  for (const event of events) writeEvent(writer.tag(11, LENGTH_DELIMITED).fork(), event).join(); // events
  if (eventsDropped > 0) writer.tag(12, 0).uint32(eventsDropped); // dropped_events_count
  for (const link of links) writePlace(writer.tag(13, LENGTH_DELIMITED).fork(), link).tag(6, 5).fixed32(flagsOf(link, true)).join(); // links, their flags
  if (failure !== undefined) {
    writer.tag(15, LENGTH_DELIMITED).fork(); // status
    if (failure !== "") writer.tag(2, LENGTH_DELIMITED).string(failure); // message
    writer.tag(3, 0).int32(FAILED).join(); // code
  }
  return writer.tag(16, 5).fixed32(flagsOf(context, hasRemoteParent)); // flags
}

/** Spans and links begin alike. */
function writePlace(writer: BinaryWriter, { traceId, spanId, state }: TraceContext): BinaryWriter {
  writer.tag(1, LENGTH_DELIMITED).bytes(Buffer.from(traceId, "hex")); // trace_id
  writer.tag(2, LENGTH_DELIMITED).bytes(Buffer.from(spanId, "hex")); // span_id
  if (state !== "") writer.tag(3, LENGTH_DELIMITED).string(state); // trace_state
  return writer;
}

function flagsOf({ isSampled, isRandom }: TraceContext, isRemote: boolean): number {
  return (isSampled ? 1 : 0) | (isRandom ? 2 : 0) | HAS_IS_REMOTE | (isRemote ? IS_REMOTE : 0);
}

function writeEvent(writer: BinaryWriter, { name, atMs, attributes }: SpanEvent): BinaryWriter {
  writer.tag(1, 1).fixed64(nanoseconds(atMs)); // time_unix_nano
  writer.tag(2, LENGTH_DELIMITED).string(name); // name
  writeAttributes(writer, 3, attributes);
  return writer;
}

function writeAttributes(writer: BinaryWriter, field: number, attributes: Attributes): void {
  for (const [key, value] of Object.entries(attributes)) {
    writer.tag(field, LENGTH_DELIMITED).fork();
    writer.tag(1, LENGTH_DELIMITED).string(key); // key
    writeValue(writer.tag(2, LENGTH_DELIMITED).fork(), value).join(); // value
    writer.join();
  }
}

function writeValue(writer: BinaryWriter, value: AttributeValue): BinaryWriter {
  if (typeof value === "string") return writer.tag(1, LENGTH_DELIMITED).string(value);
  if (typeof value === "boolean") return writer.tag(2, 0).bool(value);
  return Number.isSafeInteger(value) ? writer.tag(3, 0).int64(value) : writer.tag(4, 1).double(value);
}

/** Whole microseconds: a double holds no more of a moment of these years. */
function nanoseconds(epochMs: number): bigint {
  return BigInt(Math.max(0, Math.round(epochMs * 1000))) * 1000n;
}
