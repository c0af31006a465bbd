import { formatApiVersion, type GroupVersionResource } from "../apimachinery/group-version.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";

/** The kinds that users define, as they are served and as they are stored. */
export interface CustomDefinitions {
  readonly served: readonly ResourceDefinition[];
  /** In the version they are stored in, which need not be served. */
  readonly stored: readonly ResourceDefinition[];
}

/** What is looked up, by what it is looked up by. */
interface Tables {
  readonly all: readonly ResourceDefinition[];
  readonly byAddress: ReadonlyMap<string, ResourceDefinition>;
  readonly byGroupVersion: ReadonlyMap<string, readonly ResourceDefinition[]>;
  readonly storedByAddress: ReadonlyMap<string, ResourceDefinition>;
}

/** The served kinds by their address: those that are built in, and those that users define while the server runs. */
export class ResourceIndex {
  readonly #builtIn: readonly ResourceDefinition[];
  #custom: () => CustomDefinitions = () => ({ served: [], stored: [] });
  #tables: Tables | undefined;
  readonly #arriving = new Set<Promise<unknown>>();
  #generation = 0;

  /** `virtual` kinds are answered at once and never stored: reviews. */
  constructor(stored: readonly ResourceDefinition[], virtual: readonly ResourceDefinition[]) {
    this.#builtIn = [...stored, ...virtual];
  }

  get all(): readonly ResourceDefinition[] {
    return this.#current.all;
  }

  /** Grows whenever the kinds change: what was made of them before is out of date. */
  get generation(): number {
    return this.#generation;
  }

  find(resource: GroupVersionResource): ResourceDefinition | undefined {
    return this.#current.byAddress.get(address(resource));
  }

  /** How the objects of a custom kind are kept. */
  findStored(resource: GroupVersionResource): ResourceDefinition | undefined {
    return this.#current.storedByAddress.get(address(resource));
  }

  /** Whether objects of this group and resource are a built-in kind's: those of a custom kind would lie among them in the store. */
  isBuiltIn({ group, resource }: Pick<GroupVersionResource, "group" | "resource">): boolean {
    return this.#builtIn.some((definition) => definition.group === group && definition.resource === resource);
  }

  /** The stored resource whose objects are of this kind. */
  findKind(apiVersion: string, kind: string): ResourceDefinition | undefined {
    return this.all.find(
      (definition) => definition.kind === kind && formatApiVersion(definition.group, definition.version) === apiVersion && definition.verbs.includes("list"),
    );
  }

  hasGroupVersion(group: string, version: string): boolean {
    return this.#current.byGroupVersion.has(`${group}/${version}`);
  }

  /** All kinds of a group and version. */
  ofGroupVersion(group: string, version: string): readonly ResourceDefinition[] {
    return this.#current.byGroupVersion.get(`${group}/${version}`) ?? [];
  }

  /** Replaces the kinds that users define; a built-in kind keeps its address. They are asked for when somebody looks: a thousand may come at once. */
  setCustom(custom: () => CustomDefinitions): void {
    this.#custom = custom;
    this.#tables = undefined;
    this.#generation++;
  }

  /** A kind whose objects are being read: who asks for kinds until then waits for it. */
  arrives(arrival: Promise<unknown>): void {
    this.#arriving.add(arrival);
    void arrival.finally(() => this.#arriving.delete(arrival)).catch(() => {}); // its owner sees to failures
  }

  /** Resolves once all kinds that have been established are here; undefined when they are. */
  settled(): Promise<unknown> | undefined {
    return this.#arriving.size > 0 ? Promise.allSettled(this.#arriving) : undefined;
  }

  get #current(): Tables {
    if (this.#tables === undefined) {
      const { served, stored } = this.#custom();
      const builtIn = byAddress(this.#builtIn);
      const all = [...this.#builtIn, ...served.filter((definition) => !builtIn.has(address(definition)))];
      this.#tables = { all, byAddress: byAddress(all), byGroupVersion: byGroupVersion(all), storedByAddress: byAddress(stored) };
    }
    return this.#tables;
  }
}

function byAddress(definitions: readonly ResourceDefinition[]): ReadonlyMap<string, ResourceDefinition> {
  return new Map(definitions.map((definition) => [address(definition), definition]));
}

function byGroupVersion(definitions: readonly ResourceDefinition[]): ReadonlyMap<string, readonly ResourceDefinition[]> {
  return Map.groupBy(definitions, ({ group, version }) => `${group}/${version}`);
}

function address({ group, version, resource }: GroupVersionResource): string {
  return `${group}/${version}/${resource}`;
}
