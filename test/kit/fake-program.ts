/** What a fake container does: how long it lives, how it ends, what it prints, and what it makes of SIGTERM. */
export type FakeProgram =
  | { readonly is: "missing"; readonly command: string }
  | {
      readonly is: "script";
      /** Undefined: it never ends by itself. */
      readonly endsAfterMs: number | undefined;
      readonly exitCode: number;
      readonly output: string;
      /** Exit code on SIGTERM; undefined when it is not handled. */
      readonly onTerm: number | undefined;
    };

const KNOWN = new Set(["sh", "/bin/sh", "sleep", "true", "false", "echo", "cat", "httpd"]);

/**
 * Reads the few commands that tests give to containers, so that one test runs on the fake and on the real runtime:
 * `sleep N`, `true`, `false`, `echo …`, and `sh -c` with those, `exit N` and `trap 'exit N' TERM` in a row. An empty command is a server.
 */
export function readScript(command: readonly string[]): FakeProgram {
  const [program, ...args] = command;
  if (program === undefined) return { is: "script", endsAfterMs: undefined, exitCode: 0, output: "", onTerm: 0 };
  if (!KNOWN.has(program)) return { is: "missing", command: program };
  const text = /sh$/.test(program) && args[0] === "-c" ? (args[1] ?? "") : command.join(" ");
  let endsAfterMs: number | undefined = 0;
  let exitCode = 0;
  let output = "";
  let onTerm: number | undefined;
  for (const step of text
    .split(/;|&&|\n/)
    .map((part) => part.trim())
    .filter((part) => part !== "")) {
    const [word = "", ...rest] = step.split(/\s+/);
    const trapped = /^trap\s+['"]?exit (\d+)['"]?\s+(?:SIG)?TERM$/.exec(step);
    if (trapped !== null) onTerm = Number(trapped[1]);
    else if (word === "sleep") endsAfterMs = endsAfterMs === undefined ? undefined : endsAfterMs + Number(rest[0] ?? 0) * 1000;
    else if (word === "exit") return { is: "script", endsAfterMs, exitCode: Number(rest[0] ?? 0), output, onTerm };
    else if (word === "false") exitCode = 1;
    else if (word === "true") exitCode = 0;
    else if (word === "echo") output += `${rest.join(" ")}\n`;
    else if (word === "httpd") endsAfterMs = undefined;
    else if (/^(while|do|done|wait)/.test(word)) endsAfterMs = undefined;
  }
  return { is: "script", endsAfterMs, exitCode, output, onTerm };
}
