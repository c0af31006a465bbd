import path from "node:path";
import type { GitObjects } from "./git-source.ts";
import { ObjectFolders } from "./object-folders.ts";
import { parseCommit, parseTag, parseTree } from "./parse-object.ts";
import type { StoredObject } from "./stored-object.ts";
import { verifySignature } from "./verify-signature.ts";

/** The tree without entries: Git knows it without having it. */
const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
/** Tags of tags, one behind the other. */
const TAGS_MAX = 10;

/** Directories that hold objects besides the repository's own: a push's quarantine. */
export interface ObjectOverlay {
  readonly objectDir: string;
  readonly alternates: readonly string[];
}

/**
 * Objects of a bare repository, read by id. With an overlay, those of a push that Git has not accepted yet are seen too. Rejects with an
 * OversizedObject for one that is longer than any manifest may be: nobody's few bytes of a pack fill the memory.
 */
export function openGitObjects(gitDir: string, overlay?: ObjectOverlay): GitObjects & { forgetPacks(): void } {
  const objects = path.join(gitDir, "objects");
  const folders = new ObjectFolders(overlay === undefined ? [objects] : [overlay.objectDir, objects]);
  const environment = overlay === undefined ? {} : overlayEnvironment(overlay);
  return {
    async commit(id) {
      const found = await peeled(folders, id);
      return parseCommit(found.id, requireType(found, "commit").content);
    },
    async tree(id) {
      if (id === EMPTY_TREE) return [];
      const found = await peeled(folders, id);
      const tree = found.type === "commit" ? parseCommit(found.id, found.content).tree : undefined;
      return tree === EMPTY_TREE ? [] : parseTree((tree === undefined ? requireType(found, "tree") : await folders.read(tree)).content);
    },
    async blob(id) {
      return requireType({ ...(await folders.read(id)), id }, "blob").content;
    },
    forgetPacks: () => folders.forgetPacks(),
    verifySignature: (id, signers) => verifySignature(gitDir, id, signers, environment),
  };
}

/** The variables by which native Git sees the same objects. */
export function overlayEnvironment(overlay: ObjectOverlay): Record<string, string> {
  return { GIT_OBJECT_DIRECTORY: overlay.objectDir, GIT_ALTERNATE_OBJECT_DIRECTORIES: overlay.alternates.join(":") };
}

type NamedObject = StoredObject & { readonly id: string };

/** What an annotated tag means. */
async function peeled(folders: ObjectFolders, id: string): Promise<NamedObject> {
  let found: NamedObject = { ...(await folders.read(id)), id };
  for (let tags = 0; found.type === "tag" && tags < TAGS_MAX; tags++) {
    const named = parseTag(found.content);
    found = { ...(await folders.read(named)), id: named };
  }
  return found;
}

function requireType(object: NamedObject, type: StoredObject["type"]): NamedObject {
  if (object.type !== type) throw new Error(`object ${object.id} is a ${object.type}, not a ${type}`);
  return object;
}
