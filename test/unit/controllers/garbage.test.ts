import { expect, test } from "vitest";
import type { KubeObject, OwnerReference } from "../../../engine/apimachinery/object-meta.ts";
import { planGarbage, type Located, type OwnerState } from "../../../engine/controllers/garbage/garbage-plan.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";

interface Shape {
  owners?: OwnerReference[];
  finalizers?: string[];
  deleted?: boolean;
}
const at = "2030-01-01T00:00:00Z";
const map = (name: string, { owners, finalizers, deleted }: Shape = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default", uid: `uid-${name}`, ...(owners ? { ownerReferences: owners } : {}), ...(finalizers ? { finalizers } : {}), ...(deleted ? { deletionTimestamp: at } : {}) },
});
const ref = (name: string, blockOwnerDeletion?: boolean): OwnerReference => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  name,
  uid: `uid-${name}`,
  ...(blockOwnerDeletion === undefined ? {} : { blockOwnerDeletion }),
});
const located = (object: KubeObject): Located => ({ resource: configMapResource, object });
const plan = (object: KubeObject, owners: Omit<OwnerState, "reference">[] = [], dependents: KubeObject[] = []) =>
  planGarbage({ ...located(object), owners: owners.map((owner, i) => ({ ...owner, reference: object.metadata.ownerReferences?.[i] ?? ref("?") })), dependents: dependents.map(located) });
const brief = (actions: ReturnType<typeof plan>) =>
  actions.map((action) => [action.do, ...("options" in action ? [action.options?.propagationPolicy] : []), ...("ownerUid" in action ? [action.ownerUid] : [])].join(" "));

const owned = (shape: Shape = {}) => map("child", { owners: [ref("a"), ref("b")], ...shape });
test.each<[string, KubeObject, Omit<OwnerState, "reference">[], KubeObject[], string[]]>([
  ["is kept by one living owner, and forgets the dead one", owned(), [{ is: "present" }, { is: "absent" }], [], ["release uid-b"]],
  ["is kept by a living owner while the other waits for its dependents", owned(), [{ is: "waiting" }, { is: "present" }], [], ["release uid-a"]],
  ["is kept by an owner that nobody can judge", owned(), [{ is: "unresolvable" }, { is: "absent" }], [], ["release uid-b", "wait"]],
  ["stays as it is while all owners live", owned(), [{ is: "present" }, { is: "present" }], [], []],
  ["goes when all owners are gone", owned(), [{ is: "absent" }, { is: "absent" }], [], ["delete Background"]],
  ["goes the way its own finalizer asks for", owned({ finalizers: ["orphan"] }), [{ is: "absent" }, { is: "absent" }], [], ["delete Orphan"]],
  ["goes with its own dependents first when an owner waits", owned(), [{ is: "waiting" }, { is: "absent" }], [map("grandchild", { owners: [ref("child", true)] })], ["delete Foreground"]],
  ["goes at once when an owner waits and nothing depends on it", owned(), [{ is: "waiting" }, { is: "absent" }], [], ["delete Background"]],
  ["is left alone once it is being deleted", owned({ deleted: true }), [], [], []],
])("an object %s", (_name, object, owners, dependents, actions) => {
  expect(brief(plan(object, owners, dependents))).toEqual(actions);
});

test("an owner in the foreground waits for dependents that block it, and for no others", () => {
  const owner = map("a", { deleted: true, finalizers: ["foregroundDeletion"] });
  expect(plan(owner, [], [map("child", { owners: [ref("a", true)] })])).toEqual([]);
  expect(plan(owner, [], [map("child", { owners: [ref("a", false)] })])).toMatchObject([
    { do: "patch", type: "merge", object: { metadata: { name: "a" } }, patch: { metadata: { finalizers: null } } },
  ]);
});

test("an owner that orphans releases its dependents, then goes", () => {
  const owner = map("a", { deleted: true, finalizers: ["orphan", "other"] });
  const [releases, finalize] = plan(owner, [], [map("x", { owners: [ref("a")] }), map("y", { owners: [ref("a")] })]);
  expect(releases).toMatchObject({
    do: "together",
    actions: [
      { do: "release", ownerUid: "uid-a" },
      { do: "release", ownerUid: "uid-a" },
    ],
  });
  expect(finalize).toMatchObject({ do: "patch", type: "merge", patch: { metadata: { finalizers: ["other"] } } });
});

test("two that own each other do not wait for each other for ever", () => {
  const first = map("a", { owners: [ref("b", true)], deleted: true, finalizers: ["foregroundDeletion"] });
  const actions = plan(map("b", { owners: [ref("a", true)] }), [{ is: "waiting" }], [first]);
  expect(actions).toMatchObject([
    { do: "patch", patch: { metadata: { ownerReferences: [{ uid: "uid-a", blockOwnerDeletion: false }] } } },
    { do: "delete", options: { propagationPolicy: "Foreground" } },
  ]);
});

test("a deletion for want of owners counts only for the object as it was seen", () => {
  expect(plan(map("child", { owners: [ref("a")] }), [{ is: "absent" }])).toMatchObject([{ do: "delete", ifUnchanged: true }]);
});
