import { readFileSync } from "node:fs";

/** What a resolver is told. */
export interface DnsSettings {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** What the machine's own resolver is told by this file; undefined where there is to be none. Throws when the file cannot be read. */
export function readHostDns(file: string): DnsSettings | undefined {
  return file === "" ? undefined : parseResolvConf(readFileSync(file, "utf8"));
}

/** The settings of a resolv.conf: servers add up, of domains the last line counts, of options each one's last word. Pure. */
export function parseResolvConf(text: string): DnsSettings {
  let searches: readonly string[] = [];
  const servers: string[] = [];
  const options = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === "nameserver" && rest[0] !== undefined) servers.push(rest[0]);
    if (word === "search") searches = rest.filter((domain) => domain !== ".").map((domain) => domain.replace(/\.$/, ""));
    if (word === "options") for (const option of rest) options.set(option.split(":")[0] ?? option, option);
  }
  return { servers, searches, options: [...options.values()] };
}
