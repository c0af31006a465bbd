import { expect, test } from "vitest";
import { conversionProblem } from "../../../../engine/apimachinery/patches/unstructured-conversion.ts";
import { podResource } from "../../../../engine/resources/core/pod.ts";

const pod = (spec: object, metadata: object = {}) => ({ metadata, spec: { containers: [{ name: "c", image: "i" }], ...spec } });

test.each<[string, object, string | undefined]>([
  ["what fits", pod({ hostNetwork: true, terminationGracePeriodSeconds: 5, nodeSelector: { a: "b" } }), undefined],
  ["quantities and ports, which read themselves", pod({ containers: [{ name: "c", resources: { limits: { cpu: 1 } }, livenessProbe: { httpGet: { port: "web" } } }] }), undefined],
  ["text for a map", pod({}, { labels: "invalid" }), "cannot restore map from string"],
  ["a list for a struct", pod({ securityContext: [] }), "cannot restore struct from: slice"],
  ["a map for a list", pod({ tolerations: {} }), "cannot restore slice from map"],
  ["a number for text", pod({ nodeName: 7 }), "cannot convert int64 to string"],
  ["half a number", pod({ terminationGracePeriodSeconds: 1.5 }), "cannot convert float64 to int64"],
  ["text for a number", pod({ containers: [{ name: "c", ports: [{ containerPort: "80" }] }] }), "unrecognized type: int32"],
  ["text for a truth", pod({ hostNetwork: "yes" }), "unrecognized type: bool"],
])("%s", (_what, object, expected) => {
  expect(conversionProblem(podResource.schema, object)).toBe(expected);
});

test("an integer that no double holds is one all the same", () => {
  expect(conversionProblem({ type: "integer", format: "int64" }, 2n ** 60n)).toBeUndefined();
  expect(conversionProblem({ type: "string" }, 2n ** 60n)).toBe("cannot convert int64 to string");
});
