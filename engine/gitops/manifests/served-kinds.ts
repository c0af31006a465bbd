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
  /** What it was chosen from. */
  readonly from: { readonly served: CustomResourceDefinition | undefined; readonly declared: CustomResourceDefinition | undefined };
}

/** The kinds a manifest may have, found by apiVersion and kind: built-in ones, those that the cluster defines, and those that a commit brings. */
export class ServedKinds {
  readonly #builtIn: readonly ResourceDefinition[];
  /** Of all kinds; made anew by whoever asks next, since definitions change by the thousand. */
  #byKind: ReadonlyMap<string, ResourceDefinition> | undefined;
  readonly #served = new Map<string, CustomResourceDefinition>();
  /** What the commit brings that was read last. */
  #declared: ReadonlyMap<string, CustomResourceDefinition> = new Map();
  readonly #custom = new Map<string, CustomDefinition>();
  #generation = 0;
  #openLookups = 0;

  constructor(catalog: readonly ResourceDefinition[]) {
    this.#builtIn = catalog;
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
    this.#served.set(name, definition);
    this.#settle(name);
  }

  forget(name: string): void {
    this.#served.delete(name);
    this.#settle(name);
  }

  /**
   * The definitions that a commit brings, in place of those of the commit before. Manifests are held against them from here on, also where
   * the cluster serves older ones.
   */
  declare(definitions: Iterable<CustomResourceDefinition>): void {
    const before = this.#declared;
    this.#declared = new Map([...definitions].map((definition) => [definition.metadata.name ?? "", definition]));
    for (const name of new Set([...before.keys(), ...this.#declared.keys()])) this.#settle(name);
  }

  /** Whether a definition makes other kinds than those that are known. */
  isNews(definition: CustomResourceDefinition): boolean {
    const name = definition.metadata.name ?? "";
    return this.#declared.get(name) !== definition && isOther(definition, this.#custom.get(name)?.kinds);
  }

  /** Whether the API can be asked for objects of the kind now. */
  isServed({ group, resource, version }: ResourceDefinition): boolean {
    const custom = this.#custom.get(`${resource}.${group}`);
    return custom === undefined
      ? this.#builtIn.some((known) => known.group === group && known.resource === resource && known.version === version)
      : custom.isServed;
  }

  /** Takes for a name what is declared where that is news, else what is served. */
  #settle(name: string): void {
    const [served, declared] = [this.#served.get(name), this.#declared.get(name)];
    const known = this.#custom.get(name);
    if (known?.from.served === served && known?.from.declared === declared) return;
    const from = { served, declared };
    const isServed = served !== undefined;
    const definition = declared !== undefined && (served === undefined || isOther(declared, customKind(served, undefined).served)) ? declared : served;
    if (definition === undefined) {
      if (this.#custom.delete(name)) this.#change();
    } else if (known !== undefined && known.isServed === isServed && jsonEqual(known.spec, definition.spec)) this.#custom.set(name, { ...known, from });
    else {
      const { spec, status, metadata } = definition;
      const whole = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", spec, metadata, ...(status === undefined ? {} : { status }) };
      this.#custom.set(name, { spec, isServed, from, kinds: customKind(whole, undefined).served });
      this.#change();
    }
  }

  #change(): void {
    this.#generation++;
    this.#byKind = undefined;
  }

  #kinds(): ReadonlyMap<string, ResourceDefinition> {
    if (this.#byKind !== undefined) return this.#byKind;
    const custom = [...this.#custom.values()].flatMap(({ kinds }) => kinds);
    const all = [...custom, ...this.#builtIn].map((resource) => [`${formatApiVersion(resource.group, resource.version)} ${resource.kind}`, resource] as const);
    return (this.#byKind = new Map(all));
  }

  find(apiVersion: string, kind: string): ResourceDefinition | undefined {
    const found = this.#kinds().get(`${apiVersion} ${kind}`);
    if (found === undefined || found.content !== undefined) this.#openLookups++;
    return found;
  }

  of(object: KubeObject): ResourceDefinition | undefined {
    return this.find(object.apiVersion, object.kind);
  }

  /** Any served version of a kind, for inventory entries of a version that is no longer served. */
  ofGroupKind(group: string, kind: string): ResourceDefinition | undefined {
    return [...this.#kinds().values()].find((resource) => resource.group === group && resource.kind === kind);
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
    const sameKind = [...this.#kinds().values()].filter((served) => served.kind.toLowerCase() === kind.toLowerCase());
    if (sameKind.length > 0)
      return `no kind ${kind} in ${apiVersion}; served is ${sameKind.map((served) => `${formatApiVersion(served.group, served.version)} ${served.kind}`).join(" or ")}`;
    const inGroup = [...this.#kinds().values()].filter((served) => formatApiVersion(served.group, served.version) === apiVersion).map((served) => served.kind);
    if (inGroup.length > 0) return `no kind ${kind} in ${apiVersion}; that version serves ${inGroup.sort().join(", ")}`;
    return [...this.#kinds().values()].some((served) => served.group === group)
      ? `version ${apiVersion} is not served`
      : `no kind ${kind} in ${apiVersion}: this cluster does not serve that API group`;
  }
}

function isOther(definition: CustomResourceDefinition, known: readonly ResourceDefinition[] | undefined): boolean {
  if (known === undefined) return true;
  const kinds = customKind(definition, undefined).served;
  return (
    kinds.length !== known.length || kinds.some((kind, index) => !jsonEqual(kind.published, known[index]?.published) || kind.version !== known[index]?.version)
  );
}

/** How an object is known to plans and inventories, whatever version it was written in: `apps/Deployment/web/web`. */
export function identityOf(group: string, kind: string, namespace: string | undefined, name: string): string {
  return `${group}/${kind}/${namespace ?? ""}/${name}`;
}
