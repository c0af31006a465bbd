import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createFabric, type Fabric, type Host } from "../kit/hosts.ts";
import { cleanUp, eventually, kubectl, makeDataDir, requireRoot, resetMainstay, startAgent, startMainstay, type Mainstay } from "../kit/mainstay.ts";

const isRoot = requireRoot();

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo}
spec:
  replicas: 4
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      terminationGracePeriodSeconds: 1
      # A lost node is given up quickly here; upstream's default is five minutes.
      tolerations:
        - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
        - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
      containers:
        - name: echo
          image: mainstay.local/busybox:1
          command: [sh, -c, "mkdir -p /tmp/w && hostname > /tmp/w/index.html && exec httpd -f -p 8080 -h /tmp/w"]
          ports: [{containerPort: 8080, name: http}]
          readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec:
  type: NodePort
  ipFamilyPolicy: RequireDualStack
  selector: {app: echo}
  ports: [{port: 80, targetPort: http, nodePort: 30080}]
---
apiVersion: v1
kind: Service
metadata: {name: sticky}
spec:
  sessionAffinity: ClientIP
  selector: {app: echo}
  ports: [{port: 80, targetPort: http}]
`;

interface PodPlace {
  readonly name: string;
  readonly node: string;
  readonly ip: string;
  readonly ip6: string;
}

/** Two machines on one network of both families, each with its own containerd, rules and routes. */
describe.skipIf(!isRoot)("two nodes", () => {
  let fabric: Fabric;
  let first: Host;
  let second: Host;
  let server: Mainstay;
  let agent: Mainstay;
  const serverDir = isRoot ? makeDataDir() : "";
  const agentDir = isRoot ? makeDataDir() : "";
  const pods = async (): Promise<PodPlace[]> =>
    (
      await kubectl(
        first,
        server,
        "get",
        "pods",
        "-l",
        "app=echo",
        "-o",
        'jsonpath={range .items[?(@.status.phase=="Running")]}{.metadata.name} {.spec.nodeName} {.status.podIP} {.status.podIPs[1].ip} {.metadata.deletionTimestamp}{"\\n"}{end}',
      )
    )
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .filter((parts) => parts.length < 5 || parts[4] === "")
      .map(([name = "", node = "", ip = "", ip6 = ""]) => ({ name, node, ip, ip6 }));
  const ask = (host: Host, address: string) => host.exec("curl", "-sf", "--max-time", "3", `http://${address}/`).then((text) => text.trim());
  const clusterIps = async (name: string): Promise<readonly string[]> => JSON.parse(await kubectl(first, server, "get", "service", name, "-o", "jsonpath={.spec.clusterIPs}"));
  const clusterIp = async (name: string) => kubectl(first, server, "get", "service", name, "-o", "jsonpath={.spec.clusterIP}");

  beforeAll(async () => {
    fabric = await createFabric("tn", 2, ["IPv4", "IPv6"]);
    [first, second] = fabric.hosts as [Host, Host]; // two were asked for
    server = await startMainstay(first, serverDir, [
      "--bind-address",
      first.address,
      "--cluster-cidr",
      "10.42.0.0/16,fd00:42::/56",
      "--service-cidr",
      "10.43.0.0/16,fd00:43::/112",
      "--cluster-domain",
      "cluster.example.org",
    ]);
    const token = readFileSync(path.join(serverDir, "server", "pki", "node-token"), "utf8").trim();
    agent = await startAgent(second, agentDir, ["--server", `https://${first.address}:6443`, "--token", token]);
    await eventually(
      () => kubectl(first, server, "get", "node", second.name),
      (text) => / Ready /.test(text),
    );
    await first.exec("sh", "-c", `printf '%s' "$1" | kubectl --kubeconfig ${server.kubeconfig} apply -f -`, "sh", manifest);
    await eventually(pods, (list) => list.length === 4);
    await kubectl(first, server, "wait", "--for=condition=Available", "deployment/echo", "--timeout=60s");
  });

  afterAll(() =>
    cleanUp(
      () => agent?.stop(),
      () => server?.stop(),
      () => (second === undefined ? undefined : resetMainstay(second, agentDir)),
      () => (first === undefined ? undefined : resetMainstay(first, serverDir)),
      () => fabric?.destroy(),
    ),
  );

  it("spreads pods over both", async () => {
    const nodes = (await pods()).map((pod) => pod.node).sort();
    expect(nodes).toEqual([first.name, first.name, second.name, second.name].sort());
  });

  it("lets every machine reach every pod at its own address, without translation", async () => {
    for (const pod of await pods()) for (const host of [first, second]) for (const address of [pod.ip, `[${pod.ip6}]`]) expect(await ask(host, `${address}:8080`)).toBe(pod.name);
  });

  it("tells on each machine, where kube-proxy would, how its rules are kept", async () => {
    for (const host of [first, second]) {
      const page = await host.exec("curl", "-sf", "--max-time", "3", "http://127.0.0.1:10249/metrics");
      for (const family of ["IPv4", "IPv6"]) {
        const count = (name: string) => Number(new RegExp(`^${name}\\{ip_family="${family}"\\} (\\S+)$`, "m").exec(page)?.[1] ?? NaN);
        expect(count("kubeproxy_sync_proxy_rules_duration_seconds_count")).toBeGreaterThan(0);
        expect(count("kubeproxy_network_programming_duration_seconds_count")).toBeGreaterThan(0);
        expect(count("kubeproxy_sync_proxy_rules_iptables_restore_failures_total")).toBeGreaterThanOrEqual(0);
      }
      expect(page).toMatch(/^# TYPE process_cpu_seconds_total counter$/m);
    }
  });

  it("lets pods reach pods of the other machine and see their own address there", async () => {
    const [a] = (await pods()).filter((pod) => pod.node === first.name);
    const [b] = (await pods()).filter((pod) => pod.node === second.name);
    await kubectl(
      first,
      server,
      "run",
      "caller",
      "--image=mainstay.local/busybox:1",
      "--restart=Never",
      `--overrides={"spec":{"nodeName":"${first.name}"}}`,
      "--",
      "sh",
      "-c",
      `wget -qO- http://${b?.ip}:8080/ && wget -qO- http://[${b?.ip6}]:8080/ && nslookup echo.default.svc.cluster.example.org fd00:43::a`,
    );
    await eventually(
      () => kubectl(first, server, "get", "pod", "caller", "-o", "jsonpath={.status.phase}"),
      (phase) => phase === "Succeeded",
    );
    const [byIpv4, byIpv6, ...names] = (await kubectl(first, server, "logs", "caller")).trim().split("\n");
    expect([byIpv4, byIpv6]).toEqual([b?.name, b?.name]);
    for (const address of await clusterIps("echo")) expect(names.join("\n")).toContain(`Address: ${address}`);
    expect(a?.ip).not.toBe(b?.ip);
  });

  it("balances a Service over all its pods, from both machines", async () => {
    const [address = "", address6 = ""] = await clusterIps("echo");
    const names = new Set((await pods()).map((pod) => pod.name));
    for (const [host, at] of [
      [first, address],
      [second, address],
      [first, `[${address6}]`],
      [second, `[${address6}]`],
    ] as const) {
      const seen = new Set<string>();
      for (let i = 0; i < 60 && seen.size < names.size; i++) seen.add(await ask(host, at));
      expect(seen).toEqual(names);
    }
  });

  it("keeps a client on its pod where the Service asks for it", async () => {
    const address = await clusterIp("sticky");
    const seen = new Set<string>();
    for (let i = 0; i < 10; i++) seen.add(await ask(second, address));
    expect(seen.size).toBe(1);
  });

  it("opens node ports on every machine", async () => {
    for (const target of [first, second]) for (const address of [target.address, `[${target.address6}]`]) expect(await ask(target === first ? second : first, `${address}:30080`)).toMatch(/^echo-/);
  });

  it("keeps network policies across machines, for whom they name and for nobody else", async () => {
    const place = await pods();
    const guarded = place.find((pod) => pod.node === first.name)!;
    await kubectl(first, server, "label", "pod", guarded.name, "guarded=yes");
    const far = {
      apiVersion: "v1",
      kind: "Pod",
      spec: { nodeName: second.name, terminationGracePeriodSeconds: 0, containers: [{ name: "main", image: "mainstay.local/busybox:1", command: ["sleep", "1000"] }] },
    };
    const policy = {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "guard" },
      spec: { podSelector: { matchLabels: { guarded: "yes" } }, policyTypes: ["Ingress"], ingress: [{ from: [{ podSelector: { matchLabels: { app: "friend" } } }] }] },
    };
    const objects = { apiVersion: "v1", kind: "List", items: [policy, ...["friend", "stranger"].map((name) => ({ ...far, metadata: { name, labels: { app: name } } }))] };
    await first.exec("sh", "-c", `printf '%s' "$1" | kubectl --kubeconfig ${server.kubeconfig} apply -f -`, "sh", JSON.stringify(objects));
    await kubectl(first, server, "wait", "--for=condition=Ready", "pod/friend", "pod/stranger", "--timeout=60s");
    /** The pod's answer, or nothing: `nc` says nothing of who does not answer. */
    const asks = (name: string, ip: string) =>
      kubectl(first, server, "exec", name, "--", "sh", "-c", `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${ip} 8080 | tail -n 1`).then(
        (text) => text.trim(),
        (error: Error) => error.message,
      );
    for (const ip of [guarded.ip, guarded.ip6])
      await eventually(
        async () => [await asks("friend", ip), await asks("stranger", ip)],
        (answers) => String(answers) === `${guarded.name},`,
      );
    const other = place.find((pod) => pod.node === second.name)!;
    for (const ip of [other.ip, other.ip6]) expect(await asks("stranger", ip)).toBe(other.name);
    await kubectl(first, server, "delete", "networkpolicy/guard", "pod/friend", "pod/stranger");
    await kubectl(first, server, "label", "pod", guarded.name, "guarded-");
  });

  it("answers the cluster's names in pods", async () => {
    await kubectl(first, server, "run", "namer", "--image=mainstay.local/busybox:1", "--restart=Never", "--", "wget", "-qO-", "http://echo.default.svc.cluster.example.org/");
    await eventually(
      () => kubectl(first, server, "get", "pod", "namer", "-o", "jsonpath={.status.phase}"),
      (phase) => phase === "Succeeded",
    );
    expect((await kubectl(first, server, "logs", "namer")).trim()).toMatch(/^echo-/);
  });

  it("brings the pods of a machine that is cut off back on the other", { timeout: 150_000 }, async () => {
    await second.setLink("down");
    await eventually(
      () => kubectl(first, server, "get", "node", second.name),
      (text) => / NotReady /.test(text),
      90_000,
    );
    const moved = await eventually(pods, (list) => list.filter((pod) => pod.node === first.name).length === 4, 60_000);
    expect(moved.filter((pod) => pod.node === first.name)).toHaveLength(4);
    const address = await clusterIp("echo");
    const alive = new Set(moved.filter((pod) => pod.node === first.name).map((pod) => pod.name));
    await eventually(
      () => ask(first, address),
      (name) => alive.has(name),
    );
    await second.setLink("up");
    await eventually(
      () => kubectl(first, server, "get", "node", second.name),
      (text) => / Ready /.test(text),
      60_000,
    );
  });
});
