import { checkExpression, type Declarations } from "./checker.ts";
import { CelCompileError, CelError } from "./cel-error.ts";
import { estimateCost, type CostEstimate } from "./cost-estimate.ts";
import { Evaluation, type Step } from "./evaluation.ts";
import { FunctionTable } from "./functions.ts";
import { fromJson } from "./json-value.ts";
import { authorizerLibrary, PendingAnswer } from "./library/authorizer.ts";
import { conversionLibrary } from "./library/conversions.ts";
import { formatLibrary } from "./library/formats.ts";
import { jsonPatchLibrary } from "./library/json-patch.ts";
import { literalIssues } from "./literal-arguments.ts";
import { listArrangementLibrary } from "./library/list-arrangement.ts";
import { listLibrary } from "./library/lists.ts";
import { networkLibrary } from "./library/networks.ts";
import { operatorLibrary } from "./library/operators.ts";
import { optionalLibrary } from "./library/optionals.ts";
import { quantityLibrary } from "./library/quantities.ts";
import { semverLibrary } from "./library/semver.ts";
import { stringLibrary } from "./library/strings.ts";
import { urlLibrary } from "./library/urls.ts";
import { parseExpression, qualifiedName } from "./parser.ts";
import { Lazy, planExpression } from "./planner.ts";
import { DYN, formatType, isAssignable, substitute, type CelType, type ObjectType } from "./types.ts";

/** Kubernetes' budget for one evaluation of one expression. */
export const CALL_COST_MAX = 1_000_000;

export interface CompileOptions {
  /** Names an expression may use, with their types; `DYN` for JSON of unknown shape. */
  readonly variables: Readonly<Record<string, CelType>>;
  /** Types that `Name{...}` may construct; a dotted name below one of them is the type of that field. */
  readonly messages?: readonly ObjectType[];
  /** What the expression must give, any of these. Anything when absent. */
  readonly results?: readonly CelType[];
  /** Whether it must be known to give one of `results` before it is evaluated; if not, what may turn out to be one is taken. */
  readonly refusesDynamic?: boolean;
}

export interface EvaluateOptions {
  /** `CALL_COST_MAX` when absent. */
  readonly costMax?: number;
}

export interface Evaluated {
  readonly value: unknown;
  readonly cost: number;
}

/** An expression that has been compiled. It may be evaluated any number of times, also within another evaluation. */
export interface CelProgram {
  readonly source: string;
  readonly resultType: CelType;
  /** What an evaluation may cost by the bounds that the variables' types state. */
  readonly estimate: CostEstimate;
  /** Whether the expression mentions the variable, or a field of it (`a.b`), were it only to ask whether it is there. */
  readonly uses: (name: string) => boolean;
  /**
   * Runs it over JSON values (converted by the variables' types), values of this package, and `Lazy` ones. The result is a CEL value:
   * see values.ts, and `toJson`. Throws a CelError when it fails or costs too much. A variable that is left out is missing only when read.
   */
  readonly evaluate: (bindings: Readonly<Record<string, unknown>>, options?: EvaluateOptions) => Evaluated;
  /** The same, for expressions that ask an authorizer whose answers take time. */
  readonly evaluateLater: (bindings: Readonly<Record<string, unknown>>, options?: EvaluateOptions) => Promise<Evaluated>;
}

const kubernetesFunctions = new FunctionTable(
  operatorLibrary,
  conversionLibrary,
  stringLibrary,
  listLibrary,
  listArrangementLibrary,
  optionalLibrary,
  quantityLibrary,
  urlLibrary,
  networkLibrary,
  semverLibrary,
  formatLibrary,
  jsonPatchLibrary,
  authorizerLibrary,
);

/** Compiles an expression in Kubernetes' environment. Throws a CelCompileError that says where and why. */
export function compileExpression(source: string, options: CompileOptions): CelProgram {
  const names = Object.keys(options.variables);
  const declarations: Declarations = {
    variables: new Map(Object.entries(options.variables)),
    functions: kubernetesFunctions,
    messages: new Map((options.messages ?? []).map((type) => [type.name, type])),
  };
  const expr = parseExpression(source);
  const checked = checkExpression(source, expr, declarations);
  const wrongLiterals = literalIssues(checked.types.keys());
  if (wrongLiterals.length > 0) throw new CelCompileError(source, wrongLiterals);
  const wanted = options.results;
  const type = substitute(checked.type, new Map());
  const isFitting = (other: CelType) =>
    options.refusesDynamic === true ? formatType(other) === formatType(type) : type.kind === "dyn" || isAssignable(other, type, new Map());
  if (wanted !== undefined && !wanted.some(isFitting)) {
    throw new CelCompileError(source, [{ message: `must evaluate to ${wanted.map(formatType).join(" or ")}, got ${formatType(type)}`, at: 0 }]);
  }
  const step = planExpression(expr, checked, names);
  const used = new Set(
    [...checked.types.keys()].flatMap((part) =>
      part.is === "ident" ? [part.name] : part.is === "select" || part.is === "presence" ? [`${qualifiedName(part.operand) ?? ""}.${part.field}`] : [],
    ),
  );
  const evaluate: CelProgram["evaluate"] = (bindings, { costMax = CALL_COST_MAX } = {}) => {
    const run = new Evaluation(
      names.map((name) => (used.has(name) ? bind(bindings[name], options.variables[name] ?? DYN) : undefined)),
      costMax,
    );
    return { value: runStep(step, run), cost: run.cost };
  };
  return {
    source,
    resultType: checked.type,
    estimate: estimateCost(expr, checked),
    uses: (name) => used.has(name),
    evaluate,
    evaluateLater: (bindings, limits) => evaluateLater(() => evaluate(bindings, limits)),
  };
}

function bind(value: unknown, type: CelType): unknown {
  return value === undefined || value instanceof Lazy ? value : fromJson(value, type);
}

/** A recursion or a text that outgrows the engine is the expression's failure, not ours. */
function runStep(step: Step, run: Evaluation): unknown {
  try {
    return step(run);
  } catch (error) {
    if (error instanceof RangeError) throw new CelError(`evaluation exceeded what the engine can hold: ${error.message}`, true);
    throw error;
  }
}

const QUESTIONS_MAX = 100;

async function evaluateLater(evaluate: () => Evaluated): Promise<Evaluated> {
  for (let asked = 0; asked <= QUESTIONS_MAX; asked++) {
    try {
      return evaluate();
    } catch (error) {
      if (!(error instanceof PendingAnswer)) throw error;
      await error.answered;
    }
  }
  throw new CelError("too many authorization checks", true);
}
