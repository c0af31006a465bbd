import type { Schema } from "../../apimachinery/schema.ts";

/**
 * Names for types. A type keeps the name it got first, so a PodSpec is that of core/v1 also inside a Deployment.
 * Equal titles of different types in one package get numbers.
 */
export class TypeNames {
  readonly #names = new Map<Schema, string>();
  readonly #taken = new Set<string>();

  nameOf(type: Schema, group: string, version: string): string {
    let name = this.#names.get(type);
    if (name === undefined) {
      const title = (type.title ?? "Type").replace(LONGER_NAME, "");
      const home = META_TYPES.has(title) ? "io.k8s.apimachinery.pkg.apis.meta.v1" : (PACKAGE_OF_TYPE[title] ?? `${packageOf(group)}.${version}`);
      const stem = `${home}.${title}`;
      name = stem;
      for (let number = 2; this.#taken.has(name); number++) name = `${stem}${number}`;
      this.#taken.add(name);
      this.#names.set(type, name);
    }
    return name;
  }
}

/** Types that every group uses; they are named after the package they come from upstream. */
const META_TYPES: ReadonlySet<string> = new Set([
  "ObjectMeta",
  "OwnerReference",
  "ManagedFieldsEntry",
  "ListMeta",
  "ShardInfo",
  "LabelSelector",
  "LabelSelectorRequirement",
  "Condition",
  "Status",
  "StatusDetails",
  "StatusCause",
  "DeleteOptions",
  "WatchEvent",
  "APIVersions",
  "APIGroupList",
  "APIGroup",
  "GroupVersionForDiscovery",
  "ServerAddressByClientCIDR",
  "APIResourceList",
  "APIResource",
  "Preconditions",
  "MicroTime",
  "Time",
  "FieldSelectorRequirement",
]);

/** Types that other groups share, and the package whose they are. */
const PACKAGE_OF_TYPE: Readonly<Record<string, string>> = {
  TopologySelectorTerm: "io.k8s.api.core.v1",
  TopologySelectorLabelRequirement: "io.k8s.api.core.v1",
};

/** Names that are longer here, as equal ones of other groups are in the same folder. */
const LONGER_NAME = /^(ApiextensionsV1|ApiregistrationV1)/;

/** Groups whose types upstream keeps with the servers that brought them. */
const PACKAGES: Readonly<Record<string, string>> = {
  "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
  "apiregistration.k8s.io": "io.k8s.kube-aggregator.pkg.apis.apiregistration",
};

/** `io.k8s.api.core`, `io.k8s.api.apps`; groups of our own are reversed as a whole. */
function packageOf(group: string): string {
  if (group === "") return "io.k8s.api.core";
  const elsewhere = PACKAGES[group];
  if (elsewhere !== undefined) return elsewhere;
  if (!group.includes(".") || group.endsWith(".k8s.io")) return `io.k8s.api.${group.split(".")[0] ?? group}`;
  return group.split(".").reverse().join(".");
}
