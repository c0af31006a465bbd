import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../engine/lib/clock.ts";
import { findKubectls, runKubectl, type KubectlResult } from "../kit/kubectl.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";
import { startControlPlane, type ControlPlane } from "../scenarios/controllers/control-plane.ts";

const kubectls = await findKubectls();
if (kubectls.length === 0) {
  if (process.env["CI"]) throw new Error("no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
  console.warn("skipped: no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
}

/** How much virtual time passes while kubectl works, per step of real time. */
const STEP_MS = 200;
const REAL_STEP_MS = 10;

const template = (app: string, image: string) => `{metadata: {labels: {app: ${app}}}, spec: {containers: [{name: app, image: "${image}"}]}}`;
const SETS = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 3
  serviceName: db
  selector: {matchLabels: {app: db}}
  template: ${template("db", "db:1")}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template: ${template("agent", "agent:1")}
`;

/** Controllers and pretended kubelets of virtual time behind a real listener: whatever kubectl waits for comes about while it waits. */
describe.skipIf(kubectls.length === 0).each(kubectls)("kubectl $version", (kubectl) => {
  let plane: ControlPlane;
  let isTicking = true;
  let ticking: Promise<void>;
  beforeAll(async () => {
    plane = await startControlPlane({}, { startApi: startTestListener, startMs: systemClock.now() });
    for (const node of ["n1", "n2"]) await plane.kubelets.up(node);
    plane.kubelets.exitCode = (pod) => (pod.metadata.labels?.["batch.kubernetes.io/job-name"] === undefined ? undefined : 0);
    ticking = (async () => {
      while (isTicking) {
        await plane.clock.advance(STEP_MS);
        await new Promise((resolve) => setTimeout(resolve, REAL_STEP_MS));
      }
    })();
  });
  afterAll(async () => {
    isTicking = false;
    await ticking;
    await plane.stop();
  });

  const raw = (args: string, input?: string): Promise<KubectlResult> =>
    runKubectl(kubectl, (plane.api as TestListener).kubeconfig, args.split(" "), { timeoutMs: 90_000, ...(input === undefined ? {} : { input }) });
  /** Fails with what kubectl said. */
  const k = async (args: string, input?: string): Promise<string> => {
    const { code, stdout, stderr } = await raw(args, input);
    expect(code, `kubectl ${args}: ${stderr}${stdout}`).toBe(0);
    return stdout;
  };
  const image = (kind: string, name: string) => k(`get ${kind} ${name} -o jsonpath={.spec.template.spec.containers[0].image}`);

  test.each([
    ["statefulset", "db", "db", /partitioned roll out complete|statefulset rolling update complete 3 pods at revision db-\w+/],
    ["daemonset", "agent", "agent", /daemon set "agent" successfully rolled out/],
  ] as const)("rolls a %s out, shows its history and takes it back", async (kind, name, app, done) => {
    await k("apply -f -", SETS);
    expect(await k(`rollout status ${kind}/${name} --timeout=60s`)).toMatch(done);
    await k(`set image ${kind}/${name} app=${app}:2`);
    expect(await k(`rollout status ${kind}/${name} --timeout=60s`)).toMatch(done);
    expect((await k(`get pods -l app=${app} -o jsonpath={.items[*].spec.containers[0].image}`)).split(" ").every((each) => each === `${app}:2`)).toBe(true);
    expect(await k(`rollout history ${kind}/${name}`)).toMatch(/^REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>/m);
    expect(await k(`rollout history ${kind}/${name} --revision=1`)).toMatch(new RegExp(`Image:\\s+${app}:1`));
    expect(await k(`rollout undo ${kind}/${name} --to-revision=1`)).toContain("rolled back");
    expect(await image(kind, name)).toBe(`${app}:1`);
    expect(await k(`rollout status ${kind}/${name} --timeout=60s`)).toMatch(done);
    expect(await k(`rollout history ${kind}/${name}`)).toMatch(/^2 +<none>\n3 +<none>/m);
    // Older ones compare with a template that has an empty time in it, which no server writes any more.
    if (Number(kubectl.version.split(".")[1]) >= 34) expect(await k(`rollout undo ${kind}/${name} --to-revision=3`)).toContain("skipped rollback");
    await k(`rollout restart ${kind}/${name}`);
    expect(await k(`rollout status ${kind}/${name} --timeout=60s`)).toMatch(done);
  });

  test("scales what has a scale, and describes it", async () => {
    await k("apply -f -", SETS);
    expect(await k("scale statefulset/db --replicas=1")).toContain("scaled");
    await k("wait statefulset/db --for=jsonpath={.status.replicas}=1 --timeout=60s");
    expect(await k("get sts db")).toMatch(/^NAME +READY +AGE\ndb +1\/1/);
    expect(await k("get ds agent")).toMatch(/^NAME +DESIRED +CURRENT +READY +UP-TO-DATE +AVAILABLE +NODE SELECTOR +AGE\nagent +2 +2 +2 +2 +2 +<none>/);
    expect(await k("describe sts db")).toMatch(/Replicas: +1 desired \| 1 total[^]*delete Pod db-2 in StatefulSet db successful/);
    expect(await k("describe ds agent")).toMatch(/Desired Number of Nodes Scheduled: 2[^]*Created pod: agent-/);
  });

  test("creates Jobs and CronJobs, waits for them and starts one by hand", async () => {
    await k("create job once --image=work:1 -- true");
    await k("wait job/once --for=condition=Complete --timeout=60s");
    expect(await k("get job once")).toMatch(/^NAME +STATUS +COMPLETIONS +DURATION +AGE\nonce +Complete +1\/1 +\d+s/);
    expect(await k("describe job once")).toMatch(/Pods Statuses: +0 Active \(0 Ready\) \/ 1 Succeeded \/ 0 Failed[^]*Job completed/);
    await k("create cronjob nightly --image=work:1 --schedule=@yearly -- true");
    await k("create job by-hand --from=cronjob/nightly");
    await k("wait job/by-hand --for=condition=Complete --timeout=60s");
    expect(await k("get cronjob nightly")).toMatch(/^NAME +SCHEDULE +TIMEZONE +SUSPEND +ACTIVE +LAST SCHEDULE +AGE\nnightly +@yearly +<none> +False +0 /);
    await k("delete job once by-hand --wait=true --timeout=60s");
    expect(await k("get pods -l batch.kubernetes.io/job-name -o name")).toBe("");
  });

  test("creates priority classes, budgets and autoscalers", async () => {
    await k("create priorityclass high --value=1000 --description=soon");
    expect(await k("get priorityclass high")).toMatch(/^NAME +VALUE +GLOBAL-DEFAULT +AGE +PREEMPTIONPOLICY\nhigh +1000 +false +\S+ +PreemptLowerPriority/);
    await k("create deployment web --image=web:1 --replicas=2");
    await k("create poddisruptionbudget web --selector=app=web --min-available=50%");
    await k("wait pdb/web --for=jsonpath={.status.disruptionsAllowed}=1 --timeout=60s");
    expect(await k("get pdb web")).toMatch(/^NAME +MIN AVAILABLE +MAX UNAVAILABLE +ALLOWED DISRUPTIONS +AGE\nweb +50% +N\/A +1 /);
    await k("autoscale deployment web --min=2 --max=4 --cpu-percent=70");
    expect(await k("get hpa web")).toMatch(/^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE\nweb +Deployment\/web +cpu: <unknown>\/70% +2 +4 /);
    expect(await k("get horizontalpodautoscalers.v1.autoscaling web -o jsonpath={.apiVersion},{.spec.targetCPUUtilizationPercentage}")).toBe("autoscaling/v1,70");
    await k('wait hpa/web --for=jsonpath={.status.conditions[?(@.type=="ScalingActive")].status}=False --timeout=60s');
    expect(await k("describe hpa web")).toMatch(/ScalingActive +False +FailedGetResourceMetric/);
    await k("delete hpa web");
  });

  test("drains a node: what a budget protects leaves as others take its place, daemons stay", async () => {
    await k("apply -f -", SETS);
    await k("create deployment shop --image=web:1 --replicas=3");
    await k("create poddisruptionbudget shop --selector=app=shop --max-unavailable=1");
    await k("rollout status deployment/shop --timeout=60s");
    await k("wait pdb/shop --for=jsonpath={.status.disruptionsAllowed}=1 --timeout=60s");
    // The pretended scheduler knows nothing of cordons, so the node is silent for it as well.
    const before = await k("get pods -l app=shop --field-selector=spec.nodeName=n1 -o name");
    expect(before.trim().split("\n").length).toBeGreaterThan(0);
    plane.kubelets.isCordoned = (node) => node === "n1";
    const told = await k("drain n1 --ignore-daemonsets --force --delete-emptydir-data --timeout=80s");
    plane.kubelets.isCordoned = () => false;
    expect(told).toMatch(/node\/n1 cordoned[^]*node\/n1 drained/);
    expect(await k("get pods -l app=shop --field-selector=spec.nodeName=n1 -o name")).toBe("");
    expect(await k("get pods -l app=agent --field-selector=spec.nodeName=n1 -o name")).toMatch(/^pod\/agent-/);
    await k("uncordon n1");
    expect(plane.warnings).toEqual([]);
  });
});
