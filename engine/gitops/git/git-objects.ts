import { promises as fs } from "node:fs";
import path from "node:path";
import git from "isomorphic-git";
import type { CommitInfo, GitObjects, TreeEntry } from "./git-source.ts";
import { verifySignature } from "./verify-signature.ts";
import { inheritedEnvironment, lastLines, runGit } from "./native-git.ts";

/**
 * More blobs than this are read by one `git cat-file --batch`: it took 0.22 s for 2,000 files, where reading them one by one
 * took 1.4 s; below it, starting a process costs more than it saves.
 */
const BATCH_MIN = 48;

/** Directories that hold objects besides the repository's own: a push's quarantine. */
export interface ObjectOverlay {
  readonly objectDir: string;
  readonly alternates: readonly string[];
}

/** Objects of a bare repository, read by id. With an overlay, those of a push that Git has not accepted yet are seen too. */
export function openGitObjects(gitDir: string, overlay?: ObjectOverlay): GitObjects & { forgetPacks(): void } {
  const fsClient = { promises: overlay === undefined ? fs : overlayFileSystem(path.join(gitDir, "objects"), overlay.objectDir) };
  // Packs that were read, with their indexes: those that a repack has replaced stay in memory until they are forgotten.
  let at = { fs: fsClient, gitdir: gitDir, cache: {} };
  const environment = overlay === undefined ? {} : overlayEnvironment(overlay);
  return {
    async commit(id) {
      const { commit } = await git.readCommit({ ...at, oid: id });
      return toCommitInfo(id, commit);
    },
    async tree(id) {
      const { tree } = await git.readTree({ ...at, oid: id });
      return tree.map((entry): TreeEntry => ({ name: entry.path, id: entry.oid, is: entryKind(entry.mode) }));
    },
    async blob(id) {
      const { blob } = await git.readBlob({ ...at, oid: id });
      return Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
    },
    async blobs(ids) {
      if (ids.length >= BATCH_MIN) return readBatch(gitDir, environment, ids);
      const found: Buffer[] = [];
      for (const id of ids) found.push(await this.blob(id));
      return found;
    },
    forgetPacks() {
      at = { ...at, cache: {} };
    },
    verifySignature: (id, signers) => verifySignature(gitDir, id, signers, environment),
  };
}

/** The variables by which native Git sees the same objects. */
export function overlayEnvironment(overlay: ObjectOverlay): Record<string, string> {
  return { GIT_OBJECT_DIRECTORY: overlay.objectDir, GIT_ALTERNATE_OBJECT_DIRECTORIES: overlay.alternates.join(":") };
}

function toCommitInfo(
  id: string,
  commit: { tree: string; parent: string[]; message: string; author: { name: string; email: string; timestamp: number } },
): CommitInfo {
  return {
    id,
    tree: commit.tree,
    parents: commit.parent,
    message: commit.message,
    author: commit.author.name,
    email: commit.author.email,
    time: commit.author.timestamp * 1000,
  };
}

function entryKind(mode: string): TreeEntry["is"] {
  if (mode === "040000" || mode === "40000") return "directory";
  if (mode === "120000") return "symlink";
  return mode === "160000" ? "submodule" : "file";
}

async function readBatch(gitDir: string, environment: Record<string, string>, ids: readonly string[]): Promise<Buffer[]> {
  const output = await runGit({
    gitDir,
    args: ["cat-file", "--batch", "--buffer"],
    environment: { ...inheritedEnvironment(), ...environment },
    input: `${ids.join("\n")}\n`,
  });
  if (output.code !== 0) throw new Error("read objects with git cat-file", { cause: new Error(lastLines(output.stderr)) });
  const found: Buffer[] = [];
  let offset = 0;
  for (const id of ids) {
    const end = output.stdout.indexOf(0x0a, offset);
    const [, type, size] = output.stdout.toString("latin1", offset, end).split(" ");
    if (type !== "blob") throw new Error(`object ${id} is ${type === undefined ? "missing" : `a ${type}, not a file`}`);
    const length = Number(size);
    // A copy: a slice would keep the whole batch in memory for as long as one file is kept.
    found.push(Buffer.from(output.stdout.subarray(end + 1, end + 1 + length)));
    offset = end + 1 + length + 1;
  }
  return found;
}

/** The repository's files, where a path below `objects` is looked for in the quarantine first, and packs are those of both. */
function overlayFileSystem(objects: string, quarantine: string): typeof fs {
  const moved = (file: string) => path.join(quarantine, path.relative(objects, file));
  const isObject = (file: unknown): file is string => typeof file === "string" && path.resolve(file).startsWith(`${path.resolve(objects)}${path.sep}`);
  const first =
    <A extends unknown[], R>(call: (file: string, ...rest: A) => Promise<R>) =>
    async (file: string, ...rest: A): Promise<R> => {
      if (!isObject(file)) return call(file, ...rest);
      try {
        return await call(moved(file), ...rest);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        return call(file, ...rest);
      }
    };
  const readdir = async (directory: string): Promise<string[]> => {
    if (!isObject(directory)) return fs.readdir(directory);
    const lists = await Promise.all([directory, moved(directory)].map((place) => fs.readdir(place).catch(() => [] as string[])));
    return [...new Set(lists.flat())];
  };
  // isomorphic-git calls these functions by name and with these arguments only; nothing is ever written through an overlay.
  return {
    ...fs,
    readFile: first(fs.readFile as (file: string, options?: object) => Promise<Buffer>),
    stat: first(fs.stat as (file: string) => Promise<never>),
    lstat: first(fs.lstat as (file: string) => Promise<never>),
    readdir,
  } as unknown as typeof fs;
}
