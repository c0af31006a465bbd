import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { Informer, InformerHandler } from "../../client/informer.ts";
import type { InformerFactory } from "../../client/informer-factory.ts";
import { sleep } from "../../lib/clock.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { apiServiceResource } from "../../resources/apiregistration/api-service.ts";
import { customResourceDefinitionResource } from "../../resources/apiextensions/custom-resource-definition.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import type { CustomResourceDefinition } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { customReference } from "../custom-kinds/custom-references.ts";
import { read, type Watch } from "../define-controller.ts";
import { takenVersions, type RemoteKinds } from "../custom-kinds/remote-kinds.ts";

export const UID_INDEX = "uid";
export const OWNER_UID_INDEX = "ownerUid";

export interface Source {
  readonly resource: ResourceReference;
  /** Of identities. */
  readonly informer: Informer<KubeObject>;
}

/** An informer with the indexes that the graph of owners consists of. */
export function indexed(informers: InformerFactory, resource: ResourceReference): Source {
  const informer = informers.identityInformer(resource);
  informer.addIndex(UID_INDEX, (object) => [object.metadata.uid ?? ""]);
  informer.addIndex(OWNER_UID_INDEX, (object) => (object.metadata.ownerReferences ?? []).map(({ uid }) => uid));
  return { resource, informer };
}

/** A kind whose webhook is broken is never complete; the others must not wait for it for ever. */
const SYNC_PATIENCE_MS = 10_000;

/** Kinds of the graph that come and go while it is kept. */
export class ChangingSources {
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

  /** Resolves once the objects of all these kinds are known, or after a bounded time. */
  async synced({ clock }: Pick<ControllerContext, "clock">, signal: AbortSignal): Promise<void> {
    const missing = this.sources().filter(({ informer }) => !informer.hasSynced);
    if (missing.length === 0) return;
    const enough = new AbortController();
    const either = AbortSignal.any([signal, enough.signal]);
    const all = Promise.all(missing.map(({ informer }) => informer.waitForSync(either)));
    await Promise.race([all, sleep(clock, SYNC_PATIENCE_MS, either)]).finally(() => enough.abort());
    await all.catch(() => {}); // what did not come in time is done without
  }

  /** The kind that is known under this key from now on; undefined when there is none any more. */
  put(key: string, resource: ResourceReference | undefined, handler: InformerHandler<KubeObject>): void {
    const known = this.#sources.get(key);
    if (known !== undefined && resource !== undefined && known.resource.version === resource.version) return;
    this.drop(key);
    if (resource === undefined) return;
    const source = indexed(this.#informers, resource);
    this.#sources.set(key, { ...source, disconnect: source.informer.addHandler(handler) });
  }

  drop(key: string): void {
    const known = this.#sources.get(key);
    if (known === undefined) return;
    this.#sources.delete(key);
    known.disconnect();
    this.#informers.release(known.resource);
  }

  keys(): readonly string[] {
    return [...this.#sources.keys()];
  }
}

type HandlerOf = (enqueue: (uid: string) => void) => InformerHandler<KubeObject>;

/**
 * Follows the definitions of custom kinds; every kind that is served here is followed by a handler of its own. What another server has taken is that
 * server's, and is found with the rest of it.
 */
export function watchCustomKinds(informers: InformerFactory, sources: ChangingSources, handlerOf: HandlerOf): Watch {
  const informer = informers.informer(customResourceDefinitionResource);
  const services = informers.informer(apiServiceResource);
  const handler = (enqueue: (uid: string) => void): InformerHandler<CustomResourceDefinition> => {
    const handle = handlerOf(enqueue);
    let taken: ReadonlySet<string> = new Set();
    const put = (definition: CustomResourceDefinition) => sources.put(definition.metadata.name ?? "", customReference(definition, taken), handle);
    const look = () => {
      const now = takenVersions(services.list());
      if (jsonEqual([...now].sort(), [...taken].sort())) return;
      taken = now;
      for (const definition of informer.list()) put(definition);
    };
    services.addHandler({ add: look, update: look, delete: look });
    return { add: put, update: (_old, definition) => put(definition), delete: ({ metadata }) => sources.drop(metadata.name ?? "") };
  };
  // The informer gives its handler definitions only.
  return { informer: informer as unknown as Informer<KubeObject>, handler: handler as unknown as Watch["handler"] };
}

const REMOTE_VERBS = ["delete", "list", "watch"];

/** The same for kinds that other servers keep; they are found by asking, so changes of the registrations say nothing by themselves. */
export function watchRemoteKinds(informers: InformerFactory, remote: RemoteKinds, sources: ChangingSources, handlerOf: HandlerOf): Watch {
  const handler = (enqueue: (uid: string) => void): InformerHandler<KubeObject> => {
    const handle = handlerOf(enqueue);
    remote.onChange((kinds) => {
      const kept = kinds.filter(({ verbs }) => REMOTE_VERBS.every((verb) => verbs.includes(verb)));
      const keys = new Set(kept.map(({ resource, group }) => `${resource}.${group}`));
      for (const key of sources.keys()) if (!keys.has(key)) sources.drop(key);
      for (const kind of kept) sources.put(`${kind.resource}.${kind.group}`, kind, handle);
    });
    return { add: () => {}, update: () => {}, delete: () => {} };
  };
  return { informer: read(informers.informer(apiServiceResource)), handler };
}
