import { describe, expect, test } from "vitest";
import { withAnnotations, withFinalizer, withLabels, withMetadata, withoutFinalizer } from "../../../engine/apimachinery/object-copy.ts";
import { validateObjectMeta, validateObjectMetaUpdate, type MetadataRules } from "../../../engine/apimachinery/object-meta-validation.ts";
import type { ObjectMeta } from "../../../engine/apimachinery/object-meta.ts";
import { isControlledBy, newControllerRef } from "../../../engine/apimachinery/owner-references.ts";
import { deepFreeze } from "../../../engine/lib/freeze.ts";

const lines = (errors: readonly { field: string; message: string }[]) => errors.map((error) => `${error.field}: ${error.message}`);

describe("metadata of a new object", () => {
  const check = (meta: ObjectMeta, namespaced = true) => lines(validateObjectMeta(meta, { nameRule: "dnsSubdomain", namespaced }));

  test("is right with a name and a namespace", () =>
    expect(check({ name: "web", namespace: "shop", generateName: "web-", labels: { app: "web" }, annotations: { "Example.com/A": "any text" } })).toEqual([]));

  test("needs a name", () => expect(check({ namespace: "shop" })).toEqual(["metadata.name: Required value: name or generateName is required"]));

  test("follows the kind's rule for names", () => {
    expect(check({ name: "Web", namespace: "shop" })[0]).toMatch(/^metadata\.name: Invalid value: "Web": a lowercase RFC 1123 subdomain/);
    expect(validateObjectMeta({ name: "a.b", namespace: "shop" }, { nameRule: "dnsLabel", namespaced: true })).toEqual([
      { type: "FieldValueInvalid", field: "metadata.name", message: 'Invalid value: "a.b": must not contain dots' },
    ]);
    expect(validateObjectMeta({ name: "system:x" }, { nameRule: "pathSegment", namespaced: false })).toEqual([]);
  });

  test("has a namespace exactly when its kind has", () => {
    expect(check({ name: "web" })).toEqual(["metadata.namespace: Required value"]);
    expect(check({ name: "web", namespace: "shop" }, false)).toEqual(["metadata.namespace: Forbidden: not allowed on this type"]);
  });

  test("has acceptable labels, annotations, owners and finalizers", () => {
    const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "r", uid: "u1", controller: true };
    expect(
      check({
        name: "web",
        namespace: "shop",
        labels: { "-x": "a b" },
        annotations: { big: "x".repeat(262_144) },
        finalizers: ["orphan", "foregroundDeletion", "a/b/c"],
        ownerReferences: [owner, { ...owner, name: "s", apiVersion: "a/b/c" }, { apiVersion: "", kind: "", name: "", uid: "" }],
        managedFields: [{ operation: "Replace" }],
      }).map((line) => line.slice(0, 110)),
    ).toEqual([
      expect.stringMatching(/^metadata\.labels: Invalid value: "-x": name part must consist/),
      expect.stringMatching(/^metadata\.labels: Invalid value: "a b": a valid label must be/),
      "metadata.annotations: Too long: may not be more than 262144 bytes",
      'metadata.ownerReferences.apiVersion: Invalid value: "a/b/c": version must not be empty',
      'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
      'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
      'metadata.ownerReferences.name: Invalid value: "": must not be empty',
      'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
      expect.stringMatching(/^metadata\.ownerReferences: Invalid value: \[/),
      expect.stringMatching(/^metadata\.finalizers: Invalid value: "a\/b\/c": a valid label key/),
      expect.stringMatching(/^metadata\.finalizers: Invalid value: .*finalizer orphan and foregroundDe$/),
      'metadata.managedFields[0].operation: Unsupported value: "Replace": supported values: "Apply", "Update"',
    ]);
  });
});

describe("an update's metadata", () => {
  const old: ObjectMeta = { name: "web", namespace: "shop", uid: "u1", resourceVersion: "5", generation: 2, creationTimestamp: "2026-01-01T00:00:00Z" };

  const rules: MetadataRules = { namespaced: true };

  test("may change labels", () => expect(validateObjectMetaUpdate({ ...old, labels: { a: "b" } }, old, rules)).toEqual([]));

  test("may not change what identifies the object", () => {
    expect(lines(validateObjectMetaUpdate({ ...old, name: "api", uid: "u2", generation: 1, resourceVersion: undefined }, old, { ...rules, metadataOnUpdate: "none" }))).toEqual([
      'metadata.resourceVersion: Invalid value: "": must be specified for an update',
      "metadata.generation: Invalid value: 1: must not be decremented",
      'metadata.name: Invalid value: "api": field is immutable',
      'metadata.uid: Invalid value: "u2": field is immutable',
    ]);
  });

  test("is judged as a new object's and as a change, and by the kind's own rules once more, each of which tells what it finds", () => {
    const fields = (onUpdate: MetadataRules["metadataOnUpdate"]) =>
      validateObjectMetaUpdate({ ...old, labels: { "a/b/c": "" }, generateName: "a/_" }, old, { namespaced: true, metadataOnUpdate: onUpdate }).map(({ field }) => field.replace("metadata.", ""));
    expect(fields("none")).toEqual(["generateName", "labels", "labels"]);
    expect(fields(undefined)).toEqual(["generateName", "labels", "labels", "labels"]);
    expect(fields("new")).toEqual(["generateName", "labels", "labels", "generateName", "labels"]);
    expect(fields("both")).toEqual(["generateName", "labels", "labels", "labels", "generateName", "labels"]);
  });

  test("cannot begin a deletion, nor name a finalizer without a domain that nobody knows, but keeps what it has", () => {
    expect(lines(validateObjectMetaUpdate({ ...old, deletionTimestamp: "2026-01-02T00:00:00Z", deletionGracePeriodSeconds: 3 }, old, { ...rules, metadataOnUpdate: "none" }))).toEqual([
      'metadata.deletionTimestamp: Invalid value: "2026-01-02T00:00:00Z": field is immutable',
      "metadata.deletionGracePeriodSeconds: Invalid value: 3: field is immutable",
    ]);
    const named = { ...old, finalizers: ["orphan", "abc"] };
    expect(lines(validateObjectMetaUpdate(named, old, { ...rules, anyFinalizers: false }))).toEqual([
      'metadata.finalizers[1]: Invalid value: "abc": name is neither a standard finalizer name nor is it fully qualified',
    ]);
    expect(validateObjectMetaUpdate(named, old, { ...rules, anyFinalizers: true })).toEqual([]);
    expect(validateObjectMetaUpdate({ ...named, finalizers: ["orphan", "abc"] }, named, { ...rules, anyFinalizers: false })).toEqual([]);
  });

  test("may take finalizers from an object that is being deleted, but not add any", () => {
    const leaving = { ...old, deletionTimestamp: "2026-01-02T00:00:00Z", finalizers: ["x/y"] };
    expect(validateObjectMetaUpdate({ ...leaving, finalizers: [] }, leaving, rules)).toEqual([]);
    expect(lines(validateObjectMetaUpdate({ ...leaving, finalizers: ["x/y", "z/w"] }, leaving, { ...rules, metadataOnUpdate: "none" }))).toEqual([
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"z/w"}',
    ]);
  });
});

describe("copies of objects", () => {
  const object = deepFreeze({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", uid: "u1", labels: { a: "1" }, finalizers: ["x/y"] }, spec: { n: 1 } });

  test("leave the shared object alone", () => {
    expect(withMetadata(object, { name: "q" })).toEqual({ ...object, metadata: { ...object.metadata, name: "q" } });
    expect(withLabels(object, { a: undefined, b: "2" }).metadata.labels).toEqual({ b: "2" });
    expect(withAnnotations(object, { b: "2" }).metadata).toMatchObject({ annotations: { b: "2" } });
    expect(object.metadata.labels).toEqual({ a: "1" });
  });

  test("are the very same object when a finalizer is already there or already gone", () => {
    expect([withFinalizer(object, "x/y"), withoutFinalizer(object, "other")]).toEqual([object, object]);
    expect(withFinalizer(object, "x/y")).toBe(object);
    expect(withoutFinalizer(object, "x/y").metadata).toEqual({ name: "p", uid: "u1", labels: { a: "1" } });
    expect(withFinalizer(object, "z/w").metadata.finalizers).toEqual(["x/y", "z/w"]);
  });
});

describe("owners", () => {
  const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", metadata: { name: "r", uid: "u1" } };
  const owned = { metadata: { name: "p", ownerReferences: [newControllerRef(owner)] } };

  test("are referred to by uid, as controllers that can wait", () => {
    expect(newControllerRef(owner)).toEqual({ apiVersion: "apps/v1", kind: "ReplicaSet", name: "r", uid: "u1", controller: true, blockOwnerDeletion: true });
    expect(() => newControllerRef({ ...owner, metadata: { name: "r" } })).toThrow(/without name or uid/);
  });

  test("are told from a namesake with another uid", () => {
    const namesake = { metadata: { name: "r", uid: "u2" } };
    expect([isControlledBy(owned, owner), isControlledBy(owned, namesake)]).toEqual([true, false]);
    expect(isControlledBy({ metadata: {} }, { metadata: {} })).toBe(false);
  });
});
