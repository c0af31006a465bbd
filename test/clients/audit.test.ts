import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import type { AuditEvent } from "../../engine/server/audit/audit-event.ts";
import { blockingSink } from "../../engine/server/audit/audit-blocking.ts";
import { Auditor } from "../../engine/server/audit/auditor.ts";
import { clusterRoleBindingResource } from "../../engine/resources/rbac/cluster-role-binding.ts";
import { secretResource } from "../../engine/resources/core/secret.ts";
import { serviceAccountResource } from "../../engine/resources/core/service-account.ts";
import { rawClient } from "../kit/raw-https.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

let api: TestListener;
let admin: Awaited<ReturnType<typeof rawClient>>;
const all: AuditEvent[] = [];
/** What came over the wire, and not from inside. */
const events = () => all.filter(({ userAgent }) => userAgent === "outside");

beforeAll(async () => {
  const auditor = new Auditor({
    policy: { rules: [{ level: "RequestResponse" }] },
    sinks: [{ write: (event) => void all.push(event), close: async () => {} }],
    clock: systemClock,
    metrics: new MetricsRegistry(),
  });
  api = await startTestListener({ auditor });
  admin = await rawClient(api.url, api.pki, { commonName: "root", organizations: ["system:masters"] });
});
afterAll(async () => {
  admin.close();
  await api.stop();
});
beforeEach(() => void all.splice(0));

const headers = { "user-agent": "outside" };
const stages = () => events().map(({ stage }) => stage);
const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

test("a request is recorded once, with its address, its source and the id that the client gets", async () => {
  const answer = await admin.send("/api/v1/namespaces/default/configmaps?limit=5", { headers: { ...headers, "x-forwarded-for": "192.0.2.7" } });
  await until(() => events().length === 2);
  expect(events()).toMatchObject([
    { stage: "RequestReceived", requestURI: "/api/v1/namespaces/default/configmaps?limit=5", verb: "list", user: { username: "root" }, sourceIPs: ["192.0.2.7", "127.0.0.1"] },
    { stage: "ResponseComplete", auditID: answer.headers["audit-id"], responseStatus: { code: 200 }, objectRef: { resource: "configmaps", namespace: "default", apiVersion: "v1" } },
  ]);
});

test("a body that cannot be read is recorded with its refusal", async () => {
  await admin.send("/api/v1/namespaces/default/configmaps", { method: "POST", body: "{", headers });
  await until(() => events().length === 2);
  expect(events()[1]).toMatchObject({ verb: "create", responseStatus: { code: 400, reason: "BadRequest" } });
});

test("a deletion is recorded with the options that it came with, and without any where the address holds them", async () => {
  const options = { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Foreground", preconditions: { uid: "other" } };
  for (const [address, body] of [
    ["configmaps/none", JSON.stringify(options)],
    ["configmaps?labelSelector=a%3Db", JSON.stringify({ gracePeriodSeconds: 0 })],
    ["configmaps/none?gracePeriodSeconds=0", ""],
  ] as const)
    await admin.send(`/api/v1/namespaces/default/${address}`, { method: "DELETE", headers: { ...headers, "content-type": "application/json" }, body });
  await until(() => events().length === 6);
  const ended = events().filter(({ stage }) => stage === "ResponseComplete");
  expect(ended.map(({ verb, requestObject }) => [verb, requestObject])).toEqual([
    ["delete", options],
    ["deletecollection", { kind: "DeleteOptions", apiVersion: "v1", gracePeriodSeconds: 0 }],
    ["delete", undefined],
  ]);
});

test("pages are recorded by their paths", async () => {
  await admin.send("/version", { headers });
  await until(() => events().length === 2);
  expect(events()[1]).toMatchObject({ verb: "get", requestURI: "/version", responseStatus: { code: 200 }, annotations: { "authorization.k8s.io/decision": "allow" } });
  expect(events()[1]).not.toHaveProperty("objectRef");
});

test("who acts as somebody else is recorded as both", async () => {
  await admin.send("/api/v1/namespaces/default/secrets", { headers: { ...headers, "impersonate-user": "eve" } });
  await until(() => events().length === 2);
  expect(events()[0]).not.toHaveProperty("impersonatedUser");
  expect(events()[1]).toMatchObject({ user: { username: "root" }, impersonatedUser: { username: "eve", groups: ["system:authenticated"] }, responseStatus: { code: 403, reason: "Forbidden" } });
});

test("who may not act as somebody else is recorded as himself", async () => {
  const bob = await rawClient(api.url, api.pki, { commonName: "bob", organizations: [] });
  await bob.send("/api/v1/namespaces/default/secrets", { headers: { ...headers, "impersonate-user": "eve" } });
  bob.close();
  await until(() => events().length === 2);
  expect(events()[1]).toMatchObject({ user: { username: "bob" }, objectRef: { resource: "secrets" }, responseStatus: { code: 403, message: expect.stringContaining("cannot impersonate") } });
  expect(events()[1]).not.toHaveProperty("impersonatedUser");
});

test("a policy is about who asks, whomever he acts as", async () => {
  for (const [user, isRecorded] of [
    ["root", true],
    ["eve", false],
  ] as const) {
    const seen: AuditEvent[] = [];
    const auditor = new Auditor({
      policy: { rules: [{ level: "Metadata", users: [user] }] },
      sinks: [{ write: (event) => void seen.push(event), close: async () => {} }],
      clock: systemClock,
      metrics: new MetricsRegistry(),
    });
    const other = await startTestListener({ auditor });
    try {
      const root = await rawClient(other.url, other.pki, { commonName: "root", organizations: ["system:masters"] });
      await root.send("/api/v1/namespaces/default/secrets", { headers: { ...headers, "impersonate-user": "eve" } });
      root.close();
      expect(seen.some(({ userAgent }) => userAgent === "outside")).toBe(isRecorded);
    } finally {
      await other.stop();
    }
  }
});

test("an answer ends when its record has been kept, where the record is waited for", async () => {
  const order: string[] = [];
  const slow = {
    name: "log" as const,
    close: async () => {},
    deliver: async ([event]: readonly AuditEvent[]) => {
      if (event?.userAgent !== "outside" || event.stage !== "ResponseComplete") return;
      await new Promise((resolve) => setTimeout(resolve, 50));
      order.push("kept");
    },
  };
  const auditor = new Auditor({ policy: { rules: [{ level: "Metadata" }] }, sinks: [blockingSink(slow, false)], clock: systemClock, metrics: new MetricsRegistry() });
  const other = await startTestListener({ auditor });
  try {
    const root = await rawClient(other.url, other.pki, { commonName: "root", organizations: ["system:masters"] });
    for (const address of ["/api/v1/namespaces/default/secrets", "/api/v1/namespaces/default/secrets/none", "/version"]) {
      await root.send(address, { headers });
      order.push("answered");
    }
    root.close();
  } finally {
    await other.stop();
  }
  expect(order).toEqual(["kept", "answered", "kept", "answered", "kept", "answered"]);
});

test("who cannot prove who he is is recorded as nobody", async () => {
  const stranger = await rawClient(api.url, api.pki, undefined);
  await stranger.send("/api/v1/pods", { headers: { ...headers, authorization: "Bearer nonsense" } });
  stranger.close();
  await until(() => events().length === 2);
  expect(events()[1]).toMatchObject({ user: {}, verb: "list", responseStatus: { code: 401, reason: "Unauthorized" } });
});

test("a watch is recorded when it begins and when it ends", async () => {
  const watching = admin.send("/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=1", { headers });
  await until(() => stages().includes("ResponseStarted"));
  await watching;
  await until(() => events().length === 3);
  expect(stages()).toEqual(["RequestReceived", "ResponseStarted", "ResponseComplete"]);
  expect(events()[0]).toMatchObject({ verb: "watch" });
});

test("a request to switch protocols is recorded with its refusal", async () => {
  await admin.send("/api/v1/namespaces/default/pods/none/exec?command=ls", { headers: { ...headers, connection: "Upgrade", upgrade: "websocket" } });
  await until(() => events().length === 2);
  expect(events()[1]).toMatchObject({ objectRef: { resource: "pods", name: "none", subresource: "exec" }, responseStatus: { code: 404 } });
});

test("a token without an end is recorded by the Secret that holds it, and who uses one that was made for everybody is warned", async () => {
  const [accounts, secrets] = [api.client.for(serviceAccountResource), api.client.for(secretResource)];
  const account = await accounts.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot", namespace: "default" }, secrets: [{ name: "robot-made" }] });
  const stranger = await rawClient(api.url, api.pki, undefined);
  const bearers = new Map<string, string>();
  const use = async (name: string, labels: Record<string, string> = {}) => {
    const token = await api.server.parts.tokens.issueLegacy("default", { name: "robot", uid: account.metadata.uid ?? "" }, name);
    const metadata = { name, namespace: "default", labels, annotations: { "kubernetes.io/service-account.name": "robot" } };
    await secrets.create({ apiVersion: "v1", kind: "Secret", type: "kubernetes.io/service-account-token", metadata, data: { token: Buffer.from(token).toString("base64") } });
    all.splice(0);
    const authorization = `Bearer ${token}`;
    const answer = await stranger.send("/version", { headers: { ...headers, authorization } });
    await until(() => events().length === 2);
    bearers.set(name, authorization);
    return [
      answer.code,
      answer.headers["warning"],
      Object.entries(events()[1]?.annotations ?? {}).flatMap(([key, value]) =>
        key.startsWith("authentication.k8s.io/legacy-token-") ? [`${key.slice("authentication.k8s.io/legacy-token-".length)}=${value}`] : [],
      ),
    ];
  };
  const warning = '299 - "Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens."';
  expect(await use("robot-made")).toEqual([200, warning, ["autogenerated-secret=robot-made"]]);
  expect(await use("robot-asked")).toEqual([200, undefined, ["manual-secret=robot-asked"]]);
  expect(await use("robot-old", { "kubernetes.io/legacy-token-invalid-since": "2026-01-01" })).toEqual([401, undefined, ["invalidated=robot-old/default"]]);
  all.splice(0);
  await api.client.for(clusterRoleBindingResource).create({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: "robot" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "ServiceAccount", name: "robot", namespace: "default" }],
  });
  const watch = await stranger.send("/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=1", { headers: { ...headers, authorization: bearers.get("robot-made") ?? "" } });
  expect([watch.code, watch.headers["warning"]]).toEqual([200, warning]);
  await until(() => stages().includes("ResponseComplete"));
  expect(events().at(-1)?.annotations).toMatchObject({ "authentication.k8s.io/legacy-token-autogenerated-secret": "robot-made" });
  stranger.close();
});
