import { writeFile } from "node:fs/promises";
import path from "node:path";
import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubeObject } from "../../engine/apimachinery/object-meta.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import { podResource } from "../../engine/resources/core/pod.ts";
import { findKubectls, runKubectl, type KubectlResult } from "../kit/kubectl.ts";
import { createTestNamespace } from "../kit/test-api.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

const kubectls = await findKubectls();
if (kubectls.length === 0) {
  if (process.env["CI"]) throw new Error("no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
  console.warn("skipped: no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
}

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1.27", ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 80}]}
`;

describe.skipIf(kubectls.length === 0).each(kubectls)("kubectl $version", (kubectl) => {
  let api: TestListener;
  beforeAll(async () => {
    api = await startTestListener();
    await createTestNamespace(api.client, "shop");
  });
  afterAll(() => api.stop());

  const raw = (args: string, options: Parameters<typeof runKubectl>[3] = {}): Promise<KubectlResult> => runKubectl(kubectl, api.kubeconfig, args.split(" "), options);
  /** Fails with what kubectl said. */
  const k = async (args: string, input?: string): Promise<string> => {
    const { code, stdout, stderr } = await raw(args, input === undefined ? {} : { input });
    expect(code, `kubectl ${args}: ${stderr}${stdout}`).toBe(0);
    return stdout;
  };
  const json = async (args: string): Promise<unknown> => JSON.parse(await k(`${args} -o json`));

  test("lists what the server serves", async () => {
    const served = api.server.parts.resources.all.map(({ group, version }) => (group === "" ? version : `${group}/${version}`));
    expect((await k("api-versions")).trim().split("\n").sort()).toEqual([...new Set(served)].sort());
    expect(await k("api-resources --no-headers")).toMatch(/^deployments +deploy +apps\/v1 +true +Deployment$/m);
    expect(await k("version")).toContain("Server Version: v1.36.");
    expect(await k("cluster-info")).toContain(`is running at ${api.url}`);
  });

  test("creates kinds by their own commands, with protobuf bodies", async () => {
    await k("create namespace made");
    await k("-n shop create configmap settings --from-literal=color=blue");
    await k("-n shop create secret generic password --from-literal=word=hush");
    await k("-n shop create deployment api --image=busybox --replicas=2 --port=8080");
    await k("-n shop create service clusterip api --tcp=80:8080");
    await k("-n shop create service nodeport open --tcp=80:8080 --node-port=30123");
    await k("-n shop create serviceaccount robot");
    expect(await json("-n shop get deployment api")).toMatchObject({ spec: { replicas: 2, template: { spec: { containers: [{ image: "busybox", ports: [{ containerPort: 8080 }] }] } } } });
    expect(await json("-n shop get secret password")).toMatchObject({ data: { word: "aHVzaA==" }, type: "Opaque" });
    expect(await json("-n shop get service open")).toMatchObject({ spec: { type: "NodePort", ports: [{ nodePort: 30123 }] } });
  });

  test("shows tables, wide and not, and other forms", async () => {
    expect(await k("get namespaces")).toMatch(/^NAME +STATUS +AGE\ndefault +Active +\d+s$/m);
    expect(await k("-n shop get deployments -o wide")).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\napi +0\/2 +0 +0 +\d+s +busybox +busybox +app=api$/m);
    expect(await k("-n shop get service api")).toMatch(/^api +ClusterIP +10\.43\.\d+\.\d+ +<none> +80\/TCP +\d+s$/m);
    expect(await k("-n shop get configmap settings -o yaml")).toMatch(/^apiVersion: v1\ndata:\n {2}color: blue\nkind: ConfigMap\n/);
    expect(await k("-n shop get all -o name")).toContain("deployment.apps/api\n");
    expect(await k("get configmaps -A --sort-by=.metadata.name -o custom-columns=N:.metadata.name")).toContain("settings\n");
  });

  test("describes", async () => {
    expect(await k("-n shop describe deployment api")).toMatch(/^Replicas: +2 desired \| 0 updated/m);
    expect(await k("-n shop describe service api")).toMatch(/^Type: +ClusterIP$/m);
    expect(await k("describe namespace shop")).toMatch(/^Status: +Active$/m);
  });

  test("watches", async () => {
    const child = spawn(kubectl.binary, ["-n", "shop", "get", "configmaps", "--watch", "--output-watch-events"], { env: { ...process.env, HOME: api.directory, KUBECONFIG: api.kubeconfig } });
    let seen = "";
    const until = (pattern: RegExp) =>
      new Promise<void>((resolve, reject) => {
        const check = () => pattern.test(seen) && resolve();
        child.stdout.on("data", check);
        child.once("exit", () => reject(new Error(`kubectl ended early: ${seen}`)));
        check();
      });
    child.stdout.on("data", (chunk: Buffer) => (seen += chunk.toString()));
    try {
      await until(/ADDED +settings/);
      await k("-n shop create configmap watched --from-literal=a=1");
      await until(/ADDED +watched/);
      await k("-n shop delete configmap watched");
      await until(/DELETED +watched/);
    } finally {
      child.removeAllListeners("exit");
      child.kill();
    }
  });

  test("applies, says when nothing changed, and shows differences", async () => {
    expect(await k("-n shop apply -f -", DEPLOYMENT)).toBe("deployment.apps/web created\nservice/web created\n");
    expect(await k("-n shop apply -f -", DEPLOYMENT)).toBe("deployment.apps/web unchanged\nservice/web unchanged\n");
    const changed = DEPLOYMENT.replace("nginx:1.27", "nginx:1.28").replace("replicas: 2", "replicas: 3");
    const diff = await raw("-n shop diff -f -", { input: changed });
    expect(diff.code).toBe(1);
    expect(diff.stdout).toMatch(/^-.*image: nginx:1.27$/m);
    expect(diff.stdout).toMatch(/^\+.*image: nginx:1.28$/m);
    expect(await k("-n shop apply -f -", changed)).toBe("deployment.apps/web configured\nservice/web unchanged\n");
    expect(await k("-n shop apply --dry-run=server -f -", DEPLOYMENT)).toContain("deployment.apps/web configured (server dry run)");
    expect(await json("-n shop get deployment web")).toMatchObject({ spec: { replicas: 3 }, metadata: { generation: 2 } });
  });

  test("names unknown fields before anything is written", async () => {
    const { code, stderr } = await raw("-n shop apply -f -", { input: DEPLOYMENT.replace("replicas: 2", "replica: 2").replaceAll("web", "odd") });
    expect(code).toBe(1);
    expect(stderr).toContain('strict decoding error: unknown field "spec.replica"');
  });

  test("applies a List, and finds mistakes in it before it sends anything", async () => {
    const items = (field: string) =>
      JSON.stringify({
        kind: "List",
        apiVersion: "v1",
        items: ["one", "two"].map((name) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop" }, [field]: { key: "value" } })),
      });
    expect((await k("apply -f -", items("data"))).trim().split("\n")).toEqual(["configmap/one created", "configmap/two created"]);
    const mistaken = await raw("apply -f -", { input: items("dada") });
    expect(mistaken.stderr).toContain('unknown field "dada" in io.k8s.api.core.v1.ConfigMap');
    expect(mistaken.code).toBe(1);
  });

  test("applies on the server's side, with conflicts and force", async () => {
    const map = (value: string) => `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"ssa"},"data":{"k":"${value}"}}`;
    expect(await k("-n shop apply --server-side --field-manager=one -f -", map("1"))).toBe("configmap/ssa serverside-applied\n");
    const conflict = await raw("-n shop apply --server-side --field-manager=two -f -", { input: map("2") });
    expect(conflict.stderr).toContain('Apply failed with 1 conflict: conflict with "one": .data.k');
    await k("-n shop apply --server-side --force-conflicts --field-manager=two -f -", map("2"));
    expect(await json("-n shop get configmap ssa")).toMatchObject({ data: { k: "2" } });
  });

  test("patches in three ways, labels, annotates and scales", async () => {
    await k('-n shop patch deployment web --type=merge -p {"spec":{"replicas":4}}');
    await k('-n shop patch deployment web --type=json -p [{"op":"replace","path":"/spec/replicas","value":5}]');
    await k('-n shop patch deployment web -p {"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","value":"1"}]}]}}}}');
    await k("-n shop set image deployment/web web=nginx:1.29");
    await k("-n shop label deployment web tier=front");
    await k("-n shop annotate deployment web note=hello");
    expect(await json("-n shop get deployment web")).toMatchObject({
      metadata: { labels: { app: "web", tier: "front" }, annotations: { note: "hello" } },
      spec: { replicas: 5, template: { spec: { containers: [{ name: "web", image: "nginx:1.29", env: [{ name: "A", value: "1" }] }] } } },
    });
    await k("-n shop scale deployment web --replicas=6");
    await k("-n shop scale deployment web --current-replicas=6 --replicas=1");
    expect(await k("-n shop get deployment web -o jsonpath={.spec.replicas}")).toBe("1");
    expect(await k("-n shop get deployments -l tier=front -o name")).toBe("deployment.apps/web\n");
    await k("-n shop label deployment web tier-");
    expect(await k("-n shop get deployments -l tier -o name")).toBe("");
    expect(await k("-n shop rollout history deployment web")).toContain("deployment.apps/web");
    expect(await k("-n shop rollout restart deployment web")).toBe("deployment.apps/web restarted\n");
  });

  test("edits through an editor", async () => {
    const edited = await raw("-n shop edit configmap settings", { env: { KUBE_EDITOR: "sed -i s/blue/green/" } });
    expect(edited.stdout).toBe("configmap/settings edited\n");
    expect(await k("-n shop get configmap settings -o jsonpath={.data.color}")).toBe("green");
  });

  test("replaces and explains", async () => {
    const file = path.join(api.directory, "replace.json");
    await writeFile(file, JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace: "shop" }, data: { color: "red" } }));
    expect(await k(`replace -f ${file}`)).toBe("configmap/settings replaced\n");
    const explained = await k("explain deployment.spec.strategy.rollingUpdate");
    expect(explained).toContain("maxSurge\t<IntOrString>");
    expect(await k("explain pod.spec.containers.resources --recursive")).toContain("limits");
    expect(await k("explain applications")).toMatch(/^VERSION: +v1alpha1$/m);
  });

  test("knows who it is and what it may do", async () => {
    expect(await k("auth whoami")).toMatch(/^Username +kubernetes-admin$/m);
    expect(await k("auth can-i create pods")).toBe("yes\n");
    expect((await raw("auth can-i create pods --as=jane")).stdout).toBe("no\n");
    expect((await raw("get pods --as=jane")).stderr).toContain('pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"');
    expect((await k("-n shop create token robot")).split(".")).toHaveLength(3);
  });

  test("runs pods and evicts them from a node", async () => {
    await k("-n shop run alone --image=busybox --restart=Never");
    expect(await k("-n shop get pods")).toMatch(/^alone +0\/1 +Pending +0 +\d+s$/m);
    await api.client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
    await api.client.for(podResource).createSubresource("shop", "alone", "binding", { apiVersion: "v1", kind: "Binding", metadata: { name: "alone" }, target: { name: "n1" } } as KubeObject);
    expect(await k("get nodes")).toMatch(/^n1 +Unknown +<none> +\d+s *$/m);
    expect(await k("cordon n1")).toBe("node/n1 cordoned\n");
    expect(await k("taint node n1 key=value:NoSchedule")).toBe("node/n1 tainted\n");
    const drained = await raw("drain n1 --force --grace-period=0 --timeout=20s");
    expect(drained.stdout + drained.stderr).toContain("pod/alone evicted");
    expect(await k("uncordon n1")).toBe("node/n1 uncordoned\n");
    expect((await raw("-n shop logs alone")).stderr).toContain('pods "alone" not found');
  });

  test("deletes with every kind of cascade, and by selection", async () => {
    expect(await k("-n shop delete deployment web --wait=false")).toMatch(/deployment.apps "web" deleted/);
    await k("-n shop create deployment cascade --image=busybox");
    await k("-n shop delete deployment cascade --cascade=orphan --wait=false");
    expect(await json("-n shop get deployment cascade")).toMatchObject({ metadata: { finalizers: ["orphan"] } });
    await k('-n shop patch deployment cascade --type=merge -p {"metadata":{"finalizers":null}}');
    await k("-n shop create deployment cascade --image=busybox");
    await k("-n shop delete deployment cascade --cascade=foreground --wait=false");
    expect(await json("-n shop get deployment cascade")).toMatchObject({ metadata: { finalizers: ["foregroundDeletion"] } });
    await k("-n shop delete configmaps --all");
    expect(await k("-n shop get configmaps -o name")).toBe("");
    expect(await k("delete namespace made --wait=false")).toContain('namespace "made" deleted');
    expect(await k("get namespace made")).toMatch(/^made +Terminating/m);
  });
});
