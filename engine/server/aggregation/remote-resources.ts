type Json = Readonly<Record<string, unknown>>;

/** What a server says of one group and version in its APIGroupDiscoveryList; nothing when it does not name them. Throws for what is no such list. */
export function resourcesOfDiscovery(document: unknown, group: string, version: string): readonly object[] {
  const items = isJson(document) ? document["items"] : undefined;
  if (!Array.isArray(items)) throw new Error("the discovery document has no items");
  const named = items.filter(isJson).find(({ metadata }) => isJson(metadata) && metadata["name"] === group);
  const found = jsonList(named?.["versions"]).find((one) => one["version"] === version);
  return jsonList(found?.["resources"]).map((resource) => ({
    ...withKind(resource),
    ...(Array.isArray(resource["subresources"]) ? { subresources: jsonList(resource["subresources"]).map(withKind) } : {}),
  }));
}

/** Clients of some versions fail where there is none, so upstream adds an empty one. */
function withKind(resource: Json): Json {
  return { ...resource, responseKind: resource["responseKind"] ?? { group: "", version: "", kind: "" } };
}

/** The same out of an APIResourceList. Throws for what is none. */
export function resourcesOfList(document: unknown, group: string, version: string): readonly object[] {
  const listed = isJson(document) ? document["resources"] : undefined;
  if (!Array.isArray(listed)) throw new Error("the list of resources has none");
  const entries = (listed as unknown[]).filter(isJson);
  const nameOf = (entry: Json) => String(entry["name"] ?? "");
  const partsOf = Map.groupBy(
    entries.filter((entry) => nameOf(entry).includes("/")),
    (entry) => nameOf(entry).slice(0, nameOf(entry).indexOf("/")),
  );
  return entries
    .filter((entry) => nameOf(entry) !== "" && !nameOf(entry).includes("/"))
    .map((entry) => {
      const parts = partsOf.get(nameOf(entry)) ?? [];
      return {
        resource: nameOf(entry),
        responseKind: kindOf(entry, group, version),
        scope: entry["namespaced"] === true ? "Namespaced" : "Cluster",
        singularResource: String(entry["singularName"] ?? ""),
        verbs: entry["verbs"] ?? [],
        ...given(entry, "shortNames"),
        ...given(entry, "categories"),
        ...(parts.length === 0
          ? {}
          : {
              subresources: parts.map((part) => ({
                subresource: nameOf(part).slice(nameOf(entry).length + 1),
                responseKind: kindOf(part, group, version),
                verbs: part["verbs"] ?? [],
              })),
            }),
      };
    });
}

function kindOf(entry: Json, group: string, version: string): object {
  return { group: entry["group"] ?? group, version: entry["version"] ?? version, kind: entry["kind"] ?? "" };
}

function given(entry: Json, name: string): object {
  return Array.isArray(entry[name]) && entry[name].length > 0 ? { [name]: entry[name] as unknown } : {};
}

function jsonList(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isJson) : [];
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
