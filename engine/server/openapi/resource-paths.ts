import { formatApiVersion } from "../../apimachinery/group-version.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { scaleKind } from "../../registry/scale.ts";
import type { ResourceDefinition, Subresource } from "../../resources/define-resource.ts";
import { loadSchema } from "../../resources/load-schema.ts";
import { subresourceFacts } from "../discovery/discovery.ts";
import { customSchema, customTypeName, selectableFields } from "./custom-schema.ts";
import { pathItem, TEXT, type Operation, type OperationPlace } from "./operations.ts";
import { SUBRESOURCE_PARAMETERS } from "./parameters.ts";
import type { SchemaWriter } from "./part.ts";
import { namedType, type OpenApiSchema } from "./schemas.ts";
import { bodyKindOf } from "../subresources/subresources.ts";
import { isReturnedWhenGone } from "../verbs/delete.ts";

/** All addresses of a kind, with what may be done there. */
export function pathsOf(definition: ResourceDefinition, writer: SchemaWriter, openApi: 2 | 3): Record<string, unknown> {
  const { group, version, kind, resource, namespaced, verbs } = definition;
  const isCustom = definition.content !== undefined;
  const place: OperationPlace = { group, version, openApi, isCustom, writer };
  const root = group === "" ? `/api/${version}` : `/apis/${formatApiVersion(group, version)}`;
  const inNamespace = namespaced ? "/namespaces/{namespace}" : "";
  const collection = `${root}${inNamespace}/${resource}`;
  const object = isCustom
    ? writer.add(customTypeName(definition), customSchema(definition, writer, openApi))
    : writer.reference(namedType(definition.schema) ?? definition.schema);
  const listName = `${isCustom ? customTypeName(definition) : writer.nameOf(namedType(definition.schema) ?? definition.schema)}List`;
  const list = verbs.includes("list") ? writer.add(listName, listSchema(definition, object, writer, openApi)) : object;
  const status = verbs.includes("delete") || verbs.includes("deletecollection") ? writer.reference(loadSchema("meta/v1/meta.yaml", "Status")) : object;
  const gvk = { group, version, kind };
  const scoped = namespaced ? "Namespaced" : "";
  const listed: Operation = {
    method: "get",
    action: "list",
    name: `list${scoped}${kind}`,
    description: `Lists ${verbs.includes("watch") ? "or watches " : ""}objects of kind ${kind}.`,
    gvk,
    answer: list,
  };
  // Upstream says so of all such kinds but namespaces, which are answered in the same way.
  const deleted = isReturnedWhenGone(definition) && kind !== "Namespace" ? object : status;
  const ofCollection: readonly (readonly [string, Operation])[] = [
    ["list", listed],
    [
      "create",
      { method: "post", action: "post", name: `create${scoped}${kind}`, description: `Creates an object of kind ${kind}.`, gvk, answer: object, body: object },
    ],
    [
      "deletecollection",
      {
        method: "delete",
        action: "deletecollection",
        name: `deleteCollection${scoped}${kind}`,
        description: `Deletes all objects of kind ${kind} that are meant.`,
        gvk,
        answer: status,
      },
    ],
  ];
  const ofObject: readonly (readonly [string, Operation])[] = [
    ["get", { method: "get", action: "get", name: `read${scoped}${kind}`, description: `Reads one object of kind ${kind}.`, gvk, answer: object }],
    [
      "update",
      { method: "put", action: "put", name: `replace${scoped}${kind}`, description: `Replaces one object of kind ${kind}.`, gvk, answer: object, body: object },
    ],
    [
      "patch",
      { method: "patch", action: "patch", name: `patch${scoped}${kind}`, description: `Changes parts of one object of kind ${kind}.`, gvk, answer: object },
    ],
    [
      "delete",
      { method: "delete", action: "delete", name: `delete${scoped}${kind}`, description: `Deletes one object of kind ${kind}.`, gvk, answer: deleted },
    ],
  ];
  const served = (operations: readonly (readonly [string, Operation])[]) =>
    operations.filter(([verb]) => verbs.some((known) => known === verb)).map(([, operation]) => operation);
  const paths: Record<string, readonly Operation[]> = { [collection]: served(ofCollection) };
  if (verbs.includes("get")) paths[`${collection}/{name}`] = served(ofObject);
  if (namespaced && verbs.includes("list")) paths[`${root}/${resource}`] = [{ ...listed, name: `list${kind}ForAllNamespaces` }];
  if (!isCustom && verbs.includes("watch")) Object.assign(paths, watchPaths(definition, root, writer));
  const items = Object.entries(paths).map(([path, operations]) => [path, pathItem(path, operations, kind, place)] as const);
  for (const subresource of definition.subresources) {
    const at = `${collection}/{name}/${subresource.name}`;
    const operations = subresourceOperations(definition, subresource, object, writer);
    const name = operations[0]?.gvk.kind ?? kind;
    items.push([at, pathItem(at, operations, name, place)]);
    if (subresource.name === "proxy")
      items.push([
        `${at}/{path}`,
        pathItem(
          `${at}/{path}`,
          operations.map((operation) => ({ ...operation, name: `${operation.name}WithPath` })),
          name,
          place,
        ),
      ]);
  }
  return Object.fromEntries(items);
}

/** The older addresses of watches, which say in the path what a query says today. */
function watchPaths(
  { group, version, kind, resource, namespaced, verbs }: ResourceDefinition,
  root: string,
  writer: SchemaWriter,
): Record<string, readonly Operation[]> {
  const answer = writer.reference(loadSchema("meta/v1/meta.yaml", "WatchEvent"));
  const scoped = namespaced ? "Namespaced" : "";
  const gvk = { group, version, kind };
  const list = (name: string): readonly Operation[] => [
    { method: "get", action: "watchlist", name, description: `Watches all objects of kind ${kind}; lists with the parameter watch do the same.`, gvk, answer },
  ];
  const collection = `${root}/watch${namespaced ? "/namespaces/{namespace}" : ""}/${resource}`;
  return {
    [collection]: list(`watch${scoped}${kind}List`),
    ...(verbs.includes("get")
      ? {
          [`${collection}/{name}`]: [
            {
              method: "get",
              action: "watch",
              name: `watch${scoped}${kind}`,
              description: `Watches one object of kind ${kind}; lists with the parameter watch and a fieldSelector do the same.`,
              gvk,
              answer,
            },
          ],
        }
      : {}),
    ...(namespaced ? { [`${root}/watch/${resource}`]: list(`watch${kind}ListForAllNamespaces`) } : {}),
  };
}

/** How an object's part, its scale or what is connected to it is called, by the verb. */
const PART_OPERATIONS = {
  get: { method: "get", verb: "read", says: "Reads" },
  create: { method: "post", verb: "create", says: "Creates" },
  update: { method: "put", verb: "replace", says: "Replaces" },
  patch: { method: "patch", verb: "patch", says: "Changes parts of" },
} as const;

/** Everything that HTTP has goes through a proxy. */
const PROXIED = ["delete", "get", "head", "options", "patch", "post", "put"] as const;

function subresourceOperations(
  definition: ResourceDefinition,
  subresource: Subresource<KubeObject>,
  object: OpenApiSchema,
  writer: SchemaWriter,
): readonly Operation[] {
  const { group, resource, kind, namespaced, content, schema: ownSchema } = definition;
  const { verbs, ...facts } = subresourceFacts(definition, subresource);
  const scoped = namespaced ? "Namespaced" : "";
  const title = subresource.name.charAt(0).toUpperCase() + subresource.name.slice(1);
  const asks = SUBRESOURCE_PARAMETERS[subresource.name] ?? [];
  const connected =
    subresource.name === "proxy" ? PROXIED : ["attach", "exec", "portforward"].includes(subresource.name) ? (["get", "post"] as const) : undefined;
  if (connected !== undefined) {
    return connected.map((method) => ({
      method,
      action: "connect",
      name: `connect${method.charAt(0).toUpperCase()}${method.slice(1)}${scoped}${kind}${title}`,
      description: `Connects to the ${subresource.name} of one object of kind ${kind}, with ${method.toUpperCase()}.`,
      gvk: facts,
      answer: TEXT,
      asks,
    }));
  }
  const schema = bodyKindOf(group, resource, subresource.name)?.schema ?? ("scale" in subresource ? scaleKind.schema : ownSchema);
  const part = subresource.name === "log" ? TEXT : content !== undefined && schema === ownSchema ? object : writer.reference(namedType(schema) ?? schema);
  // A custom kind's scale is described as part of the kind, as upstream has it.
  const gvk = content === undefined ? facts : { group: definition.group, version: definition.version, kind };
  return verbs.flatMap((known): readonly Operation[] => {
    if (known !== "get" && known !== "create" && known !== "update" && known !== "patch") return [];
    const { method, verb, says } = PART_OPERATIONS[known];
    return [
      {
        method,
        action: method,
        name: `${verb}${scoped}${kind}${title}`,
        description: `${says} the ${subresource.name} of one object of kind ${kind}.`,
        gvk,
        answer: part,
        asks,
        ...(method === "post" || method === "put" ? { body: part } : {}),
      },
    ];
  });
}

function listSchema(definition: ResourceDefinition, object: OpenApiSchema, writer: SchemaWriter, openApi: 2 | 3): OpenApiSchema {
  const { group, version, resource, listKind, content } = definition;
  return {
    description: "A list of them, with the state of the store it was read at.",
    type: "object",
    required: ["items"],
    properties: {
      apiVersion: { type: "string", description: "Group and version of this kind." },
      kind: { type: "string", description: "Name of this kind." },
      metadata: {
        allOf: [writer.reference(loadSchema("meta/v1/meta.yaml", "ListMeta"))],
        description: "About the list.",
        ...(openApi === 3 && content === undefined ? { default: {} } : {}),
      },
      items: { type: "array", items: object, description: `List of ${resource}.` },
    },
    "x-kubernetes-group-version-kind": [{ group, version, kind: listKind }],
    ...(content === undefined ? {} : selectableFields(definition)),
  };
}
