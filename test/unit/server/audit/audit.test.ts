import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import type { WebhookRequest } from "../../../../engine/apimachinery/webhook-call.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { MetricsRegistry } from "../../../../engine/lib/metrics.ts";
import { mutatingWebhookConfigurationResource } from "../../../../engine/resources/admissionregistration/mutating-webhook-configuration.ts";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import { secretResource } from "../../../../engine/resources/core/secret.ts";
import { AuditLogFile, type AuditLogOptions } from "../../../../engine/server/audit/audit-log-file.ts";
import { legacyLine, withoutManagedFields, type AuditEvent } from "../../../../engine/server/audit/audit-event.ts";
import { decideAudit, parseAuditPolicy, type AuditedRequest, type AuditPolicy, type AuditRule } from "../../../../engine/server/audit/audit-policy.ts";
import { AuditBatch, type AuditBatchOptions } from "../../../../engine/server/audit/audit-batch.ts";
import { blockingSink, truncated, truncatingSink } from "../../../../engine/server/audit/audit-blocking.ts";
import { AuditWebhook } from "../../../../engine/server/audit/audit-webhook.ts";
import { Auditor, type AuditBackend, type AuditSink } from "../../../../engine/server/audit/auditor.ts";
import { startTestApi } from "../../../kit/test-api.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const ada = { username: "ada", groups: ["people", "system:authenticated"] };
const onPods = { group: "", version: "v1", resource: "pods", subresource: "", namespace: "shop", name: "web" };
const request = (more: Partial<AuditedRequest> = {}): AuditedRequest => ({ user: ada, verb: "get", resource: onPods, path: "/api/v1/namespaces/shop/pods/web", ...more });
const page = request({ resource: undefined, path: "/healthz/etcd" });

describe("a rule of a policy", () => {
  it.each<[string, Omit<AuditRule, "level">, AuditedRequest, boolean]>([
    ["without conditions is about everything", {}, page, true],
    ["names users", { users: ["bob"] }, request(), false],
    ["names groups", { userGroups: ["people"] }, request(), true],
    ["names verbs", { verbs: ["delete"] }, request(), false],
    ["names resources", { resources: [{ group: "", resources: ["pods"] }] }, request(), true],
    ["names groups of the API", { resources: [{ group: "apps" }] }, request(), false],
    ["does not mean subresources by their resource", { resources: [{ resources: ["pods"] }] }, request({ resource: { ...onPods, subresource: "log" } }), false],
    ["means all subresources by a star behind", { resources: [{ resources: ["pods/*"] }] }, request({ resource: { ...onPods, subresource: "log" } }), true],
    ["means a subresource of all by a star before", { resources: [{ resources: ["*/log"] }] }, request({ resource: { ...onPods, subresource: "log" } }), true],
    ["names objects", { resources: [{ resources: ["pods"], resourceNames: ["db"] }] }, request(), false],
    ["names namespaces", { namespaces: ["shop"] }, request(), true],
    ["names namespaces, and so no pages", { namespaces: [""] }, page, false],
    ["names pages", { nonResourceURLs: ["/healthz*"] }, page, true],
    ["names pages, and so no resources", { nonResourceURLs: ["*"] }, request(), false],
  ])("%s", (_what, rule, asked, matches) => {
    expect(decideAudit({ rules: [{ level: "Metadata", ...rule }] }, asked).level).toBe(matches ? "Metadata" : "None");
  });

  it("comes first or not at all, and adds to the stages that the policy omits", () => {
    const policy: AuditPolicy = {
      rules: [{ level: "None", users: ["bob"] }, { level: "Request", omitStages: ["RequestReceived"], omitManagedFields: false }, { level: "Metadata" }],
      omitStages: ["ResponseStarted"],
      omitManagedFields: true,
    };
    expect(decideAudit(policy, request())).toEqual({ level: "Request", omitStages: new Set(["ResponseStarted", "RequestReceived"]), omitManagedFields: false });
  });
});

describe("a policy file", () => {
  const file = (body: string) => `apiVersion: audit.k8s.io/v1\nkind: Policy\n${body}`;
  it.each([
    ["apiVersion: v1\nkind: Policy\nrules: []", "must be a Policy of audit.k8s.io/v1"],
    [file("rules: []"), "loaded illegal policy with 0 rules"],
    [file("rules: [{level: Loud}]"), 'rules[0].level: Unsupported value: "Loud": supported values: "None", "Metadata", "Request", "RequestResponse"'],
    [file("rules: [{level: None, nonResourceURLs: [metrics]}]"), "non-resource URL rules must begin with a '/' character"],
    [file("rules: [{level: None, resources: [{resourceNames: [a]}]}]"), "using resourceNames requires at least one resource"],
    [file("rules: [{users: [a]}]"), "rules[0].level: Required value"],
    [file("rules: [{level: None, users: bob}]"), "rules[0].users: must be a list of texts"],
    [file("rules: [{level: None, omitManagedFields: 'no'}]"), "rules[0].omitManagedFields: must be true or false"],
    [file("rules: [{level: None, resources: [pods]}]"), "rules[0].resources[0]: must be an object"],
    [file("rules: [null]"), "rules[0]: must be an object"],
    [file("rules: [{level: None, omitStages: [Later]}]"), "allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic"],
  ])("is refused with what is wrong with it: %s", (text, message) => {
    expect(() => parseAuditPolicy(text)).toThrow(message);
  });

  it("may leave lists empty, and is told what nobody knows in it", () => {
    const warnings: string[] = [];
    const policy = parseAuditPolicy(file("omitStages:\nrules: [{level: Request, users: , resources: , namespaces: , user: [bob]}]"), (text) => warnings.push(text));
    expect(decideAudit(policy, page)).toEqual({ level: "Request", omitStages: new Set(), omitManagedFields: false });
    expect(warnings).toEqual(["rules[0].user: is not known"]);
  });
});

/** An API with a record of everything at one level. */
function recorded(rule: AuditRule) {
  const events: AuditEvent[] = [];
  const auditor = new Auditor({ policy: { rules: [rule] }, sinks: [{ write: (event) => void events.push(event), close: async () => {} }], clock: new VirtualClock(), metrics: new MetricsRegistry() });
  return { events, auditor };
}

describe("the record of a request", () => {
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "map-", namespace: "default" }, data: { a: "1" } };

  it("tells who asked for what, why he might, and what came of it", async () => {
    const { events, auditor } = recorded({ level: "Metadata", users: ["kubernetes-admin"] });
    await using api = await startTestApi({ auditor });
    events.length = 0;
    await api.client.for(configMapResource).create(map);
    expect(events.map(({ stage }) => stage)).toEqual(["RequestReceived", "ResponseComplete"]);
    expect(events[1]).toMatchObject({
      kind: "Event",
      apiVersion: "audit.k8s.io/v1",
      level: "Metadata",
      requestURI: "/api/v1/namespaces/default/configmaps",
      verb: "create",
      user: { username: "kubernetes-admin" },
      userAgent: "test",
      objectRef: { resource: "configmaps", namespace: "default", apiVersion: "v1" },
      responseStatus: { code: 201 },
      annotations: { "authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "" },
    });
    expect(events[1]).not.toHaveProperty("requestObject");
    expect(events[0]?.auditID).toBe(events[1]?.auditID);
  });

  it("holds the objects when asked to, without managed fields when not", async () => {
    const { events, auditor } = recorded({ level: "RequestResponse", resources: [{ resources: ["configmaps"] }], omitManagedFields: true, omitStages: ["RequestReceived"] });
    await using api = await startTestApi({ auditor });
    await api.client.for(configMapResource).create(map);
    await api.client.for(configMapResource).list("default");
    const [created, listed] = events as [AuditEvent, AuditEvent];
    expect(created).toMatchObject({ requestObject: { data: { a: "1" } }, responseObject: { data: { a: "1" }, metadata: { namespace: "default" } } });
    expect(JSON.stringify(listed)).not.toContain("managedFields");
    expect(listed).toMatchObject({ verb: "list", responseObject: { items: [{ data: { a: "1" } }] } });
  });

  it("tells of refusals in the words of the answer", async () => {
    const { events, auditor } = recorded({ level: "Metadata", users: ["eve"], omitStages: ["RequestReceived"] });
    await using api = await startTestApi({ auditor });
    await expect(api.as("eve").for(configMapResource).get("default", "a")).rejects.toThrow("cannot get");
    expect(events).toMatchObject([{ responseStatus: { code: 403, reason: "Forbidden", status: "Failure" }, annotations: { "authorization.k8s.io/decision": "forbid" } }]);
  });

  it.each([
    ["Metadata", false],
    ["Request", true],
  ] as const)("of level %s tells of a refused patch of a Secret what it would have made: %s", async (level, isShown) => {
    const { events, auditor } = recorded({ level, resources: [{ resources: ["secrets"] }], omitStages: ["RequestReceived"] });
    await using api = await startTestApi({ auditor });
    const secrets = api.client.for(secretResource);
    await secrets.create({ apiVersion: "v1", kind: "Secret", metadata: { name: "door", namespace: "default" }, data: { key: "c3dvcmRmaXNo" } });
    await expect(secrets.patch("default", "door", "json", [{ op: "add", path: "/type", value: {} }])).rejects.toThrow("c3dvcmRmaXNo");
    const refused = events.at(-1);
    expect(refused).toMatchObject({ verb: "patch", responseStatus: { code: 422, reason: "Invalid", status: "Failure" } });
    expect(JSON.stringify(refused).includes("c3dvcmRmaXNo")).toBe(isShown);
  });

  it.each([
    ["Metadata", false],
    ["Request", true],
  ] as const)("of level %s says that a webhook has changed the object, and what it made of it: %s", async (level, isShown) => {
    const { events, auditor } = recorded({ level, resources: [{ resources: ["secrets"] }], omitStages: ["RequestReceived"] });
    const changed = { allowed: true, patchType: "JSONPatch", patch: Buffer.from(JSON.stringify([{ op: "add", path: "/stringData", value: { password: "swordfish" } }])).toString("base64") };
    const post = async ({ body }: WebhookRequest) => ({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      response: { ...changed, uid: (body as { readonly request: { readonly uid: string } }).request.uid },
    });
    await using api = await startTestApi({ auditor, webhooks: { post } });
    const webhook = {
      name: "fill.example.com",
      clientConfig: { url: "https://fill/" },
      rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["secrets"] }],
      sideEffects: "None",
      admissionReviewVersions: ["v1"],
    };
    await api.client
      .for(mutatingWebhookConfigurationResource)
      .create({ apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingWebhookConfiguration", metadata: { name: "a" }, webhooks: [webhook] });
    await api.client.for(secretResource).create({ apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "default" } });
    const annotations = events[0]?.annotations ?? {};
    expect(annotations["mutation.webhook.admission.k8s.io/round_0_index_0"]).toBe('{"configuration":"a","webhook":"fill.example.com","mutated":true}');
    expect("patch.webhook.admission.k8s.io/round_0_index_0" in annotations).toBe(isShown);
    expect(JSON.stringify(events).includes("swordfish")).toBe(isShown);
  });

  it("is one line for who likes it so", () => {
    const event: AuditEvent = {
      kind: "Event",
      apiVersion: "audit.k8s.io/v1",
      level: "Metadata",
      auditID: "i",
      stage: "ResponseComplete",
      requestURI: "/x",
      verb: "get",
      user: ada,
      requestReceivedTimestamp: "T",
      stageTimestamp: "T",
    };
    expect(legacyLine(event)).toBe(
      'T AUDIT: id="i" stage="ResponseComplete" ip="<unknown>" method="get" user="ada" groups="\\"people\\",\\"system:authenticated\\"" as="<self>" asgroups="<lookup>" user-agent="" namespace="<none>" uri="/x" response="<deferred>"',
    );
  });

  it("leaves managed fields out of objects and of items", () => {
    expect(withoutManagedFields({ metadata: { name: "a", managedFields: [] }, items: [{ metadata: { managedFields: [] } }] })).toEqual({ metadata: { name: "a" }, items: [{ metadata: {} }] });
  });
});

const directories: string[] = [];
afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

async function logFile(more: Partial<AuditLogOptions> = {}) {
  const directory = await mkdtemp(path.join(os.tmpdir(), "audit-"));
  directories.push(directory);
  const clock = new VirtualClock();
  const file = path.join(directory, "audit.log");
  const log = new AuditLogFile({ file, format: "json", megabytesMax: 1, daysMax: 0, backupsMax: 0, isCompressed: false, clock, logger: silentLogger, metrics: new MetricsRegistry(), ...more });
  await log.open();
  return { directory, file, log, clock };
}

const eventOf = (auditID: string, size = 0): AuditEvent => ({
  kind: "Event",
  apiVersion: "audit.k8s.io/v1",
  level: "Metadata",
  auditID,
  stage: "RequestReceived",
  requestURI: "x".repeat(size),
  verb: "get",
  user: {},
  requestReceivedTimestamp: "",
  stageTimestamp: "",
});
const idsIn = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as AuditEvent).auditID);

describe("the log file", () => {
  it("holds a line for every event, in their order, and goes on after a restart", async () => {
    const { file, log } = await logFile();
    for (let i = 0; i < 100; i++) void log.deliver([eventOf(String(i))]);
    await log.close();
    const again = new AuditLogFile({
      file,
      format: "json",
      megabytesMax: 1,
      daysMax: 0,
      backupsMax: 0,
      isCompressed: false,
      clock: new VirtualClock(),
      logger: silentLogger,
      metrics: new MetricsRegistry(),
    });
    void again.deliver([eventOf("100")]);
    await again.close();
    expect(idsIn(await readFile(file, "utf8"))).toEqual(Array.from({ length: 101 }, (_, i) => String(i)));
  });

  it("takes batches that are longer than any text", async () => {
    const { log } = await logFile({ file: "/dev/null", megabytesMax: 0 });
    const event = eventOf("long", 10 << 20);
    await log.deliver(Array.from({ length: 60 }, () => event));
    await log.close();
  });

  it("is rotated when it is full, keeps as many old ones as it may, and loses no event in between", async () => {
    const { directory, log, file } = await logFile({ backupsMax: 2 });
    for (let i = 0; i < 10; i++) void log.deliver([eventOf(String(i), 400_000)]);
    await log.close();
    const files = (await readdir(directory)).sort();
    expect(files).toHaveLength(3);
    expect(files.filter((name) => /^audit-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}(-\d+)?\.log$/.test(name))).toHaveLength(2);
    expect(idsIn(await readFile(file, "utf8"))).toEqual(["8", "9"]);
  });

  it("compresses old files where asked to", async () => {
    const { directory, log } = await logFile({ isCompressed: true });
    for (let i = 0; i < 4; i++) void log.deliver([eventOf(String(i), 400_000)]);
    await log.close();
    const old = (await readdir(directory)).find((name) => name.endsWith(".gz")) ?? "";
    expect(idsIn(gunzipSync(await readFile(path.join(directory, old))).toString("utf8"))).toEqual(["0", "1"]);
  });
});

describe("the webhook", () => {
  function webhook(fail: () => boolean, more: Partial<AuditBatchOptions> = {}) {
    const clock = new VirtualClock();
    const sent: number[] = [];
    const metrics = new MetricsRegistry();
    const send = async (list: string) => {
      if (fail()) throw new Error("away");
      sent.push((JSON.parse(list) as { readonly items: readonly unknown[] }).items.length);
    };
    return {
      clock,
      sent,
      metrics,
      hook: new AuditBatch({
        backend: new AuditWebhook({ send, clock, logger: silentLogger, metrics, initialBackoffMs: 100 }),
        clock,
        logger: silentLogger,
        metrics,
        batchMax: 3,
        batchBytesMax: 0,
        waitMs: 1_000,
        bufferMax: 10,
        ...more,
      }),
    };
  }

  it("gets events in batches: when one is full, or when it has waited", async () => {
    const { clock, sent, hook } = webhook(() => false);
    for (let i = 0; i < 4; i++) hook.write(eventOf(String(i)));
    await clock.settle();
    expect(sent).toEqual([3, 1]);
    hook.write(eventOf("4"));
    await clock.advance(999);
    expect(sent).toHaveLength(2);
    await clock.advance(1);
    expect(sent).toEqual([3, 1, 1]);
  });

  it("is tried again while it is away, and what it never took is counted", async () => {
    let failures = 2;
    const { clock, sent, hook } = webhook(() => failures-- > 0);
    hook.write(eventOf("0"));
    await clock.advance(10_000);
    expect(sent).toEqual([1]);
    const away = webhook(() => true);
    for (let i = 0; i < 3; i++) away.hook.write(eventOf(String(i)));
    await away.clock.advance(60_000);
    expect(away.metrics.render()).toContain('apiserver_audit_error_total{plugin="webhook"} 3');
  });

  it("gets no more batches than it may, nor longer ones", async () => {
    const { clock, sent, hook } = webhook(() => false, { throttle: { perSecond: 1, burst: 2 } });
    for (let i = 0; i < 9; i++) hook.write(eventOf(String(i)));
    await clock.settle();
    expect(sent).toEqual([3, 3]);
    await clock.advance(1_000);
    expect(sent).toEqual([3, 3, 3]);
    const bounded = webhook(() => false, { batchBytesMax: 3_000 });
    for (let i = 0; i < 3; i++) bounded.hook.write(eventOf(String(i), 1_200));
    await bounded.clock.settle();
    expect(bounded.sent).toEqual([2, 1]);
  });

  it("gets what is long in parts, whatever was said of batches, and those that it took are not lost with others", async () => {
    const { clock, sent, hook, metrics } = webhook(() => false, { batchMax: 6 });
    const lengths = [4 << 20, 4 << 20, 4 << 20, 20 << 20, 10, 10];
    lengths.forEach((length, index) => hook.write(eventOf(String(index), length)));
    await clock.advance(1_000);
    expect(sent).toEqual([2, 1, 1, 2]);
    let calls = 0;
    const away = webhook(() => ++calls === 2 || (calls > 2 && calls < 7), { batchMax: 3 });
    for (let i = 0; i < 3; i++) away.hook.write(eventOf(String(i), 6 << 20));
    await away.clock.advance(60_000);
    expect(away.sent).toEqual([1, 1]);
    expect(away.metrics.render()).toContain('apiserver_audit_error_total{plugin="webhook"} 1');
    expect(metrics.render()).not.toContain('plugin="webhook"');
  });
});

describe("the end of a server", () => {
  function batchOf(deliver: AuditBackend["deliver"]) {
    const [clock, metrics, told] = [new VirtualClock(), new MetricsRegistry(), [] as unknown[]];
    const logger = { ...silentLogger, error: (message: string, fields: unknown) => void told.push([message, fields]) };
    const backend = { name: "webhook" as const, deliver, close: async () => {} };
    return { clock, metrics, told, batch: new AuditBatch({ backend, clock, logger, metrics, batchMax: 2, batchBytesMax: 0, waitMs: 1_000, bufferMax: 5 }) };
  }

  it("does not wait long for a webhook that never answers", async () => {
    const asked: number[] = [];
    const { clock, metrics, told, batch } = batchOf((events, signal) => {
      asked.push(events.length);
      return new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(new Error("given up"))));
    });
    for (let i = 0; i < 5; i++) batch.write(eventOf(String(i)));
    await clock.settle();
    let isClosed = false;
    const closing = batch.close().then(() => (isClosed = true));
    await clock.advance(9_000);
    expect(isClosed).toBe(false);
    await clock.advance(1_000);
    expect(isClosed).toBe(true);
    await closing;
    expect(asked).toEqual([2]);
    expect(told).toEqual([["audit events were not taken before the end and are lost", { backend: "webhook", count: 3 }]]);
    expect(metrics.render()).toContain('apiserver_audit_error_total{plugin="webhook"} 3');
  });

  it("does not wait for further tries of one that is away", async () => {
    const clock = new VirtualClock();
    const metrics = new MetricsRegistry();
    let tries = 0;
    const backend = new AuditWebhook({ send: () => Promise.reject(new Error(`away ${++tries}`)), clock, logger: silentLogger, metrics, initialBackoffMs: 10_000 });
    const batch = new AuditBatch({ backend, clock, logger: silentLogger, metrics, batchMax: 2, batchBytesMax: 0, waitMs: 1_000, bufferMax: 10 });
    for (let i = 0; i < 4; i++) batch.write(eventOf(String(i)));
    await clock.settle();
    await batch.close();
    expect(tries).toBe(3);
    expect(metrics.render()).toContain('apiserver_audit_error_total{plugin="webhook"} 4');
  });

  it("is not the first that is told of events for which there is no room", async () => {
    const kept = Promise.withResolvers<void>();
    const { clock, told, batch } = batchOf(() => kept.promise);
    for (let i = 0; i < 12; i++) batch.write(eventOf(String(i)));
    await clock.settle();
    const line = ["audit events are dropped until those that wait have been taken", { backend: "webhook", waiting: 5 }];
    expect(told).toEqual([line]);
    kept.resolve();
    await clock.advance(5_000);
    for (let i = 0; i < 12; i++) batch.write(eventOf(String(i)));
    expect(told).toEqual([line, line]);
    await batch.close();
  });
});

describe("a request that waits for its record", () => {
  const failing = { name: "log" as const, deliver: () => Promise.reject(new Error("disk full")), close: async () => {} };
  const auditorOf = (sink: AuditSink) =>
    new Auditor({ policy: { rules: [{ level: "Metadata", users: ["eve"], omitStages: ["ResponseComplete"] }] }, sinks: [sink], clock: new VirtualClock(), metrics: new MetricsRegistry() });

  it("begins when it has been kept", async () => {
    const order: string[] = [];
    const kept = Promise.withResolvers<void>();
    const slow = { name: "log" as const, deliver: async () => (await kept.promise, void order.push("kept")), close: async () => {} };
    await using api = await startTestApi({ auditor: auditorOf(blockingSink(slow, false)) });
    const asking = api
      .as("eve", ["system:masters"])
      .for(configMapResource)
      .get("default", "none")
      .catch(() => void order.push("answered"));
    await api.client.for(configMapResource).list("default");
    expect(order).toEqual([]);
    kept.resolve();
    await asking;
    expect(order).toEqual(["kept", "answered"]);
  });

  it("goes on without it, unless that is strict", async () => {
    await using lenient = await startTestApi({ auditor: auditorOf(blockingSink(failing, false)) });
    expect((await lenient.as("eve", ["system:masters"]).for(configMapResource).list("default")).items).toBeDefined();
    await using strict = await startTestApi({ auditor: auditorOf(blockingSink(failing, true)) });
    await expect(strict.as("eve", ["system:masters"]).for(configMapResource).list("default")).rejects.toThrow("Internal error occurred: failed to store audit event");
  });
});

describe("an event that is too long", () => {
  const event: AuditEvent = { ...eventOf("0"), requestObject: { text: "x".repeat(1_000) }, responseObject: {}, annotations: { a: "b" } };
  it("loses its objects, and is dropped when that is not enough", () => {
    expect(truncated(event, 10_000)).toBe(event);
    const { requestObject: _request, responseObject: _response, ...rest } = event;
    expect(truncated(event, 1_000)).toEqual({ ...rest, annotations: { a: "b", "audit.k8s.io/truncated": "true" } });
    const written: AuditEvent[] = [];
    let dropped = 0;
    const sink = truncatingSink({ write: (each) => void written.push(each), close: async () => {} }, { eventBytesMax: 1_000, dropped: () => void dropped++ });
    sink.write(event);
    sink.write(eventOf("1", 2_000));
    expect([written.map(({ auditID }) => auditID), dropped]).toEqual([["0"], 1]);
  });
});
