import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { Informer, InformerHandler } from "../client/informer.ts";
import type { InformerFactory } from "../client/informer-factory.ts";
import { sleep } from "../lib/clock.ts";
import { customResourceDefinitionResource } from "../resources/apiextensions/custom-resource-definition.ts";
import type { ResourceReference } from "../resources/define-resource.ts";
import type { CustomResourceDefinition } from "../resources/types.ts";
import type { ControllerContext } from "./controller-context.ts";
import { customReference } from "./custom-references.ts";
import type { Watch } from "./define-controller.ts";

export const UID_INDEX = "uid";
export const OWNER_UID_INDEX = "ownerUid";

export interface Source {
  readonly resource: ResourceReference;
  readonly informer: Informer<KubeObject>;
}

/** An informer with the indexes that the graph of owners consists of. */
export function indexed(informers: InformerFactory, resource: ResourceReference): Source {
  const informer = informers.informer(resource);
  informer.addIndex(UID_INDEX, (object) => [object.metadata.uid ?? ""]);
  informer.addIndex(OWNER_UID_INDEX, (object) => (object.metadata.ownerReferences ?? []).map(({ uid }) => uid));
  return { resource, informer };
}

/** A kind whose webhook is broken is never complete; the others must not wait for it for ever. */
const SYNC_PATIENCE_MS = 10_000;

/** The custom kinds of the graph: their informers come and go with their definitions. */
export class CustomSources {
  readonly #informers: InformerFactory;
  readonly #sources = new Map<string, Source & { readonly disconnect: () => void }>();

  constructor(informers: InformerFactory) {
    this.#informers = informers;
  }

  sources(): readonly Source[] {
    return [...this.#sources.values()];
  }

  find(group: string, kind: string): ResourceReference | undefined {
    for (const { resource } of this.#sources.values()) if (resource.group === group && resource.kind === kind) return resource;
    return undefined;
  }

  /** Follows the definitions; every served kind is followed by a handler of its own. */
  watch(handlerOf: (enqueue: (uid: string) => void) => InformerHandler<KubeObject>): Watch {
    const informer = this.#informers.informer(customResourceDefinitionResource);
    const handler = (enqueue: (uid: string) => void): InformerHandler<CustomResourceDefinition> => {
      const handle = handlerOf(enqueue);
      return { add: (definition) => this.#put(definition, handle), update: (_old, definition) => this.#put(definition, handle), delete: (definition) => this.#drop(definition.metadata.name ?? "") };
    };
    // The informer gives its handler definitions only.
    return { informer: informer as unknown as Informer<KubeObject>, handler: handler as unknown as Watch["handler"] };
  }

  /** Resolves once the objects of all custom kinds are known, or after a bounded time. */
  async synced({ clock }: Pick<ControllerContext, "clock">, signal: AbortSignal): Promise<void> {
    const missing = this.sources().filter(({ informer }) => !informer.hasSynced);
    if (missing.length === 0) return;
    const enough = new AbortController();
    const either = AbortSignal.any([signal, enough.signal]);
    const all = Promise.all(missing.map(({ informer }) => informer.waitForSync(either)));
    await Promise.race([all, sleep(clock, SYNC_PATIENCE_MS, either)]).finally(() => enough.abort());
    await all.catch(() => {}); // what did not come in time is done without
  }

  #put(definition: CustomResourceDefinition, handler: InformerHandler<KubeObject>): void {
    const name = definition.metadata.name ?? "";
    const resource = customReference(definition);
    const known = this.#sources.get(name);
    if (known !== undefined && resource !== undefined && known.resource.version === resource.version) return;
    this.#drop(name);
    if (resource === undefined) return;
    const source = indexed(this.#informers, resource);
    this.#sources.set(name, { ...source, disconnect: source.informer.addHandler(handler) });
  }

  #drop(name: string): void {
    const known = this.#sources.get(name);
    if (known === undefined) return;
    this.#sources.delete(name);
    known.disconnect();
    this.#informers.release(known.resource);
  }
}
