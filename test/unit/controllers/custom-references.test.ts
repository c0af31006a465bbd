import { describe, expect, test } from "vitest";
import { customReference, storedReference } from "../../../engine/controllers/custom-kinds/custom-references.ts";
import type { CustomResourceDefinition } from "../../../engine/resources/types.ts";

const definition = (plural: string, group: string) =>
  ({
    spec: { group, scope: "Namespaced", names: { plural, kind: "Any" }, versions: [{ name: "v1", served: true, storage: true }] },
    status: { conditions: [{ type: "Established", status: "True" }] },
  }) as unknown as CustomResourceDefinition;

describe("a custom kind", () => {
  test("is addressed by the version that it is stored in", () => {
    const reference = { group: "coordination.example.com", version: "v1", resource: "leases", kind: "Any", namespaced: true };
    expect(customReference(definition("leases", "coordination.example.com"))).toEqual(reference);
    expect(storedReference(definition("leases", "coordination.example.com"))).toEqual({ ...reference, isStored: true });
  });

  test("that has the place of a built-in one is not addressed at all: nobody may follow it, nor let go of the other with it", () => {
    expect(customReference(definition("leases", "coordination.k8s.io"))).toBeUndefined();
    expect(storedReference(definition("leases", "coordination.k8s.io"))).toBeUndefined();
  });
});
