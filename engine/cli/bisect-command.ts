import { UsageError } from "../options/config.ts";
import type { ApplicationFacts } from "../gitops/status/status-facts.ts";
import { lastLines, runGit } from "../gitops/git/native-git.ts";
import { findBreak, type Break, type Observation } from "./find-break.ts";
import { openStatusLog, shortTime, type LogFlags, type StatusLog } from "./status-log.ts";

export interface BisectFlags extends LogFlags {
  readonly good?: string;
  readonly bad?: string;
}

const REPORTS_MAX = 20_000;
const COMMITS_SHOWN = 20;

/**
 * `mainstay bisect <application>`: which commit broke it, from the health that the status branch has recorded for every commit that was
 * deployed. Nothing is tried again and nothing changes. Returns whether a commit was found.
 */
export async function runBisectCommand(application: string, flags: BisectFlags, output: { write(text: string): unknown }): Promise<boolean> {
  const log = await openStatusLog(flags);
  const commit = async (name: string | undefined) =>
    name === undefined ? undefined : (await log.git("rev-parse", "--verify", "--end-of-options", `${name}^{commit}`)).trim();
  const [good, bad] = [await commit(flags.good), await commit(flags.bad)];
  const asked = { application, ...(good === undefined ? {} : { good }), ...(bad === undefined ? {} : { bad }) };
  const recent = await observe(log, application, false);
  let found = findBreak({ ...asked, observations: recent.observations });
  // The branch is cut from time to time; what was before is kept for a while.
  if (found.is === "never healthy" || found.is === "no answer")
    found = findBreak({ ...asked, observations: (await observe(log, application, true)).observations });
  if (found.is === "no answer") throw new UsageError(found.why);
  for (const line of await explain(found, application, recent.path, flags)) output.write(`${line}\n`);
  return found.is === "change" || found.is === "elsewhere";
}

/** Every report's word about the application, oldest first: reports that do not change its page say what the one before said. */
async function observe(
  log: StatusLog,
  application: string,
  isArchived: boolean,
): Promise<{ readonly observations: readonly Observation[]; readonly path: string }> {
  const file = `apps/${application}.json`;
  const entries = (await log.entries(REPORTS_MAX, undefined, isArchived)).toReversed();
  const pages = await log.files(entries.map(({ id }) => `${id}:${file}`));
  const observations: Observation[] = [];
  let path = "";
  for (const [index, { time, desiredCommit }] of entries.entries()) {
    const text = pages[index];
    if (text === undefined) continue;
    const app = JSON.parse(text) as ApplicationFacts; // written by the system
    path = app.path;
    observations.push({ time, deployed: desiredCommit, changed: app.commit, health: app.health, reason: app.reason });
  }
  return { observations, path };
}

async function explain(found: Exclude<Break, { is: "no answer" }>, application: string, path: string, flags: BisectFlags): Promise<readonly string[]> {
  const { bad } = found;
  const why = bad.reason === "" ? [] : [`  ${bad.reason}`];
  if (found.is === "never healthy")
    return [
      `${application} was never healthy, as far back as the status branch remembers: ${bad.health} with ${short(bad.changed)} at ${shortTime(bad.time)} UTC`,
      ...why,
      `Say with which commit it was, to go back to it: mainstay rollback ${application} --to COMMIT`,
    ];
  const { good } = found;
  const turn = [
    `${application} was Healthy with ${short(good.deployed)} until ${shortTime(good.time)} UTC, ${bad.health} with ${short(bad.deployed)} since ${shortTime(bad.time)} UTC`,
    ...why,
  ];
  if (found.is === "by itself")
    return [
      ...turn,
      `No commit broke it: ${short(bad.deployed)} was deployed at ${shortTime(found.deployedAt)} UTC and ran well. Look at its nodes, and at what it needs from outside: mainstay at ${bad.time}`,
    ];
  const [from, to] = found.is === "change" ? [good.changed, bad.changed] : [good.deployed, bad.deployed];
  const commits = await commitsBetween(flags, from, to, found.is === "change" ? path : "");
  const undo = `Undo it: mainstay rollback ${application} --to ${short(good.deployed)}`;
  if (found.is === "change")
    return [
      ...turn,
      ...(commits.length <= 1
        ? [`Broken by ${commits[0] ?? short(to)}`]
        : [`Broken by one of ${commits.length} commits that were deployed together:`, ...list(commits)]),
      ...(await changesOf(flags, from, to, path)),
      undo,
    ];
  return [
    ...turn,
    `${application} itself was not changed. What was deployed when it broke:`,
    ...list(commits.length === 0 ? [short(to)] : commits),
    ...(await changesOf(flags, from, to, "")),
    `Undo it: git revert, and push; or put ${application} back with what it uses`,
  ];
}

/** What lies between two deploys, newest first: `9f8e7d6c5b Ada: try another image`. Empty when this clone does not have them. */
async function commitsBetween({ dir }: BisectFlags, from: string, to: string, path: string): Promise<readonly string[]> {
  const { code, stdout } = await runGit({
    args: ["-C", dir, "log", "--format=%H %an: %s", `${from}..${to}`, ...(path === "" ? [] : ["--", `:(top,literal)${path}`, ":(top,literal)mainstay.yaml"])],
  });
  return code === 0
    ? stdout
        .toString("utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => `${short(line)}${line.slice(40)}`)
    : [];
}

async function changesOf({ dir }: BisectFlags, from: string, to: string, path: string): Promise<readonly string[]> {
  const { code, stdout, stderr } = await runGit({ args: ["-C", dir, "diff", "--stat=100", from, to, ...(path === "" ? [] : ["--", `:(top,literal)${path}`])] });
  if (code !== 0) return [`  (not in this clone: ${lastLines(stderr, 1)})`];
  return stdout
    .toString("utf8")
    .split("\n")
    .filter((line) => line.includes("|"))
    .slice(0, COMMITS_SHOWN)
    .map((line) => ` ${line}`);
}

function list(commits: readonly string[]): readonly string[] {
  return [
    ...commits.slice(0, COMMITS_SHOWN).map((commit) => `  ${commit}`),
    ...(commits.length > COMMITS_SHOWN ? [`  … and ${commits.length - COMMITS_SHOWN} more`] : []),
  ];
}

function short(commit: string): string {
  return commit.slice(0, 10);
}
