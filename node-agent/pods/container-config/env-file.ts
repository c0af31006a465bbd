import { closeSync, fstatSync, openSync, readlinkSync, readSync, realpathSync } from "node:fs";
import path from "node:path";
import { PATH_ONLY } from "../../volumes/path-only.ts";

const FILE_BYTES_MAX = 64 * 1024;

/** What a file of variables says. */
export interface EnvFile {
  /** The value of a variable; undefined when it is not there, or empty. Throws where the file cannot be read as variables up to it. */
  readonly valueOf: (key: string) => string | undefined;
}

/**
 * A file of variables in a volume; undefined when it is not there. Throws for what is no such file. Containers may have put anything into the
 * volume: what leads out of it is not followed.
 */
export function readEnvFile(root: string, file: string): EnvFile | undefined {
  const text = readInside(root, file);
  return text === undefined ? undefined : parseEnvFile(text);
}

/**
 * Variables of lines like NAME='value': the value stands in single quotes, as it is, over as many lines as it likes; comments and empty lines
 * may be between. The first of a name counts; for whoever asks for it, what follows it is not looked at. Pure.
 */
export function parseEnvFile(text: string): EnvFile {
  const values = new Map<string, string | undefined>();
  let problem: unknown;
  try {
    for (const [name, value] of variablesIn(text.split("\n"))) if (!values.has(name)) values.set(name, value);
  } catch (error) {
    problem = error;
  }
  return {
    valueOf(key) {
      if (problem !== undefined && !values.has(key)) throw problem;
      return values.get(key);
    },
  };
}

function* variablesIn(lines: readonly string[]): Generator<readonly [name: string, value: string | undefined]> {
  for (let index = 0; index < lines.length; index++) {
    const line = (lines[index] ?? "").replace(/^[ \t]+/, "");
    const fault = (what: string) => new Error(`invalid environment variable format at line ${index + 1}: ${what}`);
    if (line === "" || line === "\r" || line.startsWith("#")) continue;
    const [, name, value] = /^([^=]*)=(.*)$/s.exec(line) ?? [];
    if (name === undefined || value === undefined) throw fault("missing '='");
    if (name.trim() === "") throw fault("empty variable name");
    if (name !== name.trimEnd()) throw fault("whitespace before '=' is not allowed");
    // As in a shell, a blank ends the assignment.
    if (/^[ \t]/.test(value)) {
      yield [name, undefined];
      continue;
    }
    if (!value.startsWith("'")) throw fault("value must be enclosed in single quotes");
    const parts: string[] = [];
    let rest: string | undefined = value.slice(1);
    for (; rest !== undefined && !rest.includes("'"); rest = lines[++index]) parts.push(rest);
    if (rest === undefined) throw fault("unclosed single quote");
    const end = rest.indexOf("'");
    if (!/^[ \t]*(#.*)?\r?$/s.test(rest.slice(end + 1))) throw fault("unexpected content after closing quote");
    parts.push(rest.slice(0, end));
    yield [name, parts.join("\n") || undefined];
  }
}

/**
 * The kernel is asked what was found, for a link may be exchanged at any moment. It is opened only then: of a device, opening may be an order
 * to do something.
 */
function readInside(root: string, file: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path.join(root, file), PATH_ONLY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined; // what the file system throws has a code
    throw error;
  }
  try {
    const found = `/proc/self/fd/${descriptor}`;
    if (!readlinkSync(found).startsWith(`${realpathSync(root)}${path.sep}`)) throw new Error(`${file} leads out of the volume`);
    const facts = fstatSync(descriptor);
    if (!facts.isFile() || facts.size > FILE_BYTES_MAX) throw new Error(`${file} is no file of at most ${FILE_BYTES_MAX} bytes`);
    return readBeginning(found, FILE_BYTES_MAX);
  } finally {
    closeSync(descriptor);
  }
}

/** A file that grows meanwhile is read no further. */
function readBeginning(place: string, bytesMax: number): string {
  const descriptor = openSync(place, "r");
  try {
    const bytes = Buffer.alloc(bytesMax);
    return bytes.toString("utf8", 0, readSync(descriptor, bytes, 0, bytesMax, 0));
  } finally {
    closeSync(descriptor);
  }
}
