import { unlessMissing, type CommitInfo, type GitObjects } from "../git/git-source.ts";

/** Commits of one push that are read. */
const COMMITS_MAX = 200;
const ANCESTORS_MAX = 1_000;

export interface NewCommits {
  /** Those that the branch did not have before. Where they are more than are read, the newest stands for all, as if the known commit were its parent. */
  readonly added: readonly CommitInfo[];
  /** Those whose trailers allow something: of a history that was rewritten the newest alone, for old ones must not allow anything again. */
  readonly allowing: readonly CommitInfo[];
}

/** What a push adds: the commit and its ancestors without those of the commit that is known already. */
export async function findNewCommits(objects: GitObjects, commit: CommitInfo, known: string | undefined): Promise<NewCommits> {
  if (known === undefined || known === commit.id) return { added: [commit], allowing: [commit] };
  const all = [{ ...commit, parents: [known] }];
  const line = await walk(objects, commit, known);
  if (line.isMet) return { added: line.isCut ? all : line.found, allowing: line.found };
  const { found, isCut } = await walk(objects, commit, known, await ancestorsOf(objects, known));
  return { added: isCut ? all : found, allowing: [commit] };
}

async function walk(
  objects: GitObjects,
  commit: CommitInfo,
  known: string,
  ancestors?: ReadonlySet<string>,
): Promise<{ readonly found: readonly CommitInfo[]; readonly isMet: boolean; readonly isCut: boolean }> {
  const found = [commit];
  const seen = new Set([commit.id]);
  const queue = [...commit.parents];
  let excluded = ancestors;
  let isMet = false;
  for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
    if (id === known) isMet = true;
    if (id === known || seen.has(id)) continue;
    seen.add(id);
    // A straight line ends at the known commit; behind a merge, the way may lead around it into old history.
    if (isMet || queue.length > 0) excluded ??= await ancestorsOf(objects, known);
    if (excluded?.has(id) === true) continue;
    if (found.length >= COMMITS_MAX) return { found, isMet, isCut: true };
    const ancestor = await objects.commit(id).catch(unlessMissing);
    if (ancestor === undefined) continue;
    found.push(ancestor);
    queue.push(...ancestor.parents);
  }
  return { found, isMet, isCut: false };
}

async function ancestorsOf(objects: GitObjects, id: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const queue = [id];
  while (queue.length > 0 && found.size < ANCESTORS_MAX) {
    const next = queue.shift() ?? "";
    if (found.has(next)) continue;
    found.add(next);
    queue.push(...((await objects.commit(next).catch(unlessMissing))?.parents ?? []));
  }
  return found;
}
