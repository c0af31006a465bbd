import path from "node:path";
import { openSqliteStorage } from "./sqlite-storage.ts";
import type { Storage } from "./storage.ts";

export interface StorageLocation {
  readonly dataDir: string;
  /** etcd URLs separated by commas; without it, SQLite in the data directory. */
  readonly endpoint: string | undefined;
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** Opens the store that the options ask for. Rejects with what is wrong: a file in use, endpoints that do not answer. */
export async function openStorage({ dataDir, endpoint }: StorageLocation): Promise<Storage> {
  if (endpoint === undefined) return openSqliteStorage(path.join(dataDir, "state.db"));
  throw new Error(`--datastore-endpoint ${endpoint}: this build has no etcd store`);
}
