import { describe, expect, test } from "vitest";
import { parseTrailers, subjectOf, trailerValues } from "../../../../engine/gitops/git/commit-message.ts";
import { DriftLimiter, versionOf, writerOf } from "../../../../engine/gitops/sync/drift.ts";
import { complaintsOf, plainMessage } from "../../../../engine/gitops/manifests/explain-error.ts";
import { structuralPathOf, valueAt, withoutField } from "../../../../engine/apimachinery/field-path.ts";
import { withoutCredentials } from "../../../../engine/lib/without-credentials.ts";
import { parseIgnorePatterns } from "../../../../engine/gitops/manifests/ignore-patterns.ts";
import { finalLine, parsePushOptions, progressLines, timeoutLine, type RolloutView } from "../../../../engine/gitops/push/push-progress.ts";
import { parseDurationMs } from "../../../../engine/gitops/manifests/duration.ts";
import { invalid, invalidField, requiredField } from "../../../../engine/apimachinery/field-error.ts";
import { desired, stored } from "../objects.ts";

test("a subject is the first line of a message, and no longer than a line", () => {
  expect(subjectOf("  scale web \n\nbody")).toBe("scale web");
  expect(subjectOf("x".repeat(200))).toBe("x".repeat(200));
  expect(subjectOf("x".repeat(1 << 20))).toBe(`${"x".repeat(199)}…`);
  expect(subjectOf(`${"x".repeat(198)}😀😀`)).toBe(`${"x".repeat(198)}…`);
});

describe("trailers", () => {
  test.each<[string, string, readonly string[]]>([
    ["are the last paragraph", "subject\n\nbody\n\nAllow-Delete: web\nCo-authored-by: x", ["web"]],
    ["may hold several values", "subject\n\nAllow-Delete: web, Namespace/api", ["web", "Namespace/api"]],
    ["go over several lines when indented", "subject\n\nAllow-Delete: web,\n  api", ["web", "api"]],
    ["ignore case", "subject\n\nallow-delete: web", ["web"]],
    ["are not the subject", "Allow-Delete: web", []],
    ["are not prose that happens to hold a colon", "subject\n\nAllow-Delete: web\nand more prose", []],
    ["are not an earlier paragraph", "subject\n\nAllow-Delete: web\n\nthe end", []],
  ])("%s", (_name, message, expected) => expect(trailerValues([message], "Allow-Delete")).toEqual(expected));
  test("keep their order", () => expect(parseTrailers("s\n\nA: 1\nB: 2").map((trailer) => trailer.key)).toEqual(["A", "B"]));
});

describe("ignore patterns", () => {
  test.each<[string, string, boolean, boolean]>([
    ["*.md", "docs/a.md", false, true],
    ["/a.yaml", "b/a.yaml", false, false],
    ["a.yaml", "b/a.yaml", false, true],
    ["old/", "x/old", true, true],
    ["old/", "x/old", false, false],
    ["a/*/c", "a/b/c", false, true],
    ["a/*/c", "a/b/d/c", false, false],
    ["a/**/c", "a/b/d/c", false, true],
    ["**/tmp", "a/b/tmp", true, true],
    ["x[0-9].yaml", "x5.yaml", false, true],
    ["x[!0-9].yaml", "x5.yaml", false, false],
    ["*.yaml\n!keep.yaml", "keep.yaml", false, false],
    ["# comment\n", "# comment", false, false],
    ["a.b", "aXb", false, false],
  ])("%j on %s", (patterns, path, isDirectory, expected) => expect(parseIgnorePatterns(patterns)(path, isDirectory)).toBe(expected));
});

describe("field paths", () => {
  const value = { spec: { replicas: 3, containers: [{ name: "web", image: "x" }, { name: "b" }] }, data: { "index.html": "x" } };
  test.each<[string, unknown]>([
    ["spec.containers[0].image", "x"],
    ['.spec.containers[name="b"].name', "b"],
    ["data[index.html]", "x"],
    ["spec.nothing.here", undefined],
  ])("%s", (field, expected) => expect(valueAt(value, structuralPathOf(field))).toBe(expected));
  test("a field is taken out of a copy", () => {
    expect(withoutField(value, structuralPathOf('.spec.containers[name="web"].image'))).toEqual({ ...value, spec: { replicas: 3, containers: [{ name: "web" }, { name: "b" }] } });
    expect(withoutField(value, ["spec", "replicas"])).toEqual({ ...value, spec: { containers: value.spec.containers } });
    expect(value.spec.replicas).toBe(3);
  });
});

describe("what the server complains about, for someone who edits a file", () => {
  test.each<[string, string, string]>([
    ['Invalid value: "many": must be an integer', "spec.replicas", "must be a non-negative integer"],
    ["Invalid value: -1: must be greater than or equal to 0", "spec.replicas", "must be a non-negative integer"],
    ['Invalid value: "x": must be an integer', "spec.priority", "must be an integer"],
    ["Required value", "metadata.name", "is required"],
    ['Unsupported value: "Sometimes": supported values: "Always", "Never"', "x", 'must be one of "Always", "Never"'],
    ['Duplicate value: "a"', "x", 'is there twice: "a"'],
    ['Invalid value: {"a":"b: c"}: field is immutable', "spec.selector", "field is immutable"],
    ["Forbidden: no", "x", "no"],
    ["Invalid value: 0: spec.size in body should be greater than or equal to 1", "spec.size", "must be greater than or equal to 1"],
    ["Invalid value: \"ABC\": spec.name in body should match '^[a-z]+$'", "spec.name", "must match '^[a-z]+$'"],
    ['Invalid value: "a": spec.name in body should be at least 2 chars long', "spec.name", "must be at least 2 characters long"],
    ["Too long: may not be more than 5 bytes", "spec.name", "may not be more than 5 bytes"],
    ["Too many: 3: must have at most 2 items", "spec.list", "must have at most 2 items"],
    ['Invalid value: "null": spec.name in body must be of type string: "null"', "spec.name", "must be of type string, not empty (null)"],
    ['Invalid value: "yesterday": spec.at in body must be of type date-time: "yesterday"', "spec.at", "must be of type date-time"],
    ["Invalid value: min must not be above max", "spec", "breaks a rule of its kind: min must not be above max"],
    ["Invalid value: size: must not shrink", "spec", "breaks a rule of its kind: size: must not shrink"],
    ['Invalid value: "object": min must not be above max', "spec", "min must not be above max"],
  ])("%s", (message, field, expected) => expect(plainMessage(message, field)).toBe(expected));
  test("integers of custom kinds may be negative", () => {
    expect(plainMessage('Invalid value: "x": must be an integer', "spec.offset", true)).toBe("must be an integer");
  });
  test("every cause is told, and immutable fields are known as such", () => {
    const error = invalid("apps", "Deployment", "x", [requiredField("spec.template"), invalidField("spec.selector", "x", "field is immutable")]);
    expect(complaintsOf(error)).toEqual([
      { field: "spec.template", message: "is required", isImmutable: false },
      { field: "spec.selector", message: "field is immutable", isImmutable: true },
    ]);
  });
  test.each<[string, boolean]>([
    ["may not change once set", true],
    ["cannot change roleRef", true],
    ["updates to parameters are forbidden.", true],
    ["must be a number", false],
  ])("%s: %j that the object must be made anew for it", (message, isImmutable) => {
    expect(complaintsOf(invalid("", "Service", "x", [invalidField("spec.x", "y", message)]))).toMatchObject([{ isImmutable }]);
  });
});

describe("drift", () => {
  const object = desired("Deployment", "web");
  test("a change of status is none; of generation, labels or identity it is", () => {
    const live = stored(object, { status: { replicas: 1 } }, { generation: 3 });
    expect(versionOf(stored(object, { status: { replicas: 2 } }, { generation: 3, resourceVersion: "99" }), false)).toBe(versionOf(live, false));
    for (const metadata of [{ generation: 4 }, { generation: 3, labels: { a: "b" } }, { generation: 3, uid: "other" }])
      expect(versionOf(stored(object, {}, metadata), false)).not.toBe(versionOf(live, false));
    const map = desired("ConfigMap", "a");
    expect(versionOf(stored(map, {}, { resourceVersion: "11" }), false)).not.toBe(versionOf(stored(map), false));
  });
  test("of an object whose wanted fields are all ours, only losing one of them is a change", () => {
    const owning = (fields: object, metadata: Record<string, unknown> = {}) =>
      stored(object, {}, { generation: 3, ...metadata, managedFields: [{ manager: "mainstay", operation: "Apply", fieldsV1: { "f:spec": fields } }] });
    const live = owning({ "f:replicas": {}, "f:paused": {} });
    for (const metadata of [{ generation: 4 }, { annotations: { "deployment.kubernetes.io/revision": "1" } }, { resourceVersion: "99" }])
      expect(versionOf(owning({ "f:replicas": {}, "f:paused": {} }, metadata), true)).toBe(versionOf(live, true));
    for (const other of [owning({ "f:paused": {} }), owning({ "f:replicas": {}, "f:paused": {} }, { uid: "other" }), stored(object)]) expect(versionOf(other, true)).not.toBe(versionOf(live, true));
  });
  test("the writer is who owns the changed field, not who wrote last", () => {
    const entry = (manager: string, time: string, fields: object, more = {}) => ({ manager, operation: "Update", time, fieldsV1: fields, ...more });
    const live = stored(
      object,
      {},
      {
        managedFields: [
          entry("mainstay", "2026-01-01T00:00:05Z", { "f:spec": { "f:replicas": {} } }),
          entry("kubectl-edit", "2026-01-01T00:00:01Z", { "f:spec": { "f:replicas": {} } }),
          entry("deployment-controller", "2026-01-01T00:00:09Z", { "f:metadata": {} }),
          entry("kubelet", "2026-01-01T00:00:10Z", { "f:status": {} }, { subresource: "status" }),
        ],
      },
    );
    expect(writerOf(live, [{ steps: ["spec", "replicas"], label: "replicas", from: "1", to: "3" }])).toBe("kubectl-edit");
    expect(writerOf(live, [{ steps: ["metadata", "labels", "a"], label: "a", from: undefined, to: "3" }])).toBe("deployment-controller");
    expect(writerOf(stored(object), [])).toBe("someone");
  });
  test("a slip is put back at once, a fight ever more slowly, and calm ends it", () => {
    const limiter = new DriftLimiter();
    let now = 0;
    const delays = Array.from({ length: 8 }, () => {
      const delay = limiter.delayMs("x", now);
      now += delay;
      limiter.corrected("x", now);
      return delay;
    });
    expect(delays).toEqual([0, 0, 0, 0, 0, 1000, 2000, 4000]);
    expect(limiter.delayMs("x", now + 10 * 60_000)).toBe(0);
    expect(limiter.delayMs("y", now)).toBe(0);
  });
});

describe("what the pusher sees", () => {
  const view = (more: Partial<RolloutView> = {}, unit = {}): RolloutView => ({
    appliedMs: 12,
    healthyMs: undefined,
    isSuperseded: false,
    isHeldUp: false,
    units: [{ name: "web", health: "Progressing", ready: "1/3", reason: "web-1: ContainerCreating on n1", detail: "", ...unit }],
    ...more,
  });
  test("only what changed since the line before", () => {
    expect(progressLines(undefined, view({ appliedMs: undefined }))).toEqual([]);
    expect(progressLines(view({ appliedMs: undefined }), view())).toEqual(["applied in 12 ms", "… web Progressing 1/3 — web-1: ContainerCreating on n1"]);
    expect(progressLines(view(), view())).toEqual([]);
    const full = view({ appliedMs: undefined, isHeldUp: true, trouble: "the disk is full" }, { health: "Healthy" });
    expect(progressLines({ ...full, isHeldUp: false }, full)).toEqual(["… not applied yet: the disk is full"]);
    expect(progressLines(full, full)).toEqual([]);
    expect(timeoutLine(full, 60_000, "status/local")).toMatch(/^not applied yet after 1 min 0 s: the disk is full; it goes on/);
    expect(progressLines(view({ appliedMs: undefined }), view({}, { health: "Unknown", ready: "", reason: "" }))).toEqual(["applied in 12 ms"]);
    expect(progressLines(view(), view({}, { health: "Unknown", ready: "", reason: "n1 does not answer" }))).toEqual(["? web Unknown — n1 does not answer"]);
    expect(progressLines(view(), view({}, { health: "Degraded", detail: "pull: no such image" }))).toEqual(["✗ web Degraded 1/3 — web-1: ContainerCreating on n1", "    pull: no such image"]);
  });
  test("what a commit waits for, where it is not applied soon", () => {
    const held = view({ appliedMs: undefined, isHeldUp: true }, { ready: "", reason: "ConfigMap web/a waits for Job web/migrate" });
    expect(progressLines(view({ appliedMs: undefined }), held)).toEqual(["… web Progressing — ConfigMap web/a waits for Job web/migrate"]);
    expect(progressLines(held, held)).toEqual([]);
    // Of the commit before, and no news of this one.
    expect(progressLines(held, view({ appliedMs: undefined, isHeldUp: true }, { health: "Healthy" }))).toEqual([]);
    expect(progressLines(view({ appliedMs: undefined, isHeldUp: true }, { health: "Healthy", reason: "" }), view({}, { health: "Healthy", reason: "" }))).toEqual([
      "applied in 12 ms",
      "✓ web Healthy 1/3",
    ]);
  });
  test("an end: healthy, superseded, degraded with the way back, or the wait is over", () => {
    expect(finalLine(view())).toBeUndefined();
    expect(finalLine(view({ healthyMs: 6200 }))).toBe("healthy after 6.2 s");
    expect(finalLine(view({ isSuperseded: true }))).toBe("a newer commit has taken over");
    expect(finalLine(view({}, { health: "Degraded" }))).toContain("git revert HEAD && git push");
    expect(timeoutLine(view(), 60_000, "status/home")).toBe("web not healthy yet after 1 min 0 s; it goes on. See: git fetch && git show origin/status/home:README.md");
  });
  test.each<[readonly string[], object]>([
    [[], { waitMs: 60_000, dryRun: false, unknown: [] }],
    [["wait=10s"], { waitMs: 10_000 }],
    [["wait=250ms"], { waitMs: 250 }],
    [["wait=5"], { waitMs: 5_000 }],
    [["no-wait"], { waitMs: 0 }],
    [["dry-run", "ci.skip"], { dryRun: true, unknown: ["ci.skip"] }],
  ])("push options %j", (options, expected) => expect(parsePushOptions(options)).toMatchObject(expected));
});

test.each([
  ["10s", 10_000],
  ["1h30m", 5_400_000],
  ["250ms", 250],
  ["x", undefined],
  [undefined, undefined],
])("the duration %s", (text, expected) => expect(parseDurationMs(text)).toBe(expected));

test.each([
  ["https://me:secret@example.org/r.git", "https://example.org/r.git"],
  ["https://example.org/r.git", "https://example.org/r.git"],
  ["ssh://git@example.org/r.git", "ssh://git@example.org/r.git"],
  ["/srv/r.git", "/srv/r.git"],
  ["https://me:se@cret@example.org/r@1.git", "https://example.org/r@1.git"],
  ["fetch 'https://token@example.org/r.git': not me@example.org", "fetch 'https://example.org/r.git': not me@example.org"],
])("the URL %s is shown without its credentials", (url, expected) => expect(withoutCredentials(url)).toBe(expected));
