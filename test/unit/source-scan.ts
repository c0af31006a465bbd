import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

export interface SourceFile {
  /** From the project's root, with slashes: `engine/lib/clock.ts`. */
  readonly name: string;
  readonly text: string;
  /** The text with comments, strings and regular expressions blanked out, position by position. */
  readonly code: string;
}

/** Every TypeScript file under these folders. */
export function readSources(...folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !name.includes("node_modules"))
      .map((name) => path.posix.join(folder, name.split(path.sep).join("/")))
      .sort()
      .map((name) => sourceFile(name, readFileSync(path.join(root, name), "utf8"))),
  );
}

export function sourceFile(name: string, text: string): SourceFile {
  return { name, text, code: blankOut(text) };
}

/** `engine/lib/clock.ts:12` for an offset in the file. */
export function place(file: SourceFile, offset: number): string {
  return `${file.name}:${file.text.slice(0, offset).split("\n").length}`;
}

export interface Import {
  readonly specifier: string;
  readonly offset: number;
  /** Whether only types come in, so that nothing is loaded. */
  readonly isTypeOnly: boolean;
}

/** Static and dynamic imports and re-exports, in order. */
export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = [];
  // The keywords are looked for in the code, the specifier is read from the text at the same place.
  for (const match of file.code.matchAll(/\b(?:import|export)\b(\s+type\b)?[^;"'`()]*?\bfrom\s*(?=["'])|\bimport\s*\(\s*(?=["'])|\bimport\s+(?=["'])/g)) {
    const at = match.index + match[0].length;
    const specifier = /^(["'])(.*?)\1/.exec(file.text.slice(at))?.[2];
    if (specifier === undefined) continue;
    const clause = match[0];
    const names = /\{([^}]*)\}/
      .exec(clause)?.[1]
      ?.split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "");
    const isTypeOnly = match[1] !== undefined || (names !== undefined && !/\bimport\s+\w+\s*,/.test(clause) && names.every((name) => name.startsWith("type ")));
    found.push({ specifier, offset: at, isTypeOnly });
  }
  return found;
}

/** Blanks what is no code; quotes themselves stay, so that the places of strings can be seen. */
function blankOut(text: string): string {
  const out = [...text];
  const blank = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (out[i] !== "\n") out[i] = " ";
  };
  /** Depths of braces at which a template's `${` was opened. */
  const templates: number[] = [];
  let depth = 0;
  let i = 0;
  const skipString = (quote: string): void => {
    const start = ++i;
    while (i < text.length && text[i] !== quote) {
      if (text[i] === "\\") i++;
      else if (quote === "`" && text[i] === "$" && text[i + 1] === "{") {
        blank(start, i);
        templates.push(depth++);
        i += 2;
        return;
      }
      i++;
    }
    blank(start, i);
    i++;
  };
  while (i < text.length) {
    const two = text.slice(i, i + 2);
    const end = two === "//" ? text.indexOf("\n", i) : two === "/*" ? text.indexOf("*/", i) + 2 : -2;
    if (end !== -2) {
      const stop = end < 0 ? text.length : end;
      blank(i, stop);
      i = stop;
    } else if (`"'\``.includes(text[i]!)) skipString(text[i]!);
    else if (text[i] === "/" && isRegExpStart(out, i)) {
      const stop = i + (/^\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//.exec(text.slice(i))?.[0].length ?? 1);
      blank(i + 1, stop - 1);
      i = stop;
    } else {
      if (text[i] === "{") depth++;
      if (text[i] === "}" && --depth === templates.at(-1)) {
        templates.pop();
        skipString("`"); // goes on after the brace, inside the template
      } else i++;
    }
  }
  return out.join("");
}

/** A slash begins a regular expression where a value can begin. */
function isRegExpStart(out: readonly string[], at: number): boolean {
  let before = at - 1;
  while (before >= 0 && /\s/.test(out[before]!)) before--;
  if (before < 0 || "(,=:[!&|?{};+-*%<>~^".includes(out[before]!)) return true;
  return /\b(return|typeof|case|in|of|do|else|void|delete|await|yield)$/.test(out.slice(Math.max(0, before - 10), before + 1).join(""));
}
