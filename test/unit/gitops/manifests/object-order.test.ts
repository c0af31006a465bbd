import { describe, expect, test } from "vitest";
import type { DesiredObject } from "../../../../engine/gitops/manifests/desired-state.ts";
import { findUnheededHooks } from "../../../../engine/gitops/manifests/hook-policies.ts";
import { nameHooks } from "../../../../engine/gitops/manifests/name-hooks.ts";
import { rankOf, readOrder } from "../../../../engine/gitops/manifests/object-order.ts";
import { computeBlocked, findOrderProblems, type Readiness } from "../../../../engine/gitops/manifests/order-graph.ts";
import { formatProblem } from "../../../../engine/gitops/manifests/problem.ts";
import type { Unit } from "../../../../engine/gitops/manifests/resolve-units.ts";
import { desired, unit } from "../objects.ts";

const annotated = (annotations: Record<string, string>) => ({ metadata: { name: "x", annotations } });
const job = (name: string, annotations: Record<string, string> = {}, image = "m:1") =>
  desired("Job", name, { metadata: { name, annotations }, spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "m", image }] } } } });
const map = (name: string, annotations: Record<string, string> = {}, owner?: Unit) => desired("ConfigMap", name, { metadata: { name, annotations } }, owner);
const byIdentity = (...objects: readonly DesiredObject[]) => new Map(objects.map((object) => [object.identity, object]));

describe("the order that annotations ask for", () => {
  test.each<[Record<string, string>, string, number]>([
    [{}, "main", 0],
    [{ "mainstay.dev/wave": "-3" }, "main", -3],
    [{ "mainstay.dev/hook": "before" }, "before", 0],
    [{ "argocd.argoproj.io/sync-wave": "2", "argocd.argoproj.io/hook": "PostSync" }, "after", 2],
    [{ "helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-weight": "-5" }, "before", -5],
    [{ "argocd.argoproj.io/hook": "PostSync,PreSync" }, "before", 0],
    [{ "argocd.argoproj.io/hook": "Sync" }, "main", 0],
    [{ "mainstay.dev/wave": "1", "argocd.argoproj.io/sync-wave": "9" }, "main", 1],
  ])("%j is %s, wave %i", (annotations, phase, wave) => {
    expect(readOrder(annotated(annotations))).toMatchObject({ is: "ordered", order: { phase, wave } });
  });

  test.each<[Record<string, string>, string]>([
    [{ "mainstay.dev/wave": "soon" }, "must be an integer"],
    [{ "mainstay.dev/wave": "1000000" }, "must be an integer between"],
    [{ "mainstay.dev/hook": "whenever" }, "must be before or after"],
    [{ "mainstay.dev/depends-on": "db" }, "must be Kind/name"],
  ])("%j is refused: %s", (annotations, message) => {
    expect(readOrder(annotated(annotations))).toMatchObject({ is: "faulty", problem: { message: expect.stringContaining(message) } });
  });

  test("a hook of a moment that does not exist here is left out, and says so", () => {
    expect(readOrder(annotated({ "helm.sh/hook": "test" }))).toMatchObject({ is: "left out" });
  });

  test("every wave of a hook before comes before every wave of the rest", () => {
    const rank = (annotations: Record<string, string>) => {
      const reading = readOrder(annotated(annotations));
      return reading.is === "ordered" ? rankOf(reading.order) : NaN;
    };
    const orders: readonly Record<string, string>[] = [
      { "mainstay.dev/hook": "before", "mainstay.dev/wave": "100000" },
      { "mainstay.dev/wave": "-100000" },
      {},
      { "mainstay.dev/wave": "100000" },
      { "mainstay.dev/hook": "after", "mainstay.dev/wave": "-100000" },
    ];
    const ranks = orders.map(rank);
    expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
  });
});

describe("a hook's name", () => {
  const names = (...objects: readonly DesiredObject[]) => nameHooks(objects).map((object) => object.object.metadata.name);
  const hook = (image?: string) => job("migrate", { "mainstay.dev/hook": "before" }, image);

  test("changes with what the unit holds and with the hook, and with nothing else", () => {
    const [first] = names(hook(), map("a"));
    expect(first).toMatch(/^migrate-[0-9a-f]{8}$/);
    expect(names(hook(), map("a"))[0]).toBe(first);
    expect(names(map("a"), hook())[1]).toBe(first);
    expect(names(hook(), map("b"))[0]).not.toBe(first);
    expect(names(hook("m:2"), map("a"))[0]).not.toBe(first);
  });

  test("is another one at each of its moments", () => {
    const twice = nameHooks([job("check", { "helm.sh/hook": "post-install,post-upgrade,pre-install,pre-upgrade" }), map("a")]);
    expect(twice.map(({ order, object }) => [order.phase, object.kind])).toEqual([
      ["before", "Job"],
      ["after", "Job"],
      ["main", "ConfigMap"],
    ]);
    expect(new Set(twice.map(({ identity }) => identity)).size).toBe(3);
    expect(nameHooks([map("settings", { "argocd.argoproj.io/hook": "PreSync,PostSync" })])).toHaveLength(1);
  });

  test("belongs to pods that are hooks as well, and to hooks beside the others", () => {
    const pod = desired("Pod", "check", {
      metadata: { name: "check", annotations: { "argocd.argoproj.io/hook": "Sync" } },
      spec: { restartPolicy: "Never", containers: [{ name: "c", image: "c:1" }] },
    });
    expect(names(pod)[0]).toMatch(/^check-[0-9a-f]{8}$/);
    expect(names(desired("Pod", "plain", { spec: { containers: [{ name: "c", image: "c:1" }] } }))).toEqual(["plain"]);
  });

  test("leaves other objects and ordinary Jobs alone", () => {
    expect(names(job("once"), map("a"))).toEqual(["once", "a"]);
  });

  test("never grows longer than a label may be", () => {
    expect(names(job("m".repeat(63), { "mainstay.dev/hook": "after" }))[0]).toHaveLength(63);
  });
});

describe("what hooks ask for and do not get is told", () => {
  const argo = (hook: string, policy?: string) => ({ "argocd.argoproj.io/hook": hook, ...(policy === undefined ? {} : { "argocd.argoproj.io/hook-delete-policy": policy }) });
  test.each<[string, readonly DesiredObject[], readonly string[]]>([
    [
      "nothing of what is carried out",
      [job("a", argo("PreSync", "BeforeHookCreation,HookSucceeded")), job("b", { "helm.sh/hook": "pre-install,pre-upgrade,pre-rollback", "helm.sh/hook-delete-policy": "before-hook-creation" })],
      [],
    ],
    ["moments that are not here, where others are", [job("a", argo("PreSync,SyncFail"))], ["apps/web/a.yaml:1 hook SyncFail has no moment here; it runs only before"]],
    [
      "hooks that shall go when they fail",
      [job("a", argo("PreSync", "HookFailed")), job("b", argo("PreSync", "HookFailed"))],
      ["apps/web/a.yaml:1 a hook that fails stays, so that its log can be read, until something of its application changes; HookFailed is not carried out, as with 1 more"],
    ],
    ["what hooks use and leave behind", [map("a", argo("PreSync", "HookSucceeded"))], ["apps/web/a.yaml:1 ConfigMap stays when the hooks are over; only Jobs and Pods go"]],
    ["a policy that nobody knows", [job("a", argo("PreSync", "Always"))], ["apps/web/a.yaml:1 Always is no policy of hooks, and does nothing"]],
  ])("%s", (_name, objects, expected) => expect(findUnheededHooks(objects)).toEqual(expected));
});

describe("what waits for itself is refused with its path", () => {
  const problems = (units: readonly Unit[], ...objects: readonly DesiredObject[]) => findOrderProblems(units, byIdentity(...objects)).map(formatProblem);

  test("objects that name each other", () => {
    expect(problems([unit("web")], map("a", { "mainstay.dev/depends-on": "ConfigMap/b" }), map("b", { "mainstay.dev/depends-on": "ConfigMap/a" }))).toEqual([
      "apps/web/a.yaml:1 objects wait for each other: ConfigMap web/a → ConfigMap web/b → ConfigMap web/a",
    ]);
  });

  test("an object of an early wave that needs one of a later wave", () => {
    expect(problems([unit("web")], map("a", { "mainstay.dev/depends-on": "ConfigMap/b" }), map("b", { "mainstay.dev/wave": "1" }))).toEqual([
      "apps/web/a.yaml:1 objects wait for each other: ConfigMap web/a → ConfigMap web/b → wave 0 of web → ConfigMap web/a",
    ]);
  });

  test("an object that needs one of a unit which waits for the object's own unit", () => {
    const [web, db] = [unit("web"), unit("db", { dependsOn: ["web"] })];
    expect(problems([web, db], map("a", { "mainstay.dev/depends-on": "ConfigMap/db/b" }), map("b", {}, db))[0]).toContain("objects wait for each other");
  });

  test("and what is not there at all is named", () => {
    expect(problems([unit("web")], map("a", { "mainstay.dev/depends-on": "Deployment/db" }))).toEqual(["apps/web/a.yaml:1 mainstay.dev/depends-on: Deployment/db is not in the repository"]);
    expect(problems([unit("web")], map("a", { "mainstay.dev/depends-on": "ConfigMap/b" }), map("b"))).toEqual([]);
  });
});

describe("what has to wait", () => {
  const early = map("early");
  const late = map("late", { "mainstay.dev/wave": "1" });
  const hook = job("migrate", { "mainstay.dev/hook": "before" });
  const dependent = map("dependent", { "mainstay.dev/depends-on": "ConfigMap/early" });
  const blocked = (objects: readonly DesiredObject[], changing: readonly DesiredObject[], readiness: Readiness, rolling: readonly DesiredObject[] = []) =>
    Object.fromEntries(
      computeBlocked(
        byIdentity(...objects),
        new Set(changing.map((one) => one.identity)),
        () => readiness,
        (identity) => rolling.some((one) => one.identity === identity),
      ),
    );

  test.each<[string, readonly DesiredObject[], readonly DesiredObject[], Readiness, readonly DesiredObject[], Record<string, string>]>([
    ["a later wave, while an earlier one changes", [early, late], [early, late], "ready", [], { [late.identity]: "ConfigMap web/early" }],
    ["nothing, once the earlier one is ready", [early, late], [late], "ready", [early], {}],
    ["a later wave, while an earlier one of this commit has failed", [early, late], [late], "failed", [early], { [late.identity]: "ConfigMap web/early" }],
    ["not what may mend something that failed before", [early, late], [late], "failed", [], {}],
    ["everything, while a hook before has failed", [hook, early], [early], "failed", [], { [early.identity]: "Job web/migrate" }],
    ["an object whose dependency changes", [early, dependent], [early, dependent], "ready", [], { [dependent.identity]: "ConfigMap web/early" }],
    ["not an object whose dependency is ready", [early, dependent], [dependent], "ready", [], {}],
  ])("%s", (_name, objects, changing, readiness, rolling, expected) => {
    expect(blocked(objects, changing, readiness, rolling)).toEqual(expected);
  });
});
