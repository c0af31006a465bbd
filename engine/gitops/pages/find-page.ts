import type { GitObjects, GitStore, TreeEntry } from "../git/git-source.ts";
import { findEntry } from "../git/git-tree.ts";
import { isStatusBranch } from "../git/status-branch.ts";

/** What stands at a path of a repository: the name of a branch, then a path in it. */
export type FoundPage =
  | { readonly is: "nothing" }
  /** The path names no branch, or less than one. */
  | { readonly is: "branches"; readonly branches: readonly string[] }
  | (InBranch & { readonly is: "folder"; readonly entries: readonly TreeEntry[]; readonly readme?: FoundFile })
  | (InBranch & { readonly is: "file" } & FoundFile);

export interface FoundFile {
  /** Of the blob. */
  readonly id: string;
  readonly content: Buffer;
}

interface InBranch {
  readonly branch: string;
  readonly commit: string;
  /** Within the branch. */
  readonly path: readonly string[];
}

/** A branch's name has fewer parts than that. */
const BRANCH_PARTS_MAX = 10;
/** No file's name is longer. */
const PART_BYTES_MAX = 255;
const README = "README.md";

/** What one look at a repository needs of it. */
export type PageStore = Pick<GitStore, "objects" | "fetchRef" | "listRefs">;

/** Looks up the parts of a path. Rejects with an OversizedObject for a file that is longer than any manifest may be. */
export async function findPage(store: PageStore, parts: readonly string[]): Promise<FoundPage> {
  if (parts.length === 0) return { is: "branches", branches: await branchesOf(store) };
  // Git has no branch below the name of another: the first that is found is the one.
  for (let count = 1; count <= Math.min(parts.length, BRANCH_PARTS_MAX); count++) {
    const branchParts = parts.slice(0, count);
    if (!branchParts.every(isRefPart)) break;
    const branch = branchParts.join("/");
    const commit = await store.fetchRef(`refs/heads/${branch}`);
    if (commit === undefined) continue;
    return pageAt(store.objects, { branch, commit, path: parts.slice(count) }, (await store.objects.commit(commit)).tree);
  }
  return { is: "nothing" };
}

async function pageAt(objects: GitObjects, at: InBranch, tree: string): Promise<FoundPage> {
  const entry = await findEntry(objects, tree, at.path);
  if (entry === undefined || entry.is === "submodule") return { is: "nothing" };
  if (entry.is !== "directory") return { is: "file", ...at, ...(await fileOf(objects, entry)) };
  const entries = await objects.tree(entry.id);
  const readme = entries.find(({ name, is }) => name === README && is === "file");
  return { is: "folder", ...at, entries, ...(readme === undefined ? {} : { readme: await fileOf(objects, readme) }) };
}

async function fileOf(objects: GitObjects, { id }: TreeEntry): Promise<FoundFile> {
  return { id, content: await objects.blob(id) };
}

/** Those of the status first. */
async function branchesOf(store: PageStore): Promise<readonly string[]> {
  const names = [...(await store.listRefs("refs/heads/")).keys()].map((ref) => ref.slice("refs/heads/".length));
  return names.sort((a, b) => Number(isStatusBranch(b)) - Number(isStatusBranch(a)) || (a < b ? -1 : 1));
}

/** What Git allows between two slashes of a branch's name, for it becomes a part of a file's (git-check-ref-format). */
function isRefPart(part: string): boolean {
  return Buffer.byteLength(part) <= PART_BYTES_MAX && !/^\.|\.\.|[\x00-\x20~^:?*[\\/\x7f]|@\{|\.lock$|\.$/.test(part) && part !== "";
}
