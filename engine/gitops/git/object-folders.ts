import { promises as fs } from "node:fs";
import path from "node:path";
import { withAlternates } from "./alternates.ts";
import { FileWindows } from "./file-windows.ts";
import { MissingObject } from "./git-source.ts";
import { readLooseObject } from "./loose-object.ts";
import { PackFile } from "./pack-file.ts";
import { BrokenObject, type StoredObject } from "./stored-object.ts";

/** Bases that are in other packs, one behind the other. No pack that Git has made has any. */
const ELSEWHERE_MAX = 50;
/** How often an object is looked for that Git packs anew all the while. */
const TRIES_MAX = 5;

/** All objects of some object folders. What another process has added, or packed anew, is found as well. */
export class ObjectFolders {
  readonly #own: readonly string[];
  #all: Promise<readonly string[]> | undefined;
  readonly #packs = new Map<string, PackFile>();
  #windows = new FileWindows();

  constructor(folders: readonly string[]) {
    this.#own = folders;
  }

  /**
   * Rejects for an object that is missing or broken, and with an OversizedObject for one that is longer than what is read here. While Git packs
   * anew, an object is nowhere it was looked for, and somewhere else by then: it is missing where nothing has changed since the last look.
   */
  async read(id: string, depth = 0): Promise<StoredObject> {
    if (!/^[0-9a-f]{40}$/.test(id)) throw new Error(`${id} is no name of an object`);
    if (depth > ELSEWHERE_MAX) throw new Error(`object ${id} is made of objects of too many packs`);
    for (let tries = 1; ; tries++) {
      const own = await this.#readLoose(id);
      const found = own === undefined || own instanceof BrokenObject ? await this.#readPacked(id, depth) : own;
      if (found !== undefined) return found;
      const { hasChanged, broken } = await this.#look();
      // Also where no pack is new: others that look at the same time may have found it.
      if (tries === 1 || (hasChanged && tries < TRIES_MAX)) continue;
      throw own ?? new MissingObject([`object ${id} is missing`, ...broken.map((file) => `${file} is no index of a pack`)].join("; "));
    }
  }

  /** Lets go of what was read of packs, those among it that others have replaced. */
  forgetPacks(): void {
    this.#packs.clear();
    this.#windows = new FileWindows();
    this.#all = undefined;
  }

  /** With those that they borrow from. */
  #folders(): Promise<readonly string[]> {
    return (this.#all ??= withAlternates(this.#own));
  }

  /** What a power cut has left of a file is given back: it counts only where no pack has the object. */
  async #readLoose(id: string): Promise<StoredObject | BrokenObject | undefined> {
    let broken: BrokenObject | undefined;
    for (const folder of await this.#folders()) {
      try {
        const found = await readLooseObject(folder, id);
        if (found !== undefined) return found;
      } catch (error) {
        if (!(error instanceof BrokenObject)) throw error;
        broken = error;
      }
    }
    return broken;
  }

  async #readPacked(id: string, depth: number): Promise<StoredObject | undefined> {
    for (const [file, pack] of this.#packs) {
      const offset = pack.find(id);
      if (offset === undefined) continue;
      try {
        return await pack.read(id, offset, (base) => this.read(base, depth + 1));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        this.#packs.delete(file); // Git has packed what was in it into another one
      }
    }
    return undefined;
  }

  /**
   * Opens packs that were not there before. `broken` are indexes that are not whole: as for Git itself they are not there, since a crash may have
   * left one, or it is being written.
   */
  async #look(): Promise<{ readonly hasChanged: boolean; readonly broken: readonly string[] }> {
    this.#all = undefined;
    const broken: string[] = [];
    let hasChanged = false;
    for (const folder of await this.#folders()) {
      for (const name of await namesIn(path.join(folder, "pack"))) {
        const file = path.join(folder, "pack", name);
        if (!name.endsWith(".idx") || this.#packs.has(file)) continue;
        const pack = await PackFile.open(file, this.#windows);
        if (pack === "broken") broken.push(file);
        else hasChanged = true;
        if (pack instanceof PackFile) this.#packs.set(file, pack);
      }
    }
    return { hasChanged, broken };
  }
}

/** Without packs there is no such folder. */
async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await fs.readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
