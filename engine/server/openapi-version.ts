import type { OpenApiV2Parts } from "./openapi-remote.ts";

const TYPE = "io.k8s.apimachinery.pkg.version.Info";
const GIVEN = { major: "Major part of the version.", minor: "Minor part of it.", gitVersion: "The whole version.", gitCommit: "Commit that it was built from.", gitTreeState: "Whether anything else was built with it.", buildDate: "When it was built.", goVersion: "Version of Go that it was built with.", compiler: "Compiler that it was built with.", platform: "System and processor that it runs on." };
const OPTIONAL = { emulationMajor: "Major part of the version that is emulated.", emulationMinor: "Minor part of it.", minCompatibilityMajor: "Major part of the oldest version that it works with.", minCompatibilityMinor: "Minor part of it." };

/** Version 2 knows no defaults of what is required, and clients of it expect none. */
const schema = (form: 2 | 3) => ({
  description: "Which version of the API a server has, and what it was built from.",
  type: "object",
  required: Object.keys(GIVEN),
  properties: {
    ...Object.fromEntries(Object.entries(GIVEN).map(([name, description]) => [name, { description, type: "string", ...(form === 3 ? { default: "" } : {}) }])),
    ...Object.fromEntries(Object.entries(OPTIONAL).map(([name, description]) => [name, { description, type: "string" }])),
  },
});
/** By the names that clients are generated with. */
const OPERATION = { description: "Tells the version of this server.", tags: ["version"], operationId: "getCodeVersion" };

/** The page of the server's version, as part of version 2. */
export function versionPartsV2(): OpenApiV2Parts {
  const operation = { ...OPERATION, consumes: ["application/json"], produces: ["application/json"], schemes: ["https"], responses: { "200": { description: "OK", schema: { $ref: `#/definitions/${TYPE}` } }, "401": { description: "Unauthorized" } } };
  return { paths: { "/version/": { get: operation } }, definitions: { [TYPE]: schema(2) } };
}

/** The same as what is in a document of version 3. */
export function versionPartsV3(): { readonly paths: object; readonly components: object } {
  const operation = { ...OPERATION, responses: { "200": { description: "OK", content: { "application/json": { schema: { $ref: `#/components/schemas/${TYPE}` } } } }, "401": { description: "Unauthorized" } } };
  return { paths: { "/version/": { get: operation } }, components: { schemas: { [TYPE]: schema(3) } } };
}
