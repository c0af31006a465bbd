import { describe, expect, test } from "vitest";
import { partialObjectMetadataList, tableOf, type TableColumn } from "../../../engine/apimachinery/table.ts";

interface Thing {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly bornAt: number;
}

const columns: readonly TableColumn<Thing>[] = [
  { name: "Name", type: "string", format: "name", description: "What it is called.", cell: (thing) => thing.metadata.name },
  { name: "Age", type: "string", description: "How old it is.", priority: 1, cell: (thing, now) => `${(now - thing.bornAt) / 1000}s` },
];
const thing: Thing = { apiVersion: "v1", kind: "Thing", metadata: { name: "a" }, bornAt: 1000 };
const partial = { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: { name: "a" } };

describe("tables", () => {
  test("have a row per object, with its metadata", () => {
    expect(tableOf(columns, [thing], { metadata: { resourceVersion: "7" }, now: 6000 })).toEqual({
      kind: "Table",
      apiVersion: "meta.k8s.io/v1",
      metadata: { resourceVersion: "7" },
      columnDefinitions: [
        { name: "Name", type: "string", format: "name", description: "What it is called.", priority: 0 },
        { name: "Age", type: "string", format: "", description: "How old it is.", priority: 1 },
      ],
      rows: [{ cells: ["a", "5s"], object: partial }],
    });
  });

  test("carry as much of each object as was asked for", () => {
    const rowsOf = (includeObject: "None" | "Metadata" | "Object") => tableOf(columns, [thing], { metadata: {}, now: 6000, includeObject }).rows;
    expect([rowsOf("None"), rowsOf("Metadata"), rowsOf("Object")]).toEqual([
      [{ cells: ["a", "5s"], object: null }],
      [{ cells: ["a", "5s"], object: partial }],
      [{ cells: ["a", "5s"], object: thing }],
    ]);
  });

  test("name their columns once per watch", () => expect(tableOf(columns, [thing], { metadata: {}, now: 0, withColumns: false }).columnDefinitions).toBeNull());
});

test("lists of metadata hold nothing else", () => {
  expect(partialObjectMetadataList({ resourceVersion: "7" }, []).items).toBeNull();
  expect(partialObjectMetadataList({ resourceVersion: "7" }, [thing])).toEqual({
    kind: "PartialObjectMetadataList",
    apiVersion: "meta.k8s.io/v1",
    metadata: { resourceVersion: "7" },
    items: [partial],
  });
});
