import { createHash } from "node:crypto";
import { formatApiVersion } from "../../apimachinery/group-version.ts";
import type { ResourceDefinition, Subresource } from "../../resources/define-resource.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { Aggregator } from "../aggregation/aggregator.ts";
import { localApiServices } from "../aggregation/local-api-services.ts";
import { inOrderOfPriority } from "./order.ts";
import type { ResourceIndex } from "../resource-index.ts";

/** A ready discovery document. */
export interface Document {
  readonly body: Buffer;
  readonly etag: string;
}

const SCALE_KIND = { group: "autoscaling", version: "v1", kind: "Scale" };
/** What may be done to a `status` or `scale`. */
const PART_VERBS = ["get", "patch", "update"];

/** All discovery documents, made once for each set of kinds. */
export class Discovery {
  readonly #resources: ResourceIndex;
  readonly #aggregator: Aggregator | undefined;
  readonly #documents = new Map<string, Document>();
  #generation = "";

  constructor(resources: ResourceIndex, aggregator?: Aggregator) {
    this.#resources = resources;
    this.#aggregator = aggregator;
  }

  /** `apidiscovery.k8s.io/v2` for `/api` (the core group) or `/apis` (all others). */
  aggregated(root: "api" | "apis"): Document {
    return this.#document(`aggregated ${root}`, () => ({
      kind: "APIGroupDiscoveryList",
      apiVersion: "apidiscovery.k8s.io/v2",
      metadata: {},
      items: this.#groups(root).map(([group, versions]) => ({
        metadata: group === "" ? {} : { name: group },
        versions: versions.map((version) => this.#aggregatedVersion(group, version)),
      })),
    }));
  }

  /** `/api`. `address` is how the client reached us. */
  coreVersions(address: string): Document {
    return this.#document(`api ${address}`, () => ({
      kind: "APIVersions",
      versions: this.#groups("api").flatMap(([, versions]) => versions),
      serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: address }],
    }));
  }

  /** Whether some kind of the group is ours, whoever else has some in it. */
  isOwn(group: string): boolean {
    return this.#resources.all.some((definition) => definition.group === group && definition.content === undefined);
  }

  /** `/apis`. */
  groupList(): Document {
    return this.#document("apis", () => ({
      kind: "APIGroupList",
      apiVersion: "v1",
      groups: this.#groups("apis").map(([group, versions]) => apiGroup(group, versions)),
    }));
  }

  /** `/apis/GROUP`; undefined for a group that is not served. */
  group(name: string): Document | undefined {
    const found = this.#groups("apis").find(([group]) => group === name);
    return found && this.#document(`apis/${name}`, () => ({ kind: "APIGroup", apiVersion: "v1", ...apiGroup(...found) }));
  }

  /** `/api/v1` and `/apis/GROUP/VERSION`; undefined for what is not served. */
  resourceList(group: string, version: string): Document | undefined {
    if (!this.#resources.hasGroupVersion(group, version)) return undefined;
    const groupVersion = formatApiVersion(group, version);
    return this.#document(`list ${groupVersion}`, () => ({
      kind: "APIResourceList",
      ...(group === "" ? {} : { apiVersion: "v1" }),
      groupVersion,
      resources: this.#kinds(group, version).flatMap(legacyResources),
    }));
  }

  /** Every group version with its path below the root: `api/v1`, `apis/apps/v1`. */
  groupVersions(): readonly { readonly path: string; readonly group: string; readonly version: string }[] {
    return (["api", "apis"] as const).flatMap((root) =>
      this.#groups(root).flatMap(([group, versions]) =>
        versions.map((version) => ({ path: group === "" ? `api/${version}` : `apis/${group}/${version}`, group, version })),
      ),
    );
  }

  #aggregatedVersion(group: string, version: string): object {
    const remote = this.#aggregator?.find(group, version);
    if (remote === undefined) return { version, resources: this.#kinds(group, version).map(aggregatedResource), freshness: "Current" };
    const list = remote.documents?.resources?.list ?? [];
    return { version, ...(list.length === 0 ? {} : { resources: list }), freshness: remote.documents?.isFresh === true ? "Current" : "Stale" };
  }

  /** Custom kinds are not shown in a group and version of our own, as with upstream. */
  #kinds(group: string, version: string): readonly ResourceDefinition[] {
    const all = this.#resources.ofGroupVersion(group, version);
    const own = all.filter(({ content }) => content === undefined);
    return (own.length > 0 ? own : [...all]).sort((a, b) => (a.resource < b.resource ? -1 : 1));
  }

  #groups(root: "api" | "apis"): readonly (readonly [string, readonly string[]])[] {
    const groups = new Map<string, Set<string>>();
    for (const { group, version } of this.#resources.all) {
      if ((group === "") !== (root === "api")) continue;
      groups.set(group, (groups.get(group) ?? new Set()).add(version));
    }
    if (root === "apis") for (const { group, version } of this.#aggregator?.versions() ?? []) groups.set(group, (groups.get(group) ?? new Set()).add(version));
    const own = localApiServices(this.#resources.all.filter(({ content }) => content === undefined));
    return inOrderOfPriority(groups, [...own, ...(this.#aggregator?.services() ?? [])]);
  }

  #document(key: string, make: () => object): Document {
    const generation = `${this.#resources.generation} ${this.#aggregator?.generation ?? 0}`;
    if (this.#generation !== generation) {
      this.#documents.clear();
      this.#generation = generation;
    }
    let document = this.#documents.get(key);
    if (document === undefined) {
      const body = Buffer.from(`${JSON.stringify(make())}\n`);
      document = { body, etag: `"${createHash("sha512").update(body).digest("hex").toUpperCase()}"` };
      this.#documents.set(key, document);
    }
    return document;
  }
}

function apiGroup(group: string, versions: readonly string[]): object {
  const entries = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: entries, preferredVersion: entries[0] };
}

function sortedVerbs(verbs: readonly string[]): readonly string[] {
  return [...verbs].sort();
}

/** Upstream lists the verbs of custom kinds in an order of its own. */
function verbsOf({ verbs, content }: ResourceDefinition): readonly string[] {
  return content === undefined ? sortedVerbs(verbs) : CUSTOM_VERBS.filter((verb) => verbs.includes(verb));
}

const CUSTOM_VERBS = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"] as const;

interface SubresourceFacts {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

/** What a subresource takes and gives. */
export function subresourceFacts(definition: ResourceDefinition, subresource: Subresource<KubeObject>): SubresourceFacts {
  if ("scale" in subresource) return { ...SCALE_KIND, verbs: PART_VERBS };
  if ("verbs" in subresource) return { group: subresource.group, version: subresource.version, kind: subresource.kind, verbs: subresource.verbs };
  return { group: definition.group, version: definition.version, kind: definition.kind, verbs: PART_VERBS };
}

function aggregatedResource(definition: ResourceDefinition): object {
  const { group, version, kind, resource, namespaced, singular, shortNames, categories, subresources } = definition;
  return {
    resource,
    responseKind: responseKind(definition, { group, version, kind }),
    scope: namespaced ? "Namespaced" : "Cluster",
    singularResource: singular,
    verbs: verbsOf(definition),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(subresources.length === 0 ? {} : { subresources: inOrder(definition).map((subresource) => aggregatedSubresource(definition, subresource)) }),
  };
}

function aggregatedSubresource(definition: ResourceDefinition, subresource: Subresource<KubeObject>): object {
  const { group, version, kind, verbs } = subresourceFacts(definition, subresource);
  return { subresource: subresource.name, responseKind: responseKind(definition, { group, version, kind }), verbs: sortedVerbs(verbs) };
}

/** As upstream: of its own kinds, those of the group and version that are shown are named by their kind alone. */
function responseKind({ group, version, content }: ResourceDefinition, answered: Omit<SubresourceFacts, "verbs">): Omit<SubresourceFacts, "verbs"> {
  return content === undefined && answered.group === group && answered.version === version ? { group: "", version: "", kind: answered.kind } : answered;
}

function legacyResources(definition: ResourceDefinition): object[] {
  const { group, version, kind, resource, namespaced, singular, shortNames, categories } = definition;
  return [
    {
      name: resource,
      singularName: singular,
      namespaced,
      kind,
      verbs: verbsOf(definition),
      ...(shortNames.length === 0 ? {} : { shortNames }),
      ...(categories.length === 0 ? {} : { categories }),
      ...storageVersionHash(definition),
    },
    ...inOrder(definition).map((subresource) => {
      const facts = subresourceFacts(definition, subresource);
      const isForeign = facts.group !== group || facts.version !== version;
      return {
        name: `${resource}/${subresource.name}`,
        singularName: "",
        namespaced,
        ...(isForeign ? { group: facts.group, version: facts.version } : {}),
        kind: facts.kind,
        verbs: sortedVerbs(facts.verbs),
      };
    }),
  ];
}

/**
 * A token of the version in which a kind is stored: it stays the same whichever version is asked for. What is made up for each answer has none,
 * and, as upstream has it, what is stored in a version that is not served.
 */
function storageVersionHash({ storedAs, ...served }: ResourceDefinition): { readonly storageVersionHash?: string } {
  if (!served.verbs.includes("watch") || storedAs?.isServed === false) return {};
  const { group, version, kind } = storedAs?.definition ?? served;
  return { storageVersionHash: createHash("sha256").update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString("base64") };
}

/** Those of custom kinds are told as they are defined, as upstream does: status before scale. */
function inOrder({ content, subresources }: ResourceDefinition): readonly Subresource<KubeObject>[] {
  return content !== undefined ? subresources : [...subresources].sort((a, b) => (a.name < b.name ? -1 : 1));
}
