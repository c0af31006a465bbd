/** Evaluating failed: what a value turned out to be, or an exhausted budget. The message is what users see. */
export class CelError extends Error {
  /** Budget errors end the evaluation; `||` and `&&` do not look past them. */
  readonly isFatal: boolean;

  constructor(message: string, isFatal = false) {
    super(message);
    this.name = "CelError";
    this.isFatal = isFatal;
  }
}

export interface CelIssue {
  readonly message: string;
  readonly at: number;
}

/** An expression that cannot be compiled. The message lists every issue with its place, in the form of the reference implementation. */
export class CelCompileError extends Error {
  readonly issues: readonly CelIssue[];

  constructor(source: string, issues: readonly CelIssue[]) {
    super(issues.map((issue) => formatIssue(source, issue)).join("\n"));
    this.name = "CelCompileError";
    this.issues = issues;
  }
}

export const noSuchOverload = () => new CelError("no such overload");

function formatIssue(source: string, { message, at }: CelIssue): string {
  if (source === "") return `ERROR: <input>:1:0: ${message}`; // no line is there to be shown
  const before = source.slice(0, at);
  const line = before.split("\n").length;
  const column = at - (before.lastIndexOf("\n") + 1);
  const text = source.split("\n")[line - 1] ?? "";
  return `ERROR: <input>:${line}:${column + 1}: ${message}\n | ${text}\n | ${".".repeat(column)}^`;
}
