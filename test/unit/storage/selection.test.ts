import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { defineResource } from "../../../engine/resources/define-resource.ts";
import type { Pod } from "../../../engine/resources/types.ts";
import { compileSelection } from "../../../engine/storage/selection.ts";

const pod = (name: string, phase: string) => ({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "shop" }, status: { phase } }) as Pod;

describe("fields", () => {
  test.each([
    ["status.phase=Running", ["a", "b"]],
    ["status.phase!=Running", ["c"]],
    ["status.phase=Running,status.phase!=Failed", ["a", "b"]],
    ["status.phase=Running,status.phase=Running", ["a", "b"]],
    ["status.phase=Running,status.phase=Failed", []],
    ["status.phase=Running,status.phase!=Running", []],
    ["metadata.name!=a,metadata.name!=c", ["b"]],
    ["metadata.name!=a,status.phase=Running", ["b"]],
    ["metadata.namespace=shop", ["a", "b", "c"]],
  ])("%s selects %j", (fieldSelector, names) => {
    const { matches } = compileSelection(podResource, { fieldSelector });
    expect([pod("a", "Running"), pod("b", "Running"), pod("c", "Failed")].filter(matches).map(({ metadata }) => metadata.name)).toEqual(names);
  });

  test("the first that the kind does not select by is named", () => {
    expect(() => compileSelection(podResource, { fieldSelector: "metadata.name=a,spec.none=b,spec.more=c" })).toThrow("field label not supported: spec.none");
    for (const fieldSelector of ["metadata.name=b", "metadata.name!=a", "status.phase=Running"])
      expect(() => compileSelection(podResource, { name: "a", fieldSelector })).toThrow("fieldSelector metadata.name doesn't match requested name");
    expect(compileSelection(podResource, { name: "a", fieldSelector: "status.phase=Running,metadata.name=a" }).equals.get("metadata.name")).toBe("a");
    expect(() => compileSelection(podResource, { fieldSelector: "constructor=a" })).toThrow("field label not supported: constructor");
  });

  test("each is read once, however often it is named", () => {
    let reads = 0;
    const counted = defineResource({ ...podResource, selectableFields: { "status.phase": (object: KubeObject) => (reads++, (object as Pod).status?.phase ?? "") } } as typeof podResource);
    const { matches } = compileSelection(counted, { fieldSelector: Array.from({ length: 1_000 }, (_, index) => `status.phase!=p${index}`).join(",") });
    expect([matches(pod("a", "Running")), matches(pod("b", "p999"))]).toEqual([true, false]);
    expect(reads).toBe(2);
  });
});
