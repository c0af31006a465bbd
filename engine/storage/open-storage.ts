import { readFile } from "node:fs/promises";
import path from "node:path";
import type { EtcdTls } from "./etcd-storage.ts";
import { openSqliteStorage, type SqliteOptions } from "./sqlite-storage.ts";
import type { Storage } from "./storage.ts";

export interface StorageLocation {
  readonly dataDir: string;
  /** etcd URLs separated by commas; without it, SQLite in the data directory. */
  readonly endpoint: string | undefined;
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** The SQLite file of a data directory. */
export function storeFile(dataDir: string): string {
  return path.join(dataDir, "state.db");
}

/** Opens the store that the options ask for. Rejects with what is wrong: a file in use, endpoints that do not answer. */
export async function openStorage({ dataDir, endpoint, caFile, certFile, keyFile }: StorageLocation, embedded: SqliteOptions = {}): Promise<Storage> {
  if (endpoint === undefined) return openSqliteStorage(storeFile(dataDir), embedded);
  const endpoints = endpoint
    .split(",")
    .map((url) => url.trim())
    .filter((url) => url !== "");
  const { openEtcdStorage } = await import("./etcd-storage.ts"); // which takes protobuf along
  return openEtcdStorage(endpoints, await readTls(caFile, certFile, keyFile));
}

/** All three files or none: etcd that asks for certificates knows its clients by theirs. */
async function readTls(caFile: string | undefined, certFile: string | undefined, keyFile: string | undefined): Promise<EtcdTls | undefined> {
  if (caFile === undefined && certFile === undefined && keyFile === undefined) return undefined;
  if (caFile === undefined || certFile === undefined || keyFile === undefined) {
    throw new Error("TLS to the store needs all of --datastore-cafile, --datastore-certfile and --datastore-keyfile");
  }
  const [ca, certificate, key] = await Promise.all([caFile, certFile, keyFile].map((file) => readFile(file, "utf8")));
  return { ca: ca ?? "", certificate: certificate ?? "", key: key ?? "" };
}
