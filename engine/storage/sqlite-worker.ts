import type { StatementSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { isIoError, openSqliteFile } from "./sqlite-file.ts";
import type { SqliteReply, SqliteRequest, WireChange, WireEntry, WireEvent } from "./sqlite-protocol.ts";

/**
 * The thread that owns the database file. Requests that arrive while one transaction runs are gathered and committed
 * together: each keeps its own conditions and its own revision, and all are acknowledged after the one fsync.
 */

/** History is handed out in pieces of about this size, so that writers never wait long for a reader of the past. */
const EVENTS_PER_ANSWER = 1_000;
const BYTES_PER_ANSWER = 4 << 20;
/** Revisions swept, and pages given back, in one go while writers wait. */
const SWEEP_REVISIONS = 500;
const VACUUM_PAGES = 500;
/** Free pages will be needed again: the file shrinks only when more than this share of it is unused. */
const FREE_SHARE_MAX = 0.25;

const port = parentPort;
if (port === null) throw new Error("sqlite-worker runs only as a worker thread");
// Node would send on what is thrown out of this thread, by modules that it cannot load here in a process from a snapshot: the whole would end by a signal.
process.on("uncaughtException", (error) => {
  send([{ id: 0, is: "broken", message: text(error) }]);
  process.exit(1);
});
const { path } = workerData as { path: string }; // from sqlite-storage.ts
const database = openSqliteFile(path);
const statements = {
  latest: database.prepare("SELECT rev, created, value, deleted FROM changes WHERE key = ? ORDER BY rev DESC LIMIT 1"),
  insert: database.prepare("INSERT INTO changes (rev, seq, key, created, previous, deleted, value) VALUES (?, ?, ?, ?, ?, ?, ?)"),
  setMeta: database.prepare("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"),
  page: database.prepare(`
    SELECT key, rev, created, value FROM changes AS c
    WHERE key > ? AND key >= ? AND key < ? AND rev <= ? AND deleted = 0
      AND rev = (SELECT MAX(rev) FROM changes AS newer WHERE newer.key = c.key AND newer.rev <= ?)
    ORDER BY key LIMIT ?`),
  count: database.prepare(`
    SELECT COUNT(*) AS n FROM changes AS c
    WHERE key > ? AND key >= ? AND key < ? AND rev <= ? AND deleted = 0
      AND rev = (SELECT MAX(rev) FROM changes AS newer WHERE newer.key = c.key AND newer.rev <= ?)`),
  after: database.prepare(`
    SELECT c.rev, c.key, c.created, c.deleted, c.value, p.rev AS prev_rev, p.created AS prev_created, p.value AS prev_value
    FROM changes AS c LEFT JOIN changes AS p ON p.key = c.key AND p.rev = c.previous AND p.deleted = 0
    WHERE c.rev > ? AND c.rev <= ? AND c.key >= ? AND c.key < ? ORDER BY c.rev, c.seq`),
  // A version goes when the one that replaced it is old enough; a deletion goes itself when it is old enough.
  sweepReplaced: database.prepare("DELETE FROM changes WHERE (key, rev) IN (SELECT key, previous FROM changes WHERE rev > ? AND rev <= ? AND previous > 0)"),
  sweepDeletions: database.prepare("DELETE FROM changes WHERE rev > ? AND rev <= ? AND deleted = 1"),
} satisfies Record<string, StatementSync>;

let revision = readMeta("revision", 1);
let compactRevision = readMeta("compact", 0);
/** Up to here what was compacted has also been removed. */
let sweptRevision = readMeta("swept", 0);
let isSweeping = false;
let isClosed = false;
let awaitingSweep: number[] = [];
let queue: SqliteRequest[] = [];
let isScheduled = false;

send([{ id: 0, is: "opened", revision, compactRevision }]);
port.on("message", (requests: readonly SqliteRequest[]) => {
  queue.push(...requests);
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(drain);
});
// What an earlier process left undone.
if (sweptRevision < compactRevision) setImmediate(sweep);

function drain(): void {
  isScheduled = false;
  const batch = queue;
  queue = [];
  const writes = batch.filter((request) => request.do === "commit");
  if (writes.length > 0) commitAll(writes);
  for (const request of batch) if (request.do !== "commit") attempt(request.id, () => answer(request));
}

function commitAll(requests: readonly Extract<SqliteRequest, { do: "commit" }>[]): void {
  const before = revision;
  let isCommitting = false;
  try {
    database.exec("BEGIN IMMEDIATE");
    const replies = requests.map(commitOne);
    if (revision !== before) statements.setMeta.run("revision", revision);
    isCommitting = true;
    database.exec("COMMIT");
    send(replies);
  } catch (error) {
    revision = before;
    rollBack();
    // After a failed sync nobody knows what is on the disk, and a later sync that succeeds does not say so either.
    const outcome = isCommitting && isIoError(error) ? "unknown" : "none";
    send(requests.map(({ id }) => ({ id, is: "error", message: text(error), outcome })));
  }
}

function commitOne({ id, conditions, operations }: Extract<SqliteRequest, { do: "commit" }>): SqliteReply {
  const failed = conditions.filter(({ key, modRevision }) => (latest(key)?.modRevision ?? 0) !== modRevision);
  if (failed.length > 0) return { id, is: "failed", revision, found: failed.map(({ key }) => [key, latest(key)]) };
  const changes: WireChange[] = [];
  const at = revision + 1;
  for (const [index, operation] of operations.entries()) {
    const previous = latest(operation.key);
    if (operation.do === "delete" && previous === undefined) continue;
    const createRevision = previous?.createRevision ?? at;
    const value = operation.do === "put" ? operation.value : null;
    statements.insert.run(at, changes.length, operation.key, createRevision, previous?.modRevision ?? 0, value === null ? 1 : 0, value);
    changes.push({ index, createRevision, previous });
  }
  if (changes.length > 0) revision = at;
  return { id, is: "committed", revision, changes };
}

/** Undefined: the answer comes later. */
function answer(request: Exclude<SqliteRequest, { do: "commit" }>): SqliteReply | undefined {
  const { id } = request;
  switch (request.do) {
    case "get":
      return { id, is: "entry", entry: latest(request.key) };
    case "list":
      return list(request);
    case "after":
      return changesAfter(request);
    case "compact":
      return compact(id, request.revision);
    case "close":
      isClosed = true;
      database.close();
      return { id, is: "closed" };
  }
}

function list({ id, prefix, limit, afterKey, revision: asked, withRemaining }: Extract<SqliteRequest, { do: "list" }>): SqliteReply {
  const at = asked ?? revision;
  if (at > revision) return { id, is: "future", current: revision };
  if (at < compactRevision) return { id, is: "compacted", compactRevision };
  const bounds = [prefix, prefixEnd(prefix), at, at] as const;
  const rows = statements.page.all(afterKey ?? "", ...bounds, limit);
  const entries = rows.map((row) => wireEntry(row["key"], row["value"], row["rev"], row["created"]));
  const isFull = entries.length === limit;
  const remaining = isFull && withRemaining ? Number(statements.count.get(entries.at(-1)?.key ?? "", ...bounds)?.["n"] ?? 0) : isFull ? 1 : 0;
  return { id, is: "page", entries, revision: at, remaining };
}

function changesAfter({ id, prefix, afterRevision, upTo }: Extract<SqliteRequest, { do: "after" }>): SqliteReply {
  if (afterRevision < compactRevision) return { id, is: "compacted", compactRevision };
  const events: WireEvent[] = [];
  let bytes = 0;
  for (const row of statements.after.iterate(afterRevision, upTo, prefix, prefixEnd(prefix))) {
    const at = Number(row["rev"]);
    const last = events.at(-1)?.revision ?? at;
    // A revision is never divided.
    if (last !== at && (events.length >= EVENTS_PER_ANSWER || bytes >= BYTES_PER_ANSWER)) return { id, is: "events", events, through: last };
    const entry = row["deleted"] === 0 ? wireEntry(row["key"], row["value"], at, row["created"]) : undefined;
    const previous = row["prev_rev"] === null ? undefined : wireEntry(row["key"], row["prev_value"], row["prev_rev"], row["prev_created"]);
    events.push({ key: String(row["key"]), revision: at, entry, previous });
    bytes += (entry?.value.byteLength ?? 0) + (previous?.value.byteLength ?? 0);
  }
  return { id, is: "events", events, through: upTo };
}

function compact(id: number, upTo: number): SqliteReply | undefined {
  if (upTo > revision) return { id, is: "future", current: revision };
  if (upTo > compactRevision) {
    statements.setMeta.run("compact", upTo);
    compactRevision = upTo;
  }
  awaitingSweep.push(id);
  if (!isSweeping) setImmediate(sweep);
  isSweeping = true;
  return undefined;
}

/** Removes what was compacted piece by piece, letting writers in between: it costs what has changed, not what there is. */
function sweep(): void {
  if (isClosed) return;
  isSweeping = true;
  try {
    if (sweptRevision < compactRevision) {
      const upTo = Math.min(compactRevision, sweptRevision + SWEEP_REVISIONS);
      database.exec("BEGIN IMMEDIATE");
      statements.sweepReplaced.run(sweptRevision, upTo);
      statements.sweepDeletions.run(sweptRevision, upTo);
      statements.setMeta.run("swept", upTo);
      database.exec("COMMIT");
      sweptRevision = upTo;
      return void setImmediate(sweep);
    }
    if (pragma("freelist_count") > Math.max(VACUUM_PAGES, pragma("page_count") * FREE_SHARE_MAX)) {
      database.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
      return void setImmediate(sweep);
    }
    finishSweep((id) => ({ id, is: "compactDone", compactRevision }));
  } catch (error) {
    rollBack();
    finishSweep((id) => ({ id, is: "error", message: text(error), outcome: "none" }));
  }
}

function finishSweep(reply: (id: number) => SqliteReply): void {
  isSweeping = false;
  send(awaitingSweep.map(reply));
  awaitingSweep = [];
}

function latest(key: string): WireEntry | undefined {
  const row = statements.latest.get(key);
  return row === undefined || row["deleted"] === 1 ? undefined : wireEntry(key, row["value"], row["rev"], row["created"]);
}

function wireEntry(key: unknown, value: unknown, rev: unknown, created: unknown): WireEntry {
  return { key: String(key), value: value as Uint8Array, modRevision: Number(rev), createRevision: Number(created) }; // blobs come as Uint8Array
}

function readMeta(name: string, fallback: number): number {
  const row = database.prepare("SELECT value FROM meta WHERE name = ?").get(name);
  return row === undefined ? fallback : Number(row["value"]);
}

function pragma(name: "freelist_count" | "page_count"): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

/** The first key after all that begin with the prefix. */
function prefixEnd(prefix: string): string {
  return `${prefix}\u{10FFFF}`;
}

function rollBack(): void {
  // SQLite may have rolled back by itself, on a full disk for one.
  if (database.isTransaction) database.exec("ROLLBACK");
}

function attempt(id: number, make: () => SqliteReply | undefined): void {
  try {
    const reply = make();
    if (reply !== undefined) send([reply]);
  } catch (error) {
    send([{ id, is: "error", message: text(error), outcome: "none" }]);
  }
}

function send(replies: readonly SqliteReply[]): void {
  port?.postMessage(replies);
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
