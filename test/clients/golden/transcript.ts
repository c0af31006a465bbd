/** One command of a transcript, with what came of it. */
export interface Step {
  /** Lines above the command that explain it. */
  readonly comment: readonly string[];
  /** A shell command, which may have further lines: here-documents. */
  readonly command: string;
  readonly outcome: { readonly code: number; readonly text: string };
}

/**
 * A transcript is what a terminal shows: `# comment`, `$ command`, its further lines behind `> `, what it printed, and `[exit N]` where
 * it failed.
 */
export function parseTranscript(text: string): readonly Step[] {
  const steps: { comment: string[]; command: string; lines: string[] }[] = [];
  let comment: string[] = [];
  for (const line of text.split("\n")) {
    const current = steps.at(-1);
    if (line.startsWith("# ") && (current === undefined || current.lines.at(-1) === "")) comment.push(line);
    else if (line.startsWith("$ ")) {
      steps.push({ comment, command: line.slice(2), lines: [] });
      comment = [];
    } else if (line.startsWith("> ") && current !== undefined && current.lines.length === 0) current.command += `\n${line.slice(2)}`;
    else current?.lines.push(line);
  }
  return steps.map(({ comment: above, command, lines }) => {
    const code = Number(/^\[exit (\d+)\]$/m.exec(lines.join("\n"))?.[1] ?? 0);
    return { comment: above, command, outcome: { code, text: lines.filter((line) => !/^\[exit \d+\]$/.test(line)).join("\n") } };
  });
}

export function formatTranscript(steps: readonly Step[]): string {
  const parts = steps.map(({ comment, command, outcome: { code, text } }) => {
    const typed = command.split("\n").map((line, index) => `${index === 0 ? "$" : ">"} ${line}`);
    const printed = text.trimEnd() === "" ? [] : [text.trimEnd()];
    return [...comment, ...typed, ...printed, ...(code === 0 ? [] : [`[exit ${code}]`])].join("\n");
  });
  return `${parts.join("\n\n")}\n`;
}

/** What names of pods end with: no vowels, so no word looks like it. */
const SUFFIX = "[bcdfghjklmnpqrstvwxz2456789]{5}";

/** The text with all that differs from run to run told by its kind; columns are as wide as they need to be. */
export function normalize(text: string, replacements: readonly (readonly [string, string])[]): string {
  let result = text;
  for (const [from, to] of replacements) result = result.replaceAll(from, to);
  return (
    result
      // What kubectl's libraries log for themselves, when they feel like it.
      .replace(/^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ .*\n/gm, "")
      .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "UID")
      .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "TIME")
      .replace(/\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, "TIME")
      .replace(/(resourceVersion"?: "?)\d+/g, "$1RV")
      .replace(new RegExp(`\\b([a-z][a-z0-9-]*)-${SUFFIX}\\b`, "g"), "$1-XXXXX")
      .replace(/\b10\.43\.\d+\.\d+\b/g, "CLUSTER-IP")
      .replace(/\b10\.42\.\d+\.\d+\b/g, "POD-IP")
      .replace(/:3[0-2]\d{3}\//g, ":NODEPORT/")
      .replace(/\b3[0-2]\d{3}\/TCP\b/g, "NODEPORT/TCP")
      .replace(/(?<=\s)(\d+m)?\d+s(?= |$)/gm, "AGE")
      .replace(/X509SHA256=[0-9a-f]{64}/g, "X509SHA256=DIGEST")
      .replace(/kubectl-edit-\d+/g, "kubectl-edit-N")
      .replace(/\/tmp\/(LIVE|MERGED)-\d+/g, "/tmp/$1")
      .replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}/g, "TIME")
      .replace(/\(AGE ago\)|AGE ago/g, "AGE ago")
      .replace(/(\S) {2,}/g, "$1   ")
      .replace(/ +$/gm, "")
  );
}
