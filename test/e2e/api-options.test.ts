import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { thisMachine } from "../kit/hosts.ts";
import { KonnectivityServer } from "../kit/konnectivity-server.ts";
import { eventually, kubectl, runMainstay, startMainstay, type Mainstay } from "../kit/mainstay.ts";
import { TraceCollector } from "../kit/trace-collector.ts";

const BARE = ["--no-agent", "--no-git", "--api-port", "0"];
const keyOf = (fill: number) => Buffer.alloc(32, fill).toString("base64");

/** A server of its own process with the switches that upstream's operators know; the parts behind them have tests of their own. */
describe("the switches of the API", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "api-"));
  const file = (name: string, text = ""): string => {
    const full = path.join(folder, name);
    if (text !== "") writeFileSync(full, text, { mode: 0o600 });
    return full;
  };
  const encryption = (...providers: string[]) =>
    file(
      "encryption.yaml",
      `apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n${providers.map((provider) => `  - ${provider}\n`).join("")}`,
    );
  const start = () =>
    startMainstay(thisMachine, file("data"), [
      ...BARE,
      "--encryption-provider-config",
      file("encryption.yaml"),
      "--audit-policy-file",
      file(
        "policy.yaml",
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- {level: None, nonResourceURLs: ['*']}\n- {level: Metadata, resources: [{resources: [secrets]}]}\n- {level: None}\n",
      ),
      "--audit-log-path",
      file("audit.log"),
      "--enable-admission-plugins",
      "AlwaysPullImages,NodeRestriction",
      "--disable-admission-plugins",
      "DefaultTolerationSeconds",
      "--feature-gates",
      "SomeFeature=true,OpenAPIEnums=false,StrictIPCIDRValidation=false",
      "--max-requests-inflight",
      "100",
    ]);
  const stored = () =>
    ["state.db", "state.db-wal"]
      .map((name) => {
        try {
          return readFileSync(path.join(folder, "data", "server", name), "latin1");
        } catch {
          return "";
        }
      })
      .join("");
  let server: Mainstay;

  beforeAll(async () => {
    encryption(`aesgcm: {keys: [{name: k1, secret: ${keyOf(1)}}]}`, "identity: {}");
    server = await start();
    await kubectl(thisMachine, server, "create", "secret", "generic", "door", "--from-literal=password=open-sesame-ten-times");
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("seal Secrets on the disk, and only there", async () => {
    const plain = Buffer.from("open-sesame-ten-times").toString("base64");
    expect(await kubectl(thisMachine, server, "get", "secret", "door", "-o", "jsonpath={.data.password}")).toBe(plain);
    expect(stored()).not.toContain(plain);
    expect(stored()).toContain("k8s:enc:aesgcm:v1:k1:");
  });

  it("write who touched Secrets into the log, and nothing else", async () => {
    const events = await eventually(
      async () =>
        readFileSync(file("audit.log"), "utf8")
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as { verb: string; stage: string; objectRef: { resource: string; name?: string }; user: { username: string } }),
      (found) => found.some(({ verb, objectRef }) => verb === "get" && objectRef.name === "door"),
    );
    expect(new Set(events.map(({ objectRef }) => objectRef.resource))).toEqual(new Set(["secrets"]));
    expect(events.find(({ verb }) => verb === "create")).toMatchObject({ stage: "ResponseComplete", user: { username: "kubernetes-admin" }, objectRef: { name: "door" } });
  });

  it("rotate the key: the server starts with both, and every Secret that is replaced has the new one", async () => {
    await server.stop();
    encryption(`secretbox: {keys: [{name: k2, secret: ${keyOf(2)}}]}`, `aesgcm: {keys: [{name: k1, secret: ${keyOf(1)}}]}`);
    server = await start();
    const all = await kubectl(thisMachine, server, "get", "secrets", "-A", "-o", "json");
    await kubectl(thisMachine, server, "replace", "-f", file("all.json", all));
    await server.stop();
    encryption(`secretbox: {keys: [{name: k2, secret: ${keyOf(2)}}]}`);
    server = await start();
    expect(await kubectl(thisMachine, server, "get", "secret", "door", "-o", "jsonpath={.metadata.name}")).toBe("door");
  });

  it("let a backup of sealed objects be restored under the same keys", async () => {
    const backup = file("backup.mainstay");
    await runMainstay(thisMachine, "backup", backup, "--data-dir", file("data"));
    expect(readFileSync(backup, "latin1")).not.toContain("open-sesame-ten-times");
    await server.stop();
    rmSync(file("data"), { recursive: true, force: true });
    await runMainstay(thisMachine, "restore", backup, "--data-dir", file("data"));
    server = await start();
    expect(await kubectl(thisMachine, server, "get", "secret", "door", "-o", "jsonpath={.data.password}")).toBe(Buffer.from("open-sesame-ten-times").toString("base64"));
  });

  it("share the server's seats by priority, as its metrics say", async () => {
    expect(await kubectl(thisMachine, server, "get", "flowschemas", "catch-all", "-o", "jsonpath={.status.conditions[0].status}")).toBe("False");
    expect(await kubectl(thisMachine, server, "get", "servicecidr", "kubernetes", "-o", "jsonpath={.spec.cidrs[0]} {.status.conditions[0].status}")).toBe("10.43.0.0/16 True");
    const metrics = await kubectl(thisMachine, server, "get", "--raw", "/metrics");
    expect(metrics).toMatch(/apiserver_flowcontrol_nominal_limit_seats\{priority_level="workload-low"\} 123/);
    expect(await kubectl(thisMachine, server, "get", "--raw", "/debug/api_priority_and_fairness/dump_priority_levels")).toContain("workload-low");
  });

  it("switch off what upstream lets one switch off", async () => {
    expect(await kubectl(thisMachine, server, "get", "--raw", "/openapi/v3/api/v1")).not.toContain('"enum"');
    const odd = file("odd.json", JSON.stringify({ apiVersion: "v1", kind: "Service", metadata: { name: "odd" }, spec: { clusterIP: "010.43.0.77", ports: [{ port: 80 }] } }));
    await kubectl(thisMachine, server, "create", "-f", odd);
    expect(await kubectl(thisMachine, server, "get", "service", "odd", "-o", "jsonpath={.spec.clusterIP}")).toBe("010.43.0.77");
    expect(
      await eventually(
        () => kubectl(thisMachine, server, "get", "ipaddresses", "-o", "name"),
        (found) => found.includes("ipaddress.networking.k8s.io/10.43.0.77"),
      ),
    ).not.toContain("010.43");
  });

  it("refuse what cannot be, by the switch's name", async () => {
    await expect(startMainstay(thisMachine, file("other"), [...BARE, "--audit-policy-file", file("bad.yaml", "kind: Policy\n")])).rejects.toThrow("--audit-policy-file");
    await expect(startMainstay(thisMachine, file("other"), [...BARE, "--encryption-provider-config", file("bad.yaml")])).rejects.toThrow("--encryption-provider-config");
  });
});

it("reaches others through a konnectivity proxy where it is told to", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "egress-"));
  const file = (name: string, value: object): string => {
    writeFileSync(path.join(folder, name), JSON.stringify(value));
    return path.join(folder, name);
  };
  const udsName = path.join(folder, "proxy.sock");
  const selections = file("egress.json", {
    apiVersion: "apiserver.k8s.io/v1beta1",
    kind: "EgressSelectorConfiguration",
    egressSelections: [{ name: "controlplane", connection: { proxyProtocol: "GRPC", transport: { uds: { udsName } } } }],
  });
  await using proxy = await KonnectivityServer.start(udsName);
  proxy.refusal = (random) => ({ case: "dialResponse", value: { error: "nobody is there", connectID: 0n, random } });
  const server = await startMainstay(thisMachine, path.join(folder, "data"), [...BARE, "--egress-selector-config-file", selections]);
  try {
    const rules = [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] }];
    const webhooks = [
      {
        name: "hook.example.com",
        rules,
        clientConfig: { url: "https://hook.example:8443/" },
        failurePolicy: "Fail",
        sideEffects: "None",
        admissionReviewVersions: ["v1"],
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "default" } },
      },
    ];
    await kubectl(
      thisMachine,
      server,
      "create",
      "-f",
      file("hook.json", { apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingWebhookConfiguration", metadata: { name: "hook" }, webhooks }),
    );
    await expect(kubectl(thisMachine, server, "create", "configmap", "asked")).rejects.toThrow("nobody is there");
    expect(proxy.asked).toEqual(["hook.example:8443"]);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

it("sends traces where it is told to, those of its last moments too", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "traces-"));
  const configuration = path.join(folder, "tracing.yaml");
  const collector = new TraceCollector();
  await collector.start();
  writeFileSync(configuration, `apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nendpoint: ${collector.address}\nsamplingRatePerMillion: 1000000\n`);
  try {
    const server = await startMainstay(thisMachine, path.join(folder, "data"), [...BARE, "--tracing-config-file", configuration]);
    await kubectl(thisMachine, server, "get", "--raw", "/api/v1/namespaces");
    await server.stop();
    expect(collector.spans.map(({ name }) => name)).toEqual(expect.arrayContaining(["GET /api/v1/namespaces", "List", "cacher.GetList"]));
    expect(collector.exports[0]?.resource).toEqual({ "service.name": "apiserver", "service.instance.id": expect.stringMatching(/^apiserver-[a-z2-7]{26}$/) as unknown });
    writeFileSync(configuration, "kind: TracingConfiguration\n");
    await expect(startMainstay(thisMachine, path.join(folder, "data"), [...BARE, "--tracing-config-file", configuration])).rejects.toThrow("--tracing-config-file");
  } finally {
    collector.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
