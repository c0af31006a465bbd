import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { ensureHostedRepository } from "../gitops/git/hosted-repository.ts";
import { gitText } from "../gitops/git/native-git.ts";
import type { SavedFile } from "./backup-file.ts";

const PKI = "server/pki";
const REPOSITORY = "git/cluster.git";
/** Git's own form of a repository in one file. */
const BUNDLE = "git/cluster.bundle";

/** What of a data directory cannot be made again: the cluster's keys, and the repository it hosts with all its branches. */
export async function readClusterFiles(dataDir: string): Promise<readonly SavedFile[]> {
  const files: SavedFile[] = [];
  const pki = path.join(dataDir, PKI);
  for (const name of existsSync(pki) ? (await readdir(pki)).sort() : []) {
    const full = path.join(pki, name);
    const info = await stat(full);
    if (info.isFile() && !name.endsWith(".new")) files.push({ path: `${PKI}/${name}`, mode: info.mode & 0o777, content: await readFile(full) });
  }
  const bundle = await bundleRepository(path.join(dataDir, REPOSITORY));
  if (bundle !== undefined) files.push({ path: BUNDLE, mode: 0o600, content: bundle });
  return files;
}

/** Puts saved files into a data directory, which must not have them yet. */
export async function writeClusterFiles(dataDir: string, files: readonly SavedFile[]): Promise<void> {
  for (const { path: name, mode, content } of files) {
    if (name === BUNDLE) await restoreRepository(path.join(dataDir, REPOSITORY), content);
    else {
      const full = path.join(dataDir, name);
      if (path.relative(dataDir, full).startsWith("..")) throw new Error(`the backup names a file outside of the data directory: ${name}`);
      await mkdir(path.dirname(full), { recursive: true, mode: 0o700 });
      await writeFile(full, content, { mode, flag: "wx" });
    }
  }
}

async function bundleRepository(gitDir: string): Promise<Buffer | undefined> {
  if (!existsSync(gitDir)) return undefined;
  // An empty repository cannot be bundled, and needs not be.
  if ((await gitText({ gitDir, args: ["for-each-ref", "--count=1"] })).trim() === "") return undefined;
  return inTemporaryFile(async (file) => {
    await gitText({ gitDir, args: ["bundle", "create", "-q", file, "--all"] });
    return readFile(file);
  });
}

async function restoreRepository(gitDir: string, bundle: Buffer): Promise<void> {
  await mkdir(path.dirname(gitDir), { recursive: true, mode: 0o700 });
  await ensureHostedRepository(gitDir, "main");
  await inTemporaryFile(async (file) => {
    await writeFile(file, bundle);
    await gitText({ gitDir, args: ["fetch", "-q", file, "+refs/*:refs/*"] });
  });
}

async function inTemporaryFile<T>(use: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(os.tmpdir(), "mainstay-bundle-"));
  try {
    return await use(path.join(folder, "repository.bundle"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
