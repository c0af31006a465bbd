import type { OpenApiSchema } from "./schemas.ts";

/** Version 2 knows no alternatives of types and no wrapped references. */
export function v2Form(schema: OpenApiSchema): OpenApiSchema {
  const { allOf, oneOf, items, additionalProperties, properties, ...rest } = schema as V2Source;
  return {
    ...rest,
    ...(items === undefined ? {} : { items: v2Form(items) }),
    ...(typeof additionalProperties === "object"
      ? { additionalProperties: v2Form(additionalProperties) }
      : additionalProperties === undefined
        ? {}
        : { additionalProperties }),
    ...(properties === undefined ? {} : { properties: Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, v2Form(property)])) }),
    ...(oneOf === undefined ? {} : { type: "string" }),
    ...(allOf?.[0] === undefined ? {} : v2Form(allOf[0])),
  };
}

/** What of a schema holds further schemas; property names may be those of its own words. */
interface V2Source {
  readonly allOf?: readonly OpenApiSchema[];
  readonly oneOf?: unknown;
  readonly items?: OpenApiSchema;
  readonly additionalProperties?: OpenApiSchema | boolean;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
}
