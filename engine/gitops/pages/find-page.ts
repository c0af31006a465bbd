import type { GitObjects, GitStore, TreeEntry } from "../git/git-source.ts";
import { findEntry } from "../git/git-tree.ts";
import { isRefName } from "../git/ref-name.ts";
import { isStatusBranch } from "../git/status-branch.ts";

/** A path of a repository: the name of a branch, then a path in it. */
export interface PathInBranch {
  readonly branch: string;
  readonly commit: string;
  /** Within the branch. */
  readonly path: readonly string[];
}

/** What stands there; undefined for nothing. */
export type FoundPage =
  | (PathInBranch & { readonly is: "folder"; readonly entries: readonly TreeEntry[]; readonly readme?: FoundFile })
  | (PathInBranch & { readonly is: "file" } & FoundFile);

export interface FoundFile {
  /** Of the blob. */
  readonly id: string;
  readonly content: Buffer;
}

/** A branch's name has fewer parts than that. */
const BRANCH_PARTS_MAX = 32;
/** No file's name is longer. */
const PART_BYTES_MAX = 255;
const README = "README.md";

/** What one look at a repository needs of it. */
export type PageStore = Pick<GitStore, "objects" | "fetchRef" | "listRefs">;

/** Where the parts of a path lead; undefined where they name no branch. */
export async function findBranch(store: PageStore, parts: readonly string[]): Promise<PathInBranch | undefined> {
  // Git has no branch below the name of another: the first that is found is the one.
  for (let count = 1; count <= Math.min(parts.length, BRANCH_PARTS_MAX); count++) {
    const branchParts = parts.slice(0, count);
    if (!branchParts.every(isRefPart)) break;
    const branch = branchParts.join("/");
    const commit = await store.fetchRef(`refs/heads/${branch}`);
    if (commit !== undefined) return { branch, commit, path: parts.slice(count) };
  }
  return undefined;
}

/** Rejects with an OversizedObject for a file that is longer than any manifest may be. */
export async function readPage(objects: GitObjects, at: PathInBranch): Promise<FoundPage | undefined> {
  const entry = await findEntry(objects, (await objects.commit(at.commit)).tree, at.path);
  if (entry === undefined || entry.is === "submodule") return undefined;
  if (entry.is !== "directory") return { is: "file", ...at, ...(await fileOf(objects, entry)) };
  const entries = await objects.tree(entry.id);
  const readme = entries.find(({ name, is }) => name === README && is === "file");
  return { is: "folder", ...at, entries, ...(readme === undefined ? {} : { readme: await fileOf(objects, readme) }) };
}

async function fileOf(objects: GitObjects, { id }: TreeEntry): Promise<FoundFile> {
  return { id, content: await objects.blob(id) };
}

/** Those of the status first. */
export async function listBranches(store: PageStore): Promise<readonly string[]> {
  const names = [...(await store.listRefs("refs/heads/")).keys()].map((ref) => ref.slice("refs/heads/".length));
  return names.sort((a, b) => Number(isStatusBranch(b)) - Number(isStatusBranch(a)) || (a < b ? -1 : 1));
}

/** What Git allows between two slashes of a branch's name, for it becomes a part of a file's (git-check-ref-format). */
function isRefPart(part: string): boolean {
  return Buffer.byteLength(part) <= PART_BYTES_MAX && !part.includes("/") && isRefName(`heads/${part}`);
}
