import type { TreeEntry } from "./git-source.ts";

const MODES: Readonly<Record<TreeEntry["is"], string>> = { file: "100644", directory: "40000", symlink: "120000", submodule: "160000" };
const EXECUTABLE_MODE = "100755";

/** The content of a tree with these entries, in whatever order they come. Pure. */
export function formatTree(entries: readonly TreeEntry[]): Buffer {
  const named = entries.map((entry) => ({ entry, name: entry.nameBytes ?? Buffer.from(entry.name) }));
  // Git sorts folders as if their names ended in a slash.
  const placed = named.map(({ entry, name }) => ({ entry, name, place: entry.is === "directory" ? Buffer.concat([name, Buffer.from("/")]) : name }));
  return Buffer.concat(
    placed
      .sort((a, b) => Buffer.compare(a.place, b.place))
      .flatMap(({ entry, name }) => [
        Buffer.from(`${entry.isExecutable === true ? EXECUTABLE_MODE : MODES[entry.is]} `),
        name,
        Buffer.of(0),
        Buffer.from(entry.id, "hex"),
      ]),
  );
}
