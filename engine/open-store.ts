import { existsSync, renameSync } from "node:fs";
import type { ServerConfig } from "./options/config.ts";
import type { Clock } from "./lib/clock.ts";
import { familyOf } from "./lib/net/ip-address.ts";
import type { Logger } from "./lib/log.ts";
import { isLoopback } from "./lib/net/loopback.ts";
import { isQuorumMember } from "./quorum/member.ts";
import type { Quorum } from "./quorum/open-quorum.ts";
import { readSnapshot, writeSnapshot } from "./storage/copy-storage.ts";
import { openStorage, storeFile } from "./storage/open-storage.ts";
import { openSqliteStorage } from "./storage/sqlite-storage.ts";
import type { Storage } from "./storage/storage.ts";

/** Where a server keeps the cluster's state. */
export type StoreChoice = "sqlite" | "etcd" | "quorum";

export interface OpenStore {
  readonly choice: StoreChoice;
  readonly storage: Storage;
  /** This machine's member, when the servers share the store among themselves. */
  readonly quorum: Quorum | undefined;
}

/** What the options say; a machine that has a member of the quorum goes on with it when they say nothing. */
export function chooseStore(config: Pick<ServerConfig, "datastoreEndpoint" | "clusterInit" | "server">, serverDir: string): StoreChoice {
  if (config.datastoreEndpoint !== undefined) return "etcd";
  return config.clusterInit || config.server !== undefined || isQuorumMember(serverDir) ? "quorum" : "sqlite";
}

/** What a start says about it. */
export function describeStore(config: Pick<ServerConfig, "datastoreEndpoint" | "clusterInit" | "server">, choice: StoreChoice): string {
  if (choice === "quorum") return config.server === undefined ? "a member of etcd here" : `a member of etcd here, beside those of ${config.server}`;
  return choice === "etcd" ? (config.datastoreEndpoint ?? "") : "SQLite";
}

/**
 * Opens the store that the options choose, for a start that `isUp` ends. A founder takes along what an SQLite file here holds, revisions
 * and all, so that a single server can become several.
 */
export async function openStore(
  config: ServerConfig,
  place: { readonly serverDir: string; readonly nodeIp: string },
  { clock, logger, isUp }: { readonly clock: Clock; readonly logger: Logger; readonly isUp: Promise<void> },
  signal: AbortSignal,
): Promise<OpenStore> {
  const { serverDir } = place;
  const choice = chooseStore(config, serverDir);
  if (choice !== "quorum") {
    const { datastoreEndpoint: endpoint, datastoreCaFile: caFile, datastoreCertFile: certFile, datastoreKeyFile: keyFile } = config;
    return { choice, storage: await openStorage({ dataDir: serverDir, endpoint, caFile, certFile, keyFile }, { threadAfter: isUp }), quorum: undefined };
  }
  const { clusterName, clusterCidr, serviceCidr, clusterDomain, server, token = "" } = config;
  const { openQuorum } = await import("./quorum/open-quorum.ts");
  const quorum = await openQuorum(
    {
      serverDir,
      nodeName: config.nodeName,
      // A server that only its own machine reaches has no others.
      address: isLoopback(config.bindAddress) && familyOf(config.bindAddress) !== undefined ? config.bindAddress : place.nodeIp,
      clientPort: config.etcdClientPort,
      peerPort: config.etcdPeerPort,
      join: server === undefined ? undefined : { server, token },
      terms: { clusterName, clusterCidr, serviceCidr, clusterDomain },
      clock,
      logger,
    },
    signal,
  );
  if (quorum.isNew) await bringAlong(storeFile(serverDir), quorum.storage, logger);
  return { choice, storage: quorum.storage, quorum };
}

async function bringAlong(file: string, target: Storage, logger: Logger): Promise<void> {
  if (!existsSync(file)) return;
  const source = await openSqliteStorage(file);
  try {
    const snapshot = await readSnapshot(source);
    if (snapshot.entries.length > 0) await writeSnapshot(target, snapshot);
    logger.info("moved the cluster's state from SQLite to etcd", { objects: snapshot.entries.length, revision: snapshot.revision });
  } finally {
    await source.close();
  }
  for (const suffix of ["", "-wal", "-shm"]) if (existsSync(`${file}${suffix}`)) renameSync(`${file}${suffix}`, `${file}.moved${suffix}`);
}
