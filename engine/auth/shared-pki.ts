import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "../lib/clock.ts";
import type { Storage } from "../storage/storage.ts";
import { ClusterPki, writePrivate } from "./cluster-pki.ts";

/** Beside the objects of the API, so that no client can read it through one. */
const SECRETS_KEY = "/mainstay/secrets";
/** What all servers of a cluster must agree on; every other certificate is a server's own. */
const SHARED_FILES = ["ca.key", "ca.crt", "service-account.key", "join-token", "server-secret"] as const;

/**
 * Opens the keys of a cluster whose servers share a store: the first server makes them and puts them there, the others take them from
 * there. Whoever can read the store can therefore act as the cluster's authority: it wants TLS, and clients it knows.
 * Throws when the directory holds the keys of another cluster.
 */
export async function openSharedPki(storage: Storage, directory: string, clock: Clock): Promise<ClusterPki> {
  for (;;) {
    const found = await storage.get(SECRETS_KEY);
    if (found !== undefined) {
      await adopt(JSON.parse(found.value.toString("utf8")) as Readonly<Record<string, string>>, directory); // written below, by one of us
      return ClusterPki.open(directory, clock);
    }
    const pki = await ClusterPki.open(directory, clock);
    await Promise.all([pki.tokenKey(), pki.joinToken(), pki.serverSecret()]);
    const entries = await Promise.all(SHARED_FILES.map(async (file) => [file, await readFile(path.join(directory, file), "utf8")]));
    const result = await storage.commit(
      [{ key: SECRETS_KEY, modRevision: 0 }],
      [{ do: "put", key: SECRETS_KEY, value: Buffer.from(JSON.stringify(Object.fromEntries(entries))) }],
    );
    if (result.is === "committed") return pki;
    // Another server that started at the same time was first. Ours were used by nobody yet.
    await adopt(JSON.parse((await storage.get(SECRETS_KEY))?.value.toString("utf8") ?? "{}") as Readonly<Record<string, string>>, directory, true);
  }
}

async function adopt(secrets: Readonly<Record<string, string>>, directory: string, replace = false): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const file of SHARED_FILES) {
    const full = path.join(directory, file);
    const wanted = secrets[file];
    if (wanted === undefined) throw new Error(`the store's ${SECRETS_KEY} holds no ${file}; it was written by something else`);
    const known = await readFile(full, "utf8").catch(() => undefined);
    if (known === wanted) continue;
    if (known !== undefined && !replace)
      throw new Error(
        `${directory} holds the keys of another cluster than the store; start with an empty --data-dir, or name the store this directory belongs to`,
      );
    await writePrivate(full, wanted);
  }
}
