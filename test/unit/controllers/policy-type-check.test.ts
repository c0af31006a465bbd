import { expect, test } from "vitest";
import { customKindsOf, planTypeCheck } from "../../../engine/controllers/policy-type-check.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import type { CustomResourceDefinition, ValidatingAdmissionPolicy, ValidatingAdmissionPolicySpec } from "../../../engine/resources/types.ts";

import { cronTabs } from "../../kit/custom-kinds.ts";

const RULE = { operations: ["CREATE"], apiGroups: ["apps"], apiVersions: ["v1"], resources: ["deployments"] };

function warningsOf(
  spec: Partial<ValidatingAdmissionPolicySpec>,
  definitions: readonly CustomResourceDefinition[] = [],
): readonly { readonly fieldRef: string; readonly warning: string }[] | undefined {
  const policy: ValidatingAdmissionPolicy = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "p", generation: 2 },
    spec: { matchConstraints: { resourceRules: [RULE] }, ...spec },
  };
  const [action] = planTypeCheck(policy, [...catalog, ...customKindsOf(policy, definitions)]);
  if (action?.do !== "update") throw new Error("nothing was written");
  const { status } = action.object as ValidatingAdmissionPolicy;
  expect([status?.observedGeneration, action.subresource]).toEqual([2, "status"]);
  return status?.typeChecking?.expressionWarnings;
}

test("a field that a kind does not have is told with its place", () => {
  const warnings = warningsOf({ validations: [{ expression: "object.spec.replicas > 1" }, { expression: "object.spec.nothing > 1", messageExpression: "object.metadata.name + 1" }] });
  expect(warnings?.map(({ fieldRef }) => fieldRef)).toEqual(["spec.validations[1].expression", "spec.validations[1].messageExpression"]);
  expect(warnings?.[0]?.warning).toBe("apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'nothing'\n | object.spec.nothing > 1\n | ...........^\n");
  expect(warnings?.[1]?.warning).toContain("found no matching overload for '_+_'");
});

test("variables and parameters have types too", () => {
  const spec = {
    paramKind: { apiVersion: "v1", kind: "ConfigMap" },
    variables: [
      { name: "count", expression: "object.spec.replicas" },
      { name: "wrong", expression: "variables.count + 'a'" },
    ],
  };
  expect(warningsOf({ ...spec, validations: [{ expression: "string(variables.count) == params.data.max && variables.wrong == 1" }] })).toBeUndefined();
  expect(warningsOf({ ...spec, validations: [{ expression: "variables.count == params.nothing" }, { expression: "variables.count == 'a'" }] })?.length).toBe(2);
});

test("rules with wildcards and unknown kinds are left unchecked", () => {
  const validations = [{ expression: "object.spec.nothing > 1" }];
  for (const rule of [
    { ...RULE, apiGroups: ["*"] },
    { ...RULE, apiGroups: ["example.com"] },
    { ...RULE, resources: ["*"] },
  ])
    expect(warningsOf({ validations, matchConstraints: { resourceRules: [rule] } })).toBeUndefined();
});

test("a policy that has been checked is left alone", () => {
  expect(planTypeCheck({ apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingAdmissionPolicy", metadata: { generation: 2 }, spec: {}, status: { observedGeneration: 2 } })).toEqual([]);
});

test("custom kinds are checked by the schema of the version that a rule names, once they are served", () => {
  const schema = { type: "object", properties: { spec: { type: "object", properties: { replicas: { type: "integer" } } } } };
  const definition = cronTabs(schema);
  const served = { ...definition, status: { acceptedNames: definition.spec.names, conditions: [{ type: "Established", status: "True" }] } } as unknown as CustomResourceDefinition;
  const validations = [{ expression: "object.spec.replicas > 1" }, { expression: "object.spec.nothing > 1" }];
  const matchConstraints = { resourceRules: [{ ...RULE, apiGroups: ["stable.example.com"], resources: ["crontabs"] }] };
  const warnings = warningsOf({ validations, matchConstraints }, [served]);
  expect(warnings?.map(({ fieldRef }) => fieldRef)).toEqual(["spec.validations[1].expression"]);
  expect(warnings?.[0]?.warning).toBe("stable.example.com/v1, Kind=CronTab: ERROR: <input>:1:12: undefined field 'nothing'\n | object.spec.nothing > 1\n | ...........^\n");
  expect(warningsOf({ validations, matchConstraints }, [definition])).toBeUndefined();
  expect(warningsOf({ paramKind: { apiVersion: "stable.example.com/v1", kind: "CronTab" }, validations: [{ expression: "params.spec.nothing == 1" }] }, [served])?.length).toBe(1);
});
