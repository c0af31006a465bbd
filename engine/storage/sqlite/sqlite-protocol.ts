import type { Condition } from "../storage.ts";

/** What sqlite-storage.ts asks for and is told, in arrays, by a thread or by this one. Each value has a buffer of its own, as those that cross are copies. */
export interface WireEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly modRevision: number;
  readonly createRevision: number;
}

/** `entry` is undefined for a deletion. */
export interface WireEvent {
  readonly key: string;
  readonly revision: number;
  readonly entry: WireEntry | undefined;
  readonly previous: WireEntry | undefined;
}

export type WireOperation = { readonly do: "put"; readonly key: string; readonly value: Uint8Array } | { readonly do: "delete"; readonly key: string };

/** What an operation did. The value that was put stays with the thread that sent it. */
export interface WireChange {
  /** The position of the operation in its commit. */
  readonly index: number;
  readonly createRevision: number;
  readonly previous: WireEntry | undefined;
}

export type SqliteRequest = { readonly id: number } & (
  | { readonly do: "commit"; readonly conditions: readonly Condition[]; readonly operations: readonly WireOperation[] }
  | { readonly do: "get"; readonly key: string }
  | {
      readonly do: "list";
      readonly prefix: string;
      readonly limit: number;
      readonly afterKey: string | undefined;
      readonly revision: number | undefined;
      /** Whether to count what follows. */
      readonly withRemaining: boolean;
    }
  | { readonly do: "after"; readonly prefix: string; readonly afterRevision: number; readonly upTo: number }
  | { readonly do: "compact"; readonly revision: number }
  | { readonly do: "close" }
);

export type SqliteReply = { readonly id: number } &
  /** The thread has begun and waits for the name of its file. */
  (
    | { readonly is: "loaded" }
    | { readonly is: "opened"; readonly revision: number; readonly compactRevision: number }
    | { readonly is: "committed"; readonly revision: number; readonly changes: readonly WireChange[] }
    | { readonly is: "failed"; readonly revision: number; readonly found: readonly (readonly [string, WireEntry | undefined])[] }
    | { readonly is: "entry"; readonly entry: WireEntry | undefined }
    | { readonly is: "page"; readonly entries: readonly WireEntry[]; readonly revision: number; readonly remaining: number }
    /** All events up to `through`, which may be less than was asked for. */
    | { readonly is: "events"; readonly events: readonly WireEvent[]; readonly through: number }
    | { readonly is: "compactDone"; readonly compactRevision: number }
    | { readonly is: "compacted"; readonly compactRevision: number }
    | { readonly is: "future"; readonly current: number }
    | { readonly is: "closed" }
    /** With outcome "unknown" the file can no longer be trusted to keep what it is given, and the store ends. */
    | { readonly is: "error"; readonly message: string; readonly outcome: "none" | "unknown" }
    /** The thread ends, at whatever it was: the answer to nobody. As the first one, the file could not be opened. */
    | { readonly is: "broken"; readonly message: string }
  );
