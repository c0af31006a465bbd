import { formatApiVersion, type GroupVersionResource } from "../apimachinery/group-version.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";

/** The served kinds by their address. */
export class ResourceIndex {
  readonly #byAddress = new Map<string, ResourceDefinition>();
  readonly #all: readonly ResourceDefinition[];

  /** `virtual` kinds are answered at once and never stored: reviews. */
  constructor(stored: readonly ResourceDefinition[], virtual: readonly ResourceDefinition[]) {
    this.#all = [...stored, ...virtual];
    for (const definition of this.#all) this.#byAddress.set(address(definition), definition);
  }

  get all(): readonly ResourceDefinition[] {
    return this.#all;
  }

  find(resource: GroupVersionResource): ResourceDefinition | undefined {
    return this.#byAddress.get(address(resource));
  }

  /** The stored resource whose objects are of this kind. */
  findKind(apiVersion: string, kind: string): ResourceDefinition | undefined {
    return this.all.find((definition) => definition.kind === kind && formatApiVersion(definition.group, definition.version) === apiVersion && definition.verbs.includes("list"));
  }

  hasGroupVersion(group: string, version: string): boolean {
    return this.#all.some((definition) => definition.group === group && definition.version === version);
  }
}

function address({ group, version, resource }: GroupVersionResource): string {
  return `${group}/${version}/${resource}`;
}
