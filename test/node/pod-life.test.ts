import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findCondition } from "../../engine/apimachinery/conditions.ts";
import { eventually, requireRoot } from "../kit/mainstay.ts";
import { container, IMAGE, shell, startRealNode, type RealNode } from "./real-node.ts";

/** What a pod's containers go through, on real containers: how they start, are watched over, and end. */
describe.skipIf(!requireRoot())("a pod on a real machine", () => {
  let node: RealNode;
  beforeAll(async () => {
    node = await startRealNode("pl");
  });
  afterAll(async () => node?.stop());
  const isReady = (pod: Parameters<typeof container>[0]) => findCondition(pod.status?.conditions, "Ready")?.status === "True";

  it("with a command that does not exist says which, and is tried again", async () => {
    await node.create("missing", { containers: [{ name: "main", image: IMAGE, command: ["no-such-command"] }] });
    const pod = await node.until("missing", (seen) => JSON.stringify(container(seen) ?? {}).includes("no-such-command"));
    expect(JSON.stringify(container(pod))).toMatch(/CreateContainerError|RunContainerError|StartError|CrashLoopBackOff/);
    expect((await node.events("missing")).join("\n")).toMatch(/Failed: .*no-such-command/);
  });

  it("with an image that is nowhere waits with a back-off; with pull policy Never it says so at once", async () => {
    await node.create("nowhere", { containers: [{ name: "main", image: "127.0.0.1:1/none:1" }] });
    await node.create("never", { containers: [{ name: "main", image: "mainstay.local/none:1", imagePullPolicy: "Never" }] });
    await node.until("never", (pod) => container(pod)?.state?.waiting?.reason === "ErrImageNeverPull");
    await node.until("nowhere", (pod) => /^(ErrImagePull|ImagePullBackOff)$/.test(container(pod)?.state?.waiting?.reason ?? ""));
  });

  it("that crashes is restarted with a growing back-off, and keeps the last words of the one before", async () => {
    await node.create("crash", { containers: [shell("echo so long > /dev/termination-log; echo to the log; exit 3")] });
    const pod = await node.until("crash", (seen) => container(seen)?.state?.waiting?.reason === "CrashLoopBackOff" && (container(seen)?.restartCount ?? 0) >= 1);
    expect(container(pod)?.lastState?.terminated).toMatchObject({ exitCode: 3, reason: "Error", message: "so long\n" });
    expect(await node.kubectl("logs", "crash", "--previous")).toContain("to the log");
  });

  it("that takes more memory than it may is killed for it, alone, and told apart", async () => {
    await node.create("greedy", { restartPolicy: "Never", containers: [shell("sleep 0.5; tail /dev/zero", { resources: { limits: { memory: "32Mi" } } }), shell("sleep 1000", { name: "modest" })] });
    const pod = await node.until("greedy", (seen) => container(seen)?.state?.terminated !== undefined);
    expect(container(pod)?.state?.terminated).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
    expect(container(pod, "modest")?.state?.running).toBeDefined();
  });

  it("takes the place of one that was deleted by force, which is still ending", async () => {
    const spec = { nodeName: node.host.name, containers: [shell("trap '' TERM; while true; do sleep 0.1; done", { ports: [{ containerPort: 80, hostPort: 18080 }] })] };
    await node.create("forced", spec);
    await node.until("forced", isReady);
    await node.kubectl("delete", "pod", "forced", "--force", "--grace-period=0");
    await node.create("next", spec);
    const pod = await node.until("next", (seen) => isReady(seen) || seen.status?.phase === "Failed");
    expect(pod.status).toMatchObject({ phase: "Running" });
    await node.kubectl("delete", "pod", "next", "--force", "--grace-period=0");
  });

  it("runs its init containers one after the other, and only then the others", async () => {
    const shared = [{ name: "shared", mountPath: "/shared" }];
    await node.create("init", {
      volumes: [{ name: "shared", emptyDir: {} }],
      initContainers: [shell("sleep 0.3; echo one >> /shared/log", { name: "one", volumeMounts: shared }), shell("echo two >> /shared/log", { name: "two", volumeMounts: shared })],
      containers: [shell("echo main >> /shared/log; cat /shared/log; sleep 1000", { volumeMounts: shared })],
    });
    await node.until("init", isReady);
    expect(await node.kubectl("logs", "init")).toBe("one\ntwo\nmain\n");
  });

  it("has sidecars that start before it and end after it", async () => {
    const shared = [{ name: "shared", mountPath: "/shared" }];
    await node.create("sidecar", {
      restartPolicy: "Never",
      volumes: [{ name: "shared", emptyDir: {} }],
      initContainers: [shell("trap 'exit 0' TERM; echo up > /shared/side; while true; do sleep 0.1; done", { name: "side", restartPolicy: "Always", volumeMounts: shared })],
      containers: [shell("until test -f /shared/side; do sleep 0.1; done; cat /shared/side", { volumeMounts: shared })],
    });
    const pod = await node.until("sidecar", (seen) => seen.status?.phase === "Succeeded");
    expect(container(pod)?.state?.terminated?.exitCode).toBe(0);
    // It was asked to end, and did; a pod is over only when all of it is.
    expect(container(pod, "side")?.state?.terminated?.exitCode).toBe(0);
  });

  it("that may run only so long is ended then, and says why", async () => {
    await node.create("late", { terminationGracePeriodSeconds: 5, containers: [shell("trap 'exit 3' TERM; while true; do sleep 0.1; done")] });
    await node.until("late", isReady);
    await node.kubectl("patch", "pod", "late", "--patch", '{"spec":{"activeDeadlineSeconds":1}}');
    const pod = await node.until("late", (seen) => seen.status?.phase === "Failed");
    expect(pod.status).toMatchObject({ reason: "DeadlineExceeded", message: "Pod was active on the node longer than the specified deadline" });
    expect(container(pod)?.state?.terminated?.exitCode).toBe(3);
  });

  it("with restart policy Never or OnFailure ends as its containers do", async () => {
    await node.create("good", { restartPolicy: "OnFailure", containers: [shell("exit 0")] });
    await node.create("bad", { restartPolicy: "Never", containers: [shell("exit 4")] });
    await node.until("good", (pod) => pod.status?.phase === "Succeeded");
    const bad = await node.until("bad", (pod) => pod.status?.phase === "Failed");
    expect(container(bad)).toMatchObject({ restartCount: 0, state: { terminated: { exitCode: 4, reason: "Error" } } });
  });

  it("is ready only while its readiness probe passes, and its Service follows", async () => {
    await node.apply({ apiVersion: "v1", kind: "Service", metadata: { name: "probed", namespace: "default" }, spec: { selector: { app: "probed" }, ports: [{ port: 80 }] } });
    await node.create("probed", {
      containers: [shell("touch /tmp/ok; sleep 5; rm /tmp/ok; sleep 1000", { readinessProbe: { exec: { command: ["test", "-f", "/tmp/ok"] }, periodSeconds: 1, failureThreshold: 1 } })],
    });
    const endpoints = () => node.kubectl("get", "endpointslices", "-l", "kubernetes.io/service-name=probed", "-o", "jsonpath={.items[*].endpoints[*].conditions.ready}");
    await node.until("probed", isReady);
    await eventually(endpoints, (text) => text === "true");
    await node.until("probed", (pod) => !isReady(pod));
    await eventually(endpoints, (text) => text === "false" || text === "");
    expect(container(await node.pod("probed"))?.restartCount).toBe(0);
  });

  it("is restarted when its liveness probe fails, over HTTP and TCP alike; a startup probe holds it back", async () => {
    await node.create("http", {
      containers: [
        shell("mkdir /www; echo ok > /www/health; (sleep 4; rm /www/health) & httpd -f -p 8080 -h /www", {
          livenessProbe: { httpGet: { path: "/health", port: 8080 }, periodSeconds: 1, failureThreshold: 1 },
          startupProbe: { httpGet: { path: "/health", port: 8080 }, periodSeconds: 1, failureThreshold: 20 },
        }),
      ],
    });
    await node.create("tcp", {
      containers: [shell("nc -l -p 9000 -e true; sleep 1000", { livenessProbe: { tcpSocket: { port: 9000 }, initialDelaySeconds: 1, periodSeconds: 1, failureThreshold: 2 } })],
    });
    await node.until("http", (pod) => container(pod)?.started === true);
    await node.until("http", (pod) => (container(pod)?.restartCount ?? 0) >= 1);
    await node.until("tcp", (pod) => (container(pod)?.restartCount ?? 0) >= 1);
    expect((await node.events("http")).join("\n")).toMatch(/Unhealthy: Liveness probe failed: .*404/);
    expect((await node.events("http")).join("\n")).toMatch(/Killing: Container main failed liveness probe.*, will be restarted/);
  });

  it("is asked to end, after its preStop hook; who does not listen is killed when the grace period is over", async () => {
    await node.create("polite", {
      terminationGracePeriodSeconds: 20,
      volumes: [{ name: "out", hostPath: { path: node.dataDir } }],
      containers: [
        shell("trap 'echo term >> /out/story; exit 0' TERM; while true; do sleep 0.1; done", {
          volumeMounts: [{ name: "out", mountPath: "/out" }],
          lifecycle: { preStop: { exec: { command: ["sh", "-c", "echo hook >> /out/story"] } } },
        }),
      ],
    });
    await node.create("deaf", { terminationGracePeriodSeconds: 2, containers: [shell("sleep 1000")] });
    await Promise.all(["polite", "deaf"].map((name) => node.until(name, isReady)));
    await node.kubectl("delete", "pod", "polite", "deaf", "--timeout=15s");
    expect(await node.host.exec("cat", `${node.dataDir}/story`)).toBe("hook\nterm\n");
  });

  it("tells while it ends whether it is still ready: it may take long, and serve meanwhile", async () => {
    const lifecycle = { preStop: { exec: { command: ["sh", "-c", "rm /tmp/ok; sleep 1000"] } } };
    await node.create("slow", {
      terminationGracePeriodSeconds: 1000,
      containers: [shell("touch /tmp/ok; sleep 1000", { lifecycle, readinessProbe: { exec: { command: ["test", "-f", "/tmp/ok"] }, periodSeconds: 1, failureThreshold: 1 } })],
    });
    await node.until("slow", isReady);
    await node.kubectl("delete", "pod", "slow", "--wait=false");
    const ending = await node.until("slow", (pod) => !isReady(pod));
    expect([ending.metadata.deletionTimestamp !== undefined, ending.status?.phase, Object.keys(container(ending)?.state ?? {})]).toEqual([true, "Running", ["running"]]);
    await node.kubectl("delete", "pod", "slow", "--grace-period=0", "--force");
  });

  it("has the cgroup limits and the identity that it asks for", async () => {
    await node.create("limits", {
      securityContext: { runAsUser: 1234, runAsGroup: 2345, fsGroup: 3456 },
      containers: [
        shell("id -u; id -g; cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes; touch /forbidden 2>&1; sleep 1000", {
          securityContext: { readOnlyRootFilesystem: true },
          resources: { limits: { memory: "64Mi", cpu: "250m" } },
        }),
      ],
    });
    await node.until("limits", isReady);
    const text = await eventually(
      () => node.kubectl("logs", "limits"),
      (logs) => logs.includes("forbidden"),
    );
    expect(text).toMatch(/^1234\n2345\n67108864\n/);
    expect(text).toMatch(/Read-only file system/i);
  });

  it("sees ConfigMaps, Secrets and itself in its environment and files, and their changes in files", async () => {
    await node.apply(
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "conf", namespace: "default" }, data: { key: "one" } },
      { apiVersion: "v1", kind: "Secret", metadata: { name: "sec", namespace: "default" }, stringData: { word: "hush" } },
    );
    await node.create("sees", {
      volumes: [
        {
          name: "all",
          projected: { sources: [{ configMap: { name: "conf" } }, { secret: { name: "sec" } }, { downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] } }] },
        },
      ],
      containers: [
        shell("echo $KEY $WORD $NAME $LIMIT; cat /all/word; echo; cat /all/labels; echo; while true; do cat /all/key; echo; sleep 0.5; done", {
          volumeMounts: [{ name: "all", mountPath: "/all" }],
          resources: { limits: { memory: "32Mi" } },
          env: [
            { name: "KEY", valueFrom: { configMapKeyRef: { name: "conf", key: "key" } } },
            { name: "WORD", valueFrom: { secretKeyRef: { name: "sec", key: "word" } } },
            { name: "NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
            { name: "LIMIT", valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } } },
          ],
        }),
      ],
    });
    await node.until("sees", isReady);
    const logs = () => node.kubectl("logs", "sees");
    expect(await eventually(logs, (text) => text.includes("app="))).toMatch(/^one hush sees 32\nhush\napp="sees"/);
    await node.kubectl("patch", "configmap", "conf", "--type=merge", "-p", '{"data":{"key":"two"}}');
    await eventually(logs, (text) => text.includes("two"), 20_000);
  });

  it("with a ConfigMap that is missing waits for it by name, and starts when it is there", async () => {
    await node.create("waits", { containers: [shell("echo $KEY; sleep 1000", { env: [{ name: "KEY", valueFrom: { configMapKeyRef: { name: "later", key: "key" } } }] })] });
    const pod = await node.until("waits", (seen) => container(seen)?.state?.waiting?.reason === "CreateContainerConfigError");
    expect(container(pod)?.state?.waiting?.message).toContain('configmap "later" not found');
    await node.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "later", namespace: "default" }, data: { key: "now" } });
    await node.until("waits", isReady, 40_000);
  });

  it("whose volume cannot be made says so in its status", async () => {
    await node.create("unmounted", {
      volumes: [{ name: "v", hostPath: { path: "/no/such/place", type: "Directory" } }],
      containers: [shell("sleep 1000", { volumeMounts: [{ name: "v", mountPath: "/v" }] })],
    });
    const pod = await node.until("unmounted", (seen) => container(seen)?.state?.waiting?.message !== undefined);
    expect(container(pod)?.state?.waiting).toMatchObject({
      reason: "ContainerCreating",
      message: 'MountVolume.SetUp failed for volume "v" : hostPath type check failed: /no/such/place is not a directory',
    });
  });

  it("whose start makes the runtime hang can be deleted all the same", async () => {
    // runc has more to say of it than it can take off its own hands.
    await node.create("long", { containers: [{ name: "main", image: IMAGE, command: [`/${"x".repeat(100_000)}`] }] });
    await eventually(
      () => node.events("long"),
      (events) => events.includes("Created: Container created"),
    );
    await node.kubectl("delete", "pod", "long", "--timeout=30s");
  });

  it("of a RuntimeClass runs by its handler, and says when the node has none of that name", async () => {
    const runtimeClass = (name: string, handler: string) => ({ apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: { name }, handler });
    await node.apply(runtimeClass("plain", "runc"), runtimeClass("strange", "no-such-handler"));
    await node.create("classy", { runtimeClassName: "plain", containers: [shell("sleep 1000")] });
    await node.create("classless", { runtimeClassName: "strange", containers: [shell("sleep 1000")] });
    await node.until("classy", isReady);
    await eventually(
      () => node.events("classless"),
      (events) => events.some((event) => event.includes('no runtime for "no-such-handler" is configured')),
    );
  });

  it("that writes much has its log rotated, and can still be read to its end", async () => {
    await node.create("chatty", { containers: [shell("yes 'a line of some forty letters, many times' | head -n 300000; sleep 12; echo the end; sleep 1000")] });
    await node.until("chatty", isReady);
    const files = async () => (await node.host.exec("sh", "-c", `ls ${node.dataDir}/agent/logs/*chatty*/*/`).catch(() => "")).trim().split("\n");
    await eventually(files, (names) => names.length === 2 && names[1]?.startsWith("0.log.20") === true, 40_000);
    await eventually(
      () => node.kubectl("logs", "chatty", "--tail=1"),
      (text) => text === "the end\n",
      40_000,
    );
    expect((await node.kubectl("logs", "chatty")).split("\n")).toHaveLength(300_002);
  });
});
