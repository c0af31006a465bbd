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

function compile(line: string): { readonly expression: RegExp; readonly negated: boolean; readonly directoriesOnly: boolean } {
  const negated = line.startsWith("!");
  let glob = negated ? line.slice(1) : line;
  const directoriesOnly = glob.endsWith("/");
  if (directoriesOnly) glob = glob.slice(0, -1);
  const anchored = glob.includes("/");
  const source = globSource(glob.replace(/^\//, ""));
  return { expression: new RegExp(`^${anchored ? "" : "(?:.*/)?"}${source}$`, "u"), negated, directoriesOnly };
}

/** A path glob as an expression that matches whole paths: `*` and `?` stay within a folder, `**` crosses folders. */
export function globExpression(glob: string): RegExp {
  return new RegExp(`^${globSource(glob)}$`, "u");
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
