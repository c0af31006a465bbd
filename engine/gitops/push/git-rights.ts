import { isStatusBranch } from "../git/status-branch.ts";
import { globExpression } from "../manifests/ignore-patterns.ts";

/**
 * What one may do with a hosted repository; verbs of RBAC on its Repository object. Each contains those before it: read it, push branches
 * whose merge is only planned, push protected branches and tags (which deploys), rewrite and delete those.
 */
export const GIT_RIGHTS = ["fetch", "propose", "push", "force"] as const;
export type GitRight = (typeof GIT_RIGHTS)[number];

/** What the `access` of a deploy key means. */
export const TOKEN_ACCESS: ReadonlyMap<string, GitRight> = new Map([
  ["read", "fetch"],
  ["propose", "propose"],
  ["push", "push"],
  ["force", "force"],
]);

/** The rights that contain this one, itself first. */
export function rightsWith(right: GitRight): readonly GitRight[] {
  return GIT_RIGHTS.slice(GIT_RIGHTS.indexOf(right));
}

/** One line of what Git tells a hook: a ref, where it was and where it shall be. All zeros: it does not exist. */
export interface RefUpdate {
  readonly from: string;
  readonly to: string;
  readonly ref: string;
}

export interface BranchRules {
  /** The branch with the desired state. */
  readonly branch: string;
  /** Patterns of further branches that go forward only. */
  readonly protected: readonly string[];
}

export type RefNeed =
  | { readonly is: "right"; readonly right: GitRight }
  /** Nobody may: the ref is the system's own. */
  | { readonly is: "never"; readonly why: string };

const NONE = /^0+$/;
/**
 * Names that mean something else to whoever uses them: with a branch `refs/heads/main` nobody could push to main by its whole name, a commit's
 * id would be a branch, and beside a branch `status` there can be no branch of the cluster's own.
 */
const MISTAKABLE = /^(refs\/.*|HEAD|status|[0-9a-f]{40})$/;

export function isDeletion({ to }: RefUpdate): boolean {
  return NONE.test(to);
}

export function isCreation({ from }: RefUpdate): boolean {
  return NONE.test(from);
}

/** Whether a ref goes forward only. */
export function isProtected(ref: string, rules: BranchRules): boolean {
  const name = branchOf(ref);
  return name !== undefined && (name === rules.branch || isStatusBranch(name) || rules.protected.some((pattern) => globExpression(pattern).test(name)));
}

/** Refs that are neither branches nor tags nor notes: they are kept, as of a mirror, and nobody looks at them here. */
export function isUnread(ref: string): boolean {
  return !/^refs\/(heads|tags|notes)\//.test(ref);
}

/** The right that an update needs; `isForward` whether the old commit stays part of the ref's history. */
export function computeNeed(update: RefUpdate, isForward: boolean, rules: BranchRules): RefNeed {
  const name = branchOf(update.ref);
  if (update.ref.startsWith("refs/mainstay/")) return { is: "never", why: `${update.ref} belongs to the system` };
  // Gerrit and Gitea make a review of what is pushed there. Kept as a ref, it would be a change that nobody ever looks at.
  if (update.ref.startsWith("refs/for/") && !isDeletion(update))
    return {
      is: "never",
      why: `there are no reviews to push to ${update.ref}; push a branch, which is planned at once: git push origin HEAD:refs/heads/my-change`,
    };
  if (name !== undefined && name !== rules.branch && MISTAKABLE.test(name) && !isDeletion(update))
    return {
      is: "never",
      why: `${name === "status" ? "beside a branch status there can be none below status/, where the cluster says how it is" : `a branch ${name} would be taken for something else`}; choose another name`,
    };
  if (name !== undefined && isStatusBranch(name)) return { is: "right", right: "force" };
  if (isProtected(update.ref, rules)) return { is: "right", right: isForward && !isDeletion(update) ? "push" : "force" };
  return { is: "right", right: name === undefined ? "push" : "propose" };
}

/** Why an update is refused that needs a right, and what to do instead. */
export function explainRefusal(
  update: RefUpdate,
  right: GitRight,
  rules: BranchRules,
  who: { readonly pusher: string; readonly repository: string; readonly mayForce: boolean; readonly isForced?: boolean },
): string {
  const name = branchOf(update.ref) ?? update.ref;
  const lacks = `${who.pusher} may not ${right} repository ${who.repository}`;
  if (right !== "force")
    return `refused: ${name}: ${lacks}; ${right === "push" ? "push a branch of another name for others to merge" : "ask for a role with the verb propose or push on repositories.mainstay.dev"}`;
  const byForce = who.mayForce ? "; if it must be: git push --force -o force" : who.isForced === true ? `; ${lacks}` : "";
  if (isStatusBranch(name)) return `refused: ${name} is written by the cluster alone${byForce}`;
  if (isDeletion(update))
    return name === rules.branch
      ? `refused: deleting ${name} would leave the cluster without a desired state; to remove everything, push a commit without manifests${byForce}`
      : `refused: ${name} is protected and stays${byForce}`;
  return `refused: this push would rewrite ${name} and drop ${update.from.slice(0, 10)}; go forward with git pull --rebase, or go back with git revert${byForce}`;
}

function branchOf(ref: string): string | undefined {
  return /^refs\/heads\/(.+)$/.exec(ref)?.[1];
}
