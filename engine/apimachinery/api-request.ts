import type { Span } from "../lib/tracing/span.ts";
import type { GroupVersionResource } from "./group-version.ts";
import type { KubeObject } from "./object-meta.ts";
import type { RequestNotes } from "./request-notes.ts";
import type { Status } from "./status-error.ts";
import type { WatchEvent } from "./watch-event.ts";

/** Who asks. Groups of an authenticated user always hold `system:authenticated`. */
export interface UserInfo {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection";

/** The four patch content types, by the short names this code base uses. */
export type PatchType = "json" | "merge" | "strategic" | "apply";

export type FieldValidation = "Ignore" | "Warn" | "Strict";

export type PropagationPolicy = "Background" | "Foreground" | "Orphan";

export interface ListOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: "Exact" | "NotOlderThan";
  readonly limit?: number;
  readonly continue?: string;
  /** For watches: ends the stream after this long. */
  readonly timeoutSeconds?: number;
  readonly allowWatchBookmarks?: boolean;
  readonly sendInitialEvents?: boolean;
  /**
   * Transports only, for watches: the connection before may have broken in the middle of the revision behind which this one goes on, so
   * its events are told again where they are several. Whoever has them all sees them twice, as they were.
   */
  readonly repeatsRevision?: boolean;
}

/** The query's name for a namespace that a dry run takes as existing. */
export const ASSUMED_NAMESPACE = "mainstay.dev/assumedNamespace";

export interface WriteOptions {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  readonly fieldValidation?: FieldValidation;
  /** Server-side apply only: take fields over from other managers. */
  readonly force?: boolean;
  /**
   * Dry runs only: namespaces to be taken as existing and active, because the same commit creates them. Over HTTP, where other servers
   * know nothing of it, the object's own namespace alone is told, in the query.
   */
  readonly assumedNamespaces?: ReadonlySet<string>;
  /**
   * Server-side apply in process only: items that updates of these managers (`kubectl` is `kubectl-edit` too) put into lists whose items
   * the intent states are taken over, and so go.
   */
  readonly takesItemsOf?: readonly string[];
  /** Transports only: what the body's text named twice; it counts as unknown fields do. */
  readonly repeated?: RepeatedFields;
}

/** Fields that a body's text names twice. Of YAML upstream knows the lines, of JSON the paths and where they stand among unknown ones. */
export type RepeatedFields =
  | { readonly is: "yaml"; readonly problems: readonly string[] }
  | { readonly is: "json"; readonly fields: readonly { readonly field: string; readonly at: number }[]; readonly places: () => ReadonlyMap<string, number> };

export interface DeleteOptions {
  readonly dryRun?: boolean;
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: PropagationPolicy;
  /** The older way of saying so, `orphanDependents: false`: what cannot be gone at once is answered with 202. */
  readonly asksForCascade?: true;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

interface RequestBase {
  readonly user: UserInfo;
  /** The client's name for managed fields and audit: its User-Agent, or a component's name in process. */
  readonly userAgent: string;
  readonly resource: GroupVersionResource;
  readonly subresource?: string;
  /** Empty or absent for cluster-scoped resources and for lists over all namespaces. */
  readonly namespace?: string;
  readonly signal?: AbortSignal;
  /** Transports only: until when the answer is waited for, by the clock's `monotonic`; absent when for ever. */
  readonly untilMs?: number;
  /** Transports only: where remarks are to be kept, so that they can be told of a request that failed as well. */
  readonly notes?: RequestNotes;
  /** Transports only: an audit record of the request is kept where it came in. */
  readonly isRecorded?: boolean;
  /** Transports only: whether the user may ask has been found out already, before anything was read of what comes with the request. */
  readonly isAuthorized?: boolean;
  /** Transports only: where the steps of the verb are noted; absent when nobody records them. */
  readonly span?: Span;
}

/**
 * A request to the API server after the transport: HTTP handlers and in-process clients make the same values,
 * so both pass the same filters, admission and registry. The body of a deletion is its options as they were sent, for the record alone.
 */
export type ApiRequest =
  | (RequestBase & { readonly verb: "get"; readonly name: string; readonly resourceVersion?: string })
  | (RequestBase & { readonly verb: "list"; readonly options: ListOptions })
  | (RequestBase & { readonly verb: "watch"; readonly name?: string; readonly options: ListOptions })
  | (RequestBase & { readonly verb: "create"; readonly name?: string; readonly body: unknown; readonly options: WriteOptions })
  | (RequestBase & { readonly verb: "update"; readonly name: string; readonly body: unknown; readonly options: WriteOptions })
  | (RequestBase & { readonly verb: "patch"; readonly name: string; readonly patchType: PatchType; readonly body: unknown; readonly options: WriteOptions })
  | (RequestBase & { readonly verb: "delete"; readonly name: string; readonly options: DeleteOptions; readonly body?: unknown })
  | (RequestBase & { readonly verb: "deletecollection"; readonly selection: ListOptions; readonly options: DeleteOptions; readonly body?: unknown });

/**
 * An object with the bytes that its readers get, complete: kind, apiVersion and resourceVersion included. `object` may be decoded anew for
 * who asks later: equal, but another tree.
 */
export interface EncodedObject<T extends KubeObject = KubeObject> {
  readonly object: T;
  json(): Buffer;
  /** `json` without `kind` and `apiVersion`, as list items are written. */
  itemJson(): Buffer;
}

export interface ObjectList<T extends KubeObject = KubeObject> {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
  readonly items: readonly EncodedObject<T>[];
}

/** An EncodedObject in a watch event: all watchers of one kind share it. */
export type EncodedWatchEvent<T extends KubeObject = KubeObject> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T; readonly encoded: EncodedObject<T> }
  | Extract<WatchEvent<T>, { type: "ERROR" }>
  | { readonly type: "BOOKMARK"; readonly object: T };

/**
 * A running watch with one reader, who takes what waits and asks to be called when there is more: of a thousand readers of the same event
 * none costs a promise. Who would rather wait for events reads `eventsOf` it.
 */
export interface WatchStream<T extends KubeObject = KubeObject> {
  /** The oldest event that waits; undefined when none does. Throws when the watch has failed. */
  take(): EncodedWatchEvent<T> | undefined;
  /** Everything has been taken, and no more will come. */
  readonly isEnded: boolean;
  /** Calls once, as soon as there is something to take or the end: at once if so already. Only who asked last is called. */
  whenReady(wake: () => void): void;
  /** Ends it from the reader's side. */
  close(): void;
}

export type ApiResult =
  | { readonly is: "object"; readonly code: 200 | 201 | 202; readonly encoded: EncodedObject; readonly warnings: readonly string[] }
  | { readonly is: "status"; readonly status: Status; readonly warnings: readonly string[] }
  | { readonly is: "list"; readonly list: ObjectList; readonly warnings: readonly string[] }
  | { readonly is: "watch"; readonly stream: WatchStream };

export interface TransactionResult<R> {
  readonly result: R;
  /** The one revision of everything that was written. */
  readonly revision: number;
}

/** The API server as its in-process clients see it. Rejects with StatusError. */
export interface ApiHandler {
  handle(request: ApiRequest): Promise<ApiResult>;
  /** GET of a path that another server answers for; see `Client.read`. */
  read?(path: string, user: UserInfo): Promise<unknown>;
  /** In-process callers only; see `Client.transaction`. */
  transaction?<R>(work: () => Promise<R>, isTrial?: boolean): Promise<TransactionResult<R>>;
}
