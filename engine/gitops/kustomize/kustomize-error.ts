import type { Problem } from "../manifests/problem.ts";

/** Something in a kustomization, or in a file it names, that keeps it from being built. */
export class KustomizeError extends Error {
  override readonly name = "KustomizeError";
  readonly problems: readonly Problem[];
  /** The machine is at fault rather than the files: another try may succeed without a change. */
  readonly isTransient: boolean;

  constructor(problems: readonly Problem[], isTransient = false) {
    super(problems.map((problem) => `${problem.file}:${problem.line} ${problem.message}`).join("\n"));
    this.problems = problems;
    this.isTransient = isTransient;
  }
}

/** A place in the repository that a message can point to. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** Fails a build at a place. */
export function fail(place: Place, message: string): never {
  throw new KustomizeError([{ file: place.file, line: place.line, message }]);
}

/** Runs a step; what it throws without a place is reported at this one. */
export function at<T>(place: Place, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof KustomizeError || !(error instanceof BuildFault)) throw error;
    return fail(place, error.message);
  }
}

/** A fault of the input found where its place is not known; `at` gives it one. */
export class BuildFault extends Error {
  override readonly name = "BuildFault";
}
