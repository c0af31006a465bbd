import type { BodyKind } from "../../admission/admission.ts";
import type { UserInfo } from "../../apimachinery/api-request.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { RequestNotes } from "../../apimachinery/request-notes.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import type { ServerParts } from "../exchange.ts";

export interface Connection {
  readonly user: UserInfo;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly query: URLSearchParams;
  /** Proxies: the other end's path; empty for streams. */
  readonly path: string;
  readonly signal: AbortSignal;
  readonly notes: RequestNotes;
}

const TEXT: Schema = { type: "string" };
const FLAG: Schema = { type: "boolean" };
const STREAMS = { stdin: FLAG, stdout: FLAG, stderr: FLAG, tty: FLAG, container: TEXT };

/** The options of each sort of connection, by resource and subresource. */
const kinds: Readonly<Record<string, BodyKind>> = {
  "pods/exec": optionsKind("PodExecOptions", { ...STREAMS, command: { type: "array", items: TEXT } }),
  "pods/attach": optionsKind("PodAttachOptions", STREAMS),
  "pods/portforward": optionsKind("PodPortForwardOptions", { ports: { type: "array", items: { type: "integer" } } }),
  "pods/proxy": optionsKind("PodProxyOptions", { path: TEXT }),
  "services/proxy": optionsKind("ServiceProxyOptions", { path: TEXT }),
  "nodes/proxy": optionsKind("NodeProxyOptions", { path: TEXT }),
};

type Options = KubeObject & Readonly<Record<string, unknown>>;

/**
 * Lets admission look at a connection before it is made. Gives its query as admission left it; the path of a proxy is not admission's
 * to change, as upstream has it. Throws what refuses it.
 */
export async function admitConnection(
  { admission, resources }: ServerParts,
  { user, resource, subresource, namespace, name, query, path, signal, notes }: Connection,
): Promise<URLSearchParams> {
  const definition = resources.find({ group: "", version: "v1", resource });
  const kind = kinds[`${resource}/${subresource}`];
  if (definition === undefined || kind === undefined) return query;
  const object = optionsOf(kind, query, path);
  const attributes = {
    operation: "CONNECT" as const,
    user,
    definition,
    subresource,
    namespace: definition.namespaced ? namespace : "",
    name,
    object,
    old: undefined,
    assumedNamespaces: undefined,
    kind,
    notes,
    signal,
  };
  const admitted = await admission.mutate(attributes, object);
  await admission.validate({ ...attributes, object: admitted });
  return admitted === object ? query : queryOf(admitted as Options, query);
}

/** The options as an object: flags that are set, and texts that are given. */
function optionsOf({ kind, schema }: BodyKind, query: URLSearchParams, path: string): KubeObject {
  const options: Record<string, unknown> = { kind, apiVersion: "v1" };
  for (const [field, type] of Object.entries(schema.properties ?? {})) {
    if (field === "kind" || field === "apiVersion") continue;
    const values = query.getAll(field);
    if (field === "path") options[field] = path;
    else if (type.type === "array") {
      const items =
        type.items?.type === "integer"
          ? values
              .flatMap((text) => text.split(","))
              .map(Number)
              .filter(Number.isInteger)
          : values;
      if (items.length > 0) options[field] = items;
    } else if (type.type === "boolean") {
      if (values[0] !== undefined && values[0] !== "false" && values[0] !== "0") options[field] = true;
    } else if (values[0]) options[field] = values[0];
  }
  return options as unknown as KubeObject; // options have no metadata, and nobody on this way asks for it
}

function queryOf(options: Options, before: URLSearchParams): URLSearchParams {
  const query = new URLSearchParams();
  for (const [field, value] of Object.entries(options)) {
    if (field === "kind" || field === "apiVersion" || field === "path") continue;
    for (const item of Array.isArray(value) ? value : [value]) query.append(field, String(item));
  }
  // What is no option of the kind, such as the port forwarding's request id, is passed on as it came.
  for (const [field, value] of before) if (!(field in (kinds[kindKey(options.kind)]?.schema.properties ?? {}))) query.append(field, value);
  return query;
}

function kindKey(kind: string): string {
  return Object.keys(kinds).find((key) => kinds[key]?.kind === kind) ?? "";
}

function optionsKind(kind: string, properties: Readonly<Record<string, Schema>>): BodyKind {
  return { group: "", version: "v1", kind, schema: { type: "object", properties: { kind: TEXT, apiVersion: TEXT, ...properties } } };
}
