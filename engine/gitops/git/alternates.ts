import { promises as fs } from "node:fs";
import path from "node:path";

/** As far as Git itself goes. */
const DEPTH_MAX = 5;
const FOLDERS_MAX = 100;

/**
 * Object folders with those that they borrow objects from (`git clone --shared`), each once, the borrowed ones last. One that is not there is
 * like one that is empty.
 */
export async function withAlternates(folders: readonly string[]): Promise<readonly string[]> {
  const all = new Set(folders);
  let level = folders;
  for (let depth = 0; depth < DEPTH_MAX && level.length > 0; depth++) {
    const next: string[] = [];
    for (const folder of level)
      for (const named of await alternatesOf(folder))
        if (!all.has(named) && all.size < FOLDERS_MAX) {
          next.push(named);
          all.add(named);
        }
    level = next;
  }
  return [...all];
}

async function alternatesOf(folder: string): Promise<readonly string[]> {
  const text = await fs.readFile(path.join(folder, "info", "alternates"), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return ""; // hardly any folder has such a file
    throw error;
  });
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => path.resolve(folder, unquoted(line)));
}

/** Git puts a name in quotes where it has to. */
function unquoted(line: string): string {
  if (!line.startsWith('"')) return line;
  try {
    return String(JSON.parse(line));
  } catch {
    return line;
  }
}
