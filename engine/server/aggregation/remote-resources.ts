import type { RemoteVersion } from "./aggregator.ts";

type Json = Readonly<Record<string, unknown>>;

/** What a server behind this one serves, from its APIResourceList in the form of aggregated discovery. Nothing as long as it has not been reached. */
export function remoteResources({ group, version, documents }: RemoteVersion): readonly object[] {
  const listed = documents?.resources["resources"];
  const entries = Array.isArray(listed) ? (listed as unknown[]).filter(isJson) : [];
  const nameOf = (entry: Json) => String(entry["name"] ?? "");
  return entries
    .filter((entry) => nameOf(entry) !== "" && !nameOf(entry).includes("/"))
    .map((entry) => {
      const parts = entries.filter((other) => nameOf(other).startsWith(`${nameOf(entry)}/`));
      return {
        resource: nameOf(entry),
        responseKind: kindOf(entry, group, version),
        scope: entry["namespaced"] === true ? "Namespaced" : "Cluster",
        singularResource: String(entry["singularName"] ?? ""),
        verbs: entry["verbs"] ?? [],
        ...given(entry, "shortNames"),
        ...given(entry, "categories"),
        ...(parts.length === 0 ? {} : { subresources: parts.map((part) => ({ subresource: nameOf(part).slice(nameOf(entry).length + 1), responseKind: kindOf(part, group, version), verbs: part["verbs"] ?? [] })) }),
      };
    });
}

function kindOf(entry: Json, group: string, version: string): object {
  return { group: entry["group"] ?? group, version: entry["version"] ?? version, kind: entry["kind"] ?? "" };
}

function given(entry: Json, name: string): object {
  return Array.isArray(entry[name]) && entry[name].length > 0 ? { [name]: entry[name] as unknown } : {};
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
