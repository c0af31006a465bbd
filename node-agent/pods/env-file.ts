import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import path from "node:path";

const FILE_BYTES_MAX = 64 * 1024;

/**
 * The value of a variable in a file of a volume; undefined when file or variable is not there. Throws for a file that cannot be read as
 * variables. Containers may have put anything into the volume: what leads out of it is not followed.
 */
export function readEnvFile(root: string, file: string, key: string): string | undefined {
  const text = readInside(root, file);
  return text === undefined ? undefined : parseEnvFile(text, key);
}

/**
 * One variable of a file of lines like NAME='value': the value stands in single quotes, as it is, over as many lines as it likes; comments and
 * empty lines may be between. The first of a name counts; what follows it is not looked at. Undefined when there is none, or it is empty. Pure.
 */
export function parseEnvFile(text: string, key: string): string | undefined {
  const lines = text.split("\n");
  for (let index = 0; index < lines.length; index++) {
    const line = (lines[index] ?? "").replace(/^[ \t]+/, "");
    const fault = (what: string) => new Error(`invalid environment variable format at line ${index + 1}: ${what}`);
    if (line === "" || line === "\r" || line.startsWith("#")) continue;
    const [, name, value] = /^([^=]*)=(.*)$/s.exec(line) ?? [];
    if (name === undefined || value === undefined) throw fault("missing '='");
    if (name.trim() === "") throw fault("empty variable name");
    if (name !== name.trimEnd()) throw fault("whitespace before '=' is not allowed");
    // As in a shell, a blank ends the assignment.
    const isEmpty = /^[ \t]/.test(value);
    if (!isEmpty && !value.startsWith("'")) throw fault("value must be enclosed in single quotes");
    let content = value.slice(1);
    while (!isEmpty && !content.includes("'")) {
      const next = lines[++index];
      if (next === undefined) throw fault("unclosed single quote");
      content += `\n${next}`;
    }
    const end = content.indexOf("'");
    if (!isEmpty && !/^[ \t]*(#.*)?\r?$/s.test(content.slice(end + 1))) throw fault("unexpected content after closing quote");
    if (name === key) return isEmpty || end === 0 ? undefined : content.slice(0, end);
  }
  return undefined;
}

/** The kernel is asked what was opened, for a link may be exchanged at any moment. */
function readInside(root: string, file: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path.join(root, file), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined; // what the file system throws has a code
    throw error;
  }
  try {
    const opened = readlinkSync(`/proc/self/fd/${descriptor}`);
    if (!opened.startsWith(`${realpathSync(root)}${path.sep}`)) throw new Error(`${file} leads out of the volume`);
    const facts = fstatSync(descriptor);
    if (!facts.isFile() || facts.size > FILE_BYTES_MAX) throw new Error(`${file} is no file of at most ${FILE_BYTES_MAX} bytes`);
    return readFileSync(descriptor, "utf8");
  } finally {
    closeSync(descriptor);
  }
}
