import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createControlPlane } from "../../engine/control-plane.ts";
import { parsePodRanges } from "../../engine/controllers/nodes/pod-ranges.ts";
import { ChangingValue } from "../../engine/lib/changing-value.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { systemRandom } from "../../engine/lib/random.ts";
import { runServices } from "../../engine/lib/service.ts";
import { findKubectls, runKubectl } from "../kit/kubectl.ts";
import { createTestNamespace } from "../kit/test-api.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

const [kubectl] = await findKubectls();
if (kubectl === undefined) {
  if (process.env["CI"]) throw new Error("no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
  console.warn("skipped: no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
}

const WAIT = { timeout: 60_000, interval: 200 };

/** What a namespace may take and do, as its user meets it: kubectl against the real controllers. */
describe.skipIf(kubectl === undefined)("a bounded namespace", () => {
  let api: TestListener;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    api = await startTestListener();
    const running = new AbortController();
    const services = createControlPlane({
      as: (username) => api.as(username),
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      metrics: new MetricsRegistry(),
      rootCa: new ChangingValue("test CA"),
      podRanges: parsePodRanges("10.42.0.0/16"),
    });
    const ended = runServices(services, running.signal);
    stop = async () => {
      running.abort();
      await ended;
      await api.stop();
    };
    await createTestNamespace(api.client, "shop");
  }, 60_000);
  afterAll(() => stop?.(), 60_000);

  const raw = (args: string, input?: string) => runKubectl(kubectl!, api.kubeconfig, [...args.split(" "), "-n", "shop"], input === undefined ? {} : { input }); // skipped without
  const k = async (args: string, input?: string): Promise<string> => {
    const { code, stdout, stderr } = await raw(args, input);
    expect(code, `kubectl ${args}: ${stderr}${stdout}`).toBe(0);
    return stdout;
  };
  const apply = (...objects: readonly object[]) => k("apply -f -", JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  /** Lines of what is described, with single spaces between columns. */
  const described = async (what: string) => (await k(`describe ${what}`)).split("\n").map((line) => line.trim().replace(/\s+/g, " "));

  test("shows what its quota leaves, and says what was too much", async () => {
    await k("create quota team --hard=pods=2,requests.cpu=300m,count/deployments.apps=1");
    await expect.poll(() => described("quota team"), WAIT).toEqual(expect.arrayContaining(["count/deployments.apps 0 1", "pods 0 2", "requests.cpu 0 300m"]));
    await k('run a --image=nginx --overrides={"spec":{"containers":[{"name":"a","image":"nginx","resources":{"requests":{"cpu":"200m"}}}]}}');
    expect(await described("quota team")).toEqual(expect.arrayContaining(["pods 1 2", "requests.cpu 200m 300m"]));
    expect((await raw("run b --image=nginx")).stderr.trim()).toBe('Error from server (Forbidden): pods "b" is forbidden: failed quota: team: must specify requests.cpu for: b');
    await k("create deployment one --image=nginx --replicas=0");
    expect((await raw("create deployment two --image=nginx --replicas=0")).stderr).toContain(
      'deployments.apps "two" is forbidden: exceeded quota: team, requested: count/deployments.apps=1, used: count/deployments.apps=1, limited: count/deployments.apps=1',
    );
    expect(await k("get quota team --no-headers")).toMatch(/^team +count\/deployments\.apps: 1\/1, pods: 1\/2, requests\.cpu: 200m\/300m +\S+/);
    await k("delete pod/a deployment/one --force --grace-period=0");
    await expect.poll(() => described("quota team"), WAIT).toEqual(expect.arrayContaining(["count/deployments.apps 0 1", "pods 0 2", "requests.cpu 0 300m"]));
    await k("delete quota team");
  }, 120_000);

  test("fills in what its limits say, and shows them", async () => {
    await apply({
      apiVersion: "v1",
      kind: "LimitRange",
      metadata: { name: "sizes" },
      spec: { limits: [{ type: "Container", default: { memory: "128Mi" }, defaultRequest: { memory: "64Mi" }, max: { memory: "1Gi" } }] },
    });
    expect(await described("limits sizes")).toContain("Container memory - 1Gi 64Mi 128Mi -");
    await k("run sized --image=nginx");
    expect(JSON.parse(await k("get pod sized -o jsonpath={.spec.containers[0].resources}"))).toEqual({ limits: { memory: "128Mi" }, requests: { memory: "64Mi" } });
    await k("delete pod/sized limits/sizes --force --grace-period=0");
  }, 60_000);

  test("warns about pods below its level, refuses those below the enforced one, and tells who raises it", async () => {
    await k("run open --image=nginx");
    const raised = await raw("label ns shop pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/enforce-version=v1.35");
    expect(raised.stderr).toContain('Warning: existing pods in namespace "shop" violate the new PodSecurity enforce level "restricted:v1.35"');
    expect(raised.stderr).toContain("Warning: open: allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile");
    expect((await raw("run closed --image=nginx")).stderr).toContain(
      'pods "closed" is forbidden: violates PodSecurity "restricted:v1.35": allowPrivilegeEscalation != false (container "closed" must set securityContext.allowPrivilegeEscalation=false)',
    );
    await k("label ns shop pod-security.kubernetes.io/enforce- pod-security.kubernetes.io/warn=baseline");
    expect((await raw("create deployment host --image=nginx --dry-run=server")).stderr).toBe("");
    const bad = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "host" },
      spec: { replicas: 0, selector: { matchLabels: { app: "h" } }, template: { metadata: { labels: { app: "h" } }, spec: { hostPID: true, containers: [{ name: "c", image: "i" }] } } },
    };
    expect((await raw("apply -f -", JSON.stringify(bad))).stderr.trim()).toBe('Warning: would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)');
    await k("delete pod/open deploy/host --force --grace-period=0");
  }, 60_000);

  test("shows claims, volumes and classes as they come and go", async () => {
    expect(await k("get sc --no-headers")).toMatch(/^local-path \(default\) +mainstay\.dev\/local-path +Delete +WaitForFirstConsumer +true /);
    await apply({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "data" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, storageClassName: "manual" },
    });
    expect(await k("get pvc data --no-headers")).toMatch(/^data +Pending +manual +<unset> /);
    await apply({
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: "disk" },
      spec: { capacity: { storage: "2Gi" }, accessModes: ["ReadWriteOnce"], storageClassName: "manual", hostPath: { path: "/tmp/disk" } },
    });
    await expect.poll(() => k("get pvc data --no-headers"), WAIT).toMatch(/^data +Bound +disk +2Gi +RWO +manual +<unset> /);
    await expect.poll(() => k("get pv disk --no-headers"), WAIT).toMatch(/^disk +2Gi +RWO +Retain +Bound +shop\/data +manual +<unset> /);
    await k("delete pvc data --wait=true");
    await expect.poll(() => k("get pv disk --no-headers"), WAIT).toMatch(/ Released +shop\/data /);
    await k("delete pv disk --wait=true");
  }, 120_000);
});
