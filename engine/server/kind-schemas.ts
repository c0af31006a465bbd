import { formatApiVersion } from "../apimachinery/group-version.ts";
import type { Schema } from "../apimachinery/schema.ts";
import { bindingKind } from "../registry/binding.ts";
import { evictionKind } from "../registry/eviction.ts";
import { scaleKind } from "../registry/scale.ts";
import { tokenRequestKind } from "./tokens/token-request.ts";
import { loadSchema } from "../resources/load-schema.ts";
import { deleteOptionsSchema } from "./delete-options.ts";
import type { ResourceIndex } from "./resource-index.ts";

const metadataSchema = loadSchema("meta/v1/meta.yaml", "ObjectMeta");

/** meta/v1 PartialObjectMetadata in protobuf: an object's first field, and nothing else. */
const partialSchema: Schema = {
  type: "object",
  title: "PartialObjectMetadata",
  properties: { metadata: Object.assign(Object.create(metadataSchema) as Schema, { "x-protobuf-tag": 1 }) },
};

/** Every kind that can be the body of a request or of an answer, with its schema. */
export class KindSchemas {
  readonly #byKind = new Map<string, { readonly schema: Schema }>();

  constructor(resources: ResourceIndex) {
    for (const kind of [...resources.all, scaleKind, bindingKind, evictionKind, tokenRequestKind])
      this.#byKind.set(key(formatApiVersion(kind.group, kind.version), kind.kind), kind);
    for (const apiVersion of evictionKind.alsoAs ?? []) this.#byKind.set(key(apiVersion, evictionKind.kind), evictionKind);
    this.#byKind.set(key("v1", "Status"), { schema: loadSchema("meta/v1/meta.yaml", "Status") });
    for (const version of ["v1", "v1beta1"]) this.#byKind.set(key(`meta.k8s.io/${version}`, "PartialObjectMetadata"), { schema: partialSchema });
  }

  find(apiVersion: string, kind: string): Schema | undefined {
    return kind === "DeleteOptions" ? deleteOptionsSchema : this.#byKind.get(key(apiVersion, kind))?.schema;
  }
}

/** Whether a kind can be written as protobuf: its fields have numbers. */
export function hasProtobufForm(schema: Schema): boolean {
  return schema.properties?.["metadata"]?.["x-protobuf-tag"] !== undefined;
}

function key(apiVersion: string, kind: string): string {
  return `${apiVersion}, ${kind}`;
}
