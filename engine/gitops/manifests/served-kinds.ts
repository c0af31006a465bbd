import { formatApiVersion, parseApiVersion } from "../../apimachinery/group-version.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { customKind } from "../../resources/apiextensions/custom-kind.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { CustomResourceDefinition } from "../../resources/types.ts";

/** Kinds that only the system itself writes; a manifest of one would fight it. */
const SYSTEM_KINDS: ReadonlySet<string> = new Set([
  "mainstay.dev/Application",
  "mainstay.dev/Repository",
  "/Event",
  "events.k8s.io/Event",
  "discovery.k8s.io/EndpointSlice",
  "coordination.k8s.io/Lease",
  "/Node",
]);

/** Kinds of programs that do what this one does; a repository that comes from one of them still has its objects. */
const DELIVERY_GROUPS: readonly { readonly pattern: RegExp; readonly program: string }[] = [
  { pattern: /^(.*\.)?(toolkit\.fluxcd|extensions\.fluxcd|fluxcd\.controlplane)\.io\//, program: "Flux" },
  { pattern: /^argoproj\.io\/(Application|ApplicationSet|AppProject)$/, program: "Argo CD" },
  { pattern: /^fleet\.cattle\.io\//, program: "Fleet" },
];

interface CustomDefinition {
  readonly spec: CustomResourceDefinition["spec"];
  readonly kinds: readonly ResourceDefinition[];
  /** Whether the API serves it; what commits only bring is not. */
  readonly isServed: boolean;
}

/** The kinds a manifest may have, found by apiVersion and kind: built-in ones, those that the cluster defines, and those that commits bring. */
export class ServedKinds {
  readonly #builtIn: readonly ResourceDefinition[];
  readonly #byKind = new Map<string, ResourceDefinition>();
  readonly #custom = new Map<string, CustomDefinition>();
  #generation = 0;
  #openLookups = 0;

  constructor(catalog: readonly ResourceDefinition[]) {
    this.#builtIn = catalog;
    this.#rebuild();
  }

  /** Grows when custom kinds come, change or go. */
  get generation(): number {
    return this.#generation;
  }

  /** Grows with every question about a kind that is not built in: what was made of the answer holds for this generation only. */
  get openLookups(): number {
    return this.#openLookups;
  }

  /** A definition as the cluster has it. */
  setServed(name: string, definition: CustomResourceDefinition): void {
    this.#put(name, definition, true);
  }

  /** A definition that a commit brings. Manifests are held against it from here on, also where the cluster serves an older one. */
  declare(name: string, definition: CustomResourceDefinition): void {
    const isServed = this.#custom.get(name)?.isServed === true;
    if (!isServed || this.isNews(name, definition)) this.#put(name, definition, isServed);
  }

  /** Whether a definition makes other kinds than those that are known. */
  isNews(name: string, definition: CustomResourceDefinition): boolean {
    const known = this.#custom.get(name);
    if (known === undefined) return true;
    const kinds = customKind(definition, undefined).served;
    return (
      kinds.length !== known.kinds.length ||
      kinds.some((kind, index) => !jsonEqual(kind.published, known.kinds[index]?.published) || kind.version !== known.kinds[index]?.version)
    );
  }

  forget(name: string): void {
    if (this.#custom.delete(name)) this.#rebuild();
  }

  /** Whether the API can be asked for objects of the kind now. */
  isServed({ group, resource, version }: ResourceDefinition): boolean {
    const custom = this.#custom.get(`${resource}.${group}`);
    return custom === undefined
      ? this.#builtIn.some((known) => known.group === group && known.resource === resource && known.version === version)
      : custom.isServed;
  }

  #put(name: string, { spec, status, metadata }: CustomResourceDefinition, isServed: boolean): void {
    const known = this.#custom.get(name);
    if (known !== undefined && known.isServed === isServed && jsonEqual(known.spec, spec)) return;
    const definition = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", spec, metadata, ...(status === undefined ? {} : { status }) };
    this.#custom.set(name, { spec, isServed, kinds: customKind(definition, undefined).served });
    this.#rebuild();
  }

  #rebuild(): void {
    this.#generation++;
    this.#byKind.clear();
    const custom = [...this.#custom.values()].flatMap(({ kinds }) => kinds);
    for (const resource of [...custom, ...this.#builtIn]) this.#byKind.set(`${formatApiVersion(resource.group, resource.version)} ${resource.kind}`, resource);
  }

  find(apiVersion: string, kind: string): ResourceDefinition | undefined {
    const found = this.#byKind.get(`${apiVersion} ${kind}`);
    if (found === undefined || found.content !== undefined) this.#openLookups++;
    return found;
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
    if (resource !== undefined)
      return SYSTEM_KINDS.has(`${group}/${kind}`) || !resource.verbs.includes("create")
        ? `${kind} objects are made by the system and cannot come from the repository`
        : undefined;
    const delivery = DELIVERY_GROUPS.find(({ pattern }) => pattern.test(`${group}/${kind}`));
    if (delivery !== undefined)
      return `no kind ${kind} in ${apiVersion}: it tells ${delivery.program} what to deploy, and here the repository itself says that, folder by folder: take it out, or list it in .mainstayignore, and name its folder in units of mainstay.yaml`;
    const sameKind = [...this.#byKind.values()].filter((served) => served.kind.toLowerCase() === kind.toLowerCase());
    if (sameKind.length > 0)
      return `no kind ${kind} in ${apiVersion}; served is ${sameKind.map((served) => `${formatApiVersion(served.group, served.version)} ${served.kind}`).join(" or ")}`;
    const inGroup = [...this.#byKind.values()].filter((served) => formatApiVersion(served.group, served.version) === apiVersion).map((served) => served.kind);
    if (inGroup.length > 0) return `no kind ${kind} in ${apiVersion}; that version serves ${inGroup.sort().join(", ")}`;
    return [...this.#byKind.values()].some((served) => served.group === group)
      ? `version ${apiVersion} is not served`
      : `no kind ${kind} in ${apiVersion}: this cluster does not serve that API group`;
  }
}

/** How an object is known to plans and inventories, whatever version it was written in: `apps/Deployment/web/web`. */
export function identityOf(group: string, kind: string, namespace: string | undefined, name: string): string {
  return `${group}/${kind}/${namespace ?? ""}/${name}`;
}
