import { formatApiVersion } from "../../apimachinery/group-version.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import { conform } from "../../apimachinery/structural-schema.ts";
import { ALL_VERBS, defineResource, type ResourceDefinition, type StoredForm, type Subresource } from "../define-resource.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from "../types.ts";
import { customContent, finalizerWarnings } from "./content-rules.ts";
import { customScale } from "./custom-scale.ts";
import { schemaOf } from "./definition-versions.ts";
import { parseJsonPath } from "./json-path.ts";
import { printerColumns } from "./printer-columns.ts";
import { servingSchema } from "./serving-schema.ts";
import { compareVersions } from "./version-order.ts";

/** Turns stored objects into another version, in the same order. Rejects with a StatusError. */
export type ConvertObjects = (objects: readonly KubeObject[], apiVersion: string) => Promise<readonly KubeObject[]>;

export interface CustomKind {
  /** How its objects are kept, whatever their version. */
  readonly stored: ResourceDefinition;
  /** One for each served version, the best version first. */
  readonly served: readonly ResourceDefinition[];
}

/** The kind that an established definition adds to the API. `convert` asks the webhook; without one only the version of objects changes. */
export function customKind(definition: CustomResourceDefinition, convert: ConvertObjects | undefined): CustomKind {
  const { versions } = definition.spec;
  const storage = versions.find((version) => version.storage) ?? versions[0];
  if (storage === undefined) throw new Error(`invariant broken: the definition ${definition.metadata.name} has no version`);
  const schemas = new Map(versions.map((version) => [formatApiVersion(definition.spec.group, version.name), servingSchema(schemaOf(version))]));
  const base = (version: CustomResourceDefinitionVersion) =>
    baseOf(definition, version, schemas.get(formatApiVersion(definition.spec.group, version.name)) ?? {});
  const stored = defineResource<KubeObject>(base(storage));
  const served = versions
    .filter((version) => version.served)
    .sort((a, b) => compareVersions(a.name, b.name))
    .map((version) => {
      const apiVersion = formatApiVersion(definition.spec.group, version.name);
      const form = storedForm(stored, formatApiVersion(definition.spec.group, storage.name), apiVersion, schemas, convert);
      const warning = version.deprecated === true ? (version.deprecationWarning ?? deprecation(definition, version)) : undefined;
      return defineResource<KubeObject>({
        ...base(version),
        storedAs: storage.served ? form : { ...form, isServed: false },
        ...(warning === undefined ? {} : { deprecationWarning: warning }),
      });
    });
  return { stored, served };
}

function baseOf(
  { spec, status, metadata }: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  schema: Schema,
): Parameters<typeof defineResource<KubeObject>>[0] {
  const names = { ...spec.names, ...status?.acceptedNames };
  const { subresources: parts, selectableFields = [] } = version;
  const hasStatus = parts?.status !== undefined;
  const subresources: Subresource<KubeObject>[] = [
    ...(hasStatus ? [{ name: "status" as const }] : []),
    ...(parts?.scale === undefined ? [] : [{ name: "scale" as const, scale: customScale(parts.scale) }]),
  ];
  return {
    group: spec.group,
    version: version.name,
    resource: names.plural,
    kind: names.kind,
    listKind: names.listKind || `${names.kind}List`,
    singular: names.singular || names.kind.toLowerCase(),
    namespaced: spec.scope === "Namespaced",
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    verbs: ALL_VERBS,
    schema,
    content: customContent(schemaOf(version) ?? {}, parts?.scale),
    published: schemaOf(version) as unknown as Readonly<Record<string, unknown>> | undefined, // any schema is an object of JSON
    strategy: { hasGeneration: true, unconditionalUpdate: false, warnings: finalizerWarnings, ...(hasStatus ? { prepareForCreate: withoutStatus } : {}) },
    subresources,
    columns: printerColumns(version.additionalPrinterColumns),
    selectableFields: Object.fromEntries(selectableFields.map(({ jsonPath }) => [jsonPath.replace(/^\./, ""), fieldReader(jsonPath)])),
    ...(metadata.deletionTimestamp === undefined ? {} : { isEnding: true }),
  };
}

function withoutStatus<T extends KubeObject>(object: T): T {
  const { status: _dropped, ...rest } = object as T & { readonly status?: unknown };
  return rest as unknown as T; // a custom object without a status is one
}

function fieldReader(jsonPath: string): (object: KubeObject) => string {
  const path = parseJsonPath(jsonPath);
  return (object) => {
    const value = path?.(object)[0];
    return value === undefined || value === null ? "" : String(value);
  };
}

/**
 * Objects are pruned by their schema as it is now, for it may have changed since they were stored. Defaults are those of the version that
 * they are stored in: a reader of another version gets what was there.
 */
function storedForm(
  stored: ResourceDefinition,
  storageVersion: string,
  apiVersion: string,
  schemas: ReadonlyMap<string, Schema>,
  convert: ConvertObjects | undefined,
): StoredForm<KubeObject> {
  const shaped = (object: KubeObject, defaults: boolean): KubeObject => {
    const schema = schemas.get(object.apiVersion);
    return schema === undefined ? object : (conform(schema, object, { defaults, prune: true }).value as KubeObject); // conforming keeps an object what it is
  };
  const withVersion = (object: KubeObject, version: string): KubeObject => (object.apiVersion === version ? object : { ...object, apiVersion: version });
  const plain = {
    definition: stored,
    fromStored: (object: KubeObject) => {
      const current = shaped(object, true);
      return current.apiVersion === apiVersion ? current : shaped(withVersion(current, apiVersion), false);
    },
    toStored: (object: KubeObject) => withVersion(object, storageVersion),
  };
  if (convert === undefined) return plain;
  return {
    ...plain,
    later: {
      fromStored: async (objects) =>
        (
          await convertSome(
            objects.map((object) => shaped(object, true)),
            apiVersion,
            convert,
          )
        ).map((object) => shaped(object, false)),
      toStored: async (object) => (await convertSome([object], storageVersion, convert))[0] ?? object,
    },
  };
}

/** Only what is in another version is sent to the webhook. */
async function convertSome(objects: readonly KubeObject[], apiVersion: string, convert: ConvertObjects): Promise<readonly KubeObject[]> {
  const foreign = objects.filter((object) => object.apiVersion !== apiVersion);
  if (foreign.length === 0) return objects;
  const converted = await convert(foreign, apiVersion);
  let next = 0;
  return objects.map((object) => (object.apiVersion === apiVersion ? object : (converted[next++] ?? object)));
}

function deprecation({ spec }: CustomResourceDefinition, { name }: CustomResourceDefinitionVersion): string {
  const better = spec.versions
    .filter((version) => version.served && version.deprecated !== true && compareVersions(version.name, name) < 0)
    .sort((a, b) => compareVersions(a.name, b.name))[0];
  const message = `${spec.group}/${name} ${spec.names.kind} is deprecated`;
  return better === undefined ? message : `${message}; use ${spec.group}/${better.name} ${spec.names.kind}`;
}
