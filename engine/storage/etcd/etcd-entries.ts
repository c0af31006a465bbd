import type { Entry, StorageEvent } from "../storage.ts";
import { Event_EventType, type Event, type KeyValue } from "./rpc_pb.ts";

/** etcd's keys are bytes. */
export function keyBytes(key: string): Buffer {
  return Buffer.from(key, "utf8");
}

/** The end of the range of all keys with this prefix: etcd's own rule, the prefix with its last byte that can be raised, raised. */
export function prefixRangeEnd(prefix: string): Buffer {
  const bytes = keyBytes(prefix);
  for (let last = bytes.length - 1; last >= 0; last--) {
    const byte = bytes[last] ?? 0xff;
    if (byte < 0xff) return Buffer.concat([bytes.subarray(0, last), Buffer.from([byte + 1])]);
  }
  return Buffer.from([0]); // all keys
}

/** The smallest key there can be; a range needs one. */
export const FIRST_KEY = Buffer.from([0]);

/** The value is a copy in memory of its own: what is kept for long would keep all that was read with it, or the pool of small buffers. */
export function toEntry(kv: KeyValue): Entry {
  const value = Buffer.allocUnsafeSlow(kv.value.length);
  value.set(kv.value);
  return { key: keyText(kv), value, modRevision: Number(kv.modRevision), createRevision: Number(kv.createRevision) };
}

/** Undefined when etcd no longer knows what was before: the event has been overtaken by a compaction. */
export function toStorageEvent(event: Event): { readonly revision: number; readonly event: StorageEvent | undefined } {
  const kv = event.kv;
  if (kv === undefined) throw new Error("etcd sent an event without its key");
  const revision = Number(kv.modRevision);
  const previous = event.prevKv === undefined ? undefined : toEntry(event.prevKv);
  if (event.type === Event_EventType.DELETE)
    return { revision, event: previous === undefined ? undefined : { type: "delete", key: keyText(kv), revision, previous } };
  const isCreation = kv.createRevision === kv.modRevision;
  return { revision, event: previous === undefined && !isCreation ? undefined : { type: "put", entry: toEntry(kv), previous } };
}

function keyText(kv: KeyValue): string {
  return Buffer.from(kv.key.buffer, kv.key.byteOffset, kv.key.byteLength).toString("utf8");
}
