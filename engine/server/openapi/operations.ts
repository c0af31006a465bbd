import { loadSchema } from "../../resources/load-schema.ts";
import { groupWords, operationId } from "./operation-ids.ts";
import { actionParameters, nameParameter, parameter, sentName } from "./parameters.ts";
import type { SchemaWriter } from "./part.ts";
import type { OpenApiSchema } from "./schemas.ts";

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** One thing that may be done at an address. */
export interface Operation {
  readonly method: "get" | "put" | "post" | "delete" | "options" | "head" | "patch";
  readonly action: "get" | "list" | "watch" | "watchlist" | "post" | "put" | "patch" | "delete" | "deletecollection" | "connect";
  /** What it is called, without group and version: `readNamespacedPodStatus`. */
  readonly name: string;
  readonly description: string;
  /** The kind that is sent or answered. */
  readonly gvk: GroupVersionKind;
  readonly answer: OpenApiSchema;
  readonly body?: OpenApiSchema;
  /** What may be asked for besides what goes with the action. */
  readonly asks?: readonly string[];
}

export interface OperationPlace {
  readonly group: string;
  readonly version: string;
  readonly openApi: 2 | 3;
  /** Custom objects have neither a protobuf form nor strategic patches. */
  readonly isCustom: boolean;
  readonly writer: SchemaWriter;
}

const JSON_AND_YAML = ["application/json", "application/yaml"];
const PROTOBUF = "application/vnd.kubernetes.protobuf";
const STREAMS = ["application/json;stream=watch", `${PROTOBUF};stream=watch`];
/** kubectl patches by merging where the strategic type is not among these. */
const PATCHES = ["application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"];
const CUSTOM_PATCHES = PATCHES.filter((type) => !type.includes("strategic"));

export const TEXT: OpenApiSchema = { type: "string" };

/**
 * One address with all that may be done there. What every operation may be asked for is said once. `name` is the kind that a name in the
 * address belongs to.
 */
export function pathItem(path: string, operations: readonly Operation[], name: string, place: OperationPlace): Record<string, unknown> {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, found = ""]) => (found === "path" ? "rest" : found));
  const asked = operations.map((operation) => [
    ...actionParameters(operation.action, place.isCustom),
    ...(operation.asks ?? []),
    ...(operation.action === "connect" ? [] : ["pretty"]),
  ]);
  const shared = (asked[0] ?? []).filter((candidate) => asked.every((names) => names.includes(candidate)));
  const common = [...inPath, ...shared].sort(bySentName);
  const parameters = common.map((found) => (found === "name" ? nameParameter(name, place.openApi) : parameter(found, place.openApi)));
  const item = operations.map(
    (operation, index) =>
      [
        operation.method,
        operationOf(
          operation,
          (asked[index] ?? []).filter((found) => !shared.includes(found)),
          place,
        ),
      ] as const,
  );
  return { ...Object.fromEntries(item), ...(parameters.length === 0 ? {} : { parameters }) };
}

function operationOf(operation: Operation, names: readonly string[], place: OperationPlace): object {
  const { openApi, isCustom, group, version } = place;
  const { action, description, gvk, answer } = operation;
  const [consumes, produces] = mediaTypes(operation, isCustom);
  const content = (schema: OpenApiSchema, types: readonly string[]) => Object.fromEntries(types.map((type) => [type, { schema }]));
  const body = bodyOf(operation, place);
  const bodyParameter =
    body === undefined || openApi === 3 ? [] : [{ name: "body", in: "body", ...(body.isRequired ? { required: true } : {}), schema: body.schema }];
  const parameters = [...bodyParameter, ...[...names].sort(bySentName).map((name) => parameter(name, openApi))];
  const answers = answerCodes(operation, isCustom).map(
    ([code, text]) => [code, { description: text, ...(openApi === 3 ? { content: content(answer, produces) } : { schema: answer }) }] as const,
  );
  return {
    description,
    tags: [groupWords(group, version)],
    operationId: operationId(operation.name, group, version),
    ...(openApi === 2 ? { consumes, produces, schemes: ["https"] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }), // an empty list does not survive clients that read and write the document
    ...(body !== undefined && openApi === 3
      ? { requestBody: { ...(body.isRequired ? { required: true } : {}), content: content(body.schema, consumes) } }
      : {}),
    responses: { ...Object.fromEntries(answers), "401": { description: "Unauthorized" } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": gvk,
  };
}

function bodyOf(
  { action, body }: Operation,
  { writer, isCustom }: OperationPlace,
): { readonly schema: OpenApiSchema; readonly isRequired: boolean } | undefined {
  if (action === "patch")
    return {
      schema: writer.share("io.k8s.apimachinery.pkg.apis.meta.v1.Patch", { description: "A patch, in one of the forms that there are.", type: "object" }),
      isRequired: true,
    };
  if (action === "delete" || (action === "deletecollection" && !isCustom))
    return { schema: writer.reference(loadSchema("meta/v1/meta.yaml", "DeleteOptions")), isRequired: false };
  return body && { schema: body, isRequired: true };
}

/** What is taken, and what is answered. */
function mediaTypes({ action, answer }: Operation, isCustom: boolean): readonly [readonly string[], readonly string[]] {
  if (action === "connect") return [["*/*"], ["*/*"]];
  if (isCustom) return [action === "patch" ? CUSTOM_PATCHES : JSON_AND_YAML, JSON_AND_YAML];
  const objects = [...(answer === TEXT ? ["text/plain"] : []), ...JSON_AND_YAML, PROTOBUF];
  return [action === "patch" ? PATCHES : ["*/*"], action === "list" || action.startsWith("watch") ? [...objects, ...STREAMS] : objects];
}

const OK = ["200", "OK"] as const;
const CREATED = ["201", "Created"] as const;
const ACCEPTED = ["202", "Accepted"] as const;

function answerCodes({ action }: Operation, isCustom: boolean): readonly (readonly [string, string])[] {
  switch (action) {
    case "post":
      return [OK, CREATED, ACCEPTED];
    case "put":
      return [OK, CREATED];
    case "patch":
      return isCustom ? [OK] : [OK, CREATED];
    case "delete":
      return [OK, ACCEPTED];
    default:
      return [OK];
  }
}

function bySentName(a: string, b: string): number {
  return sentName(a) < sentName(b) ? -1 : sentName(a) > sentName(b) ? 1 : 0;
}
