import { existsSync } from "node:fs";
import { formatTime, type Clock } from "../lib/clock.ts";
import { withoutCredentials } from "../lib/without-credentials.ts";
import { gitText, lastLines, runGit } from "../gitops/git/native-git.ts";
import type { BackupPlace } from "./backup-place.ts";

export interface BackupRepositoryOptions {
  /** Any URL that Git pushes to; credentials may be part of it. */
  readonly url: string;
  readonly cluster: string;
  /** A bare repository of ours, in which commits are made. */
  readonly gitDir: string;
  readonly clock: Clock;
}

const AUTHOR = "Mainstay <mainstay@localhost>";
/** Room for a large backup over a slow line. */
const PUSH_TIMEOUT_MS = 15 * 60_000;

/** The branch that holds a cluster's backups. */
function backupBranch(cluster: string): string {
  return `refs/heads/backups/${cluster}`;
}

/**
 * A branch of a Git repository. Its one commit has no parent, so that a backup that was let go leaves the remote as well, and the
 * repository does not grow. Somebody else's change of the branch is kept: the push is refused, and the next try begins with it.
 */
export function backupRepository({ url, cluster, gitDir, clock }: BackupRepositoryOptions): BackupPlace {
  const branch = backupBranch(cluster);
  const git = (...args: string[]) => gitText({ gitDir, args, signal: AbortSignal.timeout(PUSH_TIMEOUT_MS) });
  return {
    name: `${withoutCredentials(url)} ${branch}`,
    async add(file, name, expired) {
      if (!existsSync(gitDir)) await gitText({ args: ["init", "--quiet", "--bare", gitDir] });
      const before = await bringBranch(url, branch, git);
      const entries = new Map(before === undefined ? [] : parseTree(await git("ls-tree", before)));
      entries.set(name, `100644 blob ${(await git("hash-object", "-w", file)).trim()}`);
      for (const old of expired([...entries.keys()])) entries.delete(old);
      entries.set("README.md", `100644 blob ${(await gitText({ gitDir, args: ["hash-object", "-w", "--stdin"], input: readme(cluster) })).trim()}`);
      const tree = (await gitText({ gitDir, args: ["mktree"], input: [...entries].map(([key, entry]) => `${entry}\t${key}\n`).join("") })).trim();
      const [author = "", email = ""] = AUTHOR.replace(">", "").split(" <");
      const date = formatTime(clock.now());
      const environment = {
        GIT_AUTHOR_NAME: author,
        GIT_AUTHOR_EMAIL: email,
        GIT_AUTHOR_DATE: date,
        GIT_COMMITTER_NAME: author,
        GIT_COMMITTER_EMAIL: email,
        GIT_COMMITTER_DATE: date,
      };
      const commit = (await gitText({ gitDir, environment, args: ["commit-tree", tree, "-m", `backup of ${cluster}: ${name}`] })).trim();
      await git("push", "--quiet", `--force-with-lease=${branch}:${before ?? ""}`, url, `${commit}:${branch}`);
      await git("update-ref", branch, commit);
      await git("gc", "--quiet", "--prune=now");
    },
  };
}

/** The remote branch's commit, with its objects here; they are fetched only when another than we has written it. */
async function bringBranch(url: string, branch: string, git: (...args: string[]) => Promise<string>): Promise<string | undefined> {
  const [remote] = (await git("ls-remote", url, branch)).split("\t");
  if (remote === undefined || remote === "") return undefined;
  const [local] = (await git("for-each-ref", "--format=%(objectname)", branch)).split("\n");
  if (local !== remote) await git("fetch", "--quiet", "--no-tags", "--depth=1", url, `+${branch}:${branch}`);
  return remote;
}

/** Brings the newest backup of a repository into a file here. Rejects when there is none, or several clusters' and none was named. */
export async function fetchNewestBackup(
  url: string,
  cluster: string | undefined,
  gitDir: string,
  choose: (names: readonly string[]) => string | undefined,
): Promise<{ readonly name: string; readonly content: Buffer }> {
  await gitText({ args: ["init", "--quiet", "--bare", gitDir] });
  const branches = (await gitText({ args: ["ls-remote", url, "refs/heads/backups/*"] })).split("\n").flatMap((line) => line.split("\t")[1] ?? []);
  const wanted = cluster === undefined ? branches : branches.filter((branch) => branch === backupBranch(cluster));
  const known = branches.map((branch) => branch.replace("refs/heads/backups/", "")).join(", ");
  const [branch] = wanted;
  if (branch === undefined)
    throw new Error(
      `${withoutCredentials(url)} holds no backups${cluster === undefined ? "" : ` of cluster ${cluster}`}${known === "" ? "" : `; it has those of ${known}`}`,
    );
  if (wanted.length > 1)
    throw new Error(`${withoutCredentials(url)} holds backups of ${known}: name one, as in ${withoutCredentials(url)}#${known.split(", ")[0]}`);
  await gitText({ gitDir, args: ["fetch", "--quiet", "--no-tags", "--depth=1", url, `+${branch}:${branch}`], signal: AbortSignal.timeout(PUSH_TIMEOUT_MS) });
  const name = choose([...parseTree(await gitText({ gitDir, args: ["ls-tree", branch] }))].map(([key]) => key));
  if (name === undefined) throw new Error(`${branch} of ${withoutCredentials(url)} holds no backup`);
  const { code, stdout, stderr } = await runGit({ gitDir, args: ["cat-file", "blob", `${branch}:${name}`] });
  if (code !== 0) throw new Error(`read ${name} of ${branch}`, { cause: new Error(lastLines(stderr)) });
  return { name, content: stdout };
}

/** `git ls-tree`: name to mode, type and id. */
function parseTree(text: string): [string, string][] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [entry = "", name = ""] = line.split("\t");
      return [name, entry];
    });
}

function readme(cluster: string): string {
  return `# Backups of the cluster ${cluster}\n\nEach file is a whole cluster, encrypted to the age recipients of \`--backup-recipient\`. On an empty machine:\n\n\`\`\`\nmainstay restore <this repository>#${cluster} --age-key-file keys.txt\n\`\`\`\n`;
}
