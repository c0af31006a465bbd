/** Something in the repository that must be changed before the commit can be applied. */
export interface Problem {
  /** Path from the repository's root. */
  readonly file: string;
  /** 1-based; 1 when the problem is the file as a whole. */
  readonly line: number;
  /** The field, as the API names it: `spec.replicas`. */
  readonly field?: string;
  readonly message: string;
  /** Whether another program says it, which may quote values of all files that it was given. */
  readonly mayQuote?: boolean;
  /** The part of that message that quotes nothing but the chart itself. */
  readonly unquoted?: string;
}

/** `apps/web/deployment.yaml:14 spec.replicas: must be a non-negative integer`. */
export function formatProblem(problem: Problem): string {
  const field = problem.field === undefined || problem.field === "" ? "" : `${problem.field}: `;
  return `${problem.file}:${problem.line} ${field}${problem.message}`;
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
