import { quoteControls } from "../../lib/without-controls.ts";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import type { GitObjects, TreeEntry } from "../git/git-source.ts";
import { KUSTOMIZATION_FILES } from "../kustomize/kustomization.ts";
import type { IgnoreRule } from "./ignore-patterns.ts";
import { DEPTH_MAX, isManifestName } from "./list-folder.ts";
import { CONFIG_FILE } from "./repository-config.ts";
import { OversizedObject } from "../git/stored-object.ts";
import { readBlobs } from "./read-blobs.ts";
import { boundedWalk, TreeFault } from "./tree-walk.ts";

const BLOBS_KEPT = 100_000;
/** So many files of other folders are looked into for one commit. */
const FILES_MAX = 5_000;
const FOLDERS_TOLD = 10;

export interface LeftOutRequest {
  readonly objects: Pick<GitObjects, "blob">;
  readonly tree: (id: string) => Promise<readonly TreeEntry[]>;
  readonly root: string;
  /** Folders of units. */
  readonly units: readonly string[];
  /** Files that units are rendered from, with the prefix; and folders, with a slash at their end, of which all is used. */
  readonly taken: ReadonlySet<string>;
  /** Files that are told of already. */
  readonly isTold: (path: string) => boolean;
  readonly isIgnored: IgnoreRule;
  readonly prefix: string;
}

interface Walk extends LeftOutRequest {
  /** Folders with a unit, or with something that is used, somewhere below them. */
  readonly above: ReadonlySet<string>;
  /** Blobs by the folder that they are told under. */
  readonly found: Map<string, string[]>;
  files: number;
}

/**
 * Finds manifests that no unit has: whoever comes with a repository of another layout would take them for deployed. They are told folder
 * by folder, as high up as nothing of the folder is used. Knows blobs by id, so that a commit costs what it changes.
 */
export class LeftOutFolders {
  readonly #isManifest = new BoundedCache<boolean>(BLOBS_KEPT);

  /** One line for all of them; none where everything is somebody's. */
  async find(request: LeftOutRequest): Promise<readonly string[]> {
    const { root, units, taken, prefix, objects } = request;
    if (units.includes("")) return [];
    const above = new Set([...units, ...[...taken].map((file) => file.slice(prefix.length))].flatMap(foldersAround));
    const walk: Walk = { ...request, tree: boundedWalk(request.tree), above, found: new Map(), files: 0 };
    // Of a repository that is mostly something else, the beginning is told.
    await gather(walk, root, "", "", 0).catch((error: unknown) => {
      if (!(error instanceof TreeFault)) throw error;
    });
    const unread = [...new Set([...walk.found.values()].flat())].filter((blob) => this.#isManifest.get(blob) === undefined);
    for await (const [{ blob }, content] of readBlobs(
      objects,
      unread.map((id) => ({ blob: id })),
    ))
      this.#isManifest.set(blob, !(content instanceof OversizedObject) && isManifest(content.toString("utf8")));
    const counts = [...walk.found]
      .map(([folder, blobs]) => [folder, blobs.filter((blob) => this.#isManifest.get(blob) === true).length] as const)
      .filter(([, count]) => count > 0);
    if (counts.length === 0) return [];
    const named = counts
      .slice(0, FOLDERS_TOLD)
      .map(([folder, count]) => `${quoteControls(`${prefix}${folder}`)} (${count})`)
      .join(", ");
    const more = counts.length > FOLDERS_TOLD ? ` and ${counts.length - FOLDERS_TOLD} more` : "";
    return [`manifests of no application are left out: ${named}${more}; name their folders in units of ${CONFIG_FILE}, or list them in .mainstayignore`];
  }
}

/** Files of a folder and of those below it; `told` is the outermost folder around it in which nothing is used, if there is one. */
async function gather(walk: Walk, tree: string, path: string, told: string, depth: number): Promise<void> {
  const { units, taken, isTold, isIgnored, above, found, prefix } = walk;
  const entries = await walk.tree(tree);
  const inFolder = (name: string) => (path === "" ? name : `${path}/${name}`);
  // A kustomization that is used speaks for all of its folder.
  if (depth > DEPTH_MAX || entries.some(({ name }) => KUSTOMIZATION_FILES.includes(name) && taken.has(`${prefix}${inFolder(name)}`))) return;
  for (const { name, id, is } of entries) {
    const child = inFolder(name);
    if (name.startsWith(".") || isIgnored(child, is === "directory")) continue;
    const key = told !== "" ? told : child;
    if (is === "directory") {
      if (!units.includes(child) && !taken.has(`${prefix}${child}/`)) await gather(walk, id, child, above.has(child) ? "" : key, depth + 1);
    } else if (is === "file" && isManifestName(name) && child !== CONFIG_FILE && !taken.has(`${prefix}${child}`) && !isTold(child) && walk.files < FILES_MAX) {
      walk.files++;
      const blobs = found.get(key) ?? [];
      blobs.push(id);
      found.set(key, blobs);
    }
  }
}

function foldersAround(path: string): readonly string[] {
  return [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index));
}

/** Other programs keep YAML as well; only what has both words at its margin was meant for a cluster. */
function isManifest(text: string): boolean {
  return (/^apiVersion:/m.test(text) && /^kind:/m.test(text)) || (/^\s*\{/.test(text) && /"apiVersion"\s*:/.test(text) && /"kind"\s*:/.test(text));
}
