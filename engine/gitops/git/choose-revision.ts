/** What of a remote is followed. */
export type Revision =
  | { readonly is: "branch"; readonly name: string }
  | { readonly is: "tag"; readonly name: string }
  /** The tag with the highest version in the range. */
  | { readonly is: "semver"; readonly range: string }
  | { readonly is: "commit"; readonly id: string };

/** Reads `tag:v1.2.3`, `semver:^1.2`, `commit:<40 hex digits>`, or the name of a branch. Throws an Error that says what is wrong. */
export function parseRevision(text: string): Revision {
  const [, kind, rest = ""] = /^(branch|tag|semver|commit):(.*)$/.exec(text) ?? [];
  switch (kind) {
    case undefined:
      return { is: "branch", name: text };
    case "commit":
      if (!/^[0-9a-f]{40}$/.test(rest)) throw new Error("a commit must be its full id of 40 hexadecimal digits");
      return { is: "commit", id: rest };
    case "semver":
      parseRange(rest);
      return { is: "semver", range: rest };
    default:
      if (rest === "") throw new Error(`${kind}: needs a name behind it`);
      return kind === "tag" ? { is: "tag", name: rest } : { is: "branch", name: rest };
  }
}

/** Below which prefix the refs are that have to be looked at. */
export function refPrefix(revision: Revision): string {
  return refsOfKind(revision) + (revision.is === "branch" || revision.is === "tag" ? revision.name : "");
}

/** The same of all that it could be instead. */
export function refsOfKind({ is }: Revision): string {
  return is === "branch" ? "refs/heads/" : "refs/tags/";
}

/** The ref to fetch, out of those of the remote; undefined: there is none. Not for commits, which need no ref. */
export function chooseRef(revision: Revision, refs: ReadonlyMap<string, string>): string | undefined {
  if (revision.is === "commit") return undefined;
  if (revision.is !== "semver") return refs.has(refPrefix(revision)) ? refPrefix(revision) : undefined;
  const matches = parseRange(revision.range);
  const versions = [...refs.keys()].flatMap((ref) => {
    const version = /^refs\/tags\/(?!.*\^\{\}$)/.test(ref) ? parseVersion(ref.slice("refs/tags/".length)) : undefined;
    return version === undefined || !matches(version) ? [] : [{ ref, version }];
  });
  return versions.sort((a, b) => compareVersions(b.version, a.version) || (a.ref < b.ref ? -1 : 1))[0]?.ref;
}

const SHOWN_MAX = 5;

/** Why a remote that has these refs has none to follow; undefined for one that has nothing at all yet. Branches that clusters write are not meant. */
export function explainMissing(revision: Revision, refs: Iterable<string>): string | undefined {
  const [kind, prefix] = [revision.is === "branch" ? "branch" : "tag", refsOfKind(revision)];
  const names = [...refs].filter((ref) => ref.startsWith(prefix) && !/^refs\/heads\/status\/|\^\{\}$/.test(ref)).map((ref) => ref.slice(prefix.length));
  if (revision.is === "commit" || (names.length === 0 && revision.is === "branch")) return undefined;
  const wanted = revision.is === "semver" ? `no tag of a version in ${revision.range}` : `no ${kind} ${revision.name}`;
  const more = names.length > SHOWN_MAX ? ` and ${names.length - SHOWN_MAX} more` : "";
  const others = names.length === 0 ? "no tags at all" : `${names.slice(0, SHOWN_MAX).join(", ")}${more}`;
  return `the repository has ${wanted}, but ${others}; if it was renamed, follow it by its new name (--branch, or ref of the source)`;
}

interface Version {
  readonly numbers: readonly [number, number, number];
  readonly pre: readonly string[];
}

/** `v1.2.3-rc.1+build` by semver.org 2.0.0, with or without the `v`. */
function parseVersion(text: string): Version | undefined {
  const match = /^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(text);
  return match === null ? undefined : { numbers: [Number(match[1]), Number(match[2]), Number(match[3])], pre: match[4]?.split(".") ?? [] };
}

function compareVersions(a: Version, b: Version): number {
  for (const index of [0, 1, 2] as const) if (a.numbers[index] !== b.numbers[index]) return a.numbers[index] - b.numbers[index];
  if (a.pre.length === 0 || b.pre.length === 0) return b.pre.length - a.pre.length;
  for (let index = 0; index < Math.max(a.pre.length, b.pre.length); index++) {
    const [one, other] = [a.pre[index], b.pre[index]];
    if (one === other) continue;
    if (one === undefined || other === undefined) return one === undefined ? -1 : 1;
    const [isOne, isOther] = [/^\d+$/.test(one), /^\d+$/.test(other)];
    if (isOne && isOther) return Number(one) - Number(other);
    if (isOne !== isOther) return isOne ? -1 : 1;
    return one < other ? -1 : 1;
  }
  return 0;
}

type Matcher = (version: Version) => boolean;

/** Ranges as npm and Helm write them: `^1.2`, `~1.2.3`, `1.x`, `>=1.0 <2.0`, `1.2 - 1.4`, `a || b`. */
function parseRange(text: string): Matcher {
  const alternatives = text.split("||").map((part) => {
    const hyphen = /^\s*(\S+)\s+-\s+(\S+)\s*$/.exec(part);
    const comparators =
      hyphen === null
        ? part
            .replace(/([<>=~^]+)\s+/g, "$1")
            .split(/[\s,]+/)
            .filter((one) => one !== "")
        : [`>=${hyphen[1]}`, `<=${hyphen[2]}`];
    const tests = (comparators.length === 0 ? ["*"] : comparators).map(parseComparator);
    // A version before a release is chosen only where the range speaks of one.
    const allowsPre = comparators.some((one) => one.includes("-"));
    return (version: Version) => (version.pre.length === 0 || allowsPre) && tests.every((test) => test(version));
  });
  return (version) => alternatives.some((test) => test(version));
}

function parseComparator(text: string): Matcher {
  const match = /^(\^|~|>=|<=|>|<|=)?v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:-([0-9A-Za-z.-]+))?(?:\+\S+)?$/.exec(text);
  if (match === null) throw new Error(`${text} is no version or range of versions, such as ^1.2 or >=1.0 <2.0`);
  const parts = [match[2], match[3], match[4]].map((part) => (part === undefined || /[xX*]/.test(part) ? undefined : Number(part)));
  const [major, minor, patch] = parts;
  const pre = match[5]?.split(".") ?? [];
  const low: Version = { numbers: [major ?? 0, minor ?? 0, patch ?? 0], pre };
  const below =
    (numbers: Version["numbers"]): Matcher =>
    (version) =>
      compareVersions({ ...version, pre: [] }, { numbers, pre: [] }) < 0;
  const atLeast: Matcher = (version) => compareVersions(version, low) >= 0;
  const upTo: Matcher =
    major === undefined
      ? () => true
      : minor === undefined
        ? below([major + 1, 0, 0])
        : patch === undefined
          ? below([major, minor + 1, 0])
          : (version) => compareVersions(version, low) <= 0;
  const both =
    (...tests: readonly Matcher[]): Matcher =>
    (version) =>
      tests.every((test) => test(version));
  switch (match[1]) {
    case ">=":
      return atLeast;
    case ">":
      return (version) => atLeast(version) && !upTo(version);
    case "<":
      return (version) => compareVersions(version, low) < 0;
    case "<=":
      return upTo;
    case "~":
      return major === undefined ? () => true : both(atLeast, below(minor === undefined ? [major + 1, 0, 0] : [major, minor + 1, 0]));
    case "^":
      if (major === undefined) return () => true;
      return both(
        atLeast,
        below(major > 0 || minor === undefined ? [major + 1, 0, 0] : minor > 0 || patch === undefined ? [0, minor + 1, 0] : [0, 0, patch + 1]),
      );
    default:
      return both(atLeast, upTo);
  }
}
