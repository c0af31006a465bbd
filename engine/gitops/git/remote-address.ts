/** Where a remote repository is. */
export interface RemoteAddress {
  /** Without user name and password: as others may read it, in lists of processes and in messages. */
  readonly url: string;
  /** What stood in the address. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** The protocols that Git may use for it, also where the remote leads to another address. */
  readonly protocols: readonly string[];
}

/** HTTPS is not left for anything else. */
const PROTOCOLS: ReadonlyMap<string, readonly string[]> = new Map([
  ["https", ["https"]],
  ["http", ["http", "https"]],
  ["ssh", ["ssh"]],
  ["git+ssh", ["ssh"]],
  ["ssh+git", ["ssh"]],
  ["git", ["git"]],
  ["file", ["file"]],
]);

/** Throws for what is no address, but an option of Git's or a program for it to run. */
export function parseRemoteAddress(text: string): RemoteAddress {
  if (text.startsWith("-") || /^[A-Za-z0-9][A-Za-z0-9+.-]*::/.test(text)) throw new Error(`${text} is not the address of a repository`);
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return { url: text, protocols: /^[^/]*:/.test(text) ? ["ssh"] : ["file"] };
  const protocols = PROTOCOLS.get(scheme);
  if (protocols === undefined) throw new Error(`${scheme} is no protocol that repositories are reached by; it must be https, http, ssh, git or file`);
  if (scheme !== "https" && scheme !== "http") return { url: text, protocols };
  const parsed = new URL(text);
  if (parsed.username === "" && parsed.password === "") return { url: text, protocols };
  const credentials = { username: decodeURIComponent(parsed.username), password: decodeURIComponent(parsed.password) };
  parsed.username = "";
  parsed.password = "";
  return { url: parsed.toString(), credentials, protocols };
}
