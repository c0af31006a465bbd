import type { DeleteOptions, ListOptions, PatchType, TransactionResult, WriteOptions } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { Status } from "../apimachinery/status-error.ts";
import type { WatchEvent } from "../apimachinery/watch-event.ts";
import type { ResourceReference } from "../resources/define-resource.ts";

/**
 * Access to the API for every component, with one interface in process (LocalClient) and over HTTPS (HttpClient).
 * Failures are StatusErrors, also those of the network (reason ServiceUnavailable). Objects returned may be shared: never mutate them.
 */
export interface Client {
  /** Access to one kind; `podResource` and its siblings carry their object's type. */
  for<T extends KubeObject>(resource: ResourceReference<T>): ResourceClient<T>;
  /**
   * What stands at a path of the API that is no kind known here: the resources of a group, figures of an application. In process only
   * what other servers answer for can be read so.
   */
  read(path: string): Promise<unknown>;
  /** The same access under another name in managed fields and events. */
  as(userAgent: string): Client;
  /**
   * In-process clients only. Everything that `work` writes through the API becomes one commit of the store: all of it under one revision,
   * or nothing. Each write is admitted against what was written before it; objects answered inside carry revisions beyond any real one,
   * in whose place comes that of the commit. Rejects with what `work` rejects with, with Conflict when something it was decided on changed
   * meanwhile, and with RequestEntityTooLarge when the store takes no commit of that size. A trial is never committed.
   */
  readonly transaction?: <R>(work: () => Promise<R>, isTrial?: boolean) => Promise<TransactionResult<R>>;
}

/** `namespace` is the empty string for cluster-scoped kinds, and for lists and watches over all namespaces. */
export interface ResourceClient<T extends KubeObject> {
  get(namespace: string, name: string): Promise<T>;
  list(namespace: string, options?: ListOptions): Promise<ListResult<T>>;
  /**
   * Events in order. Ends quietly when the signal fires or the server ends the stream; an ERROR event is thrown as a StatusError
   * (reason Expired: list again).
   */
  watch(namespace: string, options: ListOptions, signal: AbortSignal): AsyncIterable<Exclude<WatchEvent<T>, { type: "ERROR" }>>;
  create(object: T, options?: WriteOptions): Promise<T>;
  update(object: T, options?: WriteOptions): Promise<T>;
  updateStatus(object: T, options?: WriteOptions): Promise<T>;
  /** PUT to a subresource that takes the object itself, such as `finalize`. */
  updateSubresource(object: T, subresource: string, options?: WriteOptions): Promise<T>;
  patch(namespace: string, name: string, type: PatchType, body: unknown, options?: WriteOptions & { readonly subresource?: string }): Promise<T>;
  /** Server-side apply of a complete intent by `options.fieldManager`. */
  apply(object: T, options: WriteOptions & { readonly fieldManager: string; readonly subresource?: string }): Promise<T>;
  /** The object while it terminates, or a Success status when it is gone. */
  delete(namespace: string, name: string, options?: DeleteOptions): Promise<T | Status>;
  deleteCollection(namespace: string, selection: ListOptions, options?: DeleteOptions): Promise<void>;
  /** POST to a subresource such as `binding` or `eviction`; the answer is not typed by this kind. */
  createSubresource(namespace: string, name: string, subresource: string, body: KubeObject): Promise<unknown>;
}

export interface ListResult<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly continue?: string;
}
