import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { ensureHostedRepository } from "../gitops/git/hosted-repository.ts";
import { gitText } from "../gitops/git/native-git.ts";
import type { SavedFile } from "./backup-file.ts";

const PKI = "server/pki";
/** Hosted repositories are `<name>.git` there. */
const REPOSITORIES = "git";
/** The mirror of a followed remote can be fetched again. */
const MIRROR = "remote";
/** Git's own form of a repository in one file. */
const BUNDLE = /^git\/([A-Za-z0-9][A-Za-z0-9-]*)\.bundle$/;

/** What of a data directory cannot be made again: the cluster's keys, and the repositories it hosts with all their branches. */
export async function readClusterFiles(dataDir: string): Promise<readonly SavedFile[]> {
  const files: SavedFile[] = [];
  const pki = path.join(dataDir, PKI);
  for (const name of existsSync(pki) ? (await readdir(pki)).sort() : []) {
    const full = path.join(pki, name);
    const info = await stat(full);
    if (info.isFile() && !name.endsWith(".new")) files.push({ path: `${PKI}/${name}`, mode: info.mode & 0o777, content: await readFile(full) });
  }
  for (const name of await hostedRepositories(dataDir)) {
    const bundle = await bundleRepository(path.join(dataDir, REPOSITORIES, `${name}.git`));
    if (bundle !== undefined) files.push({ path: `${REPOSITORIES}/${name}.bundle`, mode: 0o600, content: bundle });
  }
  return files;
}

/** Puts saved files into a data directory, which must not have them yet. */
export async function writeClusterFiles(dataDir: string, files: readonly SavedFile[]): Promise<void> {
  for (const { path: name, mode, content } of files) {
    const repository = BUNDLE.exec(name)?.[1];
    if (repository !== undefined) await restoreRepository(path.join(dataDir, REPOSITORIES, `${repository}.git`), content);
    else {
      const full = path.join(dataDir, name);
      if (path.relative(dataDir, full).startsWith("..")) throw new Error(`the backup names a file outside of the data directory: ${name}`);
      await mkdir(path.dirname(full), { recursive: true, mode: 0o700 });
      await writeFile(full, content, { mode, flag: "wx" });
    }
  }
}

/** The names of the repositories that are hosted in a data directory, also of those that no source names any more. */
export async function hostedRepositories(dataDir: string): Promise<readonly string[]> {
  const folder = path.join(dataDir, REPOSITORIES);
  const names = existsSync(folder) ? await readdir(folder) : [];
  return names
    .filter((name) => name.endsWith(".git") && existsSync(path.join(folder, name, "HEAD")))
    .map((name) => path.basename(name, ".git"))
    .filter((name) => name !== MIRROR)
    .sort();
}

async function bundleRepository(gitDir: string): Promise<Buffer | undefined> {
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
