import { CelCompileError } from "../cel/cel-error.ts";
import { compileExpression } from "../cel/compile.ts";
import { schemaType } from "../cel/schema-type.ts";
import { DYN, objectType, type CelType } from "../cel/types.ts";
import { isConditionTrue } from "../apimachinery/conditions.ts";
import { formatApiVersion, parseApiVersion } from "../apimachinery/group-version.ts";
import { admissionVariables } from "../resources/admissionregistration/expression-environment.ts";
import { VARIABLES_TYPE_NAME } from "../resources/admissionregistration/policy-expressions.ts";
import { validatingAdmissionPolicyResource } from "../resources/admissionregistration/validating-admission-policy.ts";
import { customKind } from "../resources/apiextensions/custom-kind.ts";
import { customResourceDefinitionResource } from "../resources/apiextensions/custom-resource-definition.ts";
import { catalog } from "../resources/catalog.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import type { CustomResourceDefinition, ExpressionWarning, RuleWithOperations, ValidatingAdmissionPolicy } from "../resources/types.ts";
import type { ControllerContext } from "./controller-context.ts";
import { isBeingDeleted, read, update, watch, type Action, type ControllerDefinition } from "./define-controller.ts";

/** Kinds that one rule may name before the rest is left unchecked. */
const TYPES_MAX = 10;

/** Writes into a policy's status what would go wrong with its expressions on the kinds it names; its behaviour stays the same. Pure. */
export function planTypeCheck(policy: ValidatingAdmissionPolicy, kinds: readonly ResourceDefinition[] = catalog): readonly Action[] {
  const { generation = 0 } = policy.metadata;
  if (policy.status?.observedGeneration === generation) return [];
  const expressionWarnings = checkTypes(policy, kinds);
  const status = { ...policy.status, observedGeneration: generation, typeChecking: expressionWarnings.length === 0 ? {} : { expressionWarnings } };
  return [update(validatingAdmissionPolicyResource, { ...policy, status }, "status")];
}

function checkTypes({ spec }: ValidatingAdmissionPolicy, kinds: readonly ResourceDefinition[]): readonly ExpressionWarning[] {
  const checked = kindsOfRules(spec.matchConstraints?.resourceRules ?? [], kinds);
  const { apiVersion, kind } = spec.paramKind ?? {};
  const params = kinds.find((definition) => definition.kind === kind && formatApiVersion(definition.group, definition.version) === apiVersion);
  const problemsOf = (source: string): string[] =>
    checked.flatMap((definition) => {
      const issues = issuesOf(source, spec, definition, params);
      return issues === undefined ? [] : [`${definition.group}/${definition.version}, Kind=${definition.kind}: ${issues}\n`];
    });
  return (spec.validations ?? []).flatMap(({ expression, messageExpression = "" }, index) =>
    [
      { fieldRef: `spec.validations[${index}].expression`, problems: problemsOf(expression) },
      { fieldRef: `spec.validations[${index}].messageExpression`, problems: messageExpression === "" ? [] : problemsOf(messageExpression) },
    ].flatMap(({ fieldRef, problems }) => (problems.length === 0 ? [] : [{ fieldRef, warning: problems.join("\n") }])),
  );
}

/** What the compiler says when it knows what the objects are. */
function issuesOf(
  source: string,
  spec: ValidatingAdmissionPolicy["spec"],
  definition: ResourceDefinition,
  params: ResourceDefinition | undefined,
): string | undefined {
  const object = schemaType(definition.schema) ?? DYN;
  const base = {
    ...admissionVariables({ hasParams: spec.paramKind !== undefined, hasAuthorizer: true }),
    object,
    oldObject: object,
    ...(params === undefined ? {} : { params: schemaType(params.schema) ?? DYN }),
  };
  const types: Record<string, CelType> = {};
  for (const { name, expression } of spec.variables ?? [])
    types[name] = typeOf(expression, { ...base, variables: objectType(VARIABLES_TYPE_NAME, { ...types }) });
  try {
    compileExpression(source, { variables: { ...base, variables: objectType(VARIABLES_TYPE_NAME, types) } });
    return undefined;
  } catch (error) {
    if (error instanceof CelCompileError) return error.message;
    throw error;
  }
}

function typeOf(source: string, variables: Readonly<Record<string, CelType>>): CelType {
  try {
    return compileExpression(source, { variables }).resultType;
  } catch (error) {
    if (error instanceof CelCompileError) return DYN;
    throw error;
  }
}

/** The kinds that rules name outright, each once, in their names' order. Rules with wildcards name none. */
function kindsOfRules(rules: readonly RuleWithOperations[], kinds: readonly ResourceDefinition[]): readonly ResourceDefinition[] {
  const found = new Set<ResourceDefinition>();
  for (const { apiGroups = [], apiVersions = [], resources = [] } of rules) {
    if ([...apiGroups, ...apiVersions].some((text) => text.includes("*"))) continue;
    const named = kinds.filter(({ group, version, resource }) => apiGroups.includes(group) && apiVersions.includes(version) && resources.includes(resource));
    for (const definition of named.slice(0, TYPES_MAX)) found.add(definition);
  }
  const key = ({ group, version, kind }: ResourceDefinition) => `${group}/${version}/${kind}`;
  return [...found].sort((left, right) => (key(left) < key(right) ? -1 : 1));
}

/** The custom kinds of the groups that a policy names, as far as they are served. */
export function customKindsOf({ spec }: ValidatingAdmissionPolicy, definitions: readonly CustomResourceDefinition[]): readonly ResourceDefinition[] {
  const groups = new Set([
    ...(spec.matchConstraints?.resourceRules ?? []).flatMap(({ apiGroups = [] }) => apiGroups),
    parseApiVersion(spec.paramKind?.apiVersion ?? "").group,
  ]);
  return definitions
    .filter((definition) => groups.has(definition.spec.group) && isConditionTrue(definition.status?.conditions, "Established"))
    .flatMap((definition) => customKind(definition, undefined).served);
}

/** Checks the types of every policy's expressions whenever it changes. */
export function policyTypeCheckController({ informers }: ControllerContext): ControllerDefinition<ValidatingAdmissionPolicy> {
  const policies = informers.informer(validatingAdmissionPolicyResource);
  const definitions = informers.informer(customResourceDefinitionResource);
  return {
    name: "validatingadmissionpolicy-status-controller",
    workers: 1,
    watches: [watch(policies, ({ metadata }) => [metadata.name ?? ""])],
    observe: (name) => {
      const policy = policies.get("", name);
      return policy === undefined || isBeingDeleted(policy) ? undefined : policy;
    },
    reads: [read(definitions)],
    plan: (policy) => planTypeCheck(policy, [...catalog, ...customKindsOf(policy, definitions.list())]),
  };
}
