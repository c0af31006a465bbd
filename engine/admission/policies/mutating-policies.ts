import { tryJsonPatch } from "../../apimachinery/patches/json-patch.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { forbidden, StatusError } from "../../apimachinery/status-error.ts";
import { CelError } from "../../cel/cel-error.ts";
import { toJson } from "../../cel/json-value.ts";
import { isCelMap } from "../../cel/values.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { mutatingExpressions, type MutatingExpressions } from "../../resources/admissionregistration/policy-expressions.ts";
import type { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from "../../resources/types.ts";
import { requestName, type AdmissionAttributes, type AdmissionPlugin, type AdmissionReader, type Reinvocation } from "../admission.ts";
import { authorizerBindings } from "../expressions/rights-questions.ts";
import { matchedObjects, requireNamespace } from "../request-matching.ts";
import { restoreObject } from "../restore-object.ts";
import { Rounds } from "../rounds.ts";
import { applyConfiguration, checkTypeNames } from "./apply-configuration.ts";
import { isExemptFromPolicies, matchPolicies, type PolicyInvocation, type PolicyParts } from "./match-policy.ts";
import { errorTypeOf } from "./policy-metrics.ts";
import type { MutatingPolicies } from "./policy-index.ts";
import { Budget, OutOfBudget, PolicyRun, type RunInput } from "./policy-run.ts";

type Policy = MutatingAdmissionPolicy & KubeObject;
type Binding = MutatingAdmissionPolicyBinding & KubeObject;
type Invocation = PolicyInvocation<Policy, Binding>;

const NAME = "MutatingAdmissionPolicy";

/** Lets every policy that is about a request change its object, one after the other, each seeing what the one before made of it. */
export function mutatingPolicies(list: MutatingPolicies, parts: PolicyParts): AdmissionPlugin {
  return {
    name: NAME,
    mutate: (attributes, reader, reinvocation) =>
      list.bound.length === 0 || isExemptFromPolicies(attributes) ? attributes.object : run(list, attributes, parts, reader, reinvocation),
  };
}

async function run(
  list: MutatingPolicies,
  attributes: AdmissionAttributes & { readonly object: KubeObject },
  parts: PolicyParts,
  reader: AdmissionReader,
  reinvocation: Reinvocation,
): Promise<KubeObject> {
  const { invocations, errors } = await matchPolicies(list.bound, attributes, parts, reader);
  const rounds = reinvocation.memory(NAME, () => new Rounds());
  let { object } = attributes;
  if (reinvocation.isSecond && !jsonEqual(rounds.last, object)) rounds.changed();
  const failures = errors.map(({ policy, binding, message }) => ({ policy, binding, message, reason: "" }));
  const rights = authorizerBindings(attributes, parts.askRights);
  const namespace = invocations.length === 0 ? undefined : await requireNamespace(attributes, reader);
  for (const invocation of invocations) {
    const { policy, binding } = invocation;
    for (const params of invocation.params) {
      const id = [policy, binding, params].map((part) => `${part?.metadata.namespace ?? ""}/${part?.metadata.name ?? ""}`).join(" ");
      if (reinvocation.isSecond && !rounds.isAgain(id)) continue;
      const outcome = await mutate(invocation, { ...attributes, object }, parts, { namespace, params, rights });
      if (outcome === "no match") continue;
      failures.push(...outcome.failures.map((message) => ({ policy, binding, message, reason: "Invalid" })));
      if (!jsonEqual(outcome.object, object)) {
        rounds.changed();
        reinvocation.isWanted = true;
      }
      if (policy.spec.reinvocationPolicy === "IfNeeded") rounds.remember(id);
      object = outcome.object;
    }
  }
  rounds.last = object;
  refuseFor(
    failures.filter(({ policy }) => policy.spec.failurePolicy !== "Ignore"),
    attributes,
  );
  return object;
}

/** The object after all mutations of a policy; those that failed have left it as it was. */
async function mutate(
  invocation: Invocation,
  attributes: AdmissionAttributes & { readonly object: KubeObject },
  parts: PolicyParts,
  shared: Pick<RunInput, "namespace" | "params" | "rights">,
): Promise<{ readonly object: KubeObject; readonly failures: readonly string[] } | "no match"> {
  const { policy, binding, definition } = invocation;
  const expressions = mutatingExpressions(policy.spec);
  const failures: string[] = [];
  let { object } = attributes;
  const runOf = async () => {
    const request = { attributes: { ...attributes, object }, definition };
    const objects = await matchedObjects(request, parts.equivalents);
    return { request, objects, run: new PolicyRun({ ...shared, request, objects }, expressions.variables, policy.spec.paramKind !== undefined) };
  };
  const conditions = policy.spec.matchConditions ?? [];
  if (conditions.length > 0) {
    const outcome = await (await runOf()).run.conditions(conditions);
    if (outcome.is === "no match" || (outcome.is === "error" && policy.spec.failurePolicy === "Ignore")) return "no match";
    if (outcome.is === "error") return { object, failures: [outcome.message] };
  }
  for (const mutation of expressions.mutations) {
    const { request, objects, run: current } = await runOf();
    const check = parts.metrics.mutating.begin();
    try {
      const changed = restoreObject(
        request,
        objects.object ?? object,
        await patched(current, mutation, objects.object ?? object, attributes.kind?.schema ?? definition.schema),
        "strict",
      );
      object =
        definition === attributes.definition || attributes.kind !== undefined
          ? changed
          : await parts.equivalents.convert(changed, definition, attributes.definition);
      check({ policy, binding, errorType: "no_error" });
    } catch (error) {
      check({ policy, binding, errorType: errorTypeOf(error instanceof Error ? error.message : "") });
      if (error instanceof StatusError || !(error instanceof Error)) throw error;
      failures.push(error.message);
    }
  }
  return { object, failures };
}

async function patched(
  run: PolicyRun,
  { mutation, patch }: MutatingExpressions["mutations"][number],
  object: KubeObject,
  schema: Parameters<typeof applyConfiguration>[0],
): Promise<unknown> {
  const outcome = await run.evaluate(patch, new Budget()).catch((error: unknown) => {
    if (error instanceof OutOfBudget) return { is: "error" as const, message: error.message };
    throw error;
  });
  if (outcome.is === "error") throw new Error(outcome.message);
  return mutation.patchType === "JSONPatch" ? withJsonPatch(object, outcome.value) : applyConfiguration(schema, object, outcome.value);
}

/** A patch whose test does not hold changes nothing. */
function withJsonPatch(object: KubeObject, value: unknown): unknown {
  const operations = (value as readonly unknown[]).map(operationOf); // the compiler has checked that it is a list
  const outcome = tryJsonPatch(object, operations);
  if (outcome.is === "failed") throw new Error(`JSON Patch: ${outcome.why}`);
  return outcome.is === "patched" ? outcome.value : object;
}

function operationOf(item: unknown): Readonly<Record<string, unknown>> {
  if (!isCelMap(item)) throw new Error("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch");
  checkTypeNames(item.get("value"));
  const from = item.get("from");
  try {
    return {
      op: item.get("op"),
      path: item.get("path"),
      ...(from ? { from } : {}),
      ...(item.get("value") === undefined ? {} : { value: toJson(item.get("value")) }),
    };
  } catch (error) {
    if (error instanceof CelError) throw new Error(`JSON Patch value evaluated to a type that could not marshal to JSON: ${error.message}`, { cause: error });
    throw error;
  }
}

function refuseFor(
  failures: readonly { readonly policy: Policy; readonly binding: Binding | undefined; readonly message: string; readonly reason: string }[],
  attributes: AdmissionAttributes,
): void {
  const messages = failures.map(({ policy, binding, message }) =>
    binding === undefined
      ? `policy '${policy.metadata.name}' denied request: ${message}`
      : `policy '${policy.metadata.name}' with binding '${binding.metadata.name}' denied request: ${message}`,
  );
  const [first] = messages;
  if (first === undefined) return;
  const { status } = forbidden(
    attributes.definition,
    requestName(attributes),
    "",
    messages.map((message) => ({ message })),
  );
  throw StatusError.from({ ...status, message: first, ...(failures[0]?.reason === "Invalid" ? { reason: "Invalid" as const } : {}) });
}
