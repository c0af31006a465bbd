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
  fetch(ref: string, signal: AbortSignal): Promise<string | undefined>;
  /** Compare-and-swap of a ref at the remote. */
  push(ref: string, from: string | undefined, to: string | undefined): Promise<PushResult>;
}

const NONE = "0".repeat(40);
/** A remote that accepts a connection and then says nothing must not hold the sync for ever. */
const REQUEST_TIMEOUT_MS = 60_000;

/** HTTP and HTTPS by isomorphic-git; everything else (ssh, file, plain paths) by the machine's Git. */
export function openRemoteTransport(gitDir: string, url: string): RemoteTransport {
  return /^https?:\/\//i.test(url) ? httpTransport(gitDir, url) : nativeTransport(gitDir, url);
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
    async fetch(ref, signal) {
      const result = await withTimeout(git.fetch({ ...at, ...access, ref, remoteRef: ref, singleBranch: true, tags: false }), signal, "fetch from the remote");
      return result.fetchHead ?? undefined;
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
        return result.ok && (outcome === undefined || outcome.ok) ? { is: "pushed" } : { is: "conflict", reason: outcome?.error ?? result.error ?? "refused by the remote" };
      } catch (error) {
        if (error instanceof git.Errors.PushRejectedError || error instanceof git.Errors.GitPushError) return { is: "conflict", reason: error.message };
        throw new Error(`push ${ref} to the remote`, { cause: error });
      }
    },
  };
}

function nativeTransport(gitDir: string, url: string): RemoteTransport {
  return {
    async listRefs(prefix, signal) {
      const text = await gitText({ args: ["ls-remote", url, `${prefix}*`], signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]) });
      return new Map(text.split("\n").filter((line) => line !== "").map((line) => line.split("\t").reverse() as [string, string]));
    },
    async fetch(ref, signal) {
      await gitText({ gitDir, args: ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", url, `+${ref}:refs/mainstay/fetched`], signal: AbortSignal.any([signal, AbortSignal.timeout(10 * REQUEST_TIMEOUT_MS)]) });
      return (await gitText({ gitDir, args: ["rev-parse", "refs/mainstay/fetched"] })).trim();
    },
    async push(ref, from, to) {
      const output = await runGit({ gitDir, args: ["push", "--quiet", `--force-with-lease=${ref}:${from ?? NONE}`, url, `${to ?? ""}:${ref}`] });
      if (output.code === 0) return { is: "pushed" };
      if (/\[(remote )?rejected\]|stale info|cannot lock ref/.test(output.stderr)) return { is: "conflict", reason: lastLines(output.stderr) };
      throw new Error(`push ${ref} to the remote`, { cause: new Error(lastLines(output.stderr)) });
    },
  };
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
