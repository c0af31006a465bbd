import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import type { KubeObject } from "../../../../engine/apimachinery/object-meta.ts";
import type { Client } from "../../../../engine/client/client.ts";
import { InformerFactory } from "../../../../engine/client/informer-factory.ts";
import { systemClock } from "../../../../engine/lib/clock.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { systemRandom } from "../../../../engine/lib/random.ts";
import { runServices, type Service } from "../../../../engine/lib/service.ts";
import { endpointSliceResource } from "../../../../engine/resources/discovery/endpoint-slice.ts";
import { nodeResource } from "../../../../engine/resources/core/node.ts";
import { networkPolicyResource } from "../../../../engine/resources/networking/network-policy.ts";
import { podResource } from "../../../../engine/resources/core/pod.ts";
import { serviceResource } from "../../../../engine/resources/core/service.ts";
import { createPolicyEnforcer, type PolicyEnforcerOptions } from "../../../../node-agent/network/policy-enforcer.ts";
import { leaveOutOfPolicy } from "../../../../node-agent/network/policy-rules.ts";
import { findRefused, RefusedRules } from "../../../../node-agent/network/refused-rules.ts";
import { createServiceProxy } from "../../../../node-agent/network/service-proxy.ts";
import { startTestApi } from "../../../kit/test-api.ts";

test.each<[readonly string[], readonly string[]]>([
  [["a", "b", "c"], []],
  [["a", "bad", "c", "d"], ["bad"]],
  [
    ["bad 1", "b", "c", "d", "bad 2"],
    ["bad 1", "bad 2"],
  ],
  [[], []],
])("of the rules %j those are found that are refused: %j", async (rules, expected) => {
  expect(await findRefused(rules, async (asked) => !asked.some((rule) => rule.startsWith("bad")))).toEqual(expected);
});

/** A kernel without a match for SCTP, behind iptables' programs: it writes down what it has taken. */
const RESTORE = `#!/bin/sh
text=$(cat)
case "$text" in *"-m sctp"*) echo "iptables-restore: line 9 failed" >&2; exit 1 ;; esac
printf '%s\\n' "$text" >> "$(dirname "$0")/taken"
`;

describe("a kernel that has no match for SCTP", () => {
  let folder: string;
  const { PATH } = process.env;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "kernel-"));
    for (const [name, text] of [
      ["iptables-restore", RESTORE],
      ["iptables-save", "#!/bin/sh\n"],
      ["iptables", "#!/bin/sh\n"],
      ["conntrack", "#!/bin/sh\n"],
      ["taken", ""],
    ] as const) {
      writeFileSync(path.join(folder, name), text);
      chmodSync(path.join(folder, name), 0o755);
    }
    process.env["PATH"] = `${folder}:${PATH ?? ""}`;
  });
  afterEach(() => {
    process.env["PATH"] = PATH;
    rmSync(folder, { recursive: true });
  });
  const taken = () => readFileSync(path.join(folder, "taken"), "utf8");

  /** Runs the services of a node until the kernel has taken what is expected, and gives the events about what it has not. */
  async function untilTaken(client: Client, create: (options: PolicyEnforcerOptions) => readonly Service[], ...expected: readonly string[]) {
    const parts = { client, clock: systemClock, random: systemRandom, logger: silentLogger };
    const informers = new InformerFactory(parts);
    const events: string[] = [];
    const record = ({ metadata }: KubeObject, { reason, message }: { readonly reason: string; readonly message: string }) => void events.push(`${metadata.name}: ${reason}: ${message}`);
    const services = create({ ...parts, informers, nodeName: "here", clusterCidrs: { IPv4: "10.0.0.0/16" }, events: { record } });
    const stop = new AbortController();
    const ended = runServices([informers.asService(), ...services], stop.signal);
    try {
      await expect.poll(() => expected.filter((part) => !taken().includes(part))).toEqual([]);
      await expect.poll(() => events.length).toBeGreaterThan(0);
    } finally {
      stop.abort();
      await ended;
    }
    return events;
  }

  it("has all other policies, and the rest of those that ask for it; their isolation stays", async () => {
    await using api = await startTestApi();
    const pods = api.client.for(podResource);
    const pod = await pods.create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web", namespace: "default", labels: { app: "web" } },
      spec: { nodeName: "here", containers: [{ name: "c", image: "i" }] },
    });
    await pods.updateStatus({ ...pod, status: { podIP: "10.0.0.9", podIPs: [{ ip: "10.0.0.9" }] } });
    const policies = api.client.for(networkPolicyResource);
    const allow = (name: string, ports: readonly { readonly protocol: "TCP" | "SCTP"; readonly port: number }[]) =>
      policies.create({
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: { name, namespace: "default" },
        spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ ports: [...ports] }] },
      });
    await allow("mixed", [
      { protocol: "SCTP", port: 3868 },
      { protocol: "TCP", port: 8080 },
    ]);
    await allow("plain", [{ protocol: "TCP", port: 9090 }]);
    const events = await untilTaken(api.client, (options) => [createPolicyEnforcer(options)], "--dport 8080", "--dport 9090", "-d 10.0.0.9/32 -j MS-PI-", "! --mark 0x2000/0x2000 -j DROP");
    expect(taken()).not.toContain("sctp");
    expect(events).toEqual([expect.stringMatching(/^mixed: RuleNotSupported: Node here cannot express a rule of it, and does without: -p sctp -m sctp --dport 3868 /)]);
  });

  it("has all other Services, and the other ports of those that ask for it", async () => {
    await using api = await startTestApi();
    const ports = [
      { name: "diameter", protocol: "SCTP" as const, port: 3868 },
      { name: "web", protocol: "TCP" as const, port: 80 },
    ];
    await api.client.for(serviceResource).create({ apiVersion: "v1", kind: "Service", metadata: { name: "mixed", namespace: "default" }, spec: { ports } });
    await api.client.for(endpointSliceResource).create({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: "mixed-1", namespace: "default", labels: { "kubernetes.io/service-name": "mixed" } },
      addressType: "IPv4",
      endpoints: [{ addresses: ["10.0.0.9"], conditions: { ready: true } }],
      ports,
    });
    await api.client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name: "here" } });
    const events = await untilTaken(api.client, (options) => createServiceProxy(options).slice(0, 1), "default/mixed:web/TCP cluster address", "--to-destination 10.0.0.9:80");
    expect(taken()).not.toContain("-m sctp");
    expect(events).toContainEqual(expect.stringMatching(/^mixed: RuleNotSupported: .*-p sctp -m sctp --dport 3868 /));
  });
});

describe("what a kernel refuses", () => {
  let folder: string;
  let refused: RefusedRules;
  const { PATH } = process.env;
  const wanted = new Map([["MS-A", ["-m sctp a", "plain"]]]);
  beforeEach(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), "kernel-"));
    writeFileSync(path.join(folder, "iptables-restore"), RESTORE, { mode: 0o755 });
    process.env["PATH"] = `${folder}:${PATH ?? ""}`;
    refused = new RefusedRules("IPv4", () => "rule");
    await refused.learn("nat", new Map([...wanted, ["MS-B", ["-m sctp b", "-m sctp c"]]]));
  });
  afterEach(() => {
    process.env["PATH"] = PATH;
    rmSync(folder, { recursive: true });
  });

  it("is tried again once the kernel takes one of it, and left out until then", async () => {
    await refused.reconsider();
    expect(refused.without(wanted).get("MS-A")).toEqual(["plain"]);
    // Somebody has loaded what all but b want; which rule is asked about first is not said.
    writeFileSync(path.join(folder, "iptables-restore"), RESTORE.replace("-m sctp", "-m sctp b"), { mode: 0o755 });
    for (let times = 0; times < 2; times++) await refused.reconsider();
    expect(refused.without(wanted).get("MS-A")).toEqual(["-m sctp a", "plain"]);
  });

  it("is forgotten when nothing has asked for it between two looks, and asked about no more", async () => {
    const asked = path.join(folder, "asked");
    writeFileSync(path.join(folder, "iptables-restore"), RESTORE.replace("text=$(cat)", `text=$(cat); echo "$text" >> ${asked}`), { mode: 0o755 });
    const a = new Map([["MS-A", ["-m sctp a"]]]);
    for (let times = 0; times < 4; times++) {
      refused.without(a);
      await refused.reconsider();
    }
    expect(readFileSync(asked, "utf8").match(/-m sctp ./g)).toEqual(["-m sctp a", "-m sctp a", "-m sctp a", "-m sctp a"]);
    expect(refused.in(new Map([["MS-A", ["-m sctp a", "-m sctp b"]]]))).toEqual(["-m sctp a"]);
  });

  it("is looked for among the objects when others of it are wanted than before, and not at each change", () => {
    let looks = 0;
    const ownersIn = (chains: ReadonlyMap<string, readonly string[]>) => refused.ownersIn([chains], () => (looks++, [["a", refused.in(chains)]]));
    expect(ownersIn(wanted)).toEqual([["a", ["-m sctp a"]]]);
    expect(ownersIn(new Map([...wanted, ["MS-C", ["another"]]]))).toEqual([["a", ["-m sctp a"]]]);
    expect(looks).toBe(1);
    expect(ownersIn(new Map([...wanted, ["MS-B", ["-m sctp b"]]]))).toEqual([["a", ["-m sctp a", "-m sctp b"]]]);
    expect(looks).toBe(2);
    expect(ownersIn(new Map([["MS-C", ["another"]]]))).toEqual([]);
    expect(looks).toBe(2);
  });
});

describe("of a policy", () => {
  it.each<[string, string, readonly string[]]>([
    ["a rule that allows goes alone", "MS-NI-1", ["good"]],
    ["a block of addresses goes whole, as its holes would be open", "MS-NB-1", []],
    ["what isolates a pod never goes", "MS-PI-1", ["bad", "good"]],
  ])("%s", async (_what, chain, expected) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "kernel-"));
    const { PATH } = process.env;
    try {
      writeFileSync(path.join(folder, "iptables-restore"), RESTORE.replace("-m sctp", "bad"), { mode: 0o755 });
      process.env["PATH"] = `${folder}:${PATH ?? ""}`;
      const refused = new RefusedRules("IPv4", leaveOutOfPolicy);
      await refused.learn("mangle", new Map([["MS-NI-1", ["bad", "good"]]]));
      expect(refused.without(new Map([[chain, ["bad", "good"]]])).get(chain)).toEqual(expected);
    } finally {
      process.env["PATH"] = PATH;
      rmSync(folder, { recursive: true });
    }
  });
});
