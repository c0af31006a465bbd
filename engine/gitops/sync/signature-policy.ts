import { shortId, unlessMissing, type CommitInfo, type GitObjects } from "../git/git-source.ts";
import { readFileOf } from "../git/git-tree.ts";
import type { Problem } from "../manifests/problem.ts";
import { CONFIG_FILE, DEFAULT_SIGNERS_FILE } from "../manifests/repository-config.ts";

export interface SignatureRule {
  readonly require: boolean;
  /** File of the repository with the allowed signers, from the folder that the cluster uses. */
  readonly keys: string;
}

/** What was admitted last, and what it asks of the next commit. */
export interface SignatureBase {
  readonly commit: string;
  readonly rule: SignatureRule;
}

/**
 * Holds a commit against the rule of the commit before it, so that nobody can let himself in: neither by dropping the rule nor by adding
 * a key. Only the first commit with a rule is held against its own. Whatever cannot be checked is refused.
 */
export async function checkSignature(
  objects: GitObjects,
  commit: CommitInfo,
  own: SignatureRule,
  base: SignatureBase | undefined,
  prefix: string,
): Promise<readonly Problem[]> {
  const isBound = base?.rule.require === true && base.commit !== commit.id;
  const rule = isBound ? base.rule : own;
  if (!rule.require) return [];
  const refuse = (why: string): readonly Problem[] => [
    { file: `${prefix}${CONFIG_FILE}`, line: 1, field: "signatures.require", message: `commit ${shortId(commit.id)} is refused: ${why}` },
  ];
  const file = `${prefix}${rule.keys === "" ? DEFAULT_SIGNERS_FILE : rule.keys}`;
  const tree = isBound ? (await objects.commit(base.commit).catch(unlessMissing))?.tree : commit.tree;
  const signers = tree === undefined ? undefined : await readFileOf(objects, tree, file);
  if (signers === undefined)
    return refuse(`the file ${file} with the allowed signers is not ${isBound ? `in ${shortId(base.commit)}, which was admitted last` : "there"}`);
  if (objects.verifySignature === undefined) return refuse("signatures cannot be checked here");
  try {
    const verdict = await objects.verifySignature(commit.id, signers.toString("utf8"));
    return verdict.is === "trusted" ? [] : refuse(verdict.why);
  } catch (error) {
    return refuse(`its signature could not be checked: ${error instanceof Error ? error.message : String(error)}`);
  }
}
