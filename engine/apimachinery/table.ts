import type { KubeObject, ObjectMeta } from "./object-meta.ts";
import type { ListMetadata } from "./protobuf-frames.ts";

/** What a table needs of a column; a resource definition's columns are these. */
export interface TableColumn<T extends KubeObject> {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description: string;
  readonly priority?: number;
  readonly cell: (object: T, now: number) => string | number | boolean | null;
}

/** How much of each object a row carries. */
export type IncludeObject = "None" | "Metadata" | "Object";

/** meta.k8s.io/v1 Table: the form in which kubectl asks for lists. */
export interface Table {
  readonly kind: "Table";
  readonly apiVersion: "meta.k8s.io/v1";
  readonly metadata: ListMetadata;
  /** Null in all but the first event of a watch: clients keep the first one's. */
  readonly columnDefinitions: readonly TableColumnDefinition[] | null;
  readonly rows: readonly TableRow[];
}

export interface TableColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

export interface TableRow {
  readonly cells: readonly (string | number | boolean | null)[];
  readonly object?: KubeObject | PartialObjectMetadata;
}

export interface PartialObjectMetadata {
  readonly kind: "PartialObjectMetadata";
  readonly apiVersion: "meta.k8s.io/v1";
  readonly metadata: ObjectMeta;
}

export interface TableOptions {
  /** Of the list; of a single object, its own resourceVersion. */
  readonly metadata: ListMetadata;
  /** `Metadata` when absent. */
  readonly includeObject?: IncludeObject;
  /** For ages; milliseconds since the epoch. */
  readonly now: number;
  /** False for later events of a watch. */
  readonly withColumns?: boolean;
}

/** Objects as rows of a table. */
export function tableOf<T extends KubeObject>(columns: readonly TableColumn<T>[], objects: readonly T[], options: TableOptions): Table {
  const include = options.includeObject ?? "Metadata";
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: options.metadata,
    columnDefinitions: options.withColumns === false ? null : columns.map(columnDefinition),
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, options.now)),
      ...(include === "None" ? {} : { object: include === "Object" ? object : partialObjectMetadata(object) }),
    })),
  };
}

/** An object reduced to its metadata, as metadata-only informers ask for it. */
export function partialObjectMetadata(object: KubeObject): PartialObjectMetadata {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}

export function partialObjectMetadataList(metadata: ListMetadata, objects: readonly KubeObject[]): {
  readonly kind: "PartialObjectMetadataList";
  readonly apiVersion: "meta.k8s.io/v1";
  readonly metadata: ListMetadata;
  readonly items: readonly PartialObjectMetadata[];
} {
  return { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1", metadata, items: objects.map(partialObjectMetadata) };
}

function columnDefinition<T extends KubeObject>({ name, type, format, description, priority }: TableColumn<T>): TableColumnDefinition {
  return { name, type, format: format ?? "", description, priority: priority ?? 0 };
}
