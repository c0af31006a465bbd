import { createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { createGunzip, createGzip } from "node:zlib";
import type { StorageSnapshot } from "../storage/copy-storage.ts";
import { parseJson } from "../lib/json.ts";

/** A file of the data directory that a cluster cannot be without; `path` is relative to it. */
export interface SavedFile {
  readonly path: string;
  readonly mode: number;
  readonly content: Buffer;
}

export interface Backup extends StorageSnapshot {
  readonly cluster: string;
  /** RFC 3339. */
  readonly time: string;
  readonly files: readonly SavedFile[];
}

/** What a backup holds, without holding it. */
export interface BackupSummary extends Pick<Backup, "revision" | "cluster" | "time"> {
  readonly objects: number;
  readonly files: number;
  readonly sha256: string;
}

const FORMAT = "mainstay-backup/1";

type Line =
  | { readonly format: string; readonly cluster: string; readonly time: string; readonly revision: number; readonly entries: number; readonly files: number }
  | { readonly key: string; readonly value: string; readonly modRevision: number }
  | { readonly file: string; readonly mode: number; readonly content: string }
  | { readonly sha256: string };

/**
 * Writes a backup: gzipped JSON lines, a header first, the SHA-256 of all lines before it last. The file appears under its name only when
 * it is whole, and is readable by its owner alone: it holds the cluster's keys and Secrets.
 */
export async function writeBackupFile(file: string, backup: Backup): Promise<BackupSummary> {
  const { revision, cluster, time, entries, files } = backup;
  const temporary = `${file}.new`;
  const hash = createHash("sha256");
  const gzip = createGzip();
  const output = gzip.pipe(createWriteStream(temporary, { mode: 0o600, flush: true }));
  const failed = new Promise<never>((_, reject) => output.once("error", reject));
  failed.catch(() => {}); // raced below
  const write = async (line: Line) => {
    const text = `${JSON.stringify(line)}\n`;
    if (!("sha256" in line)) hash.update(text);
    if (!gzip.write(text)) await Promise.race([once(gzip, "drain"), failed]);
  };
  try {
    await write({ format: FORMAT, cluster, time, revision, entries: entries.length, files: files.length });
    for (const { key, value, modRevision } of entries) await write({ key, value: value.toString("base64"), modRevision });
    for (const { path, mode, content } of files) await write({ file: path, mode, content: content.toString("base64") });
    const sha256 = hash.digest("hex");
    await write({ sha256 });
    gzip.end();
    await Promise.race([once(output, "close"), failed]);
    await rename(temporary, file);
    return { revision, cluster, time, objects: entries.length, files: files.length, sha256 };
  } catch (error) {
    gzip.destroy();
    await rm(temporary, { force: true });
    throw new Error(`write the backup ${file}`, { cause: error });
  }
}

/** Reads and verifies a backup; throws, naming the file, when it is not one, not whole, or not as it was written. */
export async function readBackupFile(file: string): Promise<Backup> {
  const hash = createHash("sha256");
  const backup = { cluster: "", time: "", revision: 0, entries: [] as { key: string; value: Buffer; modRevision: number }[], files: [] as SavedFile[] };
  let header: { readonly entries: number; readonly files: number } | undefined;
  let sum: string | undefined;
  try {
    for await (const text of openLines(file)) {
      if (sum !== undefined) throw new Error("something follows its end");
      const line = parseJson(text) as Line; // told apart by what they hold; the checksum vouches for the rest
      if (header === undefined) {
        if (!("format" in line)) throw new Error("it is no backup of Mainstay");
        if (line.format !== FORMAT) throw new Error(`its format is ${line.format}; this version reads ${FORMAT}`);
        header = line;
        Object.assign(backup, { cluster: line.cluster, time: line.time, revision: line.revision });
      } else if ("key" in line) backup.entries.push({ key: line.key, value: Buffer.from(line.value, "base64"), modRevision: line.modRevision });
      else if ("file" in line) backup.files.push({ path: line.file, mode: line.mode, content: Buffer.from(line.content, "base64") });
      else if ("sha256" in line) sum = line.sha256;
      if (sum === undefined) hash.update(`${text}\n`);
    }
    verify(sum, hash, header, backup);
  } catch (error) {
    throw new Error(`read the backup ${file}`, { cause: isNoGzip(error) ? new Error("it is no backup of Mainstay") : error });
  }
  return backup;
}

/** zlib's words for a file of another kind. */
function isNoGzip(error: unknown): boolean {
  return error instanceof Error && error.message === "incorrect header check";
}

function verify(
  sum: string | undefined,
  hash: Hash,
  header: { readonly entries: number; readonly files: number } | undefined,
  backup: Pick<Backup, "entries" | "files">,
): void {
  if (header === undefined) throw new Error("it is empty");
  if (sum === undefined) throw new Error("its end is missing");
  if (sum !== hash.digest("hex")) throw new Error("its checksum does not match its content: it was damaged or changed");
  if (header.entries !== backup.entries.length || header.files !== backup.files.length) throw new Error("it holds less than its header says");
}

async function* openLines(file: string): AsyncGenerator<string> {
  const input = createReadStream(file);
  const gunzip = createGunzip();
  input.on("error", (error) => gunzip.destroy(error));
  const lines = createInterface({ input: input.pipe(gunzip), crlfDelay: Infinity });
  // readline does not pass on the failures of its input.
  const failed = new Promise<never>((_, reject) => gunzip.once("error", reject));
  failed.catch(() => {}); // raced below
  const iterator = lines[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([iterator.next(), failed]);
    if (next.done === true) break;
    yield next.value;
  }
  if (gunzip.errored !== null) throw gunzip.errored;
}
