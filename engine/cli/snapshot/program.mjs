// How the program is run: as a snapshot of itself, made anew when its sources have changed. Plain JavaScript for Node 18 upward.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { projectNode, projectRoot } from "../setup.mjs";

// What is no part of the snapshot is kept in its compiled form. One arena of glibc's serves all threads: each of their own keeps what it has freed.
// Buffers of 32 KiB and more are mapped each on its own, so that what connections took is given back; glibc never does so with what lies between others.
export const programEnvironment = {
  NODE_COMPILE_CACHE: path.join(projectRoot, "node_modules/.cache/compiled"),
  MALLOC_ARENA_MAX: "1",
  GLIBC_TUNABLES: "glibc.malloc.mmap_threshold=32768:glibc.malloc.trim_threshold=65536",
};

const cache = path.join(projectRoot, "node_modules/.cache/snapshot");
const pointer = path.join(cache, "current");
/** What a build that was interrupted has left is as old as this. */
const BUILD_MAX_MS = 600_000;

// A smaller nursery than Node's, and a heap that is swept before it has doubled: together less than two thirds of the memory after much
// work, for about a twentieth of the time (npm run bench -- api). What is left of a burst is collected when there is nothing to do (lib/idle-collection.ts).
// A start fits into the heap that it begins with: collected by its growth, it would be in the middle of the start.
export const nodeFlags = [
  "--disable-warning=ExperimentalWarning",
  "--max-semi-space-size=8",
  "--heap-growing-percent=50",
  "--initial-old-space-size=32",
  "--expose-gc",
];

/**
 * What Node is started with to run a command; its name and arguments follow.
 * @param {string | undefined} command
 * @param {(line: string) => void} say
 */
export function programArguments(command, say) {
  const folder = freshSnapshot(say);
  return [
    ...nodeFlags,
    ...(folder === undefined ? [] : ["--snapshot-blob", path.join(folder, command === "agent" ? "agent.blob" : "server.blob")]),
    path.join(projectRoot, "engine/main.ts"),
  ];
}

/** For scripts that are run from their sources. */
export function scriptArguments(script) {
  return [...nodeFlags, path.join(projectRoot, script)];
}

function freshSnapshot(say) {
  const current = currentFolder();
  if (current !== undefined && isFresh(current)) return current;
  try {
    return makeSnapshot(say);
  } catch (error) {
    say(`the program runs from its sources, slower to start, for no snapshot of it could be made: ${error.message}`);
    return undefined;
  }
}

function currentFolder() {
  try {
    return path.join(cache, readFileSync(pointer, "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * Whether the sources are still those that the snapshot in the folder was made of.
 * @param {string} folder
 */
export function isFresh(folder) {
  try {
    return JSON.parse(readFileSync(path.join(folder, "inputs.json"), "utf8")).every(([file, mtimeMs, size]) => {
      const stat = statSync(path.resolve(projectRoot, file));
      return stat.mtimeMs === mtimeMs && stat.size === size;
    });
  } catch {
    return false; // a file is gone
  }
}

/** Several may do so at once: each makes a folder of its own, and the last one's is what is used. */
function makeSnapshot(say) {
  say("preparing the program (once, and after each change of its sources)");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(path.join(cache, "v"));
  const { status, stderr, error } = spawnSync(projectNode, ["--no-warnings", fileURLToPath(new URL("./build-snapshot.mjs", import.meta.url)), folder], {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (status !== 0) {
    rmSync(folder, { recursive: true, force: true });
    throw error ?? new Error(stderr.trim());
  }
  chmodSync(folder, 0o755); // for whoever may run the program, as the sources are
  writeFileSync(`${pointer}.${process.pid}`, path.basename(folder));
  renameSync(`${pointer}.${process.pid}`, pointer);
  removeOthers(folder);
  return folder;
}

/** All but those that processes run from, which may load more of them, and those that others are about to use. */
function removeOthers(current) {
  const commandLines = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(commandLineOf);
  for (const { name } of readdirSync(cache, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    const folder = path.join(cache, name);
    const isYoung = Date.now() - statSync(folder).mtimeMs < BUILD_MAX_MS;
    if (folder !== current && !isYoung && !commandLines.some((line) => line.includes(`${folder}/`))) rmSync(folder, { recursive: true, force: true });
  }
}

function commandLineOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it has ended
  }
}
