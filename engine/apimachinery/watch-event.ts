import type { KubeObject } from "./object-meta.ts";
import type { Status } from "./status-error.ts";

/** One frame of a watch. A BOOKMARK's object holds only its resourceVersion (and, at the end of the initial events, an annotation). */
export type WatchEvent<T extends KubeObject = KubeObject> =
  { readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK"; readonly object: T } | { readonly type: "ERROR"; readonly object: Status };

/** The annotation on the bookmark that ends the initial events of a `sendInitialEvents` watch. */
export const INITIAL_EVENTS_END_ANNOTATION = "k8s.io/initial-events-end";
