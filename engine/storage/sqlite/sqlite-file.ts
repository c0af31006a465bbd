import { readFileSync, statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { nodeJs } from "../../lib/late-modules.ts";

const FORMAT = 1;
/** Where SQLite's locks lie in a file (https://www.sqlite.org/fileformat2.html, "The Lock-Byte Page"). */
const LOCK_BYTES_START = 0x40000000;
/** A checkpoint begins when the log has so many pages, and its file is cut to so many bytes after each. */
const CHECKPOINT_PAGES = 4_000;
const LOG_BYTES_KEPT = 32 << 20;

/** Pages that SQLite keeps beside the system, which keeps them anyway: enough for the upper levels of its trees and what was written last. */
const CACHE_KIB = 4_096;

/** Primary result codes (https://www.sqlite.org/rescode.html). */
const SqliteCode = { busy: 5, ioError: 10, corrupt: 11, cannotOpen: 14, notADatabase: 26 } as const;

/**
 * Opens the file for this process alone, creating it where there is none. Throws an Error that says what is wrong with it:
 * in use and by whom, damaged, of another program, or of a newer Mainstay. A file that is refused is left as it is.
 */
export function openSqliteFile(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new nodeJs.sqlite.DatabaseSync(path);
    // EXCLUSIVE: the first read takes the lock, and it is held as long as this process lives.
    database.exec("PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE");
    const isNew = checkFormat(database, path);
    // Must come before the file has its first page, or it does nothing.
    if (isNew) database.exec("PRAGMA auto_vacuum = INCREMENTAL");
    // WAL with FULL syncs the log before each commit returns.
    database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -${CACHE_KIB}; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA journal_size_limit = ${LOG_BYTES_KEPT}`,
    );
    // As one transaction, so that a file has all of it or nothing. `previous` is the revision of the version that this one replaced, 0 if it replaced none.
    if (isNew) {
      database.exec(`
        BEGIN IMMEDIATE;
        CREATE TABLE changes (rev INTEGER NOT NULL, seq INTEGER NOT NULL, key TEXT NOT NULL, created INTEGER NOT NULL, previous INTEGER NOT NULL, deleted INTEGER NOT NULL, value BLOB, PRIMARY KEY (rev, seq)) WITHOUT ROWID;
        CREATE UNIQUE INDEX changes_by_key ON changes (key, rev);
        CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        PRAGMA user_version = ${FORMAT};
        COMMIT;`);
    }
    return database;
  } catch (error) {
    database?.close();
    throw explain(error, path);
  }
}

/** SQLite says "input/output error" when the machine could not read or write: what was told to it may be lost. */
export function isIoError(error: unknown): boolean {
  return primaryCode(error) === SqliteCode.ioError;
}

/** Whether the file is still to be filled. */
function checkFormat(database: DatabaseSync, path: string): boolean {
  const found = Number(database.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
  if (found > FORMAT) throw new Error(`${path} was written by a newer Mainstay (format ${found}, this one reads ${FORMAT}); start that one again`);
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .all()
    .map((row) => row["name"]);
  if (tables.length > 0 && !tables.includes("changes")) throw new Error(`${path} is the database of another program; choose another --data-dir`);
  return tables.length === 0;
}

/** Words for the user, with SQLite's own among them: no cause is needed beside them. */
function explain(error: unknown, path: string): Error {
  const why = error instanceof Error ? error.message : String(error);
  switch (primaryCode(error)) {
    case SqliteCode.busy: {
      const holder = lockHolder(path);
      const by = holder === undefined ? "another process" : holder === process.pid ? "this process itself" : `process ${holder}`;
      return new Error(`${path} is in use by ${by}; stop it, or choose another --data-dir`);
    }
    case SqliteCode.corrupt:
    case SqliteCode.notADatabase:
      return new Error(`${path} is damaged (${why}); put a backup in its place, or move it away to begin with an empty cluster`);
    case SqliteCode.cannotOpen:
      return new Error(`open the store ${path}: ${why}; the folder must exist and be writable`);
    case undefined:
      return error instanceof Error ? error : new Error(why);
    default:
      return new Error(`open the store ${path}: ${why}`);
  }
}

/** The low byte of SQLite's extended result code; undefined for errors that are not SQLite's. */
function primaryCode(error: unknown): number | undefined {
  const code = error instanceof Error ? (error as { errcode?: unknown }).errcode : undefined;
  return typeof code === "number" ? code & 0xff : undefined;
}

/** Who holds SQLite's lock on the file, as the kernel tells; undefined where it does not. */
function lockHolder(path: string): number | undefined {
  try {
    const inode = String(statSync(path).ino);
    for (const line of readFileSync("/proc/locks", "utf8").split("\n")) {
      // `1: POSIX  ADVISORY  WRITE 1234 fe:01:5678 1073741826 1073742335`: process, device and inode, first and last byte.
      const [, , , , pid, file, first] = line.trim().split(/\s+/);
      if (file?.split(":").at(-1) === inode && Number(first) >= LOCK_BYTES_START && Number(pid) > 0) return Number(pid);
    }
  } catch {
    // Not Linux, or not allowed to look: the message does without.
  }
  return undefined;
}
