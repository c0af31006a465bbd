import { spawn } from "node:child_process";

export interface GitCommand {
  readonly args: readonly string[];
  /** Bare repository to work in. */
  readonly gitDir?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  readonly signal?: AbortSignal;
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
  LC_ALL: "C.UTF-8",
};

/**
 * Runs the machine's Git and collects its output; a non-zero exit is an answer, not a failure.
 * Rejects when Git cannot be started, or with an AbortError.
 */
export function runGit(command: GitCommand): Promise<GitOutput> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", command.gitDir === undefined ? [...command.args] : [`--git-dir=${command.gitDir}`, ...command.args], {
      env: { ...inheritedEnvironment(), ...GIT_ENVIRONMENT, ...command.environment },
      stdio: ["pipe", "pipe", "pipe"],
      ...(command.signal ? { signal: command.signal } : {}),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", (error) => reject(error.name === "AbortError" ? error : new Error("start git (is it installed?)", { cause: error })));
    child.on("close", (code) => resolve({ code: code ?? 128, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString("utf8") }));
    // Git may end before it has read everything; its exit code says why.
    child.stdin.on("error", () => {});
    child.stdin.end(command.input ?? "");
  });
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
