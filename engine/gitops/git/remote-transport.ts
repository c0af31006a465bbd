import { isAbort } from "../../lib/abort.ts";
import { Lock } from "../../lib/lock.ts";
import type { PushResult } from "./git-source.ts";
import { BOUNDED, gitText, lastLines, runGit, UNPACK_BYTES_MAX, type GitCommand } from "./native-git.ts";
import type { RemoteAddress } from "./remote-address.ts";
import { removeStaleRefLocks } from "./stale-locks.ts";
import { removeUnfinishedPacks } from "./unfinished-packs.ts";

/** How a remote repository is reached. `gitDir` is the bare mirror that objects are fetched into. Rejects when the remote cannot be reached. */
export interface RemoteTransport {
  /** Refs of the remote below prefixes; one request. */
  listRefs(prefixes: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** Brings one ref's commit and all it needs into the mirror, and returns the commit. */
  fetch(ref: string, signal: AbortSignal, depth?: number): Promise<string | undefined>;
  /** Compare-and-swap of a ref at the remote. */
  push(ref: string, from: string | undefined, to: string | undefined): Promise<PushResult>;
}

const NONE = "0".repeat(40);
/** A remote that accepts a connection and then says nothing must not hold the sync for ever. */
const REQUEST_TIMEOUT_MS = 60_000;
const FETCH_TIMEOUT_MS = 10 * REQUEST_TIMEOUT_MS;
/** More than the repository of a cluster has, and less than a remote that never ends could fill a disk with. */
const PACK_BYTES_MAX = 2 ** 31;
/** What Git may take to ask a remote for its refs, however many it is told of. */
const LISTING_BYTES_MAX = 2 ** 30;
/** The ref that what is fetched is known by until it has been looked at. */
const FETCHED = "refs/mainstay/fetched";
/** What is fetched is one pack, which is there whole or not at all: of single objects, a kill leaves the first, whose commit is among them. */
const WHOLE = ["-c", "fetch.unpackLimit=1"];
const BOUNDS = BOUNDED.flatMap(([key, value]) => ["-c", `${key}=${value}`]);

/**
 * A remote is asked by the machine's Git, which keeps what it is sent on the disk. It runs nothing that an address names, and no other
 * protocol than that of the address. `environment` has the credentials, and is asked for each request: a token that was rotated counts at once.
 */
export function openRemoteTransport(
  gitDir: string,
  { url, protocols }: Pick<RemoteAddress, "url" | "protocols">,
  environment: () => Promise<Readonly<Record<string, string>>> = async () => ({}),
): RemoteTransport {
  const fetches = new Lock();
  const ask = async (command: Pick<GitCommand, "args" | "limits">, timeoutMs: number, signal?: AbortSignal) => {
    const limit = AbortSignal.timeout(timeoutMs);
    try {
      return await runGit({
        ...command,
        gitDir,
        environment: { ...(await environment()), GIT_ALLOW_PROTOCOL: protocols.join(":") },
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      });
    } catch (error) {
      if (!isAbort(error) || signal?.aborted === true) throw error;
      throw new Error("ask the remote", { cause: new Error(`no answer within ${timeoutMs / 1000} s`) });
    }
  };
  // On this machine it is Git itself that answers, which maps whole packs.
  const limitsOf = (memoryBytes: number) => ({ fileBytes: PACK_BYTES_MAX, ...(protocols.includes("file") ? {} : { memoryBytes }) });
  const failed = (doing: string, stderr: string) => new Error(doing, { cause: new Error(explainFailure(stderr)) });
  return {
    async listRefs(prefixes, signal) {
      const args = ["ls-remote", "--", url, ...prefixes.map((prefix) => `${prefix}*`)];
      const { code, stdout, stderr } = await ask({ args, limits: limitsOf(LISTING_BYTES_MAX) }, REQUEST_TIMEOUT_MS, signal);
      if (code !== 0) throw failed("list the refs of the remote", stderr);
      const lines = stdout.toString("utf8").split("\n");
      return new Map(lines.filter((line) => line !== "").map((line) => line.split("\t").reverse() as [string, string])); // as Git writes them
    },
    // One after the other: each has the same ref to be known by.
    fetch: (ref, signal, depth) =>
      fetches.run(async () => {
        const options = ["--quiet", "--no-tags", "--no-write-fetch-head", ...(depth === undefined ? [] : [`--depth=${depth}`])];
        const args = [...BOUNDS, ...WHOLE, "fetch", ...options, "--", url, `+${ref}:${FETCHED}`];
        let isFetched = false;
        await removeStaleRefLocks(gitDir, [FETCHED, "shallow"]);
        try {
          const { code, stderr } = await ask({ args, limits: limitsOf(UNPACK_BYTES_MAX) }, FETCH_TIMEOUT_MS, signal);
          if (code !== 0) throw failed("fetch from the remote", stderr);
          isFetched = true;
        } finally {
          if (!isFetched) await removeUnfinishedPacks(gitDir);
        }
        return (await gitText({ gitDir, args: ["rev-parse", `${FETCHED}^{commit}`] })).trim();
      }),
    async push(ref, from, to) {
      const args = ["push", "--quiet", `--force-with-lease=${ref}:${from ?? NONE}`, "--", url, `${to ?? ""}:${ref}`];
      const { code, stderr } = await ask({ args }, FETCH_TIMEOUT_MS);
      if (code === 0) return { is: "pushed" };
      if (/\[(remote )?rejected\]|stale info|cannot lock ref/.test(stderr)) return { is: "conflict", reason: lastLines(stderr) };
      throw failed(`push ${ref} to the remote`, stderr);
    },
  };
}

/** What curl and SSH say before Git gives up, in the words of the Secret that has to be mended; Git's own last words otherwise. */
function explainFailure(stderr: string): string {
  if (/File too large|died of signal 25/.test(stderr))
    return `the remote sends more than ${PACK_BYTES_MAX >>> 30} GiB at once, which is more than is taken; what is deployed is text: keep it in a repository of its own`;
  if (/Out of memory/i.test(stderr))
    return `the remote sends what takes more than ${UNPACK_BYTES_MAX >>> 30} GiB of memory to unpack, files of that length; what is deployed is text: keep it in a repository of its own`;
  if (/mismatched algorithms|hash algorithm/.test(stderr))
    return "the remote keeps its objects under another hash than SHA-1 (git init --object-format=sha256), and those are not read here; keep what is deployed in a repository of the usual format";
  if (/requested URL returned error: 30\d/.test(stderr))
    return "the remote leads to another address, which is not gone to with the bearerToken of the Secret; name that address, or give a username and password";
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED|key for .* has changed/i.test(stderr))
    return "the host shows another key than the one that known_hosts of the Secret has for it: either it has a new one, or someone stands between; compare, then write the right one into the Secret";
  if (/Host key verification failed|No .*host key is known/i.test(stderr))
    return "known_hosts of the Secret has no key for the host; ask the host's owner for it, and write it there (ssh-keyscan shows what answers now)";
  if (/^Load key .*(invalid format|error in libcrypto|bad permissions|passphrase)/im.test(stderr))
    return "the SSH key of the Secret (identity) cannot be read; it must be a private key without a passphrase, as ssh-keygen writes it";
  if (/could not read (Username|Password) for/.test(stderr))
    return "the remote lets nobody in without a password: the Secret has none (username and password), or its bearerToken is not accepted";
  if (/Authentication failed for/.test(stderr))
    return "Authentication failed: the remote does not accept the password of the Secret, or of the address; write one that is valid into the Secret";
  if (/Permission denied \(/.test(stderr))
    return "the host does not accept the SSH key of the Secret (identity), or there is none; give its public half to the host";
  return lastLines(stderr);
}
