import { UsageError } from "../options/config.ts";
import type { StatusFacts } from "../gitops/status/status-facts.ts";
import { lastLines, runGit } from "../gitops/git/native-git.ts";

export interface LogFlags {
  /** A clone of the repository. */
  readonly dir: string;
  readonly remote: string;
  /** Of several clusters that follow one repository. */
  readonly cluster?: string;
}

/** One report that was written: what was wanted, what came of it, and what changed. */
export interface StatusEntry {
  readonly id: string;
  readonly time: string;
  readonly subject: string;
  readonly desiredCommit: string;
  readonly result: string;
  readonly durationMs: number | undefined;
}

export interface StatusLog {
  readonly cluster: string;
  /** Newest first; with a path, those that changed it. `isArchived`: also those before the branch was cut, as long as they are kept. */
  entries(limit: number, path?: string, isArchived?: boolean): Promise<readonly StatusEntry[]>;
  /** Many files in one go, as `entry:path`, in their order. */
  files(names: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** A file of one report; undefined when it has none. */
  file(entry: string, path: string): Promise<string | undefined>;
  facts(entry: string): Promise<StatusFacts>;
  /** The report that held at a moment or for a commit of the desired branch. Throws a UsageError when there is none. */
  find(moment: string): Promise<StatusEntry>;
  git(...args: readonly string[]): Promise<string>;
}

const FORMAT = [
  "%H",
  "%cI",
  "%s",
  "%(trailers:key=Mainstay-Desired-Commit,valueonly,separator=)",
  "%(trailers:key=Mainstay-Result,valueonly,separator=)",
  "%(trailers:key=Mainstay-Duration-Ms,valueonly,separator=)",
].join("%x1f");
const SEARCHED_MAX = 100_000;

/** The status branch of the repository that `dir` is a clone of, fetched just now. Nothing in the work tree changes. */
export async function openStatusLog({ dir, remote, cluster }: LogFlags): Promise<StatusLog> {
  const git = async (...args: readonly string[]) => {
    const output = await runGit({ args: ["-C", dir, ...args], environment: userConfiguration() });
    if (output.code !== 0) throw new UsageError(`git ${args[0]}: ${lastLines(output.stderr)}`);
    return output.stdout.toString("utf8");
  };
  const heads = (await git("ls-remote", remote, "refs/heads/status/*")).split("\n").flatMap((line) => /\trefs\/heads\/status\/(.+)$/.exec(line)?.[1] ?? []);
  const name = cluster ?? (heads.length === 1 ? heads[0] : undefined);
  if (name === undefined)
    throw new UsageError(
      heads.length === 0 ? `${remote} has no status branch yet` : `several clusters follow this repository; name one with --cluster: ${heads.join(", ")}`,
    );
  if (!heads.includes(name)) throw new UsageError(`there is no status branch of cluster ${name}; there are: ${heads.join(", ") || "none"}`);
  const ref = `refs/remotes/${remote}/status/${name}`;
  await git("fetch", "-q", remote, `+refs/heads/status/${name}:${ref}`);
  const entries = async (limit: number, ...args: readonly string[]) => {
    const text = await git("log", `-${limit}`, `--format=${FORMAT}`, ...args);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map(parseEntry);
  };
  const log: StatusLog = {
    cluster: name,
    git,
    async entries(limit, path, isArchived = false) {
      const archives = `refs/mainstay/archive/status/${name}`;
      if (isArchived) await git("fetch", "-q", remote, `+${archives}/*:refs/remotes/${remote}/archive/${name}/*`);
      return entries(limit, ref, ...(isArchived ? [`--glob=refs/remotes/${remote}/archive/${name}/*`] : []), ...(path === undefined ? [] : ["--", path]));
    },
    async files(names) {
      const { stdout } = await runGit({ args: ["-C", dir, "cat-file", "--batch"], input: names.map((one) => `${one}\n`).join("") });
      return parseBatch(stdout);
    },
    async file(entry, path) {
      const output = await runGit({ args: ["-C", dir, "cat-file", "blob", `${entry}:${path}`] });
      return output.code === 0 ? output.stdout.toString("utf8") : undefined;
    },
    async facts(entry) {
      const text = await log.file(entry, "status.json");
      if (text === undefined) throw new UsageError(`the report ${entry.slice(0, 10)} has no status.json`);
      return JSON.parse(text) as StatusFacts; // written by the system, versioned by schemaVersion
    },
    async find(moment) {
      // A commit by any name that Git knows here, or an abbreviation of one that is not here.
      const named = await runGit({ args: ["-C", dir, "rev-parse", "--verify", "--quiet", "--end-of-options", `${moment}^{commit}`] });
      const commit = named.code === 0 ? named.stdout.toString("utf8").trim() : /^[0-9a-f]{7,40}$/.test(moment) ? moment : undefined;
      const found = commit === undefined ? undefined : (await entries(SEARCHED_MAX, ref)).find((entry) => entry.desiredCommit.startsWith(commit));
      if (found !== undefined) return found;
      if (named.code === 0) throw new UsageError(`${moment} (${commit?.slice(0, 10)}) was not deployed in cluster ${name}`);
      const time = Date.parse(moment);
      if (Number.isNaN(time)) throw new UsageError(`${moment} is neither a commit that was deployed nor a time such as 2026-08-22T10:31:00Z`);
      const [latest] = await entries(1, `--before=${new Date(time).toISOString()}`, ref);
      if (latest === undefined) throw new UsageError(`nothing was reported before ${moment}`);
      return latest;
    },
  };
  return log;
}

/** A person's commands use the person's Git: credentials, signing, identity. */
export function userConfiguration(): Readonly<Record<string, string>> {
  return {
    GIT_CONFIG_GLOBAL: process.env["GIT_CONFIG_GLOBAL"] ?? `${process.env["HOME"] ?? ""}/.gitconfig`,
    GIT_CONFIG_NOSYSTEM: process.env["GIT_CONFIG_NOSYSTEM"] ?? "0",
    GIT_TERMINAL_PROMPT: "1",
  };
}

/** The answers of `git cat-file --batch`: a line with id, type and size and then so many bytes, or that there is nothing. */
function parseBatch(output: Buffer): readonly (string | undefined)[] {
  const files: (string | undefined)[] = [];
  for (let at = 0; at < output.length;) {
    const end = output.indexOf(10, at);
    const size = /^[0-9a-f]+ blob (\d+)$/.exec(output.toString("utf8", at, end))?.[1];
    files.push(size === undefined ? undefined : output.toString("utf8", end + 1, end + 1 + Number(size)));
    at = size === undefined ? end + 1 : end + 2 + Number(size);
  }
  return files;
}

/** `2026-08-22 10:31`, in UTC. */
export function shortTime(time: string): string {
  return new Date(time).toISOString().slice(0, 16).replace("T", " ");
}

function parseEntry(line: string): StatusEntry {
  const [id = "", time = "", subject = "", desiredCommit = "", result = "", duration = ""] = line.split("\x1f");
  return { id, time, subject, desiredCommit: desiredCommit.trim(), result: result.trim(), durationMs: duration.trim() === "" ? undefined : Number(duration) };
}
