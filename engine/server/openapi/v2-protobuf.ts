import { formatYaml } from "../../apimachinery/yaml/yaml.ts";
import { BinaryWriter } from "@bufbuild/protobuf/wire";

type Json = Readonly<Record<string, unknown>>;
type Write = (writer: BinaryWriter) => void;

/** What stands in a document besides its paths and types. */
export interface OpenApiV2Frame {
  readonly swagger: string;
  readonly info: Json;
  readonly parameters: Json;
  readonly securityDefinitions: Json;
  readonly security: readonly Json[];
}

/** Some of a document's paths, encoded to stand beside others. */
export function encodePaths(paths: Json): Buffer {
  return encoded((writer) => named(writer, 2, paths, writePathItem));
}

/** Some of a document's types, encoded to stand beside others. */
export function encodeDefinitions(definitions: Json): Buffer {
  return encoded((writer) => named(writer, 1, definitions, writeSchema));
}

/** An OpenAPI 2 document in the protobuf form of gnostic's `openapi.v2` package, whose field numbers stand beside the fields below. */
export function encodeOpenApiV2(frame: OpenApiV2Frame, paths: readonly Buffer[], definitions: readonly Buffer[]): readonly Buffer[] {
  const head = encoded((writer) => {
    text(writer, 1, frame.swagger);
    nested(writer, 2, (info) => {
      text(info, 1, frame.info["title"]);
      text(info, 2, frame.info["version"]);
    });
  });
  const tail = encoded((writer) => {
    nested(writer, 10, (parameters) => named(parameters, 1, frame.parameters, writeParameter));
    // SecurityRequirement.additional_properties, each a name with a list of scopes.
    for (const requirement of frame.security) nested(writer, 12, (item) => named(item, 1, requirement, () => undefined));
    // SecurityDefinitionsItem.api_key_security
    nested(writer, 13, (schemes) =>
      named(schemes, 1, frame.securityDefinitions, (item, scheme) =>
        nested(item, 2, (inner) => ["type", "name", "in", "description"].forEach((field, index) => text(inner, index + 1, scheme[field]))),
      ),
    );
  });
  return [head, opening(8, paths), ...paths, opening(9, definitions), ...definitions, tail];
}

/** What stands before the bytes of a nested message. */
function opening(field: number, parts: readonly Buffer[]): Buffer {
  return encoded((writer) => writer.tag(field, 2).uint32(parts.reduce((sum, part) => sum + part.length, 0)));
}

function encoded(write: (writer: BinaryWriter) => unknown): Buffer {
  const writer = new BinaryWriter();
  write(writer);
  return Buffer.from(writer.finish());
}

const METHODS: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, options: 6, head: 7, patch: 8 };

function writePathItem(writer: BinaryWriter, item: Json): void {
  for (const [method, operation] of Object.entries(item)) {
    const field = METHODS[method];
    if (field !== undefined) nested(writer, field, (inner) => writeOperation(inner, object(operation)));
  }
  writeParameters(writer, 9, item);
}

function writeOperation(writer: BinaryWriter, operation: Json): void {
  for (const tag of list(operation["tags"])) text(writer, 1, tag);
  text(writer, 3, operation["description"]);
  text(writer, 5, operation["operationId"]);
  for (const type of list(operation["produces"])) text(writer, 6, type);
  for (const type of list(operation["consumes"])) text(writer, 7, type);
  writeParameters(writer, 8, operation);
  nested(writer, 9, (responses) =>
    named(responses, 1, operation["responses"], (value, response) =>
      // ResponseValue.response; SchemaItem.schema
      nested(value, 1, (inner) => {
        text(inner, 1, response["description"]);
        if (response["schema"] !== undefined) nested(inner, 2, (item) => nested(item, 1, (schema) => writeSchema(schema, object(response["schema"]))));
      }),
    ),
  );
  for (const scheme of list(operation["schemes"])) text(writer, 10, scheme);
  writeExtensions(writer, 13, operation);
}

/** ParametersItem: a parameter, or in its second field a reference to one of the document's. */
function writeParameters(writer: BinaryWriter, field: number, { parameters }: Json): void {
  for (const parameter of list(parameters).map(object)) {
    nested(writer, field, (item) =>
      parameter["$ref"] === undefined
        ? nested(item, 1, (inner) => writeParameter(inner, parameter))
        : nested(item, 2, (reference) => text(reference, 1, parameter["$ref"])),
    );
  }
}

/** Parameter.body_parameter, or the query or path of Parameter.non_body_parameter, whose fields have numbers of their own. */
function writeParameter(writer: BinaryWriter, parameter: Json): void {
  if (parameter["in"] === "body") {
    nested(writer, 1, (body) => {
      text(body, 2, parameter["name"]);
      text(body, 3, "body");
      flag(body, 4, parameter["required"]);
      nested(body, 5, (schema) => writeSchema(schema, object(parameter["schema"])));
    });
    return;
  }
  const isQuery = parameter["in"] === "query";
  nested(writer, 2, (other) =>
    nested(other, isQuery ? 3 : 4, (inner) => {
      flag(inner, 1, parameter["required"]);
      text(inner, 2, parameter["in"]);
      text(inner, 3, parameter["description"]);
      text(inner, 4, parameter["name"]);
      text(inner, isQuery ? 6 : 5, parameter["type"]);
      flag(inner, isQuery ? 20 : 19, parameter["uniqueItems"]);
    }),
  );
}

function writeSchema(writer: BinaryWriter, schema: Json): void {
  text(writer, 1, schema["$ref"]);
  text(writer, 2, schema["format"]);
  text(writer, 3, schema["title"]);
  text(writer, 4, schema["description"]);
  if (schema["default"] !== undefined) nested(writer, 5, any(schema["default"]));
  for (const name of list(schema["required"])) text(writer, 19, name);
  for (const value of list(schema["enum"])) nested(writer, 20, any(value));
  const additional = schema["additionalProperties"];
  if (typeof additional === "boolean") nested(writer, 21, (item) => flag(item, 2, additional));
  else if (additional !== undefined) nested(writer, 21, (item) => nested(item, 1, (inner) => writeSchema(inner, object(additional))));
  if (schema["type"] !== undefined)
    nested(writer, 22, (types) => (Array.isArray(schema["type"]) ? schema["type"] : [schema["type"]]).forEach((type) => text(types, 1, type)));
  if (schema["items"] !== undefined) nested(writer, 23, (items) => nested(items, 1, (inner) => writeSchema(inner, object(schema["items"]))));
  if (schema["properties"] !== undefined) nested(writer, 25, (properties) => named(properties, 1, schema["properties"], writeSchema));
  writeExtensions(writer, 31, schema);
}

/** Fields that OpenAPI does not know, by their names; their values as YAML; of what stands alone, JSON is as good. */
function writeExtensions(writer: BinaryWriter, field: number, from: Json): void {
  for (const [name, value] of Object.entries(from)) {
    if (!name.startsWith("x-")) continue;
    nested(writer, field, (extension) => {
      text(extension, 1, name);
      nested(extension, 2, any(value));
    });
  }
}

/** A map, as pairs of a name and a value. */
function named(writer: BinaryWriter, field: number, map: unknown, write: (writer: BinaryWriter, value: Json) => void): void {
  for (const [name, value] of Object.entries(object(map))) {
    nested(writer, field, (pair) => {
      text(pair, 1, name);
      nested(pair, 2, (inner) => write(inner, object(value)));
    });
  }
}

function any(value: unknown): Write {
  return (writer) => text(writer, 2, typeof value === "object" && value !== null ? formatYaml(value) : `${JSON.stringify(value)}\n`);
}

function nested(writer: BinaryWriter, field: number, write: Write): void {
  writer.tag(field, 2).fork();
  write(writer);
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: unknown): void {
  if (typeof value === "string" && value !== "") writer.tag(field, 2).string(value);
}

function flag(writer: BinaryWriter, field: number, value: unknown): void {
  if (value === true) writer.tag(field, 0).bool(true);
}

function object(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {}; // parts of a document that we made ourselves
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
