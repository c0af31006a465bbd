import { formatApiVersion, parseApiVersion } from "../../apimachinery/group-version.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";

/** Kinds that only the system itself writes; a manifest of one would fight it. */
const SYSTEM_KINDS: ReadonlySet<string> = new Set(["mainstay.dev/Application", "mainstay.dev/Repository", "/Event", "events.k8s.io/Event", "discovery.k8s.io/EndpointSlice", "coordination.k8s.io/Lease", "/Node"]);

/** The kinds a manifest may have, found by apiVersion and kind. */
export class ServedKinds {
  readonly #byKind = new Map<string, ResourceDefinition>();
  readonly #groups: ReadonlySet<string>;

  constructor(catalog: readonly ResourceDefinition[]) {
    for (const resource of catalog) this.#byKind.set(`${formatApiVersion(resource.group, resource.version)} ${resource.kind}`, resource);
    this.#groups = new Set(catalog.map((resource) => resource.group));
  }

  find(apiVersion: string, kind: string): ResourceDefinition | undefined {
    return this.#byKind.get(`${apiVersion} ${kind}`);
  }

  of(object: KubeObject): ResourceDefinition | undefined {
    return this.find(object.apiVersion, object.kind);
  }

  /** Any served version of a kind, for inventory entries of a version that is no longer served. */
  ofGroupKind(group: string, kind: string): ResourceDefinition | undefined {
    return [...this.#byKind.values()].find((resource) => resource.group === group && resource.kind === kind);
  }

  /** Why a manifest of this kind cannot be applied; undefined when it can. */
  refusal(apiVersion: string, kind: string): string | undefined {
    const { group } = parseApiVersion(apiVersion);
    const resource = this.find(apiVersion, kind);
    if (resource !== undefined) return SYSTEM_KINDS.has(`${group}/${kind}`) || !resource.verbs.includes("create") ? `${kind} objects are made by the system and cannot come from the repository` : undefined;
    const sameKind = [...this.#byKind.values()].filter((served) => served.kind.toLowerCase() === kind.toLowerCase());
    if (sameKind.length > 0) return `no kind ${kind} in ${apiVersion}; served is ${sameKind.map((served) => `${formatApiVersion(served.group, served.version)} ${served.kind}`).join(" or ")}`;
    const inGroup = [...this.#byKind.values()].filter((served) => formatApiVersion(served.group, served.version) === apiVersion).map((served) => served.kind);
    if (inGroup.length > 0) return `no kind ${kind} in ${apiVersion}; that version serves ${inGroup.sort().join(", ")}`;
    return this.#groups.has(group) ? `version ${apiVersion} is not served` : `no kind ${kind} in ${apiVersion}: this cluster does not serve that API group`;
  }
}

/** How an object is known to plans and inventories, whatever version it was written in: `apps/Deployment/web/web`. */
export function identityOf(group: string, kind: string, namespace: string | undefined, name: string): string {
  return `${group}/${kind}/${namespace ?? ""}/${name}`;
}
