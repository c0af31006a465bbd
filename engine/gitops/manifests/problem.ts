import { counted } from "../../lib/plural.ts";
import { quoteControls } from "../../lib/without-controls.ts";

/** Something in the repository that must be changed before the commit can be applied. */
export interface Problem {
  /** Path from the repository's root. */
  readonly file: string;
  /** 1-based; 1 when the problem is the file as a whole. */
  readonly line: number;
  /** The field, as the API names it: `spec.replicas`. */
  readonly field?: string;
  readonly message: string;
  /** The last that is told of a file that has more. */
  readonly hasMore?: boolean;
  /** Whether another program says it, which may quote values of all files that it was given. */
  readonly mayQuote?: boolean;
  /** The part of that message that quotes nothing but the chart itself. */
  readonly unquoted?: string;
}

/** `apps/web/deployment.yaml:14 spec.replicas: must be a non-negative integer`. */
export function formatProblem(problem: Problem): string {
  const field = problem.field === undefined || problem.field === "" ? "" : `${problem.field}: `;
  return `${quoteControls(problem.file)}:${problem.line} ${field}${problem.message}`;
}

/** `3 problems`, or how many there are at least. */
export function countProblems(problems: readonly Problem[]): string {
  return `${atLeast(problems)}${counted(problems.length, "problem")}`;
}

/** What is to be said before their number. */
export function atLeast(problems: readonly Problem[]): string {
  return problems.some(({ hasMore }) => hasMore === true) ? "at least " : "";
}

/** By file, then line, so that a reader can fix them top down. Exact repetitions are dropped. */
export function sortProblems(problems: readonly Problem[]): readonly Problem[] {
  const seen = new Set<string>();
  return [...problems]
    .sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1))
    .filter((problem) => {
      const text = formatProblem(problem);
      return !seen.has(text) && seen.add(text);
    });
}
