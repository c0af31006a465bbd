import { DatabaseSync, type StatementSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { SqliteReply, SqliteRequest, WireEntry, WireEvent } from "./sqlite-protocol.ts";

/**
 * The thread that owns the database file. Requests that arrive while one transaction runs are gathered and committed
 * together: each keeps its own conditions and its own revision, and all are acknowledged after the one fsync.
 */

const SCHEMA_VERSION = 1;
const { path } = workerData as { path: string };
const database = new DatabaseSync(path);
open();

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
} satisfies Record<string, StatementSync>;

let revision = readMeta("revision", 1);
let compactRevision = readMeta("compact", 0);
let queue: SqliteRequest[] = [];
let isScheduled = false;

const port = parentPort;
if (port === null) throw new Error("sqlite-worker runs only as a worker thread");
port.postMessage({ id: 0, is: "opened", revision, compactRevision } satisfies SqliteReply);
port.on("message", (request: SqliteRequest) => {
  queue.push(request);
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(drain);
});

function open(): void {
  // EXCLUSIVE keeps a second process out for as long as this one lives; WAL with FULL syncs the log before each commit returns.
  database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA busy_timeout = 0; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4000");
  const found = Number(database.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
  if (found > SCHEMA_VERSION) throw new Error(`${path} was written by a newer Mainstay (format ${found}, this one reads ${SCHEMA_VERSION})`);
  database.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS changes (rev INTEGER NOT NULL, seq INTEGER NOT NULL, key TEXT NOT NULL, created INTEGER NOT NULL, previous INTEGER NOT NULL, deleted INTEGER NOT NULL, value BLOB, PRIMARY KEY (rev, seq)) WITHOUT ROWID;
    CREATE UNIQUE INDEX IF NOT EXISTS changes_by_key ON changes (key, rev);
    CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    PRAGMA user_version = ${SCHEMA_VERSION};
    COMMIT;`);
}

function drain(): void {
  isScheduled = false;
  const batch = queue;
  queue = [];
  const writes = batch.filter((request) => request.do === "commit");
  if (writes.length > 0) commitAll(writes);
  for (const request of batch) if (request.do !== "commit") reply(request, () => answer(request));
}

function commitAll(requests: readonly Extract<SqliteRequest, { do: "commit" }>[]): void {
  const before = revision;
  const replies: SqliteReply[] = [];
  try {
    database.exec("BEGIN IMMEDIATE");
    for (const request of requests) replies.push(commitOne(request));
    if (revision !== before) statements.setMeta.run("revision", revision);
    database.exec("COMMIT");
  } catch (error) {
    revision = before;
    // SQLite may have rolled back by itself, on a full disk for one.
    if (database.isTransaction) database.exec("ROLLBACK");
    for (const { id } of requests) send({ id, is: "error", message: text(error), name: "unavailable" });
    return;
  }
  for (const message of replies) send(message);
}

function commitOne({ id, conditions, operations }: Extract<SqliteRequest, { do: "commit" }>): SqliteReply {
  const failed = conditions.filter(({ key, modRevision }) => (latest(key)?.modRevision ?? 0) !== modRevision);
  if (failed.length > 0) return { id, is: "failed", revision, found: failed.map(({ key }) => [key, latest(key)]) };
  const events: WireEvent[] = [];
  for (const operation of operations) {
    const previous = latest(operation.key);
    if (operation.do === "delete" && previous === undefined) continue;
    const at = revision + 1;
    const value = operation.do === "put" ? operation.value : null;
    const created = previous?.createRevision ?? at;
    statements.insert.run(at, events.length, operation.key, created, previous?.modRevision ?? 0, value === null ? 1 : 0, value);
    const entry = value === null ? undefined : { key: operation.key, value, modRevision: at, createRevision: created };
    events.push({ key: operation.key, revision: at, entry, previous });
  }
  if (events.length > 0) revision++;
  return { id, is: "committed", revision, events };
}

function answer(request: Exclude<SqliteRequest, { do: "commit" }>): SqliteReply {
  const { id } = request;
  switch (request.do) {
    case "get":
      return { id, is: "entry", entry: latest(request.key) };
    case "list": {
      const at = request.revision ?? revision;
      if (at > revision) return { id, is: "future", current: revision };
      if (at < compactRevision) return { id, is: "compacted", compactRevision };
      const bounds = [request.afterKey ?? "", request.prefix, prefixEnd(request.prefix), at, at] as const;
      const rows = statements.page.all(...bounds, request.limit ?? -1);
      const entries = rows.map((row) => wireEntry(row["key"], row["value"], row["rev"], row["created"]));
      const isFull = request.limit !== undefined && entries.length === request.limit;
      const remaining = isFull ? Number(statements.count.get(entries.at(-1)?.key ?? "", ...bounds.slice(1))?.["n"] ?? 0) : 0;
      return { id, is: "page", entries, revision: at, remaining };
    }
    case "after": {
      if (request.afterRevision < compactRevision) return { id, is: "compacted", compactRevision };
      const rows = statements.after.all(request.afterRevision, request.upTo, request.prefix, prefixEnd(request.prefix));
      return {
        id,
        is: "events",
        events: rows.map((row) => ({
          key: String(row["key"]),
          revision: Number(row["rev"]),
          entry: row["deleted"] === 0 ? wireEntry(row["key"], row["value"], row["rev"], row["created"]) : undefined,
          previous: row["prev_rev"] === null ? undefined : wireEntry(row["key"], row["prev_value"], row["prev_rev"], row["prev_created"]),
        })),
      };
    }
    case "compact":
      return compact(id, request.revision);
    case "close":
      database.close();
      return { id, is: "closed" };
  }
}

function compact(id: number, upTo: number): SqliteReply {
  if (upTo > revision) return { id, is: "future", current: revision };
  if (upTo > compactRevision) {
    database.exec("BEGIN IMMEDIATE");
    try {
      // A version goes when a newer one of its key is old enough too; a deletion goes itself when it is old enough.
      database.prepare("DELETE FROM changes WHERE rev < ? AND EXISTS (SELECT 1 FROM changes AS newer WHERE newer.key = changes.key AND newer.rev > changes.rev AND newer.rev <= ?)").run(upTo, upTo);
      database.prepare("DELETE FROM changes WHERE rev <= ? AND deleted = 1").run(upTo);
      statements.setMeta.run("compact", upTo);
      database.exec("COMMIT");
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
    compactRevision = upTo;
    database.exec("PRAGMA incremental_vacuum(1000); PRAGMA wal_checkpoint(PASSIVE)");
  }
  return { id, is: "compactDone", compactRevision };
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

/** The first key after all that begin with the prefix. */
function prefixEnd(prefix: string): string {
  return `${prefix}\u{10FFFF}`;
}

function reply(request: SqliteRequest, make: () => SqliteReply): void {
  try {
    send(make());
  } catch (error) {
    send({ id: request.id, is: "error", message: text(error), name: "unavailable" });
  }
}

function send(message: SqliteReply): void {
  port?.postMessage(message);
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
