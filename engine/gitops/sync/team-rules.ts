import { shortId, unlessMissing, type CommitInfo, type GitObjects } from "../git/git-source.ts";
import { globExpression } from "../manifests/ignore-patterns.ts";
import type { Problem } from "../manifests/problem.ts";
import type { TeamRule } from "../manifests/repository-config.ts";

/** A commit that changes more files is not gone through, and nobody can say whose they are. */
const PATHS_MAX = 10_000;
const SHOWN_MAX = 10;

/**
 * Holds each new commit against the teams of the commit admitted before: a path that belongs to teams is changed by their members alone.
 * Authors are as true as the commits are: together with required signatures this is a protection, without it an agreement. A member
 * `user:NAME` is who pushes to the hosted repository, and has logged in.
 */
export async function checkTeams(
  objects: GitObjects,
  commits: readonly CommitInfo[],
  teams: readonly TeamRule[],
  pusher?: string,
): Promise<readonly Problem[]> {
  if (teams.length === 0) return [];
  const rules = teams.map((team) => ({
    ...team,
    expressions: team.paths.map((path) => globExpression(path.replace(/\/$/, ""))),
    authors: team.members.map((member) => globExpression(member.toLowerCase())),
  }));
  const problems: Problem[] = [];
  for (const commit of commits) {
    const email = (commit.email ?? "").toLowerCase();
    for (const path of (await pathsOf(objects, commit)).values()) {
      // A folder's rule covers everything below it.
      const parts = path.split("/");
      const prefixes = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
      const owners = rules.filter(({ expressions }) => expressions.some((expression) => prefixes.some((prefix) => expression.test(prefix))));
      const isPushedByMember = pusher !== undefined && owners.some(({ authors }) => authors.some((author) => author.test(`user:${pusher.toLowerCase()}`)));
      if (owners.length === 0 || isPushedByMember || owners.some(({ authors }) => authors.some((author) => author.test(email)))) continue;
      const last = problems.at(-1);
      if (last !== undefined && problems.length >= SHOWN_MAX) return [...problems.slice(0, -1), { ...last, hasMore: true }];
      problems.push({
        file: path,
        line: 1,
        message: `changed by ${email || "nobody"} in ${shortId(commit.id)}${pusher === undefined ? "" : `, pushed by ${pusher}`}, but it belongs to team ${owners.map(({ name }) => name).join(", ")} (teams in mainstay.yaml); ask one of its members to commit or push this`,
      });
    }
  }
  return problems;
}

/** What a commit itself changes; of a merge, what differs from all of its parents. */
async function pathsOf(objects: GitObjects, commit: CommitInfo): Promise<ReadonlySet<string>> {
  const perParent: ReadonlySet<string>[] = [];
  for (const parent of commit.parents.length === 0 ? [undefined] : commit.parents) {
    const found = new Set<string>();
    // The end of a shallow history: what its last commit changed cannot be known, and was admitted before.
    const before = parent === undefined ? undefined : await objects.commit(parent).catch(unlessMissing);
    if (parent !== undefined && before === undefined) return new Set();
    await compareTrees(objects, before?.tree, commit.tree, "", found);
    perParent.push(found);
  }
  const [first = new Set<string>(), ...others] = perParent;
  return new Set([...first].filter((path) => others.every((other) => other.has(path))));
}

async function compareTrees(objects: GitObjects, before: string | undefined, after: string | undefined, at: string, found: Set<string>): Promise<void> {
  if (before === after) return;
  if (found.size > PATHS_MAX)
    throw new Error(`a commit changes more than ${PATHS_MAX} files, so it cannot be told to which teams of mainstay.yaml they belong; split it`);
  const [old, now] = await Promise.all(
    [before, after].map(async (tree) => new Map((tree === undefined ? [] : await objects.tree(tree)).map((entry) => [entry.name, entry]))),
  );
  for (const name of new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])])) {
    const [was, is] = [old?.get(name), now?.get(name)];
    if (was?.id === is?.id && was?.is === is?.is) continue;
    const path = at === "" ? name : `${at}/${name}`;
    if (was?.is === "directory" || is?.is === "directory")
      await compareTrees(objects, was?.is === "directory" ? was.id : undefined, is?.is === "directory" ? is.id : undefined, path, found);
    if ((was !== undefined && was.is !== "directory") || (is !== undefined && is.is !== "directory")) found.add(path);
  }
}
