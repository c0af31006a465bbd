import { isAbort, NEVER } from "../../lib/abort.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { chooseRef, explainMissing, parseRevision, refPrefix, refsOfKind } from "./choose-revision.ts";
import type { BranchState, GitSource, GitStore } from "./git-source.ts";
import { withoutCredentials } from "../../lib/without-credentials.ts";
import { readRef } from "./git-refs.ts";
import { compareAndSwapRef } from "./move-ref.ts";
import { openGitStore } from "./git-store.ts";
import { ensureHostedRepository } from "./hosted-repository.ts";
import type { RemoteTransport } from "./remote-transport.ts";
import { runGit } from "./native-git.ts";

const POLL_INTERVAL_MS = 15_000;
/** Of a long history only the end is fetched; trailers and rollbacks need some of it. */
const FIRST_DEPTH = 50;

export interface RemoteSourceOptions {
  /** Bare mirror in the data directory: what was fetched last runs on without the remote. */
  readonly gitDir: string;
  readonly url: string;
  /** A branch, or `tag:…`, `semver:…`, `commit:…`. */
  readonly branch: string;
  readonly transport: RemoteTransport;
  readonly logger: Logger;
  readonly pollIntervalMs?: number;
}

/** Follows a branch of a repository elsewhere: one small request per look, a fetch only when the branch has moved. */
export async function openRemoteSource(options: RemoteSourceOptions): Promise<GitSource> {
  const { gitDir, branch, transport, logger } = options;
  const revision = parseRevision(branch);
  await ensureHostedRepository(gitDir, revision.is === "branch" ? revision.name : "main");
  // Where the branch was when it was last seen, over restarts.
  const seenRef = `refs/mainstay/seen/${revision.is === "branch" ? revision.name : branch.replace(/[^A-Za-z0-9._-]+/g, "_")}`;
  /** What the ref said and the commit it meant: those of an annotated tag differ. */
  let known: { readonly tip: string; readonly commit: string } | undefined;
  let note: string | undefined;
  return {
    url: withoutCredentials(options.url),
    branch,
    pollIntervalMs: options.pollIntervalMs ?? POLL_INTERVAL_MS,
    store: remoteStore(gitDir, transport),
    async look(signal): Promise<BranchState> {
      const last = await readRef(gitDir, seenRef);
      try {
        const refs = revision.is === "commit" ? new Map<string, string>() : await transport.listRefs([refPrefix(revision)], signal);
        const ref = revision.is === "commit" ? revision.id : chooseRef(revision, refs);
        const tip = revision.is === "commit" ? revision.id : refs.get(ref ?? "");
        if (ref === undefined || tip === undefined) {
          const why = explainMissing(revision, (revision.is === "semver" ? refs : await transport.listRefs([refsOfKind(revision)], signal)).keys());
          return { ...(last === undefined ? { is: "empty" } : { is: "deleted", last }), ...(why === undefined ? {} : { why }) };
        }
        if (tip !== last && known?.tip !== tip) {
          const fetched = await transport.fetch(ref, signal, last === undefined ? FIRST_DEPTH : undefined);
          if (fetched === undefined) return last === undefined ? { is: "empty" } : { is: "deleted", last };
          // Tags and versions are not one line of history.
          note = revision.is === "branch" ? await rewriteNote(gitDir, last, fetched) : undefined;
          if (note !== undefined) logger.warn("the branch was rewritten; its newest commit counts", { branch, from: last, to: fetched });
          const seen = await compareAndSwapRef(gitDir, seenRef, last, fetched);
          if (seen.is === "conflict") throw new Error("keep where the branch was seen", { cause: new Error(seen.reason) });
          known = { tip, commit: fetched };
          return { is: "at", commit: fetched, ...(note === undefined ? {} : { note }) };
        }
        return { is: "at", commit: known?.tip === tip ? known.commit : tip, ...(note === undefined ? {} : { note }) };
      } catch (error) {
        if (isAbort(error) && signal.aborted) throw error;
        return { is: "unreachable", last, error: withoutCredentials(describeError(error)) };
      }
    },
  };
}

/** Written locally first, then pushed; refs are read from the remote, since others may write there. */
function remoteStore(gitDir: string, transport: RemoteTransport): GitStore {
  const local = openGitStore(gitDir);
  return {
    ...local,
    async fetchRef(ref) {
      const tip = (await transport.listRefs([ref], NEVER)).get(ref);
      if (tip === undefined) return undefined;
      const isHere = await local.objects.tree(tip).then(
        () => true,
        () => false,
      );
      return isHere ? tip : transport.fetch(ref, NEVER);
    },
    pushRef: (ref, from, to) => transport.push(ref, from, to),
    listRefs: (...prefixes) => transport.listRefs(prefixes, NEVER),
  };
}

/** Said on the status when the branch's old tip is not part of its new history. */
async function rewriteNote(gitDir: string, from: string | undefined, to: string): Promise<string | undefined> {
  if (from === undefined) return undefined;
  const output = await runGit({ gitDir, args: ["merge-base", "--is-ancestor", from, to] });
  return output.code === 1 ? `the branch was rewritten: ${from.slice(0, 10)} is no longer part of it` : undefined;
}
