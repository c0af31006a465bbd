/**
 * Orders versions of an API as Kubernetes does, best first: released ones (v10, v2), then betas and alphas, larger numbers before
 * smaller ones; names of another form come last, by letter.
 */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [parse(left), parse(right)];
  if (a === undefined || b === undefined) return a === b ? (left < right ? -1 : left > right ? 1 : 0) : a === undefined ? 1 : -1;
  for (const [index, part] of a.entries()) {
    const other = b[index] ?? 0;
    if (part !== other) return other - part;
  }
  return 0;
}

function parse(version: string): readonly number[] | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (match === null) return undefined;
  return [match[2] === undefined ? 2 : match[2] === "beta" ? 1 : 0, Number(match[1]), Number(match[3] ?? 0)];
}
