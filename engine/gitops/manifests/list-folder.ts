import { hasControls, quoteControls } from "../../lib/without-controls.ts";
import type { TreeEntry } from "../git/git-source.ts";
import type { IgnoreRule } from "./ignore-patterns.ts";
import { KUSTOMIZATION_FILES } from "../kustomize/kustomization.ts";
import type { Problem } from "./problem.ts";
import { CONFIG_FILE } from "./repository-config.ts";
import { isSafeName } from "./tree-walk.ts";

/** Folders below folders; deeper ones are an accident or an attack. */
export const DEPTH_MAX = 32;

/** Files that other deployers, or the programs around them, make manifests of. */
const UNRENDERED = /\.(jsonnet|cue|ya?ml\.(tpl|gotmpl|j2|erb))$/i;

const UNTELLABLE = "the name has line ends or other control characters, and could not be shown in a line; rename it with git mv, or list it in .mainstayignore";

export interface FileRef {
  readonly path: string;
  readonly blob: string;
}

/** What a unit's folder holds, before anything is read. */
export interface FolderListing {
  readonly files: FileRef[];
  /** Folders with a kustomization; what else lies in them is theirs to name. */
  readonly kustomizations: string[];
  /** Folders that are Helm charts. */
  readonly charts: string[];
  readonly problems: Problem[];
  readonly notices: string[];
}

export interface ListRequest {
  readonly tree: (id: string) => Promise<readonly TreeEntry[]>;
  readonly isIgnored: IgnoreRule;
  /** Folder of the repository that is used, with a trailing slash unless it is the root. */
  readonly prefix: string;
}

/** Lists everything of a folder that could be deployed. Paths in the result count from the repository's root. */
export async function listFolder(request: ListRequest, tree: string, path: string): Promise<FolderListing> {
  const listing: FolderListing = { files: [], kustomizations: [], charts: [], problems: [], notices: [] };
  await walk(request, tree, path, 0, listing);
  return listing;
}

async function walk(request: ListRequest, tree: string, path: string, depth: number, out: FolderListing): Promise<void> {
  const { prefix, isIgnored } = request;
  const full = (name: string) => `${prefix}${path === "" ? name : `${path}/${name}`}`;
  const here = `${prefix}${path}`.replace(/\/$/, "");
  if (depth > DEPTH_MAX) return void out.problems.push({ file: here, line: 1, message: `lies deeper than ${DEPTH_MAX} folders` });
  if (hasControls(path)) return void out.problems.push({ file: here, line: 1, message: UNTELLABLE });
  const entries = await request.tree(tree);
  if (entries.some((entry) => entry.name === "Chart.yaml" && entry.is === "file")) return void out.charts.push(here);
  const isKustomized = entries.some(
    (entry) => KUSTOMIZATION_FILES.includes(entry.name) && entry.is === "file" && !isIgnored(path === "" ? entry.name : `${path}/${entry.name}`, false),
  );
  if (isKustomized) out.kustomizations.push(here);
  for (const entry of entries) {
    const child = path === "" ? entry.name : `${path}/${entry.name}`;
    const problem = (message: string) => void out.problems.push({ file: full(entry.name), line: 1, message });
    if (!isSafeName(entry.name)) problem("the tree holds a name that leaves its folder; the commit was made by a broken or hostile program");
    else if (entry.name.startsWith(".") || (path === "" && entry.name === CONFIG_FILE) || isIgnored(child, entry.is === "directory")) continue;
    else if (entry.is === "directory") {
      // A kustomization speaks for everything below it: what it does not name is not deployed.
      if (!isKustomized) await walk(request, entry.id, child, depth + 1, out);
    } else if (isKustomized) continue;
    else if (entry.is === "symlink") problem("symbolic links are not followed; commit the file itself, or list the link in .mainstayignore");
    else if (entry.is === "submodule") problem("submodules are not fetched; commit the files themselves, or list the folder in .mainstayignore");
    else if (isManifestName(entry.name) && hasControls(entry.name)) problem(UNTELLABLE);
    else if (isManifestName(entry.name)) out.files.push({ path: full(entry.name), blob: entry.id });
    else if (UNRENDERED.test(entry.name))
      out.notices.push(`${quoteControls(full(entry.name))}: is rendered by nothing here, left out; commit what comes out of it`);
  }
}

export function isManifestName(name: string): boolean {
  return /\.(ya?ml|json)$/i.test(name);
}
