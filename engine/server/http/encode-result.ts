import { setImmediate as nextTurn } from "node:timers/promises";
import type { EncodedObject, ObjectList } from "../../apimachinery/api-request.ts";
import { formatApiVersion } from "../../apimachinery/group-version.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { encodeProtobuf, wrapUnknown } from "../../apimachinery/protobuf/protobuf.ts";
import { wrapProtobufList, type ListMetadata } from "../../apimachinery/protobuf/protobuf-frames.ts";
import type { Status } from "../../apimachinery/status-error.ts";
import { partialObjectMetadata, partialObjectMetadataList, tableOf, type IncludeObject, type TableColumn } from "../../apimachinery/table.ts";
import { formatYaml } from "../../apimachinery/yaml/yaml.ts";
import { ageColumn, createdColumns, nameColumn } from "../../resources/columns.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import { jsonLine } from "../../storage/encoded-object.ts";
import { joinItems, type PiecewiseBytes } from "../../storage/list-json.ts";
import type { KindSchemas } from "../kind-schemas.ts";
import { JSON_TYPE, PROTOBUF_TYPE, YAML_TYPE, type Representation } from "./negotiation.ts";
import { parseJson } from "../../lib/json.ts";
import { RecentMap } from "../../lib/recent-map.ts";

export interface EncodeContext {
  readonly definition: ResourceDefinition;
  /** Of what is no object of the kind itself, such as its Scale. */
  readonly columns?: readonly TableColumn<KubeObject>[];
  readonly schemas: KindSchemas;
  readonly representation: Representation;
  readonly includeObject: IncludeObject;
  readonly now: () => number;
}

const CONTENT_TYPES = { json: JSON_TYPE, yaml: YAML_TYPE, protobuf: PROTOBUF_TYPE };
const META_VERSION = "meta.k8s.io/v1";

export function contentTypeOf({ encoding }: Representation): string {
  return CONTENT_TYPES[encoding];
}

export function encodeObject(encoded: EncodedObject, context: EncodeContext): Buffer {
  const { representation, schemas, includeObject, now, definition, columns = columnsOf(definition) } = context;
  const { metaVersion } = representation;
  if (representation.form === "table") {
    const { resourceVersion } = encoded.object.metadata;
    return toText(
      tableOf(columns, [encoded.object], {
        metadata: resourceVersion === undefined ? {} : { resourceVersion },
        includeObject,
        now: now(),
        metaVersion,
        rowConditions: definition.rowConditions,
      }),
      representation,
    );
  }
  if (representation.encoding === "protobuf")
    return representation.form === "partial" ? protobufOf(partialObjectMetadata(encoded.object, metaVersion), schemas) : objectProtobuf(encoded, schemas);
  if (representation.form === "partial") return toText(partialObjectMetadata(encoded.object, metaVersion), representation);
  return representation.encoding === "json" ? jsonLine(encoded) : toText(encoded.object, representation);
}

/** A promise where it takes so long that others are let in meanwhile. */
export function encodeList(list: ObjectList, context: EncodeContext): Buffer | PiecewiseBytes | Promise<Buffer> {
  const { definition, representation, schemas, includeObject, now } = context;
  const { metaVersion = META_VERSION } = representation;
  const metadata: ListMetadata = {
    // What is made up when it is asked for has no versions.
    ...(list.resourceVersion === "" ? {} : { resourceVersion: list.resourceVersion }),
    ...(list.continue === undefined ? {} : { continue: list.continue }),
    ...(list.remainingItemCount === undefined ? {} : { remainingItemCount: list.remainingItemCount }),
  };
  const objects = () => list.items.map((item) => item.object);
  const apiVersion = formatApiVersion(definition.group, definition.version);
  const rows = () => (definition.rowOrder === undefined ? objects() : objects().sort(definition.rowOrder));
  if (representation.form === "table")
    return toText(
      tableOf(columnsOf(definition), rows(), {
        metadata,
        includeObject,
        now: now(),
        metaVersion,
        rowConditions: definition.rowConditions,
        isNullEmpty: definition.columns === createdColumns,
      }),
      representation,
    );
  if (representation.encoding === "protobuf") {
    if (representation.form === "object")
      return wrapProtobufList(
        apiVersion,
        definition.listKind,
        metadata,
        list.items.map((item) => rawProtobuf(item, schemas)),
      );
    const schema = schemas.find(META_VERSION, "PartialObjectMetadata") ?? {};
    return wrapProtobufList(
      metaVersion,
      "PartialObjectMetadataList",
      metadata,
      objects().map((object) => encodeProtobuf(schema, { metadata: object.metadata })),
    );
  }
  if (representation.form === "partial") return toText(partialObjectMetadataList(metadata, objects(), metaVersion), representation);
  // Custom kinds say of each item what it is, as upstream's do, for clients have no types to know it by; and of lists that they are whole.
  const isTyped = definition.content !== undefined;
  const shown = isTyped ? { continue: "", ...metadata } : metadata;
  if (representation.encoding === "yaml") return yamlList({ kind: definition.listKind, apiVersion, metadata: shown }, list.items, isTyped);
  return jsonList(definition.listKind, apiVersion, shown, list.items, isTyped);
}

export function encodeStatus(status: Status, representation: Representation, schemas: KindSchemas): Buffer {
  // A delete that succeeded says no code, as upstream's does not.
  const { code, ...rest } = status;
  const shown = code === 200 ? rest : status;
  return representation.encoding === "protobuf" ? protobufOf(shown as unknown as KubeObject, schemas) : toText(shown, representation);
}

/** Enough that typed clients which list a kind of some thousand small objects at about the same time pay once. */
const RAW_BYTES = 4 << 20;
const recentRaw = new RecentMap<EncodedObject, Buffer>(RAW_BYTES);

/** The bare message of an object, which is not made again for who asks soon after. */
function rawProtobuf(encoded: EncodedObject, schemas: KindSchemas): Buffer {
  let raw = recentRaw.get(encoded);
  if (raw === undefined) {
    const { apiVersion, kind } = encoded.object;
    const schema = schemas.find(apiVersion, kind);
    if (schema === undefined) throw new Error(`no schema for ${apiVersion} ${kind}`);
    raw = encodeProtobuf(schema, encoded.object);
    recentRaw.set(encoded, raw, raw.length);
  }
  return raw;
}

export function objectProtobuf(encoded: EncodedObject, schemas: KindSchemas): Buffer {
  return wrapUnknown(encoded.object.apiVersion, encoded.object.kind, rawProtobuf(encoded, schemas));
}

/** An object that nobody shares, such as a Status or a bookmark. */
export function protobufOf(object: { readonly apiVersion: string; readonly kind: string }, schemas: KindSchemas): Buffer {
  const schema = schemas.find(object.apiVersion, object.kind);
  if (schema === undefined) throw new Error(`no schema for ${object.apiVersion} ${object.kind}`);
  return wrapUnknown(object.apiVersion, object.kind, encodeProtobuf(schema, object));
}

/** Kinds without columns of their own, reviews for one, are shown by name and age. */
export function columnsOf(definition: ResourceDefinition): readonly TableColumn<KubeObject>[] {
  return definition.columns.length > 0 ? definition.columns : [nameColumn, ageColumn];
}

function jsonList(kind: string, apiVersion: string, metadata: ListMetadata, items: readonly EncodedObject[], isTyped: boolean): Buffer | PiecewiseBytes {
  return joinItems({
    head: `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":${JSON.stringify(metadata)},"items":[`,
    tail: "]}\n",
    items,
    isTyped,
  });
}

/** YAML takes long to write: of this many characters, some ten milliseconds. */
const YAML_TURN_LENGTH = 128 << 10;

/** The list as it would be written at once, but an item at a time, and others are served in between. */
async function yamlList(head: object, items: readonly EncodedObject[], isTyped: boolean): Promise<Buffer> {
  const [before = "", after = ""] = formatYaml({ ...head, items: [] }).split(/^items: \[\]\n/m);
  if (items.length === 0) return Buffer.from(`${before}items: []\n${after}`);
  const pieces = [Buffer.from(`${before}items:\n`)];
  let turnLength = 0;
  for (const item of items) {
    const text = formatYaml([parseJson((isTyped ? item.json() : item.itemJson()).toString("utf8"))]);
    pieces.push(Buffer.from(text));
    turnLength += text.length;
    if (turnLength < YAML_TURN_LENGTH) continue;
    turnLength = 0;
    await nextTurn();
  }
  return Buffer.concat([...pieces, Buffer.from(after)]);
}

function toText(value: unknown, { encoding }: Representation): Buffer {
  return Buffer.from(encoding === "yaml" ? formatYaml(value) : `${JSON.stringify(value)}\n`);
}
