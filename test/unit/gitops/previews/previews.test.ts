import { describe, expect, test } from "vitest";
import { DEFAULT_DEADLINE_MS, defaultRepositoryConfig } from "../../../../engine/gitops/manifests/repository-config.ts";
import { previewRules } from "../../../../engine/gitops/manifests/preview-rules.ts";
import type { DesiredObject, DesiredState } from "../../../../engine/gitops/manifests/desired-state.ts";
import { choosePreviews, type ExistingPreview, type PreviewQuestion } from "../../../../engine/gitops/previews/choose-previews.ts";
import { confineToPreview, previewUnits } from "../../../../engine/gitops/previews/confine-preview.ts";
import { previewApplication, previewNamespace } from "../../../../engine/gitops/previews/preview-identity.ts";
import { desired, unit } from "../objects.ts";

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 0, 10);
const rules = previewRules({ branches: ["try/*"], expireAfter: "10h", max: 2 });
const branch = (name: string, head = "h1") => ({ name, ref: `refs/heads/${name}`, head });
const pull = (number: number, head = "h1") => ({ name: `pr-${number}`, ref: `refs/pull/${number}/head`, head });
const request = (number: number, labels: readonly string[], isOfFork = false) => ({ number, labels, head: "h1", base: "main", isOfFork });
const existing = (proposal: { name: string; ref: string; head: string }, more: Partial<ExistingPreview> = {}): ExistingPreview => ({
  ...proposal,
  namespace: previewNamespace(proposal.name, proposal.ref),
  movedMs: NOW - HOUR,
  isTerminating: false,
  ...more,
});
const choose = (question: Partial<PreviewQuestion>) => {
  const { run, remove, waiting, ofForks, expired, nextDueMs } = choosePreviews({
    rules,
    proposals: [],
    requests: [],
    existing: [],
    expired: [],
    vanished: new Map(),
    isHosted: true,
    now: NOW,
    monotonicMs: 100_000,
    ...question,
  });
  return {
    run: run.map(({ name, head }) => `${name} ${head}`),
    remove: remove.map(({ preview }) => preview.name),
    waiting: waiting.map(({ name }) => name),
    ofForks: ofForks.map(({ name }) => name),
    expired: expired.map(({ name }) => name),
    nextDueMs,
  };
};

describe("which previews there are", () => {
  test("branches by pattern and open requests by label, as many as there may be, in order of their numbers", () => {
    const answer = choose({ proposals: [branch("try/a"), branch("other"), pull(12), pull(3), pull(4)], requests: [request(12, ["preview"]), request(3, ["bug", "preview"]), request(4, [])] });
    expect(answer).toMatchObject({ run: ["pr-3 h1", "pr-12 h1"], waiting: ["try/a"], remove: [] });
  });

  test("what runs keeps its place before newcomers, and goes when it is closed, unlabelled or no longer matched", () => {
    expect(
      choose({ proposals: [pull(1), pull(2), pull(3)], existing: [existing(pull(3)), existing(pull(2))], requests: [request(1, ["preview"]), request(3, ["preview"]), request(2, [])] }),
    ).toMatchObject({ run: ["pr-3 h1", "pr-1 h1"], remove: ["pr-2"] });
    expect(choose({ existing: [existing(branch("try/gone"))] })).toMatchObject({ run: [], remove: ["try/gone"] });
    expect(choose({ rules: undefined, proposals: [branch("try/a")], existing: [existing(branch("try/a"))] })).toMatchObject({ run: [], remove: ["try/a"] });
  });

  test("none of a fork, whose label may be the stranger's own, unless they say so; and one that runs goes when they no longer do", () => {
    const question = { proposals: [branch("try/a"), pull(1), pull(2), pull(3)], requests: [request(1, ["preview"], true), request(2, ["preview"]), request(3, [], true)] };
    expect(choose(question)).toMatchObject({ run: ["pr-2 h1", "try/a h1"], ofForks: ["pr-1"], waiting: [] });
    expect(choose({ ...question, existing: [existing(pull(1))] })).toMatchObject({ run: ["pr-2 h1", "try/a h1"], remove: ["pr-1"] });
    expect(choose({ ...question, rules: { ...rules, forks: true } })).toMatchObject({ run: ["pr-1 h1", "pr-2 h1"], ofForks: [], waiting: ["try/a"] });
  });

  test("while the forge cannot be asked nothing of a request comes or goes, but its commits count", () => {
    expect(choose({ proposals: [pull(1, "h2"), pull(2)], existing: [existing(pull(1))], requests: undefined })).toMatchObject({ run: ["pr-1 h2"], remove: [] });
  });

  test("of which nothing is shown stays as it is, and goes when that was so a minute before; what is said of it counts at once", () => {
    const question = {
      rules: { ...rules, max: 5 },
      isHosted: false,
      existing: [existing(pull(1)), existing(branch("try/a"))],
      proposals: [pull(1, "h2"), branch("try/a")],
      requests: [request(1, ["preview"])],
    };
    const hiccups = { "a list without requests": { requests: [] }, "a list without branches": { proposals: [pull(1)] }, "a request without its ref": { proposals: [branch("try/a")] } };
    for (const [what, hiccup] of Object.entries(hiccups)) {
      const left = what === "a list without branches" ? "try/a" : "pr-1";
      const ref = left === "pr-1" ? "refs/pull/1/head" : "refs/heads/try/a";
      const during = { ...question, ...hiccup };
      expect(choose(during), what).toMatchObject({ run: expect.arrayContaining([`${left} h1`]), remove: [], nextDueMs: NOW + 60_000 });
      expect(choose({ ...during, vanished: new Map([[ref, 40_001]]) }), what).toMatchObject({ remove: [], nextDueMs: NOW + 1 });
      expect(choose({ ...during, vanished: new Map([[ref, 40_000]]) }), what).toMatchObject({ remove: [left] });
      expect(choose({ ...during, isHosted: true }), what).toMatchObject({ remove: [left] });
      expect(choosePreviews({ expired: [], now: NOW, monotonicMs: 100_000, ...during, vanished: new Map([[ref, 7]]) }).vanished, what).toEqual(new Map([[ref, 7]]));
      expect(choosePreviews({ expired: [], now: NOW, monotonicMs: 100_000, ...question, vanished: new Map([[ref, 7]]) }).vanished, what).toEqual(new Map());
    }
    expect(choose({ ...question, requests: [request(1, [])] })).toMatchObject({ remove: ["pr-1"] });
    expect(choose({ ...question, requests: [request(1, ["preview"], true)] })).toMatchObject({ remove: ["pr-1"] });
    expect(choose({ ...question, rules: { ...rules, branches: [] } })).toMatchObject({ remove: ["try/a"] });
    const tombstone = { name: "try/a", ref: "refs/heads/try/a", head: "h1" };
    expect(choose({ isHosted: false, expired: [tombstone] })).toMatchObject({ expired: ["try/a"] });
    expect(choose({ isHosted: false, expired: [tombstone], vanished: new Map([[tombstone.ref, 40_000]]) })).toMatchObject({ expired: [] });
  });

  test("one expires by its last move, stays away until the head moves or the label was off, and a move counts from now", () => {
    const old = existing(branch("try/a"), { movedMs: NOW - 11 * HOUR });
    const tombstone = { name: "try/a", ref: "refs/heads/try/a", head: "h1" };
    expect(choose({ proposals: [branch("try/a")], existing: [old] })).toMatchObject({ run: [], remove: ["try/a"], expired: ["try/a"] });
    expect(choose({ proposals: [branch("try/a")], expired: [tombstone] })).toMatchObject({ run: [], expired: ["try/a"] });
    expect(choose({ proposals: [branch("try/a", "h2")], expired: [tombstone] })).toMatchObject({ run: ["try/a h2"], expired: [] });
    expect(choose({ proposals: [], expired: [tombstone] })).toMatchObject({ expired: [] });
    expect(choose({ proposals: [branch("try/a", "h2")], existing: [old] })).toMatchObject({ run: ["try/a h2"], nextDueMs: NOW + 10 * HOUR });
    expect(choose({ proposals: [branch("try/a")], existing: [existing(branch("try/a"))] }).nextDueMs).toBe(NOW + 9 * HOUR);
  });

  test("one whose namespace is still on its way out waits for that, and fewer are kept when fewer are allowed", () => {
    expect(choose({ proposals: [branch("try/a")], existing: [existing(branch("try/a"), { isTerminating: true })] })).toMatchObject({ run: [], remove: [], waiting: [] });
    expect(
      choose({ rules: { ...rules, max: 1 }, proposals: [pull(1), pull(2)], requests: [request(1, ["preview"]), request(2, ["preview"])], existing: [existing(pull(1)), existing(pull(2))] }),
    ).toMatchObject({ run: ["pr-1 h1"], remove: ["pr-2"], waiting: [] });
  });
});

describe("names", () => {
  test("are bounded labels, and two things never share one", () => {
    const names = ["a/b", "a-b", "a.b", "A-B", "pr-1", "x".repeat(300), `${"x".repeat(300)}y`, "ü", "-"].map((name) => previewNamespace(name, `refs/heads/${name}`));
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9]([a-z0-9-]{0,43}[a-z0-9])$/);
    expect(previewNamespace("pr-1", "refs/pull/1/head")).toBe("preview-pr-1");
    const long = "preview-".padEnd(45, "n");
    const applications = [previewApplication("u".repeat(63), long), previewApplication("u".repeat(62), long), previewApplication("web", "preview-pr-1")];
    expect(new Set(applications).size).toBe(3);
    for (const name of applications) expect(name.length).toBeLessThanOrEqual(63);
  });
});

describe("a commit in a preview", () => {
  const preview = { name: "pr-1", ref: "refs/pull/1/head", namespace: "preview-pr-1" };
  const state = (objects: readonly DesiredObject[], problems: DesiredState["problems"] = []): DesiredState => ({
    commit: { id: "c", tree: "t", parents: [], message: "", author: "", time: 0 },
    config: defaultRepositoryConfig("local"),
    units: [],
    objects: new Map(objects.map((one) => [one.identity, one])),
    problems,
    notices: [],
    substitutions: new Map(),
    encrypted: new Map(),
  });
  const confined = (objects: readonly DesiredObject[], base: readonly DesiredObject[] = [], more = rules) => confineToPreview(state(objects), state(base), more, preview);
  const only = (object: DesiredObject) => [...confined([object]).objects.values()][0]?.object as unknown as Record<string, never>;

  test("takes the chosen units, under other names and the preview's account, without windows, policies and what is not in it", () => {
    const units = [
      unit("db", { path: "infra/db" }),
      unit("api", { path: "apps/api", dependsOn: ["db"] }),
      unit("web", { path: "apps/web", dependsOn: ["api", "db"], suspend: true, drift: "refuse", variables: { host: "a", size: 3 } }),
    ];
    const adapted = previewUnits(previewRules({ variables: { host: "{name}.example.org", other: "{namespace}" } }), preview)(units);
    expect(adapted).toEqual([
      { name: "api.preview-pr-1", path: "apps/api", namespace: "preview-pr-1", deadlineMs: DEFAULT_DEADLINE_MS, prune: true, serviceAccount: "mainstay-preview", dependsOn: [] },
      {
        name: "web.preview-pr-1",
        path: "apps/web",
        namespace: "preview-pr-1",
        deadlineMs: DEFAULT_DEADLINE_MS,
        prune: true,
        serviceAccount: "mainstay-preview",
        dependsOn: ["api.preview-pr-1"],
        variables: { host: "pr-1.example.org", size: 3 },
      },
    ]);
    expect(previewUnits(previewRules({ applications: ["infra/*"] }), preview)(units).map(({ path }) => path)).toEqual(["infra/db"]);
  });

  test("has every object in its namespace, with accounts looked for there; two that would meet are a problem", () => {
    const binding = desired("RoleBinding", "b", {
      subjects: [
        { kind: "ServiceAccount", name: "s", namespace: "web" },
        { kind: "ServiceAccount", name: "t", namespace: "elsewhere" },
      ],
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "r" },
    });
    const moved = only(binding) as unknown as { metadata: { namespace: string; labels: Record<string, string> }; subjects: readonly { namespace: string }[] };
    expect(moved.metadata).toMatchObject({ namespace: "preview-pr-1", labels: { "mainstay.dev/preview": "preview-pr-1" } });
    expect(moved.subjects.map(({ namespace }) => namespace)).toEqual(["preview-pr-1", "elsewhere"]);
    const two = confined([desired("ConfigMap", "c", { metadata: { name: "c", namespace: "a" } }), desired("ConfigMap", "c", { metadata: { name: "c", namespace: "b" } })]);
    expect(two.problems.map(({ message }) => message)).toEqual(["ConfigMap b/c and that of apps/web/c.yaml:1 would be one object in a preview, which has one namespace"]);
  });

  test("takes no address, port or claim on the outside that there is only one of", () => {
    const service = only(desired("Service", "s", { spec: { type: "NodePort", clusterIP: "10.0.0.9", externalIPs: ["1.2.3.4"], ports: [{ port: 80, nodePort: 30080 }] } })) as unknown as {
      spec: object;
    };
    expect(service.spec).toEqual({ type: "NodePort", ports: [{ port: 80 }] });
    const headless = only(desired("Service", "s", { spec: { clusterIP: "None", ports: [{ port: 80 }] } })) as unknown as { spec: object };
    expect(headless.spec).toMatchObject({ clusterIP: "None" });
  });

  test("shares what the cluster has already, and is refused what it would change there, encrypted values, and served names", () => {
    const role = (verbs: readonly string[], name = "r") => desired("ClusterRole", name, { rules: [{ apiGroups: [""], resources: ["pods"], verbs }] });
    expect(confined([role(["get"])], [role(["get"])])).toMatchObject({ problems: [], objects: new Map() });
    expect(confined([role(["get", "list"])], [role(["get"])]).problems[0]?.message).toContain("ClusterRole r belongs to the whole cluster, and is another one there");
    expect(confined([desired("Namespace", "web")])).toMatchObject({ problems: [], objects: new Map(), notices: [expect.stringContaining("all of a preview is in preview-pr-1")] });
    const secret = { ...desired("Secret", "s"), isConfidential: true };
    expect(confined([secret]).problems[0]?.message).toContain("previews.encrypted");
    expect(confined([secret], [], previewRules({ encrypted: true })).problems).toEqual([]);
    const input = { ...state([]), encrypted: new Map([["web", [{ file: "apps/web/values.enc.yaml" }]]]) };
    expect(confineToPreview(input, state([]), rules, preview).problems).toMatchObject([{ file: "apps/web/values.enc.yaml", message: expect.stringContaining("previews.encrypted") }]);
    expect(confineToPreview(input, state([]), previewRules({ encrypted: true }), preview).problems).toEqual([]);
    const ingress = (host: string) => desired("Ingress", "i", { spec: { rules: [{ host }] } });
    expect(confined([ingress("a.example.org")], [ingress("a.example.org")]).problems[0]?.message).toMatch(/^a\.example\.org is served by Ingress web\/i/);
    expect(confined([ingress("b.example.org")], [ingress("a.example.org")]).problems).toEqual([]);
  });

  test("deletes freely: nothing in a preview is dear", () => {
    const { deletes } = confined([]).config;
    expect([deletes.maxPercent, deletes.protectedKinds.size]).toEqual([100, 0]);
  });
});
