import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { openEtcdStorage } from "../../engine/storage/etcd-storage.ts";
import { openSqliteStorage } from "../../engine/storage/sqlite-storage.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import type { EtcdCluster } from "../kit/etcd.ts";
import { rate, toRow, type Row, type Scale } from "./measure.ts";

/** Durable writes per second, 64 at once, straight into the store: the floor of everything that is stored. */
export interface StoreFloor {
  readonly rows: readonly Row[];
  readonly writesPerSecond: number;
}

export async function benchSqlite(scale: Scale): Promise<StoreFloor> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "bench-"));
  const storage = await openSqliteStorage(path.join(folder, "state.db"));
  try {
    return await benchStorage(storage, "SQLite", scale);
  } finally {
    await storage.close();
    rmSync(folder, { recursive: true });
  }
}

export async function benchEtcd(etcd: EtcdCluster, scale: Scale): Promise<StoreFloor> {
  const storage = await openEtcdStorage(etcd.endpoints);
  try {
    return await benchStorage(storage, `etcd, ${etcd.members.length} members`, scale);
  } finally {
    await storage.close();
  }
}

async function benchStorage(storage: Storage, name: string, { writes }: Scale): Promise<StoreFloor> {
  const put = (tag: string, index: number) => storage.commit([], [{ do: "put", key: `/registry/bench/${tag}-${index}`, value: Buffer.alloc(500, 97) }]);
  const one = await rate(Math.ceil(writes / 10), 1, (index) => put("one", index));
  const many = await rate(writes, 64, (index) => put("many", index));
  return { rows: [toRow({ what: `durable writes to ${name}, 64 at once`, value: many, unit: "/s", floor: one, peer: "one by one" })], writesPerSecond: many };
}
