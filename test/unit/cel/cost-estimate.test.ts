import { expect, test } from "vitest";
import type { Schema } from "../../../engine/apimachinery/schema.ts";
import { compileExpression } from "../../../engine/cel/compile.ts";
import { schemaType } from "../../../engine/cel/schema-type.ts";

const INT_OR_STRING = { "x-kubernetes-int-or-string": true };
const text = (format: string) => ({ type: "string", format });
const array = (items: object) => (max?: number) => ({ type: "array", items, ...(max === undefined ? {} : { maxItems: max }) });
const map = (values: object) => (max?: number) => ({ type: "object", additionalProperties: values, ...(max === undefined ? {} : { maxProperties: max }) });
const string = (max?: number) => ({ type: "string", ...(max === undefined ? {} : { maxLength: max }) });
const bytes = (max?: number) => ({ ...string(max), format: "byte" });
const enumeration = (max?: number) => ({ ...string(max), enum: ["A", "B", "C", "LongValue"] });
const number = { type: "number" };
const object = { type: "object", required: ["required"], properties: { required: string(), optional: string() } };

function estimate(schema: object, rule: string): number {
  const self = schemaType(schema as Schema);
  if (self === undefined) throw new Error("expressions see nothing of it");
  return compileExpression(rule, { variables: { self, oldSelf: self } }).estimate.max;
}

// Kubernetes' own figures: a rule that it takes must not be refused here, nor the other way round.
test.each<[(max?: number) => object, string, number, number, number]>([
  [array(number), "self.all(x, true)", 4718591, 10, 32],
  [array(string()), "self.all(x, true)", 3145727, 20, 62],
  [array({ type: "boolean" }), "self.all(x, true)", 1887437, 5, 17],
  [array(array(number)()), "self.all(x, true)", 3145727, 100, 302],
  [array(object), "self.all(x, true)", 555128, 50, 152],
  [array(INT_OR_STRING), "self.all(x, true)", 4718591, 10, 32],
  [array(text("duration")), "self.all(x, true)", 2359295, 5, 17],
  [array(text("constructor")), "self.all(x, true)", 3145727, 20, 62],
  [array(text("date")), "self.all(x, true)", 725936, 15, 47],
  [array(text("date-time")), "self.all(x, true)", 428963, 25, 77],
  [map(number), "self.all(x, true)", 1348169, 10, 32],
  [map(string()), "self.all(x, true)", 1179647, 3, 11],
  [map({ type: "boolean" }), "self.all(x, true)", 943718, 100, 302],
  [map(INT_OR_STRING), "self.all(x, true)", 1348169, 15, 47],
  [map(text("duration")), "self.all(x, true)", 1048577, 5, 17],
  [map(text("date")), "self.all(x, true)", 524288, 10, 32],
  [map(text("date-time")), "self.all(x, true)", 349526, 25, 77],
  [map(map(number)()), "self.all(x, true)", 1179647, 10, 32],
  [map(array(number)()), "self.all(x, true)", 1179647, 25, 77],
  [array(number), "self.all(x, x == 0.0)", 6291454, 6291456, 25165826],
  [string, "self.contains('test')", 314574, 10, 5],
  [string, "self.startsWith('test')", 2, 15, 2],
  [string, "self.endsWith('test')", 2, 30, 2],
  [string, `size(self + "hello") > size("hello")`, 314578, 4, 7],
  [string, `self.matches("x")`, 314574, 50, 22],
  [string, `"".matches("(((((((((())))))))))[0-9]")`, 7, 10, 7],
  [string, `self.matches("")`, 1, 100, 1],
  [string, `self == "x"`, 2, 0, 1],
  [bytes, `self == b"x"`, 2, 0, 1],
  [string, "self.find('[0-9]+') == ''", 629147, 10, 11],
  [enumeration, "self.contains('A')", 2, 1000, 401],
  [array(number), "self[1] == 0.0", 2, 5000, 2],
  [array(string()), "self[1] == self[1]", 314577, 8, 314577],
  [array(number), "self[3] == 0.0", 2, 0, 2],
  [map(number), `self["x"] == 0.0`, 2, 0, 2],
  [array(INT_OR_STRING), "self[0] == 5", 3, 10, 3],
  [array({ type: "boolean" }), "self[0] == false", 2, 25, 2],
  [array(array(number)()), "self[0][0] == -1.0", 3, 51, 3],
  [array(map(number)()), "self.all(x, x.y == 25.2)", 6291452, 12, 74],
  [array(map(number)()), "self[0].x > 2.0", 4, 3000, 4],
  [array(text("duration")), "self[0].getHours() == 2", 4, 525, 4],
  [array(text("date")), "self[2].getDayOfMonth() == 13", 4, 42, 4],
  [map({ type: "integer" }), "oldSelf.size() == self.size()", 5, 10, 5],
  [map(text("date-time")), `self["a"] == self["b"]`, 8, 7, 8],
  [map(text("duration")), `self["c"] == self["d"]`, 8, 42, 8],
])("a rule costs what Kubernetes says: %o %s", (schemaOf, rule, unbounded, max, bounded) => {
  expect(estimate(schemaOf(), rule)).toBe(unbounded);
  expect(estimate(schemaOf(max), rule)).toBe(bounded);
});

test("loops in loops multiply", () => {
  expect(estimate(array(number)(10), "self.all(x, self.all(y, true))")).toBe(352);
  expect(estimate(array(number)(10), "self.all(x, self.all(y, self.all(z, true)))")).toBe(3552);
});
