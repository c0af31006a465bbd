import { hasControls, quoteControls } from "../../lib/without-controls.ts";
import { OversizedObject } from "../git/stored-object.ts";
import { fail, type Place } from "./kustomize-error.ts";
import { refuseLfsPointer } from "./lfs-pointer.ts";

/** What stands at a path of a commit. */
export interface FileEntry {
  readonly is: "file" | "directory";
  /** Changes exactly when the content does. */
  readonly id: string;
}

/** The files of one commit, by path from the repository's root. */
export interface RepositoryFiles {
  look(path: string): Promise<FileEntry | undefined>;
  read(id: string): Promise<Buffer>;
  /** All files below a folder, by path from it, with their ids. */
  list(path: string): Promise<readonly (readonly [path: string, id: string])[]>;
  /** What stands at a path, or on the way to it, and counts for no file; undefined: nothing does. */
  whyAbsent?(path: string): Promise<string | undefined>;
}

/**
 * What a build has looked at: path → the file's id, `directory`, or `none`; a path that ends in `/` → the id of the whole folder. As long
 * as all still hold, its result does.
 */
export type FileDependencies = ReadonlyMap<string, string>;

/** Files that remember what was asked of them. */
export class RecordedFiles {
  readonly #files: RepositoryFiles;
  readonly #dependencies = new Map<string, string>();

  constructor(files: RepositoryFiles) {
    this.#files = files;
  }

  get dependencies(): FileDependencies {
    return this.#dependencies;
  }

  async look(path: string): Promise<FileEntry | undefined> {
    const entry = await this.#files.look(path);
    this.#dependencies.set(path, markOf(entry));
    return entry;
  }

  whyAbsent(path: string): Promise<string | undefined> {
    return this.#files.whyAbsent?.(path) ?? Promise.resolve(undefined);
  }

  /** Everything below a folder; whatever changes there, the result does. */
  async list(path: string): Promise<readonly (readonly [path: string, id: string])[]> {
    this.#dependencies.set(`${path}/`, (await this.#files.look(path))?.id ?? "none");
    return this.#files.list(path);
  }

  /** A file of a listing, as it counts for whoever reads files here. */
  async readId(
    id: string,
    path: string,
    reader: { readonly options?: { readonly transformFile?: ((content: Buffer, path: string) => Promise<Buffer>) | undefined } },
  ): Promise<Buffer> {
    const content = await this.#content(id, path);
    // What a chart is rendered from; its pictures may be anywhere.
    if (/\.(ya?ml|json|tpl|tgz)$/.test(path)) refuseLfsPointer(content, path);
    return reader.options?.transformFile === undefined ? content : reader.options.transformFile(content, path);
  }

  /** The content of a file; undefined when there is none at the path. */
  async read(path: string): Promise<Buffer | undefined> {
    const entry = await this.look(path);
    return entry?.is === "file" ? this.#content(entry.id, path) : undefined;
  }

  async #content(id: string, path: string): Promise<Buffer> {
    try {
      return await this.#files.read(id);
    } catch (error) {
      if (error instanceof OversizedObject) return fail({ file: path, line: 1 }, error.message);
      throw error;
    }
  }
}

/** Whether everything a build has looked at is still as it was. */
export async function stillHolds(files: RepositoryFiles, dependencies: FileDependencies): Promise<boolean> {
  for (const [path, mark] of dependencies) {
    const isFolder = path.endsWith("/");
    const entry = await files.look(isFolder ? path.slice(0, -1) : path);
    if ((isFolder ? (entry?.id ?? "none") : markOf(entry)) !== mark) return false;
  }
  return true;
}

function markOf(entry: FileEntry | undefined): string {
  return entry === undefined ? "none" : entry.is === "directory" ? "directory" : entry.id;
}

/** A path as a kustomization writes it, from the repository's root. What leaves the repository is refused. */
export function resolvePath(folder: string, path: string, at: Place): string {
  if (hasControls(path)) fail(at, `${quoteControls(path)} has line ends or other control characters; rename it with git mv`);
  if (path.startsWith("/")) fail(at, `${path} is absolute; paths count from the kustomization's folder`);
  const parts = folder === "" ? [] : folder.split("/");
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) fail(at, `${path} lies outside the repository`);
  }
  return parts.join("/");
}

/** Whether a resource names something on the network rather than in the repository. */
export function isRemote(path: string): boolean {
  return /^[a-z][a-z0-9+.-]*::?\/?\/|^git@|^git::|[?&](ref|version|submodules|timeout)=|\.git(\/|$)|^(www\.)?(github|gitlab|bitbucket|codeberg)\.(com|org)[:/]/i.test(
    path,
  );
}
