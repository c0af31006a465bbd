import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Paths } from "../../../engine/server/paths.ts";
import { adminUser, startTestApi, type TestApi } from "../../kit/test-api.ts";

type Subresource = readonly [name: string, verbs: readonly string[]];
type Row = readonly [
  groupVersion: string,
  resource: string,
  singular: string,
  scope: string,
  shortNames: readonly string[] | null,
  categories: readonly string[] | null,
  verbs: readonly string[],
  subresources: readonly Subresource[],
  kind: string,
];

interface Discovered {
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources?: readonly {
        readonly resource: string;
        readonly singularResource: string;
        readonly scope: string;
        readonly shortNames?: readonly string[];
        readonly categories?: readonly string[];
        readonly verbs: readonly string[];
        readonly responseKind?: { readonly kind: string };
        readonly subresources?: readonly { readonly subresource: string; readonly verbs: readonly string[] }[];
      }[];
    }[];
  }[];
}

/** What a real server of 1.36 lists in its aggregated discovery, custom kinds apart. */
const upstream = JSON.parse(readFileSync(new URL("upstream-resources.json", import.meta.url), "utf8")) as readonly Row[];
const nameOf = ([groupVersion, resource]: Row) => `${groupVersion} ${resource}`;

describe("every kind that upstream serves", () => {
  let api: TestApi;
  let served: ReadonlyMap<string, Row>;
  beforeAll(async () => {
    api = await startTestApi();
    const paths = new Paths({ server: api.server, isStarted: () => true });
    const discover = async (path: string) => {
      const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
      const answer = await paths.answer({ method: "GET", path, query: new URLSearchParams(), headers: { accept }, body: undefined, user: adminUser, signal: new AbortController().signal });
      return (JSON.parse(answer?.body.toString("utf8") ?? "") as Discovered).items;
    };
    const sorted = (list: readonly string[] | undefined) => (list === undefined ? null : [...list].sort());
    const rows = [...(await discover("/api")), ...(await discover("/apis"))].flatMap(({ metadata, versions }) =>
      versions.flatMap(({ version, resources = [] }) =>
        resources.map((found): Row => [
          metadata.name ? `${metadata.name}/${version}` : version,
          found.resource,
          found.singularResource,
          found.scope,
          found.shortNames ?? null,
          found.categories ?? null,
          sorted(found.verbs) ?? [],
          (found.subresources ?? []).map(({ subresource, verbs }): Subresource => [subresource, sorted(verbs) ?? []]),
          found.responseKind?.kind ?? "",
        ]),
      ),
    );
    served = new Map(rows.map((row) => [nameOf(row), row]));
  });
  afterAll(() => api.stop());

  test.each(upstream.map((row) => [nameOf(row), row] as const))("%s: names, scope, verbs and subresources", (name, row) => {
    const [groupVersion, resource, singular, scope, shortNames, categories, verbs, subresources, kind] = row;
    expect(served.get(name)).toEqual([groupVersion, resource, singular, scope, shortNames, categories, [...verbs].sort(), subresources, kind]);
  });
});
