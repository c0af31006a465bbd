import path from "node:path";
import { describe, expect, test } from "vitest";
import { conform } from "../../../../engine/apimachinery/structural-schema.ts";
import type { Schema } from "../../../../engine/apimachinery/schema.ts";
import { renderDiagram } from "../../../../engine/gitops/status/diagram.ts";
import { computeIncidents, INCIDENT_AFTER_MS } from "../../../../engine/gitops/status/incidents.ts";
import type { ApplicationFacts, StatusFacts } from "../../../../engine/gitops/status/status-facts.ts";
import { renderStatusReport, statusMessage } from "../../../../engine/gitops/status/status-report.ts";

const golden = (name: string) => path.join(import.meta.dirname, "golden", name);
const A = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678";
const B = "b1b2c3d4e5f60718293a4b5c6d7e8f9012345678";

const app = (name: string, more: Partial<ApplicationFacts> = {}): ApplicationFacts => ({
  name,
  path: `apps/${name}`,
  health: "Healthy",
  ready: "3/3",
  reason: "",
  since: "2026-08-22T10:31:00Z",
  commit: A,
  images: [`registry.example.org/team/${name}:1.4.2`],
  objects: [],
  kept: [],
  dependsOn: [],
  ...more,
});

const facts: StatusFacts = {
  schemaVersion: 1,
  cluster: "home",
  repository: { url: "http://127.0.0.1:6480/cluster.git", branch: "main" },
  sync: { state: "applied" },
  commit: { id: A, subject: "scale web to 3", author: "Ada" },
  applications: [
    app("web", {
      objects: [
        { kind: "Deployment", namespace: "web", name: "web", source: "apps/web/deployment.yaml:1", health: "Healthy", reason: "", chain: [], leftToOthers: ["spec.replicas (scaler)"] },
        { kind: "Service", namespace: "web", name: "web", source: "apps/web/service.yaml:1", health: "Healthy", reason: "", chain: [], leftToOthers: [] },
      ],
      kept: ["ConfigMap web/old: the annotation mainstay.dev/prune is disabled"],
    }),
    app("api", {
      health: "Progressing",
      ready: "2/3",
      reason: "api-7f9-x: ImagePullBackOff on n2",
      dependsOn: ["web"],
      objects: [
        {
          kind: "Deployment",
          namespace: "api",
          name: "api",
          source: "apps/api/deployment.yaml:1",
          health: "Progressing",
          reason: "api-7f9-x: ImagePullBackOff on n2",
          chain: ["2 of 3 replicas ready", "ReplicaSet api/api-7f9", "Pod api/api-7f9-x on n2", "container api", "ImagePullBackOff: Back-off pulling image"],
          leftToOthers: [],
        },
      ],
    }),
    app("batch", { health: "Degraded", ready: "0/1", reason: "batch-1: CrashLoopBackOff (Error, exit code 1) on n1", since: "2026-08-22T10:00:00Z", commit: B }),
  ],
  nodes: [
    { name: "n1", ready: true, reason: "", since: "2026-08-20T08:00:00Z", address: "10.0.0.1", version: "v1.36.0", capacity: "2 CPU, 4Gi, 110 pods" },
    { name: "n2", ready: false, reason: "has not reported for 40 s | kubelet stopped", since: "2026-08-22T10:20:00Z", address: "10.0.0.2", version: "v1.36.0", capacity: "2 CPU, 4Gi, 110 pods" },
  ],
  deploys: [
    {
      commit: A,
      subject: "scale web to 3",
      author: "Ada",
      time: "2026-08-22T10:30:58Z",
      result: "applied",
      appliedMs: 412,
      healthyMs: 6200,
      plan: ["~ Deployment web/web: replicas 2→3"],
      problems: [],
    },
    {
      commit: "c".repeat(40),
      subject: "break it <script> | @all",
      author: "Eve",
      time: "2026-08-22T10:10:00Z",
      result: "rejected",
      plan: [],
      problems: ["apps/web/deployment.yaml:14 spec.replicas: must be a non-negative integer"],
    },
    { commit: B, subject: "first", author: "Ada", time: "2026-08-21T09:00:00Z", result: "applied", appliedMs: 900, superseded: true, plan: ["+ Deployment batch/batch"], problems: [] },
  ],
  drift: [{ time: "2026-08-22T10:31:30Z", object: "Deployment web/web", change: "replicas 1→3", writer: "kubectl-edit", source: "apps/web/deployment.yaml:8" }],
  incidents: [{ file: "incidents/2026-08-22-batch.md", application: "batch", opened: "2026-08-22T10:00:00Z", reason: "batch-1: CrashLoopBackOff" }],
  notices: ["apps/loose.yaml: lies beside the application folders, left out"],
};

describe("the report", () => {
  const files = renderStatusReport(facts);
  test.each([
    "README.md",
    "status.json",
    "status.yaml",
    "nodes.md",
    "apps/web.md",
    "apps/api.md",
    "apps/api.json",
    "badges/cluster.json",
    "badges/web.json",
    "deploys/2026/08/a1b2c3d4e5.md",
    `deploys/2026/08/${"c".repeat(10)}.md`,
    "incidents/2026-08-22-batch.md",
  ])("%s", async (file) => {
    await expect(files.get(file)).toMatchFileSnapshot(golden(file.replaceAll("/", "_")));
  });

  test("equal facts give equal files, and no file holds an age", () => {
    expect(renderStatusReport(structuredClone(facts))).toEqual(files);
    for (const content of files.values()) expect(content).not.toMatch(/\bago\b/);
  });

  test("of an application that is not applied yet, it names no commit", () => {
    expect(renderStatusReport({ ...facts, applications: [app("new", { commit: "", path: "apps/new" })] }).get("apps/new.md")).toContain("From `apps/new`; nothing of it is applied yet.");
  });

  test("text from elsewhere has no power over the page", () => {
    const page = files.get("README.md") ?? "";
    expect(page).toContain("break it &lt;script&gt; \\| @\u200ball");
    expect(page).toContain("has not reported for 40 s \\| kubelet stopped");
  });

  test("every relative link of the page leads to a file of the report or of an earlier one", () => {
    const links = [...(files.get("README.md") ?? "").matchAll(/\]\(([^)]+)\)/g)].map((match) => decodeURIComponent(match[1] ?? ""));
    expect(links.length).toBeGreaterThan(8);
    for (const link of links) expect(link === "deploys/" || files.has(link), link).toBe(true);
  });

  test("tables end at 200 rows and go on on further pages, worst first", () => {
    const many = renderStatusReport({ ...facts, applications: Array.from({ length: 450 }, (_, index) => app(`a${String(index).padStart(3, "0")}`, index === 449 ? { health: "Degraded" } : {})) });
    const rows = (file: string) => (many.get(file) ?? "").split("\n").filter((line) => /^\| \S+ \[a\d/.test(line));
    expect([rows("README.md").length, rows("applications-2.md").length, rows("applications-3.md").length]).toEqual([200, 200, 50]);
    expect(rows("README.md")[0]).toContain("a449");
  });

  test("an empty repository is said to be one", () => {
    const page = renderStatusReport({ ...facts, applications: [], deploys: [], drift: [], incidents: [], notices: [], commit: undefined, sync: { state: "empty" } }).get("README.md");
    expect(page).toContain("Nothing to run yet: push manifests to the branch `main`.");
  });

  test.each<[StatusFacts["sync"], string]>([
    [{ state: "rejected", newest: B, problems: ["a.yaml:1 x"] }, "**Commit `b1b2c3d4e5` is rejected; the one before keeps running.**\n\n- a.yaml:1 x"],
    [{ state: "unreachable", message: "connection refused" }, "**The repository cannot be reached; its last known state keeps running.** connection refused"],
    [{ state: "deleted" }, "**The branch `main` is gone; its last state keeps running.**"],
    [{ state: "syncing", newest: A }, "Commit `a1b2c3d4e5` is being applied."],
  ])("says what stands between branch and cluster: %o", (sync, text) => {
    expect(renderStatusReport({ ...facts, sync }).get("README.md")).toContain(text);
  });
});

describe("the message of a status commit", () => {
  const trailers = { desiredCommit: A, revision: "48213", result: "applied", durationMs: 6200.4 };
  const subject = (before: StatusFacts | undefined, after: StatusFacts) => statusMessage(before, after, trailers).split("\n")[0];
  test("has the subject, the skip mark and all trailers", () => {
    const before = { ...facts, applications: facts.applications.map((one) => (one.name === "api" ? { ...one, health: "Healthy" as const } : one)) };
    expect(statusMessage(before, facts, trailers)).toBe(
      `status(home): api Healthy → Progressing (a1b2c3d)\n\n[skip ci]\n\nMainstay-Cluster: home\nMainstay-Desired-Commit: ${A}\nMainstay-Commit: ${A}\nMainstay-Etcd-Revision: 48213\nMainstay-Result: applied\nMainstay-Duration-Ms: 6200\n`,
    );
  });
  test.each<[string, StatusFacts | undefined, StatusFacts, string]>([
    ["the first", undefined, facts, "status(home): first report (a1b2c3d)"],
    ["a removed application", facts, { ...facts, applications: facts.applications.slice(0, 2) }, "status(home): batch removed (a1b2c3d)"],
    ["a rejected commit", facts, { ...facts, sync: { state: "rejected", newest: B } }, "status(home): commit b1b2c3d rejected"],
    ["a lost node", facts, { ...facts, nodes: facts.nodes.map((node) => ({ ...node, ready: false })) }, "status(home): node n1 NotReady"],
    ["a commit without effect", facts, { ...facts, commit: { id: B, subject: "x", author: "y" } }, "status(home): applied (b1b2c3d)"],
  ])("%s", (_name, before, after, expected) => expect(subject(before, after)).toBe(expected));
});

describe("incidents", () => {
  const now = Date.parse("2026-08-22T12:00:00Z");
  const degraded = (sinceMs: number) => app("web", { health: "Degraded", reason: "down", since: new Date(sinceMs).toISOString().replace(".000Z", "Z") });
  test("open after two minutes of Degraded, not before, and the wait is known", () => {
    const early = computeIncidents([], [degraded(now - 60_000)], now);
    expect(early).toEqual({ incidents: [], nextDueMs: now + INCIDENT_AFTER_MS - 60_000 });
    expect(computeIncidents([], [degraded(now - INCIDENT_AFTER_MS)], now).incidents).toMatchObject([{ file: "incidents/2026-08-22-web.md", application: "web", reason: "down" }]);
  });
  test("stay open on the way to health, close with it, and the next one gets its own page", () => {
    const { incidents: open } = computeIncidents([], [degraded(now - INCIDENT_AFTER_MS)], now);
    expect(computeIncidents(open, [app("web", { health: "Progressing" })], now).incidents).toEqual(open);
    const { incidents: closed } = computeIncidents(open, [app("web")], now);
    expect(closed).toMatchObject([{ closed: "2026-08-22T12:00:00Z" }]);
    const again = computeIncidents(closed, [degraded(now - INCIDENT_AFTER_MS)], now).incidents;
    expect(again.map((incident) => incident.file)).toEqual(["incidents/2026-08-22-web-2.md", "incidents/2026-08-22-web.md"]);
  });
});

describe("status.json", () => {
  test("holds what its schema says, and the schema lies beside it", () => {
    const files = renderStatusReport({ ...facts, plans: [{ branch: "x", commit: A, summary: "1 change", file: "plans/x.md", digest: "d" }] });
    const status: unknown = JSON.parse(files.get("status.json") ?? "");
    const { $schema: _dialect, title: _title, ...schema } = JSON.parse(files.get("status.schema.json") ?? "") as Record<string, unknown>;
    const { errors, unknown } = conform(schema as Schema, status, { defaults: false, prune: false });
    expect([errors, unknown]).toEqual([[], []]);
    expect(conform(schema as Schema, { ...(status as object), sync: { state: "odd" }, cluster: 5 }, { defaults: false, prune: false }).errors).toHaveLength(2);
    for (const app of facts.applications) expect(JSON.parse(files.get(`apps/${app.name}.json`) ?? "")).toMatchObject({ schemaVersion: 1, name: app.name });
  });
});

describe("the diagram of an application", () => {
  const object = (kind: string, name: string, more: Partial<ApplicationFacts["objects"][number]> = {}) => ({
    kind,
    namespace: "web",
    name,
    source: "a:1",
    health: "Healthy" as const,
    reason: "",
    chain: [],
    leftToOthers: [],
    ...more,
  });

  test("shows what it waits for, its objects, and the way down to what stopped", () => {
    const drawn = renderDiagram(
      app("web", {
        health: "Degraded",
        dependsOn: ["db"],
        objects: [object("Service", "web"), object("Deployment", "web", { health: "Degraded", chain: ["ReplicaSet web/web-1", 'exec "sh": <not> found'] })],
      }),
    );
    expect(drawn.split("\n")).toEqual([
      "```mermaid",
      "flowchart LR",
      '  app(["web"]):::Degraded',
      '  dep0(["db"])',
      "  app -. waits for .-> dep0",
      '  app --> o0["Deployment web/web"]:::Degraded',
      '  o0 --> o0s0["ReplicaSet web/web-1"]',
      '  o0s0 --> o0s1["exec #quot;sh#quot;: #lt;not#gt; found"]',
      '  app --> o1["Service web/web"]:::Healthy',
      "  classDef Healthy fill:#d7f0d7,color:#000,stroke:#888",
      "  classDef Degraded fill:#f8cfcf,color:#000,stroke:#888",
      "```",
    ]);
  });

  test("stays small: what is well is counted when there is much of it", () => {
    const drawn = renderDiagram(app("web", { objects: Array.from({ length: 500 }, (_, index) => object(index % 2 === 0 ? "ConfigMap" : "Secret", `n${index}`)) }));
    expect(drawn.split("\n").filter((line) => line.includes("-->"))).toEqual(['  app --> kConfigMap["250 × ConfigMap"]:::Healthy', '  app --> kSecret["250 × Secret"]:::Healthy']);
  });
});
