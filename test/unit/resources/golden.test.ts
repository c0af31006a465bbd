import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { conform } from "../../../engine/apimachinery/structural-schema.ts";
import { decodeProtobuf, encodeProtobuf, unwrapUnknown, wrapUnknown } from "../../../engine/apimachinery/protobuf/protobuf.ts";
import type { Schema } from "../../../engine/apimachinery/schema.ts";
import { loadSchema } from "../../../engine/resources/load-schema.ts";
import { rawTypes } from "./schema-files.ts";

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), "golden");

interface Golden {
  readonly apiVersion: string;
  readonly kind: string;
}

/** One object of each kind with every field set, as JSON and as Kubernetes itself encodes it. */
const cases = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => name.replace(/\.json$/, ""));

/** A file may hold several types and two groups a kind of one name: the folder decides, where there is one of that name. */
function schemaOf({ apiVersion, kind }: Golden): Schema {
  const folderOf = apiVersion.includes("/") ? apiVersion : `core/${apiVersion}`;
  const candidates = rawTypes().filter(({ name, title }) => name === kind || title === kind);
  const type = candidates.find(({ file }) => file.startsWith(`${folderOf}/`)) ?? candidates.find(({ name }) => name === kind);
  if (type === undefined) throw new Error(`no schema for ${kind}`);
  return loadSchema(type.file, type.name);
}

describe.each(cases)("the schema of %s", (name) => {
  const object = JSON.parse(readFileSync(path.join(folder, `${name}.json`), "utf8")) as Golden;
  const bytes = readFileSync(path.join(folder, `${name}.pb`));
  const schema = schemaOf(object);

  it("knows every field of an object that has them all", () => {
    expect(conform(schema, object, { defaults: false, prune: false }).unknown).toEqual([]);
  });

  it("reads Kubernetes' own protobuf encoding to the same object", () => {
    const { apiVersion, kind, raw } = unwrapUnknown(bytes);
    expect({ ...decodeProtobuf(schema, raw), apiVersion, kind }).toEqual(object);
  });

  it("writes what it has read in the same bytes", () => {
    const { raw } = unwrapUnknown(bytes);
    expect(wrapUnknown(object.apiVersion, object.kind, encodeProtobuf(schema, object as unknown as Record<string, unknown>))).toEqual(wrapUnknown(object.apiVersion, object.kind, Buffer.from(raw)));
  });
});
