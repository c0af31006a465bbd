import { forbidden, StatusError } from "../../apimachinery/status-error.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from "../../resources/types.ts";
import { requestName, type AdmissionAttributes, type AdmissionPlugin } from "../admission.ts";
import { authorizerBindings } from "../expressions/rights-questions.ts";
import { matchedObjects, requireNamespace } from "../request-matching.ts";
import { evaluateValidations, type Denial, type ValidationResult } from "./evaluate-validations.ts";
import { isExemptFromPolicies, matchPolicies, type PolicyInvocation, type PolicyParts } from "./match-policy.ts";
import { errorTypeOf, type PolicyCheck } from "./policy-metrics.ts";
import type { ValidatingPolicies } from "./policy-index.ts";

type Policy = ValidatingAdmissionPolicy & KubeObject;
type Binding = ValidatingAdmissionPolicyBinding & KubeObject;
type Invocation = PolicyInvocation<Policy, Binding>;

/** Why a request is denied, and by whom. */
interface DeniedBy {
  readonly policy: Policy;
  readonly binding: Binding | undefined;
  readonly message: string;
  readonly reason: string;
}

const FAILURE_KEY = "validation.policy.admission.k8s.io/validation_failure";
const ACTIONS: Readonly<Record<string, "deny" | "audit" | "warn">> = { Deny: "deny", Audit: "audit", Warn: "warn" };
const NOTE_LENGTH_MAX = 10 * 1024;
const REASON_CODES: Readonly<Record<string, number>> = { Unauthorized: 401, Forbidden: 403, RequestEntityTooLarge: 413 };

/** Evaluates every policy that is about a request; the first denial is the answer, warnings and notes of all are kept. */
export function validatingPolicies(list: ValidatingPolicies, parts: PolicyParts): AdmissionPlugin {
  return {
    name: "ValidatingAdmissionPolicy",
    seesConnections: true,
    async validate(attributes, reader) {
      if (list.bound.length === 0 || isExemptFromPolicies(attributes)) return;
      const { invocations, errors } = await matchPolicies(list.bound, attributes, parts, reader);
      const denied: DeniedBy[] = errors.filter(({ policy }) => policy.spec.failurePolicy !== "Ignore").map((error) => ({ ...error, reason: "" }));
      const rights = authorizerBindings(attributes, parts.askRights);
      const namespace = invocations.length === 0 ? undefined : await requireNamespace(attributes, reader);
      const notes = new AuditNotes();
      for (const invocation of invocations) {
        const request = { attributes, definition: invocation.definition };
        const objects = await matchedObjects(request, parts.equivalents);
        for (const params of invocation.params) {
          const check = parts.metrics.validating.begin();
          const result = await evaluateValidations(invocation.policy, { request, objects, namespace, params, rights });
          count(invocation, result, check);
          denied.push(...act(invocation, result, attributes));
          notes.add(invocation.policy.metadata.name ?? "", result);
        }
      }
      notes.publish(attributes);
      if (denied[0] !== undefined) throw refusal(denied[0], attributes);
    },
  };
}

/** Does with each denial what the binding says. */
function act({ policy, binding }: Invocation, { denials, failedNotes }: ValidationResult, { notes }: AdmissionAttributes): DeniedBy[] {
  const denied: DeniedBy[] = [];
  for (const denial of denials) {
    for (const action of binding.spec.validationActions) {
      if (action === "Deny") denied.push({ policy, binding, message: denial.message, reason: denial.reason });
      if (action === "Warn")
        notes?.warn(`Validation failed for ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}': ${denial.message}`);
      if (action === "Audit") notes?.annotate(FAILURE_KEY, failureNote(binding, denial));
    }
  }
  return [...denied, ...failedNotes.map((message) => ({ policy, binding, message, reason: "" }))];
}

function count({ policy, binding }: Invocation, { denials, passedErrors }: ValidationResult, check: (made: PolicyCheck) => void): void {
  for (const message of passedErrors) check({ policy, binding, errorType: errorTypeOf(message), action: "allow" });
  for (const denial of denials) {
    for (const action of binding.spec.validationActions)
      check({ policy, binding, errorType: denial.isError ? errorTypeOf(denial.message) : "no_error", action: ACTIONS[action] ?? "deny" });
  }
}

function failureNote({ metadata, spec }: Binding, { message, index }: Denial): string {
  return JSON.stringify([{ message, policy: spec.policyName, binding: metadata.name, expressionIndex: index, validationActions: spec.validationActions }]);
}

/** Annotations for the audit log; bindings and parameters of one policy may give several values for one key. */
class AuditNotes {
  readonly #values = new Map<string, Set<string>>();

  add(policy: string, { notes }: ValidationResult): void {
    for (const { key, value } of notes) {
      const name = `${policy}/${key}`;
      this.#values.set(name, (this.#values.get(name) ?? new Set()).add(value.slice(0, NOTE_LENGTH_MAX)));
    }
  }

  publish({ notes }: AdmissionAttributes): void {
    for (const [key, values] of this.#values) notes?.annotate(key, [...values].join(", "));
  }
}

function refusal({ policy, binding, message, reason }: DeniedBy, attributes: AdmissionAttributes): StatusError {
  const by = binding === undefined ? "" : ` with binding '${binding.metadata.name}'`;
  const text = `ValidatingAdmissionPolicy '${policy.metadata.name}'${by} denied request: ${message}`;
  const { status } = forbidden(attributes.definition, requestName(attributes), text, [{ message: text }]);
  const shown = (reason || "Invalid") as NonNullable<typeof status.reason>; // validation of policies allows reasons of the API only
  return StatusError.from({ ...status, reason: shown, code: REASON_CODES[shown] ?? 422 });
}
