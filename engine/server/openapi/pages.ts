import { loadSchema } from "../../resources/load-schema.ts";
import { groupWords, operationId } from "./operation-ids.ts";
import type { SchemaWriter } from "./part.ts";
import type { OpenApiSchema } from "./schemas.ts";
import { VERSION_TYPE, versionSchema } from "./version-schema.ts";

/** A page beside the API's own resources, which clients are generated from as well. */
interface Page {
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly description: string;
  readonly types: readonly string[];
  /** Only what is read as an object of one of these types takes them as well. */
  readonly takes: boolean;
  readonly answer: OpenApiSchema;
}

export type PagePlace =
  { readonly group: string; readonly version?: string } | "api" | "apis" | "version" | ".well-known/openid-configuration" | "openid/v1/jwks";

export const OTHER_PAGES = [".well-known/openid-configuration", "openid/v1/jwks", "version"] as const;

const OBJECTS = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

/** The operation of one page, by its address. */
export function pagePath(place: PagePlace, writer: SchemaWriter, openApi: 2 | 3): Record<string, unknown> {
  const page = pageAt(place, writer, openApi);
  const answer = openApi === 2 ? { schema: page.answer } : { content: Object.fromEntries(page.types.map((type) => [type, { schema: page.answer }])) };
  const types = openApi === 2 ? { ...(page.takes ? { consumes: page.types } : {}), produces: page.types, schemes: ["https"] } : {};
  return {
    [page.path]: {
      get: {
        description: page.description,
        tags: [page.tag],
        operationId: page.operationId,
        ...types,
        responses: { "200": { description: "OK", ...answer }, "401": { description: "Unauthorized" } },
      },
    },
  };
}

function pageAt(place: PagePlace, writer: SchemaWriter, openApi: 2 | 3): Page {
  const discovery = (kind: string) => ({ types: OBJECTS, takes: true, answer: writer.reference(loadSchema("meta/v1/discovery.yaml", kind)) });
  const text = (type: string) => ({ types: [type], takes: false, answer: { type: "string" } });
  switch (place) {
    case "api":
      return {
        path: "/api/",
        operationId: "getCoreAPIVersions",
        tag: "core",
        description: "Tells the versions of the core group.",
        ...discovery("APIVersions"),
      };
    case "apis":
      return { path: "/apis/", operationId: "getAPIVersions", tag: "apis", description: "Tells all groups but the core one.", ...discovery("APIGroupList") };
    case "version":
      return {
        path: "/version/",
        operationId: "getCodeVersion",
        tag: "version",
        description: "Tells the version of this server.",
        types: ["application/json"],
        takes: true,
        answer: writer.share(VERSION_TYPE, versionSchema(openApi)),
      };
    case ".well-known/openid-configuration":
      return {
        path: "/.well-known/openid-configuration/",
        operationId: "getServiceAccountIssuerOpenIDConfiguration",
        tag: "WellKnown",
        description: "Tells who issues the tokens of service accounts.",
        ...text("application/json"),
      };
    case "openid/v1/jwks":
      return {
        path: "/openid/v1/jwks/",
        operationId: "getServiceAccountIssuerOpenIDKeyset",
        tag: "openid",
        description: "Tells the keys that tokens of service accounts are checked with.",
        ...text("application/jwk-set+json"),
      };
    default: {
      const { group, version } = place;
      const root = group === "" ? "/api" : `/apis/${group}`;
      return version === undefined
        ? {
            path: `${root}/`,
            operationId: operationId("getAPIGroup", group),
            tag: groupWords(group),
            description: "Tells the versions of a group.",
            ...discovery("APIGroup"),
          }
        : {
            path: `${root}/${version}/`,
            operationId: operationId("getAPIResources", group, version),
            tag: groupWords(group, version),
            description: "Tells the resources of a group in one version.",
            ...discovery("APIResourceList"),
          };
    }
  }
}
