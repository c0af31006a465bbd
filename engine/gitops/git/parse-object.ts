import { isUtf8 } from "node:buffer";
import type { CommitInfo, TreeEntry } from "./git-source.ts";

const ID_BYTES = 20;
/** Of the owner; others' bits mean nothing to Git. */
const EXECUTABLE = 0o100;

/** The entries of a tree's content, by name. Throws for what is no tree. Pure. */
export function parseTree(content: Buffer): readonly TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(0x20, at);
    const end = content.indexOf(0, space);
    if (space < 0 || end < 0 || end + ID_BYTES >= content.length) throw new Error("a tree ends in the middle of an entry");
    const id = content.toString("hex", end + 1, end + 1 + ID_BYTES);
    const nameBytes = content.subarray(space + 1, end);
    const mode = content.toString("latin1", at, space);
    const is = entryKind(mode);
    entries.push({
      name: tellableName(nameBytes),
      id,
      is,
      ...(is === "file" && (Number.parseInt(mode, 8) & EXECUTABLE) !== 0 ? { isExecutable: true } : {}),
      ...(isUtf8(nameBytes) ? {} : { nameBytes: Buffer.from(nameBytes) }),
    });
    at = end + 1 + ID_BYTES;
  }
  // Git sorts folders as if their names ended in a slash.
  return entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** Two names are one only where one of them spells out the other's bytes, and not wherever they differ in a byte that is no UTF-8. */
function tellableName(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString("utf8") : bytes.toString("latin1").replace(/[\x80-\xff]/g, (byte) => `\\${byte.charCodeAt(0).toString(8)}`);
}

function entryKind(mode: string): TreeEntry["is"] {
  if (mode === "040000" || mode === "40000") return "directory";
  if (mode === "120000") return "symlink";
  return mode === "160000" ? "submodule" : "file";
}

/** What a commit's content says: headers, an empty line, the message. Throws for what is no commit. Pure. */
export function parseCommit(id: string, content: Buffer): CommitInfo {
  const text = textOf(content);
  const end = text.indexOf("\n\n");
  const headers = (end < 0 ? text : text.slice(0, end)).split("\n");
  // Git reads the beginning by position: a `parent` further down is a header like any other.
  const tree = headerValue(headers[0], "tree");
  if (tree === undefined) throw new Error(`object ${id} is no commit`);
  const parents: string[] = [];
  for (const line of headers.slice(1)) {
    const parent = headerValue(line, "parent");
    if (parent === undefined) break;
    parents.push(parent);
  }
  const [, author = "", email = "", seconds = "0"] = /^author (.*?) ?<(.*)>(?: *(\d+))?/.exec(headers.find((line) => line.startsWith("author ")) ?? "") ?? [];
  return { id, tree, parents, message: end < 0 ? "" : withOneEnd(text.slice(end + 2)), author, email, time: Number(seconds) * 1000 };
}

/** A commit says so where it is not UTF-8. */
function textOf(content: Buffer): string {
  const utf8 = content.toString("utf8");
  const [, encoding] = /^encoding (\S+)$/m.exec(utf8.split("\n\n", 1)[0] ?? "") ?? [];
  if (encoding === undefined) return utf8;
  try {
    const text = new TextDecoder(encoding).decode(content);
    return text.startsWith("tree ") ? text : utf8;
  } catch {
    return utf8; // nobody knows an encoding of that name
  }
}

function headerValue(line: string | undefined, name: string): string | undefined {
  return line?.startsWith(`${name} `) === true ? line.slice(name.length + 1) : undefined;
}

/** Lines as Git's own programs write them, and one break at the end. */
function withOneEnd(message: string): string {
  const lines = message.replaceAll("\r", "").replace(/^\n+/, "");
  return `${lines.slice(0, lines.length - trailingBreaks(lines))}\n`;
}

function trailingBreaks(text: string): number {
  let count = 0;
  while (text[text.length - 1 - count] === "\n") count++;
  return count;
}

/** The object that a tag names. Throws for what is no tag. Pure. */
export function parseTag(content: Buffer): string {
  const [, id] = /^object ([0-9a-f]{40})\n/.exec(content.toString("latin1", 0, 64)) ?? [];
  if (id === undefined) throw new Error("a tag names no object");
  return id;
}
