import type { EncodedObject, EncodedWatchEvent } from "../../apimachinery/api-request.ts";
import { withBareContent } from "../../apimachinery/bare-object.ts";
import { encodeProtobuf, wrapUnknown } from "../../apimachinery/protobuf/protobuf.ts";
import { frameProtobufWatchEvent } from "../../apimachinery/protobuf/protobuf-frames.ts";
import { partialObjectMetadata, tableOf } from "../../apimachinery/table.ts";
import { RecentMap } from "../../lib/recent-map.ts";
import { columnsOf, objectProtobuf, protobufOf, type EncodeContext } from "./encode-result.ts";
import { JSON_TYPE, PROTOBUF_TYPE } from "./negotiation.ts";

/** The bytes of one event: by themselves, and as a chunk of an HTTP/1.1 answer (RFC 9112, section 7.1). One is part of the other. */
export interface Frame {
  readonly bytes: Buffer;
  readonly chunk: Buffer;
}

/** Turns the events of one watch into bytes. */
export interface WatchFramer {
  readonly contentType: string;
  frame(event: EncodedWatchEvent): Frame;
}

const LINE_END = Buffer.from("\r\n");

export function frameOf(...parts: readonly Uint8Array[]): Frame {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const start = Buffer.from(`${length.toString(16)}\r\n`);
  const chunk = Buffer.concat([start, ...parts, LINE_END]);
  return { bytes: chunk.subarray(start.length, start.length + length), chunk };
}

/** JSON lines, or protobuf frames with a length before each. YAML has no streaming form. */
export function watchFramer(context: EncodeContext): WatchFramer {
  const { representation } = context;
  if (representation.encoding === "protobuf") return { contentType: `${PROTOBUF_TYPE};stream=watch`, frame: (event) => protobufFrame(event, context) };
  if (representation.form === "object") return { contentType: JSON_TYPE, frame: jsonFrame };
  let isFirst = true;
  return {
    contentType: JSON_TYPE,
    frame(event) {
      const object = event.type === "ERROR" ? event.object : reduced(event, context, isFirst);
      isFirst = false;
      return line(event.type, object);
    },
  };
}

/** Watchers take an event at about the same time: who comes later than after so much of others pays for a frame of its own. */
const FRAMES_BYTES = 8 << 20;
/** No frame counts for less: there are never more than a thousand. */
const FRAME_BYTES_MIN = 16 << 10;
/** By what watchers see of an object: whether it is new to them, and in which form. */
const frames = new RecentMap<EncodedObject, Map<string, Frame>>(FRAMES_BYTES);

/** One frame per object and event type for all watchers: writing to a thousand of them serialises nothing. */
function shared(event: EncodedWatchEvent, variant: string, make: (encoded: EncodedObject) => Frame): Frame | undefined {
  if (event.type === "ERROR" || event.type === "BOOKMARK") return undefined;
  const { encoded, type } = event;
  const known = frames.get(encoded) ?? new Map<string, Frame>();
  const key = `${type} ${variant}`;
  let frame = known.get(key);
  if (frame === undefined) {
    frame = make(encoded);
    frames.set(encoded, known.set(key, frame), Math.max(FRAME_BYTES_MIN, frame.chunk.length));
  }
  return frame;
}

function jsonFrame(event: EncodedWatchEvent): Frame {
  return (
    shared(event, "json", (encoded) => frameOf(Buffer.from(`{"type":"${event.type}","object":`), trimmed(encoded.json()), Buffer.from("}\n"))) ??
    line(event.type, event.object)
  );
}

function protobufFrame(event: EncodedWatchEvent, { schemas, representation }: EncodeContext): Frame {
  if (event.type === "ERROR") return frameOf(frameProtobufWatchEvent("ERROR", protobufOf(event.object, schemas)));
  if (representation.form === "partial")
    return frameOf(frameProtobufWatchEvent(event.type, protobufOf(partialObjectMetadata(event.object, representation.metaVersion), schemas)));
  const found = shared(event, "protobuf", (encoded) => frameOf(frameProtobufWatchEvent(event.type, objectProtobuf(encoded, schemas))));
  if (found !== undefined) return found;
  const { apiVersion, kind } = event.object;
  const schema = schemas.find(apiVersion, kind) ?? {};
  return frameOf(frameProtobufWatchEvent(event.type, wrapUnknown(apiVersion, kind, encodeProtobuf(schema, event.object))));
}

/** The object as a table of one row, whose columns only the first event names, or as its metadata. Columns look into bookmarks, too. */
function reduced({ type, object: told }: Exclude<EncodedWatchEvent, { type: "ERROR" }>, context: EncodeContext, withColumns: boolean): unknown {
  if (context.representation.form === "partial") return partialObjectMetadata(told, context.representation.metaVersion);
  const object = type === "BOOKMARK" ? withBareContent(told, context.definition.schema) : told;
  const { resourceVersion } = object.metadata;
  return tableOf(columnsOf(context.definition), [object], {
    metadata: resourceVersion === undefined ? {} : { resourceVersion },
    includeObject: context.includeObject,
    now: context.now(),
    metaVersion: context.representation.metaVersion,
    withColumns,
    rowConditions: context.definition.rowConditions,
  });
}

function line(type: string, object: unknown): Frame {
  return frameOf(Buffer.from(`${JSON.stringify({ type, object })}\n`));
}

function trimmed(json: Buffer): Buffer {
  return json[json.length - 1] === 0x0a ? json.subarray(0, -1) : json;
}
