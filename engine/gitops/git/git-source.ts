import type { SignatureVerdict } from "./verify-signature.ts";

/** A commit, as far as deploying it needs to know it. */
export interface CommitInfo {
  readonly id: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly message: string;
  readonly author: string;
  /** The author's address; absent where nothing has one. */
  readonly email?: string;
  /** Author time in milliseconds since the epoch. */
  readonly time: number;
}

export interface TreeEntry {
  /** Bytes that are no UTF-8 are in it as Git shows them: `caf\351`. */
  readonly name: string;
  readonly id: string;
  readonly is: "file" | "directory" | "symlink" | "submodule";
  /** Of a file, where it is. */
  readonly isExecutable?: true;
  /** The name as it stands in the tree, where that is not UTF-8. */
  readonly nameBytes?: Buffer;
}

/** An object is nowhere, as behind the end of a history that was not fetched whole. */
export class MissingObject extends Error {}

/** For who goes back in a history: its end is an answer; what cannot be read, for whatever other reason, must not look like one. */
export function unlessMissing(error: unknown): undefined {
  if (!(error instanceof MissingObject)) throw error;
  return undefined;
}

/**
 * Objects by id. Ids name content, so answers may be cached for ever. Rejects with a MissingObject, when an object is broken or of another
 * type, and with an OversizedObject when it is longer than any manifest may be.
 */
export interface GitObjects {
  commit(id: string): Promise<CommitInfo>;
  tree(id: string): Promise<readonly TreeEntry[]>;
  blob(id: string): Promise<Buffer>;
  /** Whether a commit is signed by one of the allowed signers; absent where nothing can check it. */
  verifySignature?(id: string, signers: string): Promise<SignatureVerdict>;
}

/** Where the desired branch is. */
export type BranchState =
  /** `note` tells what a reader of the status should know, such as a rewritten history. */
  | { readonly is: "at"; readonly commit: string; readonly note?: string }
  /** The branch has never been seen: nothing has been pushed, or, with `why`, not there. */
  | { readonly is: "empty"; readonly why?: string }
  /** It was there and is gone; `last` keeps running. */
  | { readonly is: "deleted"; readonly last: string; readonly why?: string }
  /** The remote cannot be asked; `last` keeps running, if there is one. */
  | { readonly is: "unreachable"; readonly last: string | undefined; readonly error: string };

/** Who a system commit is by. */
export interface Signature {
  readonly name: string;
  readonly email: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

export interface NewCommit {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly message: string;
  readonly signature: Signature;
}

export type PushResult =
  | { readonly is: "pushed" }
  /** Someone else moved the ref: fetch it, rebuild, try again. */
  | { readonly is: "conflict"; readonly reason: string };

/** Objects and refs to write to. No work tree exists anywhere. */
export interface GitStore {
  readonly objects: GitObjects;
  writeBlob(content: Buffer | string): Promise<string>;
  /** Entries in any order; they are sorted as Git wants them. */
  writeTree(entries: readonly TreeEntry[]): Promise<string>;
  writeCommit(commit: NewCommit): Promise<string>;
  /** The ref's commit where the desired state lives (the remote, when there is one), newest; objects are local afterwards. */
  fetchRef(ref: string): Promise<string | undefined>;
  /** Compare-and-swap of one ref; `to` undefined deletes it, `from` undefined creates it. */
  pushRef(ref: string, from: string | undefined, to: string | undefined): Promise<PushResult>;
  /** Refs below prefixes with their commits; what is below an earlier one is looked at before. */
  listRefs(...prefixes: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** How many commits `id` has behind it, itself included, counted no further than `max`. */
  countCommits(id: string, max: number): Promise<number>;
  /** Writes again what was written of late and others have removed. */
  restoreRecent?(): Promise<void>;
  /** Puts objects together in packs, once there are many by themselves, and lets go of what was read. Nothing that can be reached is lost. */
  tidy?(signal: AbortSignal): Promise<void>;
}

/** A place that desired state comes from: the hosted repository, or a remote that is followed. */
export interface GitSource {
  /** For people: the URL without credentials. */
  readonly url: string;
  readonly branch: string;
  readonly store: GitStore;
  /** Looks where the branch is, and fetches what is new. Never rejects for a remote's sake: that is a state. */
  look(signal: AbortSignal): Promise<BranchState>;
  /** Who pushed a commit to the branch, where pushers say who they are. */
  pusherOf?(commit: string): Promise<string | undefined>;
  /** How long to wait before the next look; Infinity when pushes announce themselves. */
  readonly pollIntervalMs: number;
}

/** The first characters of a commit's id, as people read them. */
export function shortId(id: string, length = 10): string {
  return id.slice(0, length);
}
