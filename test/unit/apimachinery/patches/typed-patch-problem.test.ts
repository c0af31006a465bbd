import { describe, expect, it } from "vitest";
import type { Schema } from "../../../../engine/apimachinery/schema.ts";
import { typedPatchProblem } from "../../../../engine/apimachinery/patches/typed-patch-problem.ts";
import { loadSchema } from "../../../../engine/resources/load-schema.ts";

const configMap = loadSchema("core/v1/config-map.yaml");
const deployment = loadSchema("apps/v1/deployment.yaml");
const text: Schema = { type: "string" };
const thing: Schema = {
  type: "object",
  properties: {
    set: { type: "array", items: text, "x-kubernetes-list-type": "set" },
    plain: { type: "array", items: text },
    items: { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], items: { type: "object", properties: { name: text, port: { type: "integer" } } } },
    any: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    either: { "x-kubernetes-int-or-string": true },
  },
};
const ofContainers = (containers: unknown) => ({ spec: { template: { spec: { containers } } } });

/** Each as kube-apiserver 1.36.2 says it. */
describe("what does not fit a kind is told by its path and in Go's words", () => {
  it.each<[Schema, unknown, string | undefined]>([
    [configMap, { data: 3 }, ".data: expected map, got &{3}"],
    [configMap, { data: [] }, ".data: expected map, got &{[]}"],
    [configMap, { data: { a: 1 } }, ".data.a: expected string, got &value.valueUnstructured{Value:1}"],
    [configMap, { data: { a: {} } }, ".data.a: expected string, got &value.valueUnstructured{Value:map[string]interface {}{}}"],
    [configMap, { data: { a: { b: ["x", null, true] } } }, '.data.a: expected string, got &value.valueUnstructured{Value:map[string]interface {}{"b":[]interface {}{"x", interface {}(nil), true}}}'],
    [configMap, { immutable: "x" }, ".immutable: expected boolean, got &{x}"],
    [configMap, { bogus: 1 }, ".bogus: field not declared in schema"],
    [configMap, { metadata: 3 }, ".metadata: expected map, got &{3}"],
    [configMap, { metadata: { finalizers: ["x.y/a", "x.y/a"] } }, '.metadata.finalizers: duplicate entries for key [="x.y/a"]'],
    [configMap, { metadata: { ownerReferences: [{}] } }, undefined],
    [configMap, { metadata: null, data: { a: null } }, undefined],
    [deployment, { spec: { replicas: "x" } }, ".spec.replicas: expected numeric (int or float), got string"],
    [deployment, { spec: { replicas: 1.5 } }, undefined],
    [deployment, { spec: { strategy: { rollingUpdate: { maxSurge: true } } } }, undefined],
    [deployment, { spec: { strategy: { rollingUpdate: { maxSurge: [] } } } }, ".spec.strategy.rollingUpdate.maxSurge: expected any scalar, got &{[]}"],
    [deployment, ofContainers({}), ".spec.template.spec.containers: expected list, got &{map[]}"],
    [deployment, ofContainers([3]), ".spec.template.spec.containers: element 0: associative list with keys may not have non-map elements"],
    [deployment, ofContainers([null]), ".spec.template.spec.containers: element 0: associative list with keys may not have a null element"],
    [deployment, ofContainers([{ name: "a" }, { name: "a" }]), '.spec.template.spec.containers: duplicate entries for key [name="a"]'],
    [deployment, ofContainers([{ image: "x" }]), undefined],
    [deployment, ofContainers([{ name: "a", imag: 1 }]), '.spec.template.spec.containers[name="a"].imag: field not declared in schema'],
    [deployment, ofContainers([{ name: "a", env: [{ name: "x", value: 1 }] }]), '.spec.template.spec.containers[name="a"].env[name="x"].value: expected string, got &value.valueUnstructured{Value:1}'],
    [deployment, ofContainers([{ name: "a", resources: { requests: { cpu: {} } } }]), '.spec.template.spec.containers[name="a"].resources.requests.cpu: expected any scalar, got &{map[]}'],
    [deployment, ofContainers([{ name: "a", resources: { requests: { cpu: "x" } } }]), undefined],
    [thing, { set: [1] }, ".set[=1]: expected string, got &value.valueUnstructured{Value:1}"],
    [thing, { set: ["a", null] }, ".set: element 1: associative list without keys has an element that's an explicit null"],
    [thing, { plain: ["a", 1] }, ".plain[1]: expected string, got &value.valueUnstructured{Value:1}"],
    [thing, { plain: ["a", "a"] }, undefined],
    [thing, { items: [{ port: 1 }] }, '.items: element 0: associative list with keys has an element that omits all key fields ["name"] (and doesn\'t have default value for any keys)'],
    [thing, { items: [{ name: "a", port: "x" }] }, '.items[name="a"].port: expected numeric (int or float), got string'],
    [thing, { any: { what: ["ever"] }, either: [] }, undefined],
    [thing, { any: 3 }, ".any: expected map, got &{3}"],
    [
      deployment,
      { bogus: 1, spec: { replicas: "x", paused: 3, zz: 1, yy: 2, template: { spec: { containers: [{ name: "a" }, { name: "a", image: 1 }] } } } },
      `errors:
  .spec.replicas: expected numeric (int or float), got string
  .spec.paused: expected boolean, got &{3}
  .spec.template.spec.containers: duplicate entries for key [name="a"]
  .spec.template.spec.containers[name="a"].image: expected string, got &value.valueUnstructured{Value:1}
  .spec.zz: field not declared in schema
  .bogus: field not declared in schema`,
    ],
    [deployment, { status: { conditions: [{ type: "A", lastUpdateTime: 5 }] } }, undefined],
    [deployment, { status: { conditions: [{ type: "A", lastUpdateTime: {} }] } }, '.status.conditions[type="A"].lastUpdateTime: expected any scalar, got &{map[]}'],
  ])("%#: %j", (schema, object, problem) => expect(typedPatchProblem(schema, object)).toBe(problem));
});
