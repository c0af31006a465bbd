import type { DatabaseSync } from "node:sqlite";
import { isIoError, openSqliteFile } from "./sqlite-file.ts";
import type { SqliteReply, SqliteRequest, WireChange, WireEntry, WireEvent } from "./sqlite-protocol.ts";

/** History is handed out in pieces of about this size, so that writers never wait long for a reader of the past. */
const EVENTS_PER_ANSWER = 1_000;
const BYTES_PER_ANSWER = 4 << 20;
/** Revisions swept, and pages given back, in one go while writers wait. */
const SWEEP_REVISIONS = 500;
const VACUUM_PAGES = 500;
/** Free pages will be needed again: the file shrinks only when more than this share of it is unused. */
const FREE_SHARE_MAX = 0.25;

type RequestTo<Do extends SqliteRequest["do"]> = Extract<SqliteRequest, { do: Do }>;

/** Answers requests from one SQLite file, in whichever thread it is made. */
export class SqliteExecutor {
  readonly #database: DatabaseSync;
  readonly #send: (replies: readonly SqliteReply[]) => void;
  readonly #statements: ReturnType<typeof prepareStatements>;
  #revision: number;
  #compactRevision: number;
  /** Up to here what was compacted has also been removed. */
  #sweptRevision: number;
  #isSweeping = false;
  #isClosed = false;
  #awaitingSweep: RequestTo<"compact">[] = [];

  /** Opens the file, and throws as `openSqliteFile` does. Replies come in any order, and some of them before `run` returns. */
  constructor(file: string, send: (replies: readonly SqliteReply[]) => void) {
    this.#database = openSqliteFile(file);
    this.#send = send;
    this.#statements = prepareStatements(this.#database);
    this.#revision = this.#readMeta("revision", 1);
    this.#compactRevision = this.#readMeta("compact", 0);
    this.#sweptRevision = this.#readMeta("swept", 0);
    // What an earlier process left undone.
    this.#isSweeping = this.#sweptRevision < this.#compactRevision;
    if (this.#isSweeping) setImmediate(() => this.#sweep());
  }

  get revision(): number {
    return this.#revision;
  }

  get compactRevision(): number {
    return this.#compactRevision;
  }

  /** The commits of a batch come first: each keeps its own conditions and its own revision, and all are acknowledged after the one fsync. */
  run(batch: readonly SqliteRequest[]): void {
    const writes = batch.filter((request) => request.do === "commit");
    if (writes.length > 0) this.#commitAll(writes);
    for (const request of batch) if (request.do !== "commit") this.#attempt(request.id, () => this.#answer(request));
  }

  /** Closes the file, for another thread to go on with it. Returns what that one has to answer. */
  handOver(): readonly SqliteRequest[] {
    this.#isClosed = true;
    this.#database.close();
    return this.#awaitingSweep;
  }

  #commitAll(requests: readonly RequestTo<"commit">[]): void {
    const before = this.#revision;
    let replies: readonly SqliteReply[];
    let isCommitting = false;
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      replies = requests.map((request) => this.#commitOne(request));
      if (this.#revision !== before) this.#statements.setMeta.run("revision", this.#revision);
      isCommitting = true;
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#revision = before;
      this.#rollBack();
      // After a failed sync nobody knows what is on the disk, and a later sync that succeeds does not say so either.
      const outcome = isCommitting && isIoError(error) ? "unknown" : "none";
      replies = requests.map(({ id }) => ({ id, is: "error", message: text(error), outcome }));
    }
    this.#send(replies);
  }

  #commitOne({ id, conditions, operations }: RequestTo<"commit">): SqliteReply {
    const failed = conditions.filter(({ key, modRevision }) => (this.#latest(key)?.modRevision ?? 0) !== modRevision);
    if (failed.length > 0) return { id, is: "failed", revision: this.#revision, found: failed.map(({ key }) => [key, this.#latest(key)]) };
    const changes: WireChange[] = [];
    const at = this.#revision + 1;
    for (const [index, operation] of operations.entries()) {
      const previous = this.#latest(operation.key);
      if (operation.do === "delete" && previous === undefined) continue;
      const createRevision = previous?.createRevision ?? at;
      const value = operation.do === "put" ? operation.value : null;
      this.#statements.insert.run(at, changes.length, operation.key, createRevision, previous?.modRevision ?? 0, value === null ? 1 : 0, value);
      changes.push({ index, createRevision, previous });
    }
    if (changes.length > 0) this.#revision = at;
    return { id, is: "committed", revision: this.#revision, changes };
  }

  /** Undefined: the answer comes later. */
  #answer(request: Exclude<SqliteRequest, { do: "commit" }>): SqliteReply | undefined {
    const { id } = request;
    switch (request.do) {
      case "get":
        return { id, is: "entry", entry: this.#latest(request.key) };
      case "list":
        return this.#list(request);
      case "after":
        return this.#changesAfter(request);
      case "compact":
        return this.#compact(request);
      case "close":
        this.#isClosed = true;
        this.#database.close();
        return { id, is: "closed" };
    }
  }

  #list({ id, prefix, limit, afterKey, revision: asked, withRemaining }: RequestTo<"list">): SqliteReply {
    const at = asked ?? this.#revision;
    if (at > this.#revision) return { id, is: "future", current: this.#revision };
    if (at < this.#compactRevision) return { id, is: "compacted", compactRevision: this.#compactRevision };
    const bounds = [prefix, prefixEnd(prefix), at, at] as const;
    const rows = this.#statements.page.all(afterKey ?? "", ...bounds, limit);
    const entries = rows.map((row) => wireEntry(row["key"], row["value"], row["rev"], row["created"]));
    const isFull = entries.length === limit;
    const remaining = isFull && withRemaining ? Number(this.#statements.count.get(entries.at(-1)?.key ?? "", ...bounds)?.["n"] ?? 0) : isFull ? 1 : 0;
    return { id, is: "page", entries, revision: at, remaining };
  }

  #changesAfter({ id, prefix, afterRevision, upTo }: RequestTo<"after">): SqliteReply {
    if (afterRevision < this.#compactRevision) return { id, is: "compacted", compactRevision: this.#compactRevision };
    const events: WireEvent[] = [];
    let bytes = 0;
    for (const row of this.#statements.after.iterate(afterRevision, upTo, prefix, prefixEnd(prefix))) {
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

  #compact(request: RequestTo<"compact">): SqliteReply | undefined {
    const { id, revision: upTo } = request;
    if (upTo > this.#revision) return { id, is: "future", current: this.#revision };
    if (upTo > this.#compactRevision) {
      this.#statements.setMeta.run("compact", upTo);
      this.#compactRevision = upTo;
    }
    this.#awaitingSweep.push(request);
    if (!this.#isSweeping) setImmediate(() => this.#sweep());
    this.#isSweeping = true;
    return undefined;
  }

  /** Removes what was compacted piece by piece, letting writers in between: it costs what has changed, not what there is. */
  #sweep(): void {
    if (this.#isClosed) return;
    try {
      if (this.#sweptRevision < this.#compactRevision) {
        const upTo = Math.min(this.#compactRevision, this.#sweptRevision + SWEEP_REVISIONS);
        this.#database.exec("BEGIN IMMEDIATE");
        this.#statements.sweepReplaced.run(this.#sweptRevision, upTo);
        this.#statements.sweepDeletions.run(this.#sweptRevision, upTo);
        this.#statements.setMeta.run("swept", upTo);
        this.#database.exec("COMMIT");
        this.#sweptRevision = upTo;
        return void setImmediate(() => this.#sweep());
      }
      if (this.#pragma("freelist_count") > Math.max(VACUUM_PAGES, this.#pragma("page_count") * FREE_SHARE_MAX)) {
        this.#database.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
        return void setImmediate(() => this.#sweep());
      }
      this.#finishSweep(({ id }) => ({ id, is: "compactDone", compactRevision: this.#compactRevision }));
    } catch (error) {
      this.#rollBack();
      this.#finishSweep(({ id }) => ({ id, is: "error", message: text(error), outcome: "none" }));
    }
  }

  #finishSweep(reply: (request: RequestTo<"compact">) => SqliteReply): void {
    this.#isSweeping = false;
    this.#send(this.#awaitingSweep.splice(0).map(reply));
  }

  #latest(key: string): WireEntry | undefined {
    const row = this.#statements.latest.get(key);
    return row === undefined || row["deleted"] === 1 ? undefined : wireEntry(key, row["value"], row["rev"], row["created"]);
  }

  #readMeta(name: string, fallback: number): number {
    const row = this.#database.prepare("SELECT value FROM meta WHERE name = ?").get(name);
    return row === undefined ? fallback : Number(row["value"]);
  }

  #pragma(name: "freelist_count" | "page_count"): number {
    return Number(this.#database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
  }

  #rollBack(): void {
    // SQLite may have rolled back by itself, on a full disk for one.
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
  }

  #attempt(id: number, make: () => SqliteReply | undefined): void {
    try {
      const reply = make();
      if (reply !== undefined) this.#send([reply]);
    } catch (error) {
      this.#send([{ id, is: "error", message: text(error), outcome: "none" }]);
    }
  }
}

function prepareStatements(database: DatabaseSync) {
  return {
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
  };
}

function wireEntry(key: unknown, value: unknown, rev: unknown, created: unknown): WireEntry {
  return { key: String(key), value: value as Uint8Array, modRevision: Number(rev), createRevision: Number(created) }; // blobs come as Uint8Array
}

/** The first key after all that begin with the prefix. */
function prefixEnd(prefix: string): string {
  return `${prefix}\u{10FFFF}`;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
