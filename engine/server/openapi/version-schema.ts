import type { OpenApiSchema } from "./schemas.ts";

/** The type of the server's version. */
export const VERSION_TYPE = "io.k8s.apimachinery.pkg.version.Info";

const GIVEN = {
  major: "Major part of the version.",
  minor: "Minor part of it.",
  gitVersion: "The whole version.",
  gitCommit: "Commit that it was built from.",
  gitTreeState: "Whether anything else was built with it.",
  buildDate: "When it was built.",
  goVersion: "Version of Go that it was built with.",
  compiler: "Compiler that it was built with.",
  platform: "System and processor that it runs on.",
};
const OPTIONAL = {
  emulationMajor: "Major part of the version that is emulated.",
  emulationMinor: "Minor part of it.",
  minCompatibilityMajor: "Major part of the oldest version that it works with.",
  minCompatibilityMinor: "Minor part of it.",
};

/** Version 2 knows no defaults of what is required, and clients of it expect none. */
export const versionSchema = (form: 2 | 3): OpenApiSchema => ({
  description: "Which version of the API a server has, and what it was built from.",
  type: "object",
  required: Object.keys(GIVEN),
  properties: {
    ...Object.fromEntries(Object.entries(GIVEN).map(([name, description]) => [name, { description, type: "string", ...(form === 3 ? { default: "" } : {}) }])),
    ...Object.fromEntries(Object.entries(OPTIONAL).map(([name, description]) => [name, { description, type: "string" }])),
  },
});
