import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../../engine/apimachinery/object-meta.ts";
import { computeFieldChanges, formatFieldChange } from "../../../../engine/gitops/plan/field-diff.ts";
import { entryOf } from "../../../../engine/gitops/sync/inventory.ts";
import type { StaleEntry } from "../../../../engine/gitops/plan/plan-deletions.ts";
import { actionsOf, planSync, type Candidate, type PlanInput } from "../../../../engine/gitops/plan/plan-sync.ts";
import { renderPlan, summarisePlan } from "../../../../engine/gitops/plan/plan-text.ts";
import { formatProblem } from "../../../../engine/gitops/manifests/problem.ts";
import { desired, stored, unit } from "../objects.ts";

const create = (object: ReturnType<typeof desired>): Candidate => ({ desired: object, cause: "commit", outcome: { is: "create", result: stored(object) } });
const update = (object: ReturnType<typeof desired>, before: Record<string, unknown>, cause: Candidate["cause"] = "commit"): Candidate => ({
  desired: object,
  cause,
  outcome: { is: "update", live: stored(object, before), result: stored(object), intent: object.object, force: false, leftToOthers: [] },
});
const stale = (object: ReturnType<typeof desired>, live: KubeObject | undefined = stored(object)): StaleEntry => ({ unit: object.unit, identity: object.identity, entry: entryOf(object), live });

function plan(input: Partial<PlanInput>, rules: Partial<PlanInput["deletion"]> = {}): ReturnType<typeof planSync> {
  return planSync({
    candidates: [],
    untouched: 0,
    stale: [],
    allowReplace: [],
    waiting: new Map(),
    ...input,
    deletion: { units: [unit("web")], maxPercent: 20, protectedKinds: new Set(["Namespace"]), allowed: [], inventorySizes: new Map([["web", 10]]), ...rules },
  });
}
const maps = (count: number) => Array.from({ length: count }, (_, index) => stale(desired("ConfigMap", `m${index}`)));

describe("order", () => {
  test("what others need is applied first, and deleted last", () => {
    const made = plan({
      candidates: [
        create(desired("Deployment", "web")),
        create(desired("Service", "web")),
        create(desired("Namespace", "web")),
        create(desired("ConfigMap", "a")),
        create(desired("ServiceAccount", "sa")),
      ],
      stale: [stale(desired("ConfigMap", "old")), stale(desired("Deployment", "old"))],
    });
    expect(renderPlan(made)).toEqual(["+ Namespace web", "+ ServiceAccount web/sa", "+ ConfigMap web/a", "+ Service web/web", "+ Deployment web/web", "- Deployment web/old", "- ConfigMap web/old"]);
    expect(made.waves.map((wave) => wave.actions.length)).toEqual([1, 1, 1, 1, 1, 1, 1]);
    expect(summarisePlan(made)).toBe("5 new objects, 2 deletes, 0 unchanged");
  });

  test("a unit that waits does nothing, and the plan says for whom", () => {
    const made = plan({ candidates: [create(desired("ConfigMap", "a"))], stale: maps(1), waiting: new Map([["web", "base"]]) });
    expect(actionsOf(made)).toEqual([]);
    expect(renderPlan(made)).toEqual(["… web waits until base is healthy"]);
  });

  test("what objects live in comes along with the first of them, whatever it would wait for itself", () => {
    const hook = desired("Job", "migrate");
    const namespace = desired("Namespace", "web");
    const other = desired("Namespace", "other");
    const blocked = new Map([
      [namespace.identity, "Job web/migrate"],
      [other.identity, "Job web/migrate"],
    ]);
    const made = plan({ candidates: [create(hook), create(namespace), create(other)], blocked });
    expect(renderPlan(made)).toEqual(["+ Namespace web", "+ Job web/migrate", "… Namespace other waits for Job web/migrate"]);
    const elsewhere = { ...namespace, unit: "later" };
    expect(renderPlan(plan({ candidates: [create(hook), create(elsewhere)], waiting: new Map([["later", "web"]]) })).slice(0, 2)).toEqual(["+ Namespace web", "+ Job web/migrate"]);
    // One that is there already has no reason to go first.
    expect(actionsOf(plan({ candidates: [create(hook), update(namespace, { metadata: { labels: { a: "1" } } })], blocked }))).toHaveLength(1);
  });
});

describe("what a line says", () => {
  const deployment = (replicas: number, image: string, more: Record<string, unknown> = {}) => ({ spec: { replicas, template: { spec: { containers: [{ name: "web", image, ...more }] } } } });
  test.each<[string, Record<string, unknown>, Record<string, unknown>, string]>([
    ["numbers and images", deployment(3, "web:1"), deployment(5, "web:2"), "~ Deployment web/web: replicas 3→5, image 1→2"],
    ["another image", deployment(3, "web:1"), deployment(3, "nginx:1"), "~ Deployment web/web: image web:1→nginx:1"],
    [
      "added and removed fields",
      deployment(3, "web:1", { command: ["a"] }),
      deployment(3, "web:1", { env: [{ name: "MODE", value: "x" }] }),
      '~ Deployment web/web: -command, +env [{"name":"MODE","value":"x"}]',
    ],
    [
      "list items by name",
      deployment(3, "web:1", {
        env: [
          { name: "A", value: "1" },
          { name: "B", value: "2" },
        ],
      }),
      deployment(3, "web:1", {
        env: [
          { name: "A", value: "1" },
          { name: "B", value: "3" },
        ],
      }),
      "~ Deployment web/web: env.B.value 2→3",
    ],
    ["a new order", deployment(3, "web:1", { env: [{ name: "A" }, { name: "B" }] }), deployment(3, "web:1", { env: [{ name: "B" }, { name: "A" }] }), "~ Deployment web/web: env order→reordered"],
  ])("%s", (_name, before, after, expected) => {
    expect(renderPlan(plan({ candidates: [update(desired("Deployment", "web", after), before)] }))).toEqual([expected]);
  });

  test("several containers are told apart", () => {
    const of = (tag: string) => ({
      spec: {
        template: {
          spec: {
            containers: [
              { name: "a", image: "x:1" },
              { name: "b", image: `y:${tag}` },
            ],
          },
        },
      },
    });
    expect(renderPlan(plan({ candidates: [update(desired("Deployment", "web", of("2")), of("1"))] }))).toEqual(["~ Deployment web/web: b.image 1→2"]);
  });

  test("long text is its size, and a Secret's value is never shown", () => {
    const long = "line\n".repeat(20);
    const changes = (kind: string, before: string, after: string) =>
      computeFieldChanges(stored(desired(kind, "x", { data: { k: before } })), stored(desired(kind, "x", { data: { k: after } }))).map(formatFieldChange);
    expect(changes("ConfigMap", "short", long)).toEqual(["data.k <5 bytes>→<changed, 100 bytes>"]);
    expect(changes("Secret", "Zmlyc3Q=", "c2Vjb25kIQ==")).toEqual(["data.k <changed, 5 bytes>→<changed, 7 bytes>"]);
  });

  test("an object that only moved to another file says where it is now", () => {
    const object = desired("ConfigMap", "a");
    const live = stored(object, {}, { annotations: { "mainstay.dev/source": "apps/web/old.yaml:7" } });
    const made = plan({ candidates: [{ desired: object, cause: "commit", outcome: { is: "update", live, result: stored(object), intent: object.object, force: false, leftToOthers: [] } }] });
    expect(renderPlan(made)).toEqual(["~ ConfigMap web/a: now from apps/web/a.yaml:1"]);
  });

  test("status and what the server sets are no difference", () => {
    const object = desired("Deployment", "web");
    expect(
      computeFieldChanges(stored(object, { status: { replicas: 1 } }, { generation: 1, managedFields: [] }), stored(object, { status: { replicas: 2 } }, { generation: 2, resourceVersion: "11" })),
    ).toEqual([]);
  });
});

describe("deletion", () => {
  test("what is gone, or no longer carries our label, is forgotten and not deleted", () => {
    const object = desired("ConfigMap", "a");
    const foreign = stored(desired("ConfigMap", "b"), {}, { labels: {} });
    const made = plan({ stale: [{ ...stale(object), live: undefined }, stale(desired("ConfigMap", "b"), foreign)] });
    expect(actionsOf(made)).toEqual([]);
    expect(made.forget.map((entry) => entry.entry.name)).toEqual(["a", "b"]);
  });

  test("prune: disabled and a unit without prune keep objects, and the plan names them", () => {
    const kept = stale(desired("ConfigMap", "a"), stored(desired("ConfigMap", "a"), {}, { annotations: { "mainstay.dev/prune": "disabled" } }));
    expect(renderPlan(plan({ stale: [kept] }))).toEqual(["! ConfigMap web/a stays although it left the repository: the annotation mainstay.dev/prune is disabled"]);
    expect(renderPlan(plan({ stale: maps(1) }, { units: [unit("web", { prune: false })] }))).toEqual(["! ConfigMap web/m0 stays although it left the repository: prune is off for its unit"]);
  });

  test("a namespace stays with what stays in it, and goes after it", () => {
    const namespace = stale(desired("Namespace", "web"));
    const data = desired("PersistentVolumeClaim", "data");
    const kept = stale(data, stored(data, {}, { annotations: { "argocd.argoproj.io/sync-options": "Prune=false" } }));
    const made = plan({ stale: [namespace, kept, stale(desired("ConfigMap", "a"))] }, { allowed: ["Namespace/web"] });
    expect(renderPlan(made)).toEqual([
      "- ConfigMap web/a",
      "! PersistentVolumeClaim web/data stays although it left the repository: the annotation argocd.argoproj.io/sync-options has Prune=false",
      "! Namespace web stays although it left the repository: PersistentVolumeClaim web/data in it stays",
    ]);
    const left = { stale: [namespace, stale(data)], restraintOf: (_unit: string, kind: string) => (kind === "PersistentVolumeClaim" ? { why: "it is held" } : undefined) } as unknown as Parameters<
      typeof plan
    >[0];
    expect(renderPlan(plan(left, { allowed: ["Namespace/web", "PersistentVolumeClaim/data"] }))).toEqual([
      "! PersistentVolumeClaim web/data stays although it left the repository: it is held",
      "! Namespace web stays although it left the repository: PersistentVolumeClaim web/data in it stays",
    ]);
    const going = stale(data, stored(data, {}, { deletionTimestamp: "2026-01-01T00:00:00Z" }));
    expect(actionsOf(plan({ stale: [namespace, going] }, { allowed: ["Namespace/web"] }))).toHaveLength(1);
  });

  test("a protected kind goes only with the trailer, in any of its forms", () => {
    const namespace = stale(desired("Namespace", "web"));
    const refused = plan({ stale: [namespace] });
    expect(refused.problems.map(formatProblem)).toEqual([
      'apps/web/web.yaml:1 deletes Namespace web, and Namespace is protected; to delete it, say so in the commit message: git commit --amend --no-edit --trailer "Allow-Delete: Namespace/web"',
    ]);
    expect(actionsOf(refused)).toEqual([]);
    for (const allowed of ["Namespace/web", "web", "apps/web", "apps/web/", "web/Namespace/web", "apps/web/Namespace/web"])
      expect(actionsOf(plan({ stale: [namespace] }, { allowed: [allowed] }))).toHaveLength(1);
    for (const allowed of ["Namespace", "we", "Namespace/other"]) expect(plan({ stale: [namespace] }, { allowed: [allowed] }).problems).toHaveLength(1);
  });

  test("a few may always go, a large share needs the trailer", () => {
    expect(plan({ stale: maps(5) }).problems).toEqual([]);
    expect(plan({ stale: maps(6) }).problems.map((problem) => problem.message)).toEqual([expect.stringMatching(/^deletes 6 of the 10 objects of web, more than 20 %; .*Allow-Delete: web"$/)]);
    expect(plan({ stale: maps(6) }, { inventorySizes: new Map([["web", 40]]) }).problems).toEqual([]);
    expect(plan({ stale: maps(6) }, { allowed: ["web"] }).problems).toEqual([]);
  });

  test("many small shares together are a large one, which a folder around them all lets go, but not what is protected", () => {
    const of = (name: string, count: number) => Array.from({ length: count }, (_, index) => stale(desired("ConfigMap", `m${index}`, {}, unit(name))));
    const names = ["a", "b", "c"];
    const inventorySizes = new Map(names.map((name) => [name, 4]));
    const units = names.map((name) => unit(name, { path: `clusters/home/${name}` }));
    const all = names.flatMap((name) => of(name, 4));
    const together = (allowed: readonly string[], extra: readonly StaleEntry[] = []) => plan({ stale: [...all, ...extra] }, { units, inventorySizes, allowed });
    expect(together([]).problems.map((problem) => problem.message)).toEqual([
      expect.stringMatching(/^deletes 12 of the 12 objects of the repository, in 3 applications, more than 20 %; .*Allow-Delete: clusters\/home"$/),
    ]);
    for (const allowed of [["clusters/home"], ["clusters/"], ["."], names]) expect(actionsOf(together(allowed))).toHaveLength(12);
    expect(together(["clusters/ho"]).problems).toHaveLength(1);
    expect(together(["clusters/home"], [stale(desired("Namespace", "a", {}, unit("a")))]).problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^deletes Namespace a, and Namespace is protected/),
    ]);
    expect(plan({ stale: names.flatMap((name) => of(name, 3)) }, { units, inventorySizes }).problems).toEqual([]);
    expect(plan({ stale: all }, { units, inventorySizes: new Map(names.map((name) => [name, 20])) }).problems).toEqual([]);
  });

  test("what a commit before was allowed to delete, and waits, is not asked about again", () => {
    const leaving = (entry: StaleEntry): StaleEntry => ({ ...entry, entry: { ...entry.entry, leaving: true } });
    const made = plan({ stale: [...maps(7).map(leaving), leaving(stale(desired("Namespace", "web")))] });
    expect([made.problems, actionsOf(made).length, made.leaving.length]).toEqual([[], 8, 8]);
    expect(plan({ stale: [...maps(7).map(leaving), stale(desired("Namespace", "web"))] }).leaving).toEqual([]);
  });
});

describe("what cannot change in place", () => {
  const outcome = (object: ReturnType<typeof desired>): Candidate => ({
    desired: object,
    cause: "commit",
    outcome: { is: "immutable", live: stored(object), complaints: [{ field: "spec.selector", message: "field is immutable", isImmutable: true }] },
  });
  test("is refused with the trailer that allows it, and made anew with it", () => {
    const object = desired("Deployment", "web");
    expect(plan({ candidates: [outcome(object)] }).refusals.map(({ complaint }) => complaint.message)).toEqual([
      'cannot change in place; to delete Deployment web/web and make it anew, say so in the commit message: git commit --amend --no-edit --trailer "Allow-Replace: Deployment/web"',
    ]);
    for (const allowed of ["Deployment/web", "Deployment/web/web", "web"])
      expect(renderPlan(plan({ candidates: [outcome(object)], allowReplace: [allowed] }))).toEqual(["± Deployment web/web: deleted and made anew (spec.selector cannot change in place)"]);
  });
});
