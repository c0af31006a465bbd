import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { writeWholeFile } from "../engine/lib/whole-file.ts";

/** What the agent has in its root directory, which others may have files in, too. */
export const ROOT_FOLDERS = ["pods", "plugins", "plugins_registry", "image_manager"] as const;

/**
 * Makes the folder of pods in the root directory, and notes where that is: `mainstay reset` is told of the data directory only.
 * The pods of an agent that kept them elsewhere go on in here with their volumes. Throws when those are on another file system.
 */
export function openRootDir(dataDir: string, rootDir: string): void {
  const podsDir = path.join(rootDir, "pods");
  const earlier = path.join(readRootDir(dataDir) ?? dataDir, "pods");
  if (!existsSync(podsDir)) {
    mkdirSync(rootDir, { recursive: true, mode: 0o750 });
    if (existsSync(earlier)) movePods(earlier, podsDir);
    else mkdirSync(podsDir, { mode: 0o750 });
  }
  writeWholeFile(note(dataDir), `${rootDir}\n`);
}

/** The root directory of the agent that last ran with this data directory; undefined when none did. */
export function readRootDir(dataDir: string): string | undefined {
  // A note that was cut short names no folder: taken for one, it would be the root of the machine.
  return existsSync(note(dataDir)) ? readFileSync(note(dataDir), "utf8").trim() || undefined : undefined;
}

/** Mounts and open files within go with the folder. */
function movePods(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    throw new Error(
      `the volumes of this machine's pods are in ${from} and cannot be moved to ${to} (${(error as Error).message}): start the agent with --root-dir ${path.dirname(from)}, or drain the node and remove that folder`,
      { cause: error },
    );
  }
}

function note(dataDir: string): string {
  return path.join(dataDir, "root-dir");
}
