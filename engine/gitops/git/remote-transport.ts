import { promises as fs } from "node:fs";
import git from "isomorphic-git";
import http from "isomorphic-git/http/node";
import type { PushResult } from "./git-source.ts";
import { gitText, lastLines, runGit } from "./native-git.ts";

/** How a remote repository is reached. `gitDir` is the bare mirror that objects are fetched into. Rejects when the remote cannot be reached. */
export interface RemoteTransport {
  /** Refs of the remote below a prefix; one request. */
  listRefs(prefix: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** Brings one ref's commit and all it needs into the mirror, and returns the commit. */
  fetch(ref: string, signal: AbortSignal, depth?: number): Promise<string | undefined>;
  /** Compare-and-swap of a ref at the remote. */
  push(ref: string, from: string | undefined, to: string | undefined): Promise<PushResult>;
}

const NONE = "0".repeat(40);
/** A remote that accepts a connection and then says nothing must not hold the sync for ever. */
const REQUEST_TIMEOUT_MS = 60_000;

/**
 * Open HTTP and HTTPS by isomorphic-git, without a process; everything else (ssh, file, plain paths), and whatever needs credentials of a
 * Secret, by the machine's Git. The Secret is read for each request: a token that was rotated counts at once.
 */
export function openRemoteTransport(
  gitDir: string,
  url: string,
  environment: () => Promise<Readonly<Record<string, string>> | undefined> = async () => undefined,
): RemoteTransport {
  const native = nativeTransport(gitDir, url, async () => (await environment()) ?? {});
  if (!/^https?:\/\//i.test(url)) return native;
  const http = httpTransport(gitDir, url);
  const chosen = async () => ((await environment()) === undefined ? http : native);
  return {
    listRefs: async (prefix, signal) => (await chosen()).listRefs(prefix, signal),
    fetch: async (ref, signal, depth) => (await chosen()).fetch(ref, signal, depth),
    push: async (ref, from, to) => (await chosen()).push(ref, from, to),
  };
}

function httpTransport(gitDir: string, fullUrl: string): RemoteTransport {
  const { url, credentials } = splitCredentials(fullUrl);
  const access = { http, url, ...(credentials ? { onAuth: () => credentials, onAuthFailure: () => ({ cancel: true }) } : {}) };
  const at = { fs, gitdir: gitDir };
  return {
    async listRefs(prefix, signal) {
      const refs = await withTimeout(git.listServerRefs({ ...access, prefix, protocolVersion: 2 }), signal, "list the refs of the remote");
      return new Map(refs.map((ref) => [ref.ref, ref.oid]));
    },
    async fetch(ref, signal, depth) {
      const result = await withTimeout(
        git.fetch({ ...at, ...access, ref, remoteRef: ref, singleBranch: true, tags: false, ...(depth === undefined ? {} : { depth }) }),
        signal,
        "fetch from the remote",
      );
      return result.fetchHead === null ? undefined : peel(at, result.fetchHead);
    },
    async push(ref, from, to) {
      try {
        // isomorphic-git sends a ref of ours; the local name is only a carrier for the commit.
        const carrier = "refs/mainstay/outgoing";
        if (to !== undefined) await git.writeRef({ ...at, ref: carrier, value: to, force: true });
        const remote = (await git.listServerRefs({ ...access, prefix: ref, protocolVersion: 2 })).find((candidate) => candidate.ref === ref);
        if (remote?.oid !== from) return { is: "conflict", reason: `${ref} is at ${remote?.oid ?? "nothing"}` };
        const result = await git.push({ ...at, ...access, ref: carrier, remoteRef: ref, force: true, delete: to === undefined });
        const outcome = result.refs[ref];
        return result.ok && (outcome === undefined || outcome.ok)
          ? { is: "pushed" }
          : { is: "conflict", reason: outcome?.error ?? result.error ?? "refused by the remote" };
      } catch (error) {
        if (error instanceof git.Errors.PushRejectedError || error instanceof git.Errors.GitPushError) return { is: "conflict", reason: error.message };
        throw new Error(`push ${ref} to the remote`, { cause: error });
      }
    },
  };
}

/** An annotated tag is an object of its own; what counts is the commit behind it. */
async function peel(at: { readonly fs: typeof fs; readonly gitdir: string }, id: string): Promise<string> {
  const { oid } = await git.readCommit({ ...at, oid: id });
  return oid;
}

function nativeTransport(gitDir: string, url: string, environment: () => Promise<Readonly<Record<string, string>>>): RemoteTransport {
  const reach = async (args: readonly string[], signal: AbortSignal) => {
    const output = await runGit({ gitDir, args, environment: await environment(), signal });
    if (output.code !== 0) throw new Error(`git ${args[0] ?? ""} ended with ${output.code}`, { cause: new Error(explainFailure(output.stderr)) });
    return output.stdout.toString("utf8");
  };
  return {
    async listRefs(prefix, signal) {
      const text = await reach(["ls-remote", "--", url, `${prefix}*`], AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]));
      return new Map(
        text
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => line.split("\t").reverse() as [string, string]),
      );
    },
    async fetch(ref, signal, depth) {
      await reach(
        [
          "fetch",
          "--quiet",
          "--no-tags",
          "--no-write-fetch-head",
          ...(depth === undefined ? [] : [`--depth=${depth}`]),
          "--",
          url,
          `+${ref}:refs/mainstay/fetched`,
        ],
        AbortSignal.any([signal, AbortSignal.timeout(10 * REQUEST_TIMEOUT_MS)]),
      );
      return (await gitText({ gitDir, args: ["rev-parse", "refs/mainstay/fetched^{commit}"] })).trim();
    },
    async push(ref, from, to) {
      const output = await runGit({
        gitDir,
        environment: await environment(),
        args: ["push", "--quiet", `--force-with-lease=${ref}:${from ?? NONE}`, "--", url, `${to ?? ""}:${ref}`],
      });
      if (output.code === 0) return { is: "pushed" };
      if (/\[(remote )?rejected\]|stale info|cannot lock ref/.test(output.stderr)) return { is: "conflict", reason: lastLines(output.stderr) };
      throw new Error(`push ${ref} to the remote`, { cause: new Error(explainFailure(output.stderr)) });
    },
  };
}

/** What SSH says before Git gives up, in the words of the Secret that has to be mended; Git's own last words otherwise. */
function explainFailure(stderr: string): string {
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED|key for .* has changed/i.test(stderr))
    return "the host shows another key than the one that known_hosts of the Secret has for it: either it has a new one, or someone stands between; compare, then write the right one into the Secret";
  if (/Host key verification failed|No .*host key is known/i.test(stderr))
    return "known_hosts of the Secret has no key for the host; ask the host's owner for it, and write it there (ssh-keyscan shows what answers now)";
  if (/^Load key .*(invalid format|error in libcrypto|bad permissions|passphrase)/im.test(stderr))
    return "the SSH key of the Secret (identity) cannot be read; it must be a private key without a passphrase, as ssh-keygen writes it";
  if (/Permission denied \(/.test(stderr))
    return "the host does not accept the SSH key of the Secret (identity), or there is none; give its public half to the host";
  return lastLines(stderr);
}

/** The password must not end up in messages, so it leaves the URL at once. */
function splitCredentials(fullUrl: string): { readonly url: string; readonly credentials?: { readonly username: string; readonly password: string } } {
  const parsed = new URL(fullUrl);
  if (parsed.username === "" && parsed.password === "") return { url: fullUrl };
  const credentials = { username: decodeURIComponent(parsed.username), password: decodeURIComponent(parsed.password) };
  parsed.username = "";
  parsed.password = "";
  return { url: parsed.toString(), credentials };
}

/** isomorphic-git takes no signal; the request is left behind when it is late, its result unused. */
async function withTimeout<T>(promise: Promise<T>, signal: AbortSignal, doing: string): Promise<T> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
  let stop = () => {};
  const late = new Promise<never>((_, reject) => {
    stop = () => reject(signal.aborted ? signal.reason : new Error(`no answer within ${REQUEST_TIMEOUT_MS / 1000} s`));
    limit.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([promise, late]);
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Error(doing, { cause: error });
  } finally {
    limit.removeEventListener("abort", stop);
  }
}
