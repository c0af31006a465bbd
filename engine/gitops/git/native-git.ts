import { spawn } from "node:child_process";

export interface GitCommand {
  readonly args: readonly string[];
  /** Bare repository to work in. */
  readonly gitDir?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  readonly signal?: AbortSignal;
  /** For what strangers' servers make Git do: how long a file it writes, and how large it and each program it starts, may be. */
  readonly limits?: Limits;
}

interface Limits {
  readonly fileBytes?: number;
  readonly memoryBytes?: number;
}

export interface GitOutput {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** What every native Git process gets: no prompts, no configuration of the user or the system, messages we can recognise. */
export const GIT_ENVIRONMENT: Readonly<Record<string, string>> = {
  GIT_TERMINAL_PROMPT: "0",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_OPTIONAL_LOCKS: "0",
  // Whoever may push could put a commit that is signed, or has other parents, in the place of the one that is asked for (refs/replace).
  GIT_NO_REPLACE_OBJECTS: "1",
  LC_ALL: "C.UTF-8",
};

/**
 * What Git may take to unpack what it is sent: a few thousand bytes of a pack can stand for gigabytes. What it holds beside the one object
 * that it is at is bounded (`BOUNDED`, and the configuration of repositories), so that no honest pack comes near it.
 */
export const UNPACK_BYTES_MAX = 2 ** 31;
/** Objects that are longer than this are read by nobody here; Git shall not hold them in memory either, as it holds few threads, deltas and maps. */
export const BOUNDED: readonly (readonly [key: string, value: string])[] = [
  ["core.bigFileThreshold", "16m"],
  ["core.deltaBaseCacheLimit", "64m"],
  ["core.packedGitLimit", "256m"],
  ["core.packedGitWindowSize", "16m"],
  ["pack.threads", "2"],
  ["pack.windowMemory", "128m"],
];

/** More than any list of refs that is worth reading, and than any manifest. */
const OUTPUT_BYTES_MAX = 64 << 20;
/** Of what is said beside it only the end counts, and whoever is asked may say much. */
const MESSAGES_LENGTH_MAX = 64 << 10;
/** Where a bound cannot be set there is a lower one already. */
const LIMITED = '[ -z "$1" ] || ulimit -S -f "$1" 2>/dev/null; [ -z "$2" ] || ulimit -S -v "$2" 2>/dev/null; shift 2; exec "$@"';

/**
 * Runs the machine's Git and collects its output; a non-zero exit is an answer, not a failure.
 * Rejects when Git cannot be started or says more than is read of it, or with an AbortError.
 */
export function runGit(command: GitCommand): Promise<GitOutput> {
  return new Promise((resolve, reject) => {
    const [program, args] = programOf(command);
    const child = spawn(program, args, {
      env: { ...inheritedEnvironment(), ...GIT_ENVIRONMENT, ...command.environment },
      stdio: ["pipe", "pipe", "pipe"],
      ...(command.signal ? { signal: command.signal } : {}),
    });
    const stdout: Buffer[] = [];
    let [length, stderr] = [0, ""];
    child.stdout.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= OUTPUT_BYTES_MAX) return void stdout.push(chunk);
      child.kill();
      reject(new Error(`git ${command.args[0] ?? ""} says more than ${OUTPUT_BYTES_MAX >> 20} MiB`));
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => void (stderr = `${stderr}${chunk}`.slice(-MESSAGES_LENGTH_MAX)));
    child.on("error", (error) => reject(error.name === "AbortError" ? error : new Error("start git (is it installed?)", { cause: error })));
    child.on("close", (code) => resolve({ code: code ?? 128, stdout: Buffer.concat(stdout), stderr }));
    // Git may end before it has read everything; its exit code says why.
    child.stdin.on("error", () => {});
    child.stdin.end(command.input ?? "");
  });
}

function programOf({ args, gitDir, limits }: GitCommand): readonly [program: string, args: string[]] {
  const all = gitDir === undefined ? [...args] : [`--git-dir=${gitDir}`, ...args];
  return limits === undefined ? ["git", all] : limited(limits, "git", all);
}

/** How a program is run within bounds, which it may raise again as far as the machine lets it. */
export function limited({ fileBytes, memoryBytes }: Limits, program: string, args: readonly string[] = []): readonly [program: string, args: string[]] {
  // Shells count files in blocks of 512 bytes, and memory in KiB.
  const in512 = fileBytes === undefined ? "" : String(Math.ceil(fileBytes / 512));
  const inKib = memoryBytes === undefined ? "" : String(Math.floor(memoryBytes / 1024));
  return ["sh", ["-c", LIMITED, "sh", in512, inKib, program, ...args]];
}

/** The output of a command that must succeed. */
export async function gitText(command: GitCommand): Promise<string> {
  const output = await runGit(command);
  if (output.code !== 0) throw new Error(`git ${command.args[0] ?? ""} ended with ${output.code}`, { cause: new Error(lastLines(output.stderr)) });
  return output.stdout.toString("utf8");
}

/** What Git says went wrong: its own error lines without the advice below them, or the end of its output. */
export function lastLines(text: string, count = 3): string {
  const lines = text
    .trim()
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const errors = lines.filter((line) => /^(fatal|error|remote|ssh):| ! \[|\[.*rejected\]/.test(line));
  return (errors.length > 0 ? errors : lines).slice(-count).join(" ");
}

/** Without the variables that would point Git at another repository, as when the engine itself is started from a hook. */
export function inheritedEnvironment(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && (!name.startsWith("GIT_") || name === "GIT_SSH_COMMAND")) kept[name] = value;
  return kept;
}
