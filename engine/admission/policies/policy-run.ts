import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { CelError } from "../../cel/cel-error.ts";
import { CALL_COST_MAX } from "../../cel/compile.ts";
import { fromJson } from "../../cel/json-value.ts";
import { Lazy } from "../../cel/planner.ts";
import { MapValue } from "../../cel/values.ts";
import { VARIABLES_TYPE_NAME, type Compiled, type CompiledVariable } from "../../resources/admissionregistration/policy-expressions.ts";
import { conditionPrograms } from "../../resources/admissionregistration/expression-environment.ts";
import type { MatchCondition } from "../../resources/types.ts";
import { admissionRequest, type MatchedRequest } from "../expressions/admission-request.ts";
import { evaluateConditions, expressionFailure, OUT_OF_BUDGET, type ConditionsOutcome } from "../expressions/match-conditions.ts";
import type { MatchedObjects } from "../request-matching.ts";

/** Upstream's budget for the expressions of one policy on one request. */
const POLICY_COST_MAX = 10_000_000;

export type Outcome = { readonly is: "value"; readonly value: unknown } | { readonly is: "error"; readonly message: string };

/** The budget of a policy is spent; nothing more of it is evaluated. */
export class OutOfBudget extends Error {
  constructor() {
    super(OUT_OF_BUDGET);
    this.name = "OutOfBudget";
  }
}

export interface RunInput {
  readonly request: MatchedRequest;
  readonly objects: MatchedObjects;
  readonly namespace: KubeObject | undefined;
  readonly params: KubeObject | null;
  /** `authorizer` and its kin, shared by all policies of a request. */
  readonly rights: Readonly<Record<string, unknown>>;
}

/** One evaluation of a policy: its expressions share the request, the values of variables, and answers about rights. */
export class PolicyRun {
  readonly #bindings: Readonly<Record<string, unknown>>;
  readonly #hasParams: boolean;
  /** What variables have cost that were worked out since this was last asked. */
  #variablesCost = 0;

  constructor({ request, objects, namespace, params, rights }: RunInput, variables: readonly CompiledVariable[], hasParams: boolean) {
    const base = {
      object: fromJson(objects.object ?? null),
      oldObject: fromJson(objects.old ?? null),
      request: admissionRequest(request),
      namespaceObject: namespace ?? null,
      ...(hasParams ? { params: fromJson(params) } : {}),
      ...rights,
    };
    this.#hasParams = hasParams;
    const entries: [string, Lazy][] = [];
    // Each variable sees those before it; they are worked out when first read.
    for (const variable of variables) {
      const before = new MapValue([...entries], VARIABLES_TYPE_NAME);
      entries.push([variable.name, new Lazy(() => this.#variable(variable, { ...base, variables: before }))]);
    }
    this.#bindings = { ...base, variables: new MapValue(entries, VARIABLES_TYPE_NAME) };
  }

  conditions(conditions: readonly MatchCondition[]): Promise<ConditionsOutcome> {
    return evaluateConditions(conditions, conditionPrograms(this.#hasParams), this.#bindings);
  }

  /** Takes what the evaluation costs from the budget. Throws OutOfBudget when it is more than is left. */
  async evaluate(expression: Compiled, budget: Budget): Promise<Outcome> {
    if ("error" in expression) return { is: "error", message: expressionFailure(expression.source, expression.error) };
    let cost = 0;
    let outcome: Outcome;
    try {
      const evaluated = await expression.program.evaluateLater(this.#bindings);
      cost = evaluated.cost;
      outcome = { is: "value", value: evaluated.value };
    } catch (error) {
      if (error instanceof CelError && error.isFatal) cost = CALL_COST_MAX;
      outcome = { is: "error", message: expressionFailure(expression.source, error) };
    }
    budget.spend(cost + this.#variablesCost);
    this.#variablesCost = 0;
    return outcome;
  }

  #variable({ name, expression }: CompiledVariable, bindings: Readonly<Record<string, unknown>>): unknown {
    if ("error" in expression)
      throw new CelError(`composited variable ${JSON.stringify(name)} fails to compile: ${expressionFailure(expression.source, expression.error)}`);
    try {
      const { value, cost } = expression.program.evaluate(bindings);
      this.#variablesCost += cost;
      return value;
    } catch (error) {
      if (!(error instanceof CelError)) throw error; // an answer is awaited, and the whole will be evaluated again
      this.#variablesCost += error.isFatal ? CALL_COST_MAX : 0;
      throw new CelError(`composited variable ${JSON.stringify(name)} fails to evaluate: ${error.message}`);
    }
  }
}

export class Budget {
  #left = POLICY_COST_MAX;

  spend(cost: number): void {
    this.#left -= cost;
    if (this.#left < 0) throw new OutOfBudget();
  }
}
