import { BoundedCache } from "../../lib/bounded-cache.ts";
import { loadRe2 } from "../../lib/late-modules.ts";

/** A pattern of paths or names. */
export interface Glob {
  test(text: string): boolean;
}

const GLOBS_KEPT = 1_000;
const globs = new BoundedCache<Glob>(GLOBS_KEPT);

/**
 * `.mainstayignore`, with the patterns of gitignore(5): `#` comments, `!` exceptions (the last match decides), a leading or inner `/`
 * anchors to the root, a trailing `/` matches directories only, `*`, `?`, `[a-z]` and `**`.
 * What lies below an ignored directory is never looked at, so it cannot be brought back by an exception.
 */
export type IgnoreRule = (path: string, isDirectory: boolean) => boolean;

export function parseIgnorePatterns(text: string): IgnoreRule {
  const patterns = text
    .split(/\r?\n/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map(compile);
  return (path, isDirectory) => {
    let ignored = false;
    for (const pattern of patterns) if ((isDirectory || !pattern.directoriesOnly) && pattern.expression.test(path)) ignored = !pattern.negated;
    return ignored;
  };
}

function compile(line: string): { readonly expression: Glob; readonly negated: boolean; readonly directoriesOnly: boolean } {
  const negated = line.startsWith("!");
  let glob = negated ? line.slice(1) : line;
  const directoriesOnly = glob.endsWith("/");
  if (directoriesOnly) glob = glob.slice(0, -1);
  const anchored = glob.includes("/");
  const source = globSource(glob.replace(/^\//, ""));
  return { expression: compiled(`^${anchored ? "" : "(?:.*/)?"}${source}$`), negated, directoriesOnly };
}

/** A path glob as an expression that matches whole paths: `*` and `?` stay within a folder, `**` crosses folders. */
export function globExpression(glob: string): Glob {
  return compiled(`^${globSource(glob)}$`);
}

/**
 * In time linear in the text, whatever a repository brings: of `*a*a*a*a` and its like, other engines try every way there is. A set that is
 * none, such as `[z-a]`, fits nothing.
 */
function compiled(source: string): Glob {
  let glob = globs.get(source);
  if (glob === undefined) globs.set(source, (glob = compileSource(source)));
  return glob;
}

function compileSource(source: string): Glob {
  try {
    return loadRe2().RE2JS.compile(source);
  } catch {
    return { test: () => false };
  }
}

function globSource(glob: string): string {
  let source = "";
  for (let at = 0; at < glob.length; at++) {
    const rest = glob.slice(at);
    const set = /^\[(!?)([^\]\\/]+)\]/.exec(rest);
    if (rest.startsWith("**/")) {
      source += "(?:.*/)?";
      at += 2;
    } else if (rest.startsWith("**")) {
      source += ".*";
      at += 1;
    } else if (rest.startsWith("*")) source += "[^/]*";
    else if (rest.startsWith("?")) source += "[^/]";
    else if (set !== null) {
      source += `[${set[1] === "!" ? "^" : ""}${(set[2] ?? "").replace(/[[\]^&~|]/g, "\\$&")}]`;
      at += set[0].length - 1;
    } else source += (rest[0] ?? "").replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  }
  return source;
}
