import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NetworkPolicySpec } from "../../engine/resources/types.ts";
import { eventually } from "../kit/mainstay.ts";
import { shell, startRealNode, type RealNode } from "./real-node.ts";

const isRoot = process.getuid?.() === 0;
if (!isRoot && process.env["CI"] !== undefined) throw new Error("tests of network policies need root");
if (!isRoot) console.warn("tests of network policies are skipped: they need root");

/** Real pods of one node, and real packets between them. */
describe.skipIf(!isRoot)("network policies", () => {
  let node: RealNode;
  const addresses = new Map<string, string>();

  beforeAll(async () => {
    node = await startRealNode("np");
    await node.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "other", labels: { stage: "prod" } } });
    const serve = "mkdir -p /tmp/w; echo hello > /tmp/w/index.html; httpd -f -p 8080 -h /tmp/w & exec httpd -f -p 9090 -h /tmp/w";
    await node.create("server", { containers: [{ ...shell(serve), ports: [{ name: "http", containerPort: 8080 }] }] });
    for (const name of ["friend", "stranger"]) await node.create(name, { containers: [shell("exec sleep 3600")] });
    for (const name of ["server", "friend", "stranger"]) {
      const pod = await node.until(name, ({ status }) => status?.phase === "Running" && Boolean(status.podIP), 60_000);
      addresses.set(name, pod.status?.podIP ?? "");
    }
    await eventually(
      () => asks("stranger", 9090),
      (isReached) => isReached,
    );
  }, 120_000);
  afterAll(async () => {
    await node?.stop();
  });

  /** Whether a pod gets the page of the server. */
  const asks = (client: string, port: number): Promise<boolean> =>
    node.kubectl("exec", client, "--", "sh", "-c", `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 ${addresses.get("server")} ${port}`).then(
      (page) => page.includes("hello"),
      () => false,
    );
  const setPolicy = (spec: NetworkPolicySpec, name = "guard") => node.apply({ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace: "default" }, spec });
  /** Waits until all of these are as said: rules follow the API a moment later. */
  const reaches = async (expected: Readonly<Record<string, boolean>>): Promise<void> => {
    const ask = async () => Object.fromEntries(await Promise.all(Object.keys(expected).map(async (key) => [key, await asks(key.split(":")[0] ?? "", Number(key.split(":")[1]))] as const)));
    expect(await eventually(ask, (found) => JSON.stringify(found) === JSON.stringify(expected))).toEqual(expected);
  };
  const server = { podSelector: { matchLabels: { app: "server" } } };

  it("keep everybody out where nobody is let in, and let the node itself in", async () => {
    await setPolicy({ ...server, policyTypes: ["Ingress"] });
    await reaches({ "friend:8080": false, "stranger:8080": false });
    expect(await node.host.exec("curl", "-s", "-m", "5", `http://${addresses.get("server")}:8080/`)).toContain("hello");
  });

  it("let in who has the labels, on the port that has the name", async () => {
    await setPolicy({ ...server, policyTypes: ["Ingress"], ingress: [{ from: [{ podSelector: { matchLabels: { app: "friend" } } }], ports: [{ port: "http" }] }] });
    await reaches({ "friend:8080": true, "friend:9090": false, "stranger:8080": false });
  });

  it("let in blocks but for their holes, on a range of ports", async () => {
    await setPolicy({
      ...server,
      policyTypes: ["Ingress"],
      ingress: [{ from: [{ ipBlock: { cidr: "10.42.0.0/16", except: [`${addresses.get("stranger")}/32`] } }], ports: [{ port: 9000, endPort: 9099 }] }],
    });
    await reaches({ "friend:9090": true, "friend:8080": false, "stranger:9090": false });
  });

  it("follow labels of namespaces and pods", async () => {
    await setPolicy({ ...server, policyTypes: ["Ingress"], ingress: [{ from: [{ namespaceSelector: { matchLabels: { stage: "prod" } } }] }] });
    await reaches({ "friend:8080": false });
    await node.kubectl("label", "namespace", "default", "stage=prod");
    await reaches({ "friend:8080": true });
  });

  it("keep a pod from reaching out, and leave it its names", async () => {
    await setPolicy({ podSelector: { matchLabels: { app: "friend" } }, policyTypes: ["Egress"] }, "closed");
    await reaches({ "friend:8080": false, "stranger:8080": true });
    expect(await node.kubectl("exec", "friend", "--", "nslookup", "kubernetes.default.svc.cluster.local")).toContain("10.43.0.1");
    await setPolicy(
      { podSelector: { matchLabels: { app: "friend" } }, policyTypes: ["Egress"], egress: [{ to: [{ podSelector: { matchLabels: { app: "server" } } }], ports: [{ port: 8080 }] }] },
      "closed",
    );
    await reaches({ "friend:8080": true, "friend:9090": false });
  });

  it("leave nothing behind when they go", async () => {
    await node.kubectl("delete", "networkpolicy", "--all");
    await reaches({ "friend:9090": true, "stranger:9090": true });
    const rules = await eventually(
      () => node.host.exec("iptables-save", "-t", "mangle"),
      (text) => !text.includes("MS-P"),
    );
    expect(rules).toContain("MAINSTAY-POLICY");
  });
});
