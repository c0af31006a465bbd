import { validatingExpressions } from "../../resources/admissionregistration/policy-expressions.ts";
import type { ValidatingAdmissionPolicy } from "../../resources/types.ts";
import { Budget, OutOfBudget, PolicyRun, type Outcome, type RunInput } from "./policy-run.ts";

/** A validation that did not hold, or could not be evaluated and must be. */
export interface Denial {
  /** Which of the policy's validations; undefined for what concerns them all. */
  readonly index: number;
  readonly message: string;
  readonly reason: string;
  /** It could not be evaluated, rather than that it did not hold. */
  readonly isError: boolean;
}

export interface AuditNote {
  readonly key: string;
  readonly value: string;
}

export interface ValidationResult {
  readonly denials: readonly Denial[];
  readonly notes: readonly AuditNote[];
  /** Audit annotations that could not be worked out and must be: these deny whatever the binding's actions are. */
  readonly failedNotes: readonly string[];
  /** What could not be evaluated and is passed over, as the policy wants it. */
  readonly passedErrors: readonly string[];
}

const MESSAGE_BYTES_MAX = 5 * 1024;
const NOTHING: ValidationResult = { denials: [], notes: [], failedNotes: [], passedErrors: [] };

/** What a policy says of a request with one of its parameters. */
export async function evaluateValidations({ spec }: ValidatingAdmissionPolicy, input: RunInput): Promise<ValidationResult> {
  const expressions = validatingExpressions(spec);
  const isLenient = spec.failurePolicy === "Ignore";
  const run = new PolicyRun(input, expressions.variables, spec.paramKind !== undefined);
  const failed = (message: string): ValidationResult =>
    isLenient ? { ...NOTHING, passedErrors: [message] } : { ...NOTHING, denials: [{ index: 0, message, reason: "", isError: true }] };
  if ((spec.matchConditions ?? []).length > 0) {
    const outcome = await run.conditions(spec.matchConditions ?? []);
    if (outcome.is !== "match") return outcome.is === "error" ? failed(outcome.message) : NOTHING;
  }
  try {
    const validated = await validate(run, expressions, isLenient);
    return { ...validated, ...(await annotate(run, expressions, isLenient)) };
  } catch (error) {
    if (error instanceof OutOfBudget) return failed(error.message);
    throw error;
  }
}

type Expressions = ReturnType<typeof validatingExpressions>;

async function validate(run: PolicyRun, { validations }: Expressions, isLenient: boolean): Promise<Pick<ValidationResult, "denials" | "passedErrors">> {
  const budget = new Budget();
  const outcomes: Outcome[] = [];
  for (const { expression } of validations) outcomes.push(await run.evaluate(expression, budget));
  const denials: Denial[] = [];
  const passedErrors: string[] = [];
  for (const [index, { validation, message }] of validations.entries()) {
    const outcome = outcomes[index];
    if (outcome === undefined || (outcome.is === "value" && outcome.value === true)) continue;
    if (outcome.is === "error") {
      if (isLenient) passedErrors.push(outcome.message);
      else denials.push({ index, message: outcome.message, reason: "", isError: true });
      continue;
    }
    const told = message === undefined ? undefined : await run.evaluate(message, budget);
    const text = toldMessage(told) || (validation.message ?? "").trim() || `failed expression: ${validation.expression.trim()}`;
    denials.push({ index, message: text, reason: validation.reason ?? "Invalid", isError: false });
  }
  return { denials, passedErrors };
}

/** A message of one line that is not too long; anything else is as good as none. */
function toldMessage(outcome: Outcome | undefined): string {
  if (outcome?.is !== "value" || typeof outcome.value !== "string") return "";
  const text = outcome.value.trim();
  return text.includes("\n") || Buffer.byteLength(text) > MESSAGE_BYTES_MAX ? "" : text;
}

async function annotate(run: PolicyRun, { annotations }: Expressions, isLenient: boolean): Promise<Pick<ValidationResult, "notes" | "failedNotes">> {
  const budget = new Budget();
  const notes: AuditNote[] = [];
  const failedNotes: string[] = [];
  for (const { annotation, value: expression } of annotations) {
    const outcome = await run.evaluate(expression, budget);
    if (outcome.is === "error" && !isLenient) failedNotes.push(outcome.message);
    if (outcome.is === "value" && typeof outcome.value === "string" && outcome.value.trim() !== "")
      notes.push({ key: annotation.key, value: outcome.value.trim() });
  }
  return { notes, failedNotes };
}
