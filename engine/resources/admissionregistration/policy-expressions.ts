import { CelCompileError } from "../../cel/cel-error.ts";
import { compileExpression, type CelProgram, type CompileOptions } from "../../cel/compile.ts";
import { anyObjectType, BOOL, DYN, listOf, NULL, objectType, STRING, type CelType } from "../../cel/types.ts";
import type { AuditAnnotation, MutatingAdmissionPolicySpec, Mutation, ValidatingAdmissionPolicySpec, Validation, Variable } from "../types.ts";
import { admissionVariables } from "./expression-environment.ts";

/** An expression of a policy, ready or wrong. */
export type Compiled = { readonly source: string; readonly program: CelProgram } | { readonly source: string; readonly error: CelCompileError };

export interface CompiledVariable {
  readonly name: string;
  readonly expression: Compiled;
}

export interface ValidatingExpressions {
  readonly variables: readonly CompiledVariable[];
  readonly validations: readonly { readonly validation: Validation; readonly expression: Compiled; readonly message: Compiled | undefined }[];
  readonly annotations: readonly { readonly annotation: AuditAnnotation; readonly value: Compiled }[];
}

export interface MutatingExpressions {
  readonly variables: readonly CompiledVariable[];
  readonly mutations: readonly { readonly mutation: Mutation; readonly patch: Compiled }[];
}

/** The name under which values of `variables` go. */
export const VARIABLES_TYPE_NAME = "kubernetes.variables";

const OBJECT = anyObjectType("Object");
const JSON_PATCH = objectType("JSONPatch", { op: STRING, path: STRING, from: STRING, value: DYN }, { isConstructible: true });

/** Compiled once for each policy; their specs are frozen. */
const validating = new WeakMap<ValidatingAdmissionPolicySpec, ValidatingExpressions>();
const mutating = new WeakMap<MutatingAdmissionPolicySpec, MutatingExpressions>();

export function validatingExpressions(spec: ValidatingAdmissionPolicySpec): ValidatingExpressions {
  let known = validating.get(spec);
  if (known === undefined) validating.set(spec, (known = compileValidating(spec)));
  return known;
}

export function mutatingExpressions(spec: MutatingAdmissionPolicySpec): MutatingExpressions {
  let known = mutating.get(spec);
  if (known === undefined) mutating.set(spec, (known = compileMutating(spec)));
  return known;
}

function compileValidating(spec: ValidatingAdmissionPolicySpec): ValidatingExpressions {
  const { variables, declared } = compileVariables(spec);
  const asking = { ...admissionVariables({ hasParams: spec.paramKind !== undefined, hasAuthorizer: true }), variables: declared };
  const telling = { ...admissionVariables({ hasParams: spec.paramKind !== undefined, hasAuthorizer: false }), variables: declared };
  return {
    variables,
    validations: (spec.validations ?? []).map((validation) => ({
      validation,
      expression: compile(validation.expression, { variables: asking, results: [BOOL], refusesDynamic: true }),
      message: validation.messageExpression
        ? compile(validation.messageExpression, { variables: telling, results: [STRING], refusesDynamic: true })
        : undefined,
    })),
    annotations: (spec.auditAnnotations ?? []).map((annotation) => ({
      annotation,
      value: compile(annotation.valueExpression, { variables: asking, results: [STRING, NULL], refusesDynamic: true }),
    })),
  };
}

function compileMutating(spec: MutatingAdmissionPolicySpec): MutatingExpressions {
  const { variables, declared } = compileVariables(spec);
  const asking = { ...admissionVariables({ hasParams: spec.paramKind !== undefined, hasAuthorizer: true }), variables: declared };
  return {
    variables,
    mutations: (spec.mutations ?? []).map((mutation) => ({
      mutation,
      patch:
        mutation.patchType === "JSONPatch"
          ? compile(mutation.jsonPatch?.expression ?? "", {
              variables: asking,
              messages: [OBJECT, JSON_PATCH],
              results: [listOf(JSON_PATCH)],
              refusesDynamic: true,
            })
          : compile(mutation.applyConfiguration?.expression ?? "", { variables: asking, messages: [OBJECT], results: [OBJECT], refusesDynamic: true }),
    })),
  };
}

/** Variables may use those before them. */
function compileVariables({ paramKind, variables = [] }: { readonly paramKind?: unknown; readonly variables?: readonly Variable[] }): {
  readonly variables: readonly CompiledVariable[];
  readonly declared: CelType;
} {
  const types: Record<string, CelType> = {};
  const base = admissionVariables({ hasParams: paramKind !== undefined, hasAuthorizer: true });
  const compiled = variables.map(({ name, expression: source }) => {
    const expression = compile(source, { variables: { ...base, variables: objectType(VARIABLES_TYPE_NAME, { ...types }) } });
    types[name] = "program" in expression ? expression.program.resultType : DYN;
    return { name, expression };
  });
  return { variables: compiled, declared: objectType(VARIABLES_TYPE_NAME, types) };
}

function compile(source: string, options: CompileOptions): Compiled {
  try {
    return { source, program: compileExpression(source, options) };
  } catch (error) {
    if (error instanceof CelCompileError) return { source, error };
    throw error;
  }
}
