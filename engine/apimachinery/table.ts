import type { KubeObject, ObjectMeta } from "./object-meta.ts";
import type { ListMetadata } from "./protobuf/protobuf-frames.ts";

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
  readonly apiVersion: MetaVersion;
  readonly metadata: ListMetadata;
  /** Null in all but the first event of a watch: clients keep the first one's. */
  readonly columnDefinitions: readonly TableColumnDefinition[] | null;
  /** Null where upstream has not even an empty list. */
  readonly rows: readonly TableRow[] | null;
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
  /** What the row is about as a whole, for those who show it faintly. */
  readonly conditions?: readonly TableRowCondition[];
  /** Null where nothing of it was asked for. */
  readonly object: KubeObject | PartialObjectMetadata | null;
}

export interface TableRowCondition {
  readonly type: "Completed";
  readonly status: "True";
  readonly reason: string;
  readonly message: string;
}

/** Older clients ask for the second, which has the same fields, and look for its name in the answer. */
export type MetaVersion = "meta.k8s.io/v1" | "meta.k8s.io/v1beta1";

export interface PartialObjectMetadata {
  readonly kind: "PartialObjectMetadata";
  readonly apiVersion: MetaVersion;
  readonly metadata: ObjectMeta;
}

export interface TableOptions {
  /** Of the list; of a single object, its own resourceVersion. */
  readonly metadata: ListMetadata;
  /** `Metadata` when absent. */
  readonly includeObject?: IncludeObject;
  /** For ages; milliseconds since the epoch. */
  readonly now: number;
  /** `meta.k8s.io/v1` when absent. */
  readonly metaVersion?: MetaVersion | undefined;
  /** False for later events of a watch. */
  readonly withColumns?: boolean;
  /** Whether no rows are null. */
  readonly isNullEmpty?: boolean;
  /** Kinds without them say nothing of rows as a whole. */
  readonly rowConditions?: ((object: KubeObject) => readonly TableRowCondition[] | undefined) | undefined;
}

/** Objects as rows of a table. */
export function tableOf<T extends KubeObject>(columns: readonly TableColumn<T>[], objects: readonly T[], options: TableOptions): Table {
  const { includeObject: include = "Metadata", metaVersion = "meta.k8s.io/v1", rowConditions, isNullEmpty = false } = options;
  return {
    kind: "Table",
    apiVersion: metaVersion,
    metadata: options.metadata,
    columnDefinitions: options.withColumns === false ? null : columns.map(columnDefinition),
    rows:
      isNullEmpty && objects.length === 0
        ? null
        : objects.map((object) => {
            const conditions = rowConditions?.(object);
            return {
              cells: columns.map((column) => column.cell(object, options.now)),
              ...(conditions === undefined ? {} : { conditions }),
              object: include === "None" ? null : include === "Object" ? object : partialObjectMetadata(object, metaVersion),
            };
          }),
  };
}

/** An object reduced to its metadata, as metadata-only informers ask for it. */
export function partialObjectMetadata(object: KubeObject, apiVersion: MetaVersion = "meta.k8s.io/v1"): PartialObjectMetadata {
  return { kind: "PartialObjectMetadata", apiVersion, metadata: object.metadata };
}

export function partialObjectMetadataList(
  metadata: ListMetadata,
  objects: readonly KubeObject[],
  apiVersion: MetaVersion = "meta.k8s.io/v1",
): {
  readonly kind: "PartialObjectMetadataList";
  readonly apiVersion: MetaVersion;
  readonly metadata: ListMetadata;
  /** As upstream's: null when there are none. */
  readonly items: readonly PartialObjectMetadata[] | null;
} {
  return {
    kind: "PartialObjectMetadataList",
    apiVersion,
    metadata,
    items: objects.length === 0 ? null : objects.map((object) => partialObjectMetadata(object, apiVersion)),
  };
}

function columnDefinition<T extends KubeObject>({ name, type, format, description, priority }: TableColumn<T>): TableColumnDefinition {
  return { name, type, format: format ?? "", description, priority: priority ?? 0 };
}
