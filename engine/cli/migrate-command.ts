import { mkdirSync } from "node:fs";
import path from "node:path";
import { UsageError } from "../options/config.ts";
import { lockDirectory } from "../lib/directory-lock.ts";
import { isQuorumMember } from "../quorum/member.ts";
import { readSnapshot, writeSnapshot } from "../storage/copy-storage.ts";
import { openStorage } from "../storage/open-storage.ts";
import type { Storage } from "../storage/storage.ts";
import type { StoreFlags } from "./backup-command.ts";

const SQLITE = "sqlite";

/** `mainstay migrate`: copies, and leaves the old store as it is, so that going back is starting with the old option. */
export async function runMigrateCommand(flags: StoreFlags): Promise<void> {
  const { from = "", to = "" } = flags;
  if (from === to) throw new UsageError(`--from and --to name the same store: ${from}`);
  const dataDir = path.resolve(flags["dataDir"] ?? "");
  if ([from, to].includes(SQLITE) && isQuorumMember(path.join(dataDir, "server")))
    throw new UsageError(`the state of ${dataDir} is in the quorum of its servers, not in SQLite: "mainstay backup" and "mainstay restore" move it`);
  const lock = lockDirectory(dataDir);
  const open = (store: string): Promise<Storage> => {
    const serverDir = path.join(dataDir, "server");
    mkdirSync(serverDir, { recursive: true, mode: 0o700 });
    return openStorage({
      dataDir: serverDir,
      endpoint: store === SQLITE ? undefined : store,
      caFile: flags["datastoreCafile"],
      certFile: flags["datastoreCertfile"],
      keyFile: flags["datastoreKeyfile"],
    });
  };
  let source: Storage | undefined;
  let target: Storage | undefined;
  try {
    source = await open(from);
    target = await open(to);
    const snapshot = await readSnapshot(source);
    if (snapshot.entries.length === 0) throw new Error(`there is nothing at ${from} to move`);
    process.stderr.write(`moving ${snapshot.entries.length} objects and ${snapshot.revision} revisions from ${from} to ${to}\n`);
    await writeSnapshot(target, snapshot);
    const start = to === SQLITE ? "without --datastore-endpoint" : `with --datastore-endpoint ${to}`;
    process.stdout.write(
      `moved ${snapshot.entries.length} objects at revision ${snapshot.revision}; start the server ${start}. What was at ${from} is still there.\n`,
    );
  } finally {
    await source?.close();
    await target?.close();
    lock.release();
  }
}
