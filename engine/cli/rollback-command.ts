import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { UsageError } from "../options/config.ts";
import { lastLines, runGit } from "../gitops/git/native-git.ts";
import { applicationAt } from "./history-command.ts";
import { openStatusLog, userConfiguration, type LogFlags, type StatusLog } from "./status-log.ts";

export interface RollbackFlags extends LogFlags {
  /** A commit to go back to; without it, the last one with which the application was healthy before the present one. */
  readonly to?: string;
  readonly branch: string;
  readonly dryRun?: boolean;
  readonly reason?: string;
}

const SEARCHED_MAX = 2_000;

/**
 * `mainstay rollback <application>`: a commit on top of the desired branch that gives the application's folder the content it had, and
 * nothing else, pushed like any other. The person who runs it is its author; the clone's work tree stays as it is.
 */
export async function runRollbackCommand(application: string, flags: RollbackFlags, output: { write(text: string): unknown }): Promise<void> {
  const log = await openStatusLog(flags);
  const [newest] = await log.entries(1);
  const now = newest === undefined ? undefined : await applicationAt(log, newest.id, application);
  if (newest === undefined || now === undefined) throw new UsageError(`cluster ${log.cluster} has no application ${application}`);
  const further = (await log.facts(newest.id)).repositories?.find(({ name }) => name === now.repository);
  if (further !== undefined) throw new UsageError(`${application} comes from repository ${further.name}: roll it back in a clone of ${further.url}`);
  await log.git("fetch", "-q", flags.remote, flags.branch);
  const head = (await log.git("rev-parse", "FETCH_HEAD")).trim();
  const target =
    flags.to === undefined
      ? await lastHealthy(log, application, now.commit)
      : (await log.git("rev-parse", "--verify", "--end-of-options", `${flags.to}^{commit}`)).trim();
  const folder = now.path === "" ? "" : now.path;
  const commit = await commitOldFolder(flags, { head, target, folder, message: messageOf(application, target, now.commit, flags.reason) });
  if (commit === undefined)
    throw new UsageError(`${application} has in ${head.slice(0, 10)} what it had in ${target.slice(0, 10)}: there is nothing to go back to`);
  output.write(`${application}: ${now.commit.slice(0, 10)} → as in ${target.slice(0, 10)}\n${await log.git("diff", "--stat", head, commit)}`);
  if (flags.dryRun === true) return void output.write("dry run: nothing was pushed\n");
  const pushed = await runGit({ args: ["-C", flags.dir, "push", flags.remote, `${commit}:refs/heads/${flags.branch}`], environment: userConfiguration() });
  output.write(
    pushed.stderr
      .split("\n")
      .filter((line) => line.startsWith("remote:"))
      .map((line) => `${line.slice("remote: ".length).trimEnd()}\n`)
      .join(""),
  );
  if (pushed.code !== 0) throw new Error(`push the rollback: ${lastLines(pushed.stderr)}`);
}

/** The commit that the application had before the present one, in a report in which it was healthy. */
async function lastHealthy(log: StatusLog, application: string, present: string): Promise<string> {
  for (const entry of await log.entries(SEARCHED_MAX, `apps/${application}.json`)) {
    const then = await applicationAt(log, entry.id, application);
    if (then?.health === "Healthy" && then.commit !== "" && then.commit !== present) return then.commit;
  }
  throw new UsageError(`no earlier commit is known with which ${application} was healthy; name one with --to`);
}

function messageOf(application: string, target: string, bad: string, reason: string | undefined): string {
  return `Roll ${application} back to ${target.slice(0, 10)}\n\n${reason === undefined ? "" : `${reason}\n\n`}Rollback-Of: ${bad}\n`;
}

interface Rollback {
  readonly head: string;
  readonly target: string;
  readonly folder: string;
  readonly message: string;
}

/** Works in an index of its own. Undefined when the folder is the same in both. */
async function commitOldFolder({ dir }: RollbackFlags, { head, target, folder, message }: Rollback): Promise<string | undefined> {
  const scratch = await mkdtemp(path.join(os.tmpdir(), "mainstay-rollback-"));
  const environment = { ...userConfiguration(), GIT_INDEX_FILE: path.join(scratch, "index") };
  const git = async (args: readonly string[], input = "") => {
    const output = await runGit({ args: ["-C", dir, ...args], environment, input });
    if (output.code !== 0) throw new Error(`git ${args[0]}: ${lastLines(output.stderr)}`);
    return output.stdout.toString("utf8").trim();
  };
  try {
    const old = await runGit({ args: ["-C", dir, "rev-parse", "--verify", "--quiet", `${target}:${folder}`], environment });
    if (old.code !== 0) throw new UsageError(`${folder} did not exist in ${target.slice(0, 10)}`);
    if (folder === "") await git(["read-tree", target]);
    else {
      await git(["read-tree", head]);
      await git(["rm", "-r", "-q", "-f", "--cached", "--ignore-unmatch", "--", `:(top,literal)${folder}`]);
      await git(["read-tree", `--prefix=${folder}/`, old.stdout.toString("utf8").trim()]);
    }
    const tree = await git(["write-tree"]);
    if (tree === (await git(["rev-parse", `${head}^{tree}`]))) return undefined;
    const isSigned = (await runGit({ args: ["-C", dir, "config", "--bool", "commit.gpgsign"], environment })).stdout.toString("utf8").trim() === "true";
    return await git(["commit-tree", ...(isSigned ? ["-S"] : []), "-p", head, "-F", "-", tree], message);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
