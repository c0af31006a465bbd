import type { ConfigFields } from "../apimachinery/config-fields.ts";
import { CelCompileError } from "../cel/cel-error.ts";
import type { CelProgram } from "../cel/compile.ts";

/** Compiles the expression in a field that must be set; a fault in it is told with its place in the file. */
export function compileConfigExpression(fields: ConfigFields, name: string, compile: (source: string) => CelProgram): CelProgram {
  return fields.requiredParsed(name, (source) => {
    try {
      return compile(source);
    } catch (error) {
      throw error instanceof CelCompileError ? new Error(`compilation failed: ${error.message}`, { cause: error }) : error;
    }
  });
}
