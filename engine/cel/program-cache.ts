import { BoundedCache } from "../lib/bounded-cache.ts";
import { compileExpression, type CelProgram, type CompileOptions } from "./compile.ts";
import { CelCompileError } from "./cel-error.ts";

const PROGRAMS_MAX = 2_000;

/**
 * Compiled expressions of one environment by their text; failures are remembered as well. Beyond a bound, those that were not used for
 * longest are forgotten.
 */
export class ProgramCache {
  readonly #options: CompileOptions;
  readonly #programs = new BoundedCache<CelProgram | CelCompileError>(PROGRAMS_MAX);

  constructor(options: CompileOptions) {
    this.#options = options;
  }

  /** Throws the expression's CelCompileError. */
  get(source: string): CelProgram {
    const known = this.#programs.get(source) ?? this.#compile(source);
    if (known instanceof CelCompileError) throw known;
    return known;
  }

  #compile(source: string): CelProgram | CelCompileError {
    const compiled = compileOrError(source, this.#options);
    this.#programs.set(source, compiled);
    return compiled;
  }
}

function compileOrError(source: string, options: CompileOptions): CelProgram | CelCompileError {
  try {
    return compileExpression(source, options);
  } catch (error) {
    if (error instanceof CelCompileError) return error;
    throw error;
  }
}
