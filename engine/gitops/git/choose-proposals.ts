import type { GitStore } from "./git-source.ts";
import { isStatusBranch } from "./status-branch.ts";

/** A branch or request whose merge is planned. */
export interface Proposal {
  /** The branch, or `pr-12` and `mr-7` for requests of a forge; a branch that is called like one is `heads/pr-12`. */
  readonly name: string;
  readonly ref: string;
  readonly head: string;
}

/**
 * Where forges keep requests, and what their plans are called: GitHub, Gitea and Forgejo with head and merge, Azure DevOps with merge alone;
 * GitLab; Bitbucket Data Center, whose `from` is the head. Gerrit's refs/changes are not looked at: it keeps each state of each change for ever.
 */
const REQUESTS: readonly { readonly pattern: RegExp; readonly prefix: string }[] = [
  { pattern: /^refs\/pull\/(\d+)\/(head|merge)$/, prefix: "pr-" },
  { pattern: /^refs\/merge-requests\/(\d+)\/(head|merge)$/, prefix: "mr-" },
  { pattern: /^refs\/pull-requests\/(\d+)\/(from|merge)$/, prefix: "pr-" },
];
const REQUEST_NAME = /^(heads\/)*(pr|mr)-\d+$/;
/** Of forges that do not tell which requests are open. */
const REQUESTS_MAX = 20;

interface NumberedProposal extends Proposal {
  readonly number: number;
}

const BRANCHES = "refs/heads/";
const REQUEST_PREFIXES: readonly string[] = ["refs/pull/", "refs/merge-requests/", "refs/pull-requests/"];

/** All refs that may be proposals, with their heads. Branches are looked at last: a request is a stranger's if none has its head any more. */
export function listProposalRefs(store: Pick<GitStore, "listRefs">): Promise<ReadonlyMap<string, string>> {
  return store.listRefs(...REQUEST_PREFIXES, BRANCHES);
}

/**
 * Whether only who may write to the repository can have brought a proposal: a branch, or a request whose head is that of a branch.
 * Requests of forks are of strangers.
 */
export function isOwnProposal({ ref, head }: Pick<Proposal, "ref" | "head">, refs: ReadonlyMap<string, string>): boolean {
  return ref.startsWith(BRANCHES) || [...refs].some(([other, tip]) => tip === head && other.startsWith(BRANCHES));
}

/** Whether any of the refs is a forge's request. */
export function hasRequests(refs: ReadonlyMap<string, string>): boolean {
  return [...refs.keys()].some((ref) => REQUEST_PREFIXES.some((prefix) => ref.startsWith(prefix)));
}

/**
 * Which refs are proposals: every branch but the desired one and those of the status, and open requests. Forges keep the heads of closed
 * requests for ever, but only open ones have a `merge` beside their `head`; where no request has one, or only that, the newest count. A forge that was
 * asked knows best.
 */
export function chooseProposals(refs: ReadonlyMap<string, string>, branch: string, openRequests?: Pick<ReadonlySet<number>, "has">): readonly Proposal[] {
  const proposals: Proposal[] = [];
  for (const [ref, head] of refs) {
    const name = /^refs\/heads\/(.+)$/.exec(ref)?.[1];
    if (name !== undefined && name !== branch && !isStatusBranch(name)) proposals.push({ name: REQUEST_NAME.test(name) ? `heads/${name}` : name, ref, head });
  }
  for (const { pattern, prefix } of REQUESTS) {
    const [found, merges]: [NumberedProposal[], NumberedProposal[]] = [[], []];
    for (const [ref, head] of refs) {
      const [, number, kind] = pattern.exec(ref) ?? [];
      if (kind !== undefined) (kind === "merge" ? merges : found).push({ name: `${prefix}${number ?? ""}`, ref, head, number: Number(number) });
    }
    const heads = found.length > 0 ? found : merges;
    const open = new Set(found.length > 0 ? merges.map(({ number }) => number) : []);
    const chosen =
      openRequests !== undefined
        ? heads.filter((request) => openRequests.has(request.number))
        : open.size > 0
          ? heads.filter((request) => open.has(request.number))
          : heads.sort((a, b) => b.number - a.number).slice(0, REQUESTS_MAX);
    proposals.push(...chosen.map(({ name, ref, head }) => ({ name, ref, head })));
  }
  return proposals;
}
