import { createHash } from "node:crypto";
import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { apiServiceResource } from "../../resources/apiregistration/api-service.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { APIService } from "../../resources/types.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import type { FrontProxyIdentity } from "./front-proxy.ts";

/** What a server behind this one has told of one group and version. */
export interface RemoteDocuments {
  /** Undefined as long as it has not said. */
  readonly resources: RemoteResources | undefined;
  /** Whether it could be asked for them when that was last tried. */
  readonly isFresh: boolean;
  /** Its OpenAPI document of this group and version, version 3; undefined when it has none. */
  readonly openApi: RemoteDocument | undefined;
  /** All it serves, in version 2. */
  readonly openApiV2: RemoteDocument | undefined;
}

export interface RemoteResources {
  /** In the form of aggregated discovery. */
  readonly list: readonly object[];
  /** By which the other server knows whether they have changed. */
  readonly etag?: string;
}

export interface RemoteDocument {
  readonly body: Buffer;
  /** By which the other server knows whether it has changed. */
  readonly etag?: string;
}

export interface RemoteVersion {
  readonly group: string;
  readonly version: string;
  readonly service: APIService;
  readonly isAvailable: boolean;
  /** What was learned when it was last reached. */
  readonly documents: (RemoteDocuments & { readonly hash: string }) | undefined;
}

const NOTHING: RemoteDocuments = { resources: undefined, isFresh: false, openApi: undefined, openApiV2: undefined };

/** The parts of the API that other servers answer for: who they are, whether they can be reached, and what they serve. */
export class Aggregator {
  readonly identity: FrontProxyIdentity;
  readonly #services = new Map<string, APIService>();
  readonly #documents = new Map<string, RemoteDocuments & { readonly hash: string }>();
  readonly #listeners = new Set<(name: string) => void>();
  #generation = 0;

  constructor(identity: FrontProxyIdentity) {
    this.identity = identity;
  }

  /** Grows whenever something that discovery shows has changed. */
  get generation(): number {
    return this.#generation;
  }

  /** Never ends. */
  follow(store: ObjectStore): void {
    store.follow(apiServiceResource, {
      replaced: (services) => {
        const names = new Set(services.map(({ metadata }) => metadata.name));
        for (const name of [...this.#services.keys()]) if (!names.has(name)) this.#remove(name);
        for (const service of services) this.#put(service);
      },
      changed: (service, wasDeleted) => (wasDeleted ? this.#remove(service.metadata.name ?? "") : this.#put(service)),
    });
  }

  /** Calls for every remote APIService that is new or has another spec, with its name. */
  onChange(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    for (const name of this.#services.keys()) listener(name);
    return () => void this.#listeners.delete(listener);
  }

  get(name: string): APIService | undefined {
    return this.#services.get(name);
  }

  services(): readonly APIService[] {
    return [...this.#services.values()];
  }

  /** Groups in the order of their priority, versions of a group in the order of theirs. */
  versions(): readonly RemoteVersion[] {
    const all = [...this.#services.values()].map((service) => this.#version(service));
    return all.sort(
      (a, b) =>
        priority(b, all) - priority(a, all) ||
        (a.group < b.group ? -1 : a.group > b.group ? 1 : b.service.spec.versionPriority - a.service.spec.versionPriority),
    );
  }

  find(group: string, version: string): RemoteVersion | undefined {
    const service = this.#services.get(`${version}.${group}`);
    return service && this.#version(service);
  }

  /** Whose answer a request of this path is; undefined for our own. */
  owner(path: string): RemoteVersion | undefined {
    if (this.#services.size === 0) return undefined;
    const [, root, group = "", version = ""] = path.split("/");
    return root === "apis" && version !== "" ? this.find(group, version) : undefined;
  }

  /** Takes what is new of a server; what is not named stays known. */
  learned(name: string, news: Partial<RemoteDocuments>): void {
    const known = this.#documents.get(name);
    const documents: RemoteDocuments = { ...(known ?? NOTHING), ...news };
    const isSame =
      known !== undefined &&
      known.isFresh === documents.isFresh &&
      known.openApi === documents.openApi &&
      known.openApiV2 === documents.openApiV2 &&
      jsonEqual(known.resources, documents.resources);
    if (isSame || !this.#services.has(name)) return;
    const hash = createHash("sha512")
      .update(JSON.stringify(documents.resources?.list ?? []))
      .update(documents.openApi?.body ?? "")
      .update(documents.openApiV2?.body ?? "")
      .digest("hex")
      .toUpperCase();
    this.#documents.set(name, { ...documents, hash });
    if (known?.hash !== hash || known.isFresh !== documents.isFresh) this.#generation++;
  }

  #version(service: APIService): RemoteVersion {
    const { group = "", version = "" } = service.spec;
    return {
      group,
      version,
      service,
      isAvailable: isConditionTrue(service.status?.conditions, "Available"),
      documents: this.#documents.get(service.metadata.name ?? ""),
    };
  }

  #put(service: APIService): void {
    const name = service.metadata.name ?? "";
    if (service.spec.service === undefined) return this.#remove(name);
    const known = this.#services.get(name);
    this.#services.set(name, service);
    this.#generation++;
    if (known === undefined || JSON.stringify(known.spec) !== JSON.stringify(service.spec)) for (const listener of this.#listeners) listener(name);
  }

  #remove(name: string): void {
    if (!this.#services.delete(name)) return;
    this.#documents.delete(name);
    this.#generation++;
  }
}

/** A group stands where its most important version wants it. */
function priority({ group }: RemoteVersion, all: readonly RemoteVersion[]): number {
  return Math.max(...all.filter((other) => other.group === group).map(({ service }) => service.spec.groupPriorityMinimum));
}
