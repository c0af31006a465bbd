import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Node, Pod } from "../../engine/resources/types.ts";
import { Terminal } from "./terminal.ts";
import { createFabric, type Fabric, type Host } from "../kit/hosts.ts";
import { findKubectls } from "../kit/kubectl.ts";
import { cleanUp, eventually, kubectl, makeDataDir, requireRoot, resetMainstay, startMainstay, type Mainstay } from "../kit/mainstay.ts";

const isRoot = requireRoot();

const manifest = `
apiVersion: v1
kind: Pod
metadata: {name: box, labels: {app: box}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: web
      image: mainstay.local/busybox:1
      command: [sh, -c, "mkdir -p /tmp/w && echo hello > /tmp/w/index.html && echo started && echo warned >&2 && exec httpd -f -p 8080 -h /tmp/w"]
      ports: [{containerPort: 8080, name: http}]
      readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: sized}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - {name: main, image: mainstay.local/busybox:1, command: [sleep, "1000"], resources: {requests: {cpu: 100m, memory: 32Mi}, limits: {cpu: 200m, memory: 64Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: restarted}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - {name: main, image: mainstay.local/busybox:1, command: [sleep, "1000"], resources: {limits: {memory: 64Mi}}, resizePolicy: [{resourceName: memory, restartPolicy: RestartContainer}]}
---
apiVersion: v1
kind: Pod
metadata: {name: full}
spec:
  terminationGracePeriodSeconds: 0
  volumes: [{name: memory, emptyDir: {medium: Memory}}]
  containers:
    - name: main
      image: mainstay.local/busybox:1
      command: [sh, -c, "dd if=/dev/zero of=/memory/file bs=1M count=40 2>/dev/null; sleep 1000"]
      resources: {requests: {cpu: 10m, memory: 20Mi}, limits: {memory: 100Mi}}
      volumeMounts: [{name: memory, mountPath: /memory}]
---
apiVersion: v1
kind: Pod
metadata: {name: talker}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - {name: main, image: mainstay.local/busybox:1, stdin: true, command: [sh, -c, "while read word; do echo heard $word; done; echo no more; sleep 1000"]}
---
apiVersion: v1
kind: Pod
metadata: {name: shell}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - {name: main, image: mainstay.local/busybox:1, stdin: true, tty: true, command: [sh]}
---
apiVersion: v1
kind: Service
metadata: {name: box}
spec:
  selector: {app: box}
  ports: [{port: 80, targetPort: http}]
`;

const kubectls = await findKubectls();
const run = promisify(execFile);

/** One machine with its own containerd and the whole way from kubectl to a process: API server, node agent, runtime. */
describe.skipIf(!isRoot)("streams of a real container", () => {
  let fabric: Fabric;
  let host: Host;
  let server: Mainstay;
  const dataDir = makeDataDir();
  const folder = mkdtempSync(path.join(os.tmpdir(), "streams-"));

  beforeAll(async () => {
    fabric = await createFabric("st", 1);
    host = fabric.hosts[0] as Host; // one was made
    server = await startMainstay(host, dataDir, ["--no-git"]);
    await withInput("kubectl", manifest, "apply", "-f", "-");
    await k("wait", "--for=condition=Ready", "pod/box", "pod/talker", "pod/shell", "pod/sized", "pod/restarted", "pod/full", "--timeout=60s");
  }, 120_000);
  afterAll(
    () =>
      cleanUp(
        () => server?.stop(),
        () => (host === undefined ? undefined : resetMainstay(host, dataDir)),
        () => fabric?.destroy(),
        () => rmSync(folder, { recursive: true, force: true }),
      ),
    60_000,
  );

  interface How {
    readonly binary: string;
    readonly env?: Readonly<Record<string, string>>;
  }
  const k = (...args: string[]) => kubectl(host, server, ...args);
  const words = (binary: string, ...args: string[]) => [...host.enter, binary, "--kubeconfig", server.kubeconfig, ...args];

  /** kubectl with something on its standard input. */
  function withInput(how: string | How, input: string | Buffer, ...args: string[]): Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number | null }> {
    const { binary, env = {} } = typeof how === "string" ? { binary: how } : how;
    const [command = "", ...rest] = words(binary, ...args);
    const child = spawn(command, rest, { stdio: "pipe", env: { ...process.env, ...env } });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("latin1")));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
    child.stdin.on("error", () => {}); // a command that reads nothing closes its end
    child.stdin.end(input);
    return new Promise((resolve) => child.once("close", (code) => resolve({ stdout, stderr, code })));
  }

  it("the official JavaScript client executes, attaches, forwards and follows logs", async () => {
    const [command = "", ...enter] = host.enter;
    const { stdout } = await run(command, [...enter, process.execPath, fileURLToPath(new URL("./client-streams.ts", import.meta.url)), server.kubeconfig], { timeout: 60_000 });
    expect(JSON.parse(stdout)).toEqual({ exec: { out: "to js\n", status: "Failure", exitCode: "4" }, input: "from js", forward: "HTTP/1.1 200 OK", log: "started\n" });
  });

  describe.each(kubectls)("kubectl $version", ({ binary }) => {
    it("exec shows both outputs and the exit code of the command", async () => {
      const answer = await withInput(binary, "", "exec", "box", "--", "sh", "-c", "echo out; echo err >&2; exit 7");
      expect(answer).toMatchObject({ stdout: "out\n", code: 7 });
      expect(answer.stderr).toContain("err\n");
      expect(answer.stderr).toContain("command terminated with exit code 7");
    });

    it("exec -i ends the command's input when its own ends, and loses nothing of a large one", async () => {
      const input = Buffer.alloc(8 << 20, "0123456789abcdef-");
      expect(await withInput(binary, input, "exec", "-i", "box", "--", "md5sum")).toMatchObject({ stdout: `${createHash("md5").update(input).digest("hex")}  -\n`, code: 0 });
    });

    it("exec shows large output completely", async () => {
      const { stdout } = await withInput(binary, "", "exec", "box", "--", "sh", "-c", "dd if=/dev/zero bs=1024 count=8192 2>/dev/null");
      expect(stdout.length).toBe(8 << 20);
    });

    it("exec falls back to SPDY where WebSockets are switched off", async () => {
      expect(await withInput({ binary, env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false" } }, "spoken", "exec", "-i", "box", "--", "cat")).toMatchObject({ stdout: "spoken", code: 0 });
    });

    it("exec says when the command or the container does not exist", async () => {
      expect((await withInput(binary, "", "exec", "box", "--", "no-such-command")).stderr).toContain('"no-such-command": executable file not found');
      expect((await withInput(binary, "", "exec", "box", "-c", "absent", "--", "true")).stderr).toContain("container absent is not valid for pod box");
    });

    it("attach shows what the container writes from then on and sends it input", async () => {
      const [command = "", ...args] = words(binary, "attach", "-i", "talker", "-c", "main");
      const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
      child.stdin.write("said\n"); // and is left open: the runtime lets go of who has nothing more to say
      let text = "";
      await new Promise<void>((resolve) => child.once("exit", () => resolve()).stdout.on("data", (chunk: Buffer) => (text += chunk.toString("utf8")).includes("heard said") && child.kill()));
      expect(text).toContain("heard said");
    });

    const atTerminal = async (args: string, use: (terminal: Terminal) => Promise<void>, before = "") => {
      const terminal = new Terminal(host.enter, `${before} ${binary} --kubeconfig ${server.kubeconfig} ${args}`);
      try {
        await use(terminal);
      } finally {
        await terminal.close();
      }
    };

    it("exec -it gives a terminal of the size of one's own, also when that changes, passes Ctrl-C on and ends with the shell's exit code", async () => {
      const grow = path.join(mkdtempSync(path.join(folder, "tty-")), "grow");
      const sized = `stty rows 33 cols 77; (until test -e ${grow}; do sleep 0.1; done; stty rows 50 cols 120 < /dev/tty) &`;
      await atTerminal(
        "exec -it box -- sh",
        async (terminal) => {
          await terminal.shows(/# /);
          terminal.type("until stty size | grep -x '33 77'; do sleep 0.1; done\n");
          await terminal.shows(/\n33 77\r/);
          writeFileSync(grow, "");
          terminal.type("until stty size | grep -x '50 120'; do sleep 0.1; done\n");
          await terminal.shows(/\n50 120\r/);
          terminal.type("sh -c 'echo now; exec sleep 1000'\n"); // says so itself: a shell that is still starting a program may keep the Ctrl-C
          await terminal.shows(/\nnow\r/);
          terminal.type("\x03");
          await terminal.shows(/# /);
          terminal.type("echo after $?\n");
          await terminal.shows(/\nafter 130\r/);
          terminal.type("exit 5\n");
          expect(await terminal.ended).toBe(5);
        },
        sized,
      );
    });

    it("attach -it reaches the terminal of the container itself", async () => {
      await atTerminal("attach -it shell", async (terminal) => {
        await terminal.shows(/try pressing enter/);
        terminal.type("\n");
        await terminal.shows(/# /);
        terminal.type("echo $((40 + 2)) by $$\n");
        await terminal.shows(/\n42 by 1\r/);
      });
    });

    it("run -it --rm is a shell in a pod of its own, which goes with it", async () => {
      await atTerminal("run visitor --image=mainstay.local/busybox:1 --restart=Never -it --rm -- sh", async (terminal) => {
        await terminal.shows(/try pressing enter/);
        terminal.type("\n");
        await terminal.shows(/# /);
        terminal.type("echo $(hostname) is here\n");
        await terminal.shows(/\nvisitor is here\r/);
        terminal.type("exit 3\n");
        expect(await terminal.ended).toBe(3);
      });
      await expect(k("get", "pod", "visitor")).rejects.toThrow("not found");
    });

    it("run --attach shows the output of a command and removes its pod", async () => {
      const { stdout } = await withInput(
        binary,
        "from here\n",
        "run",
        "once",
        "--image=mainstay.local/busybox:1",
        "--restart=Never",
        "--rm",
        "-i",
        "--quiet",
        "--",
        "sh",
        "-c",
        "read word; echo $word arrived",
      );
      expect(stdout).toContain("from here arrived");
    });

    it("cp copies a file to the pod and back", async () => {
      const file = path.join(folder, "file");
      const content = Buffer.alloc(3 << 20, "abcdefg");
      writeFileSync(file, content);
      expect(await withInput(binary, "", "cp", file, "box:/tmp/file")).toMatchObject({ code: 0 });
      expect(await withInput(binary, "", "cp", "box:/tmp/file", `${file}.back`)).toMatchObject({ code: 0 });
      expect(readFileSync(`${file}.back`).equals(content)).toBe(true);
    });

    it.each([
      ["a pod, tunnelled through a WebSocket", "pod/box", "8080", {}],
      ["a service's port name, over plain SPDY", "svc/box", "80", { KUBECTL_PORT_FORWARD_WEBSOCKETS: "false" }],
    ])("port-forward reaches %s", async (_what, target, port, env) => {
      const [command = "", ...args] = words(binary, "port-forward", target, `:${port}`);
      const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
      try {
        const local = await new Promise<string>((resolve, reject) => {
          let text = "";
          child.once("exit", () => reject(new Error(`port-forward ended: ${text}`)));
          child.stdout.on("data", (chunk: Buffer) => {
            text += chunk.toString("utf8");
            const found = /127\.0\.0\.1:(\d+)/.exec(text)?.[1];
            if (found !== undefined) resolve(found);
          });
        });
        // Several at once and one after the other: each is a pair of streams on the one connection.
        const pages = await Promise.all([1, 2, 3].map(() => host.exec("curl", "-s", "-m", "5", `http://127.0.0.1:${local}/`)));
        expect([...pages, await host.exec("curl", "-s", "-m", "5", `http://127.0.0.1:${local}/`)]).toEqual(["hello\n", "hello\n", "hello\n", "hello\n"]);
      } finally {
        child.kill();
      }
    });

    it("logs are chosen by stream, time, count and size", async () => {
      const logs = async (...args: string[]) => (await withInput(binary, "", "logs", "box", ...args)).stdout;
      expect((await logs()).split("\n").sort()).toEqual(["", "started", "warned"]);
      expect(await logs("--limit-bytes=3")).toHaveLength(3);
      expect((await logs("--tail=1")).split("\n")).toHaveLength(2);
      expect(await logs("--since-time=2100-01-01T00:00:00Z")).toBe("");
      expect(await logs("--timestamps")).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z /);
      expect(await logs("-l", "app=box", "--prefix").catch(() => "")).toBe("");
      expect((await withInput(binary, "", "logs", "-l", "app=box", "--prefix", "--all-containers")).stdout).toContain("[pod/box/web] started");
      expect((await withInput(binary, "", "get", "--raw", "/api/v1/namespaces/default/pods/box/log?stream=Stderr")).stdout).toBe("warned\n");
    });
  });

  it("proxies pass requests on to the pod, the service and the node", async () => {
    expect(await k("get", "--raw", "/api/v1/namespaces/default/pods/box:8080/proxy/index.html")).toBe("hello\n");
    expect(await k("get", "--raw", "/api/v1/namespaces/default/pods/box/proxy/")).toBe("hello\n");
    expect(await k("get", "--raw", "/api/v1/namespaces/default/services/box:80/proxy/")).toBe("hello\n");
    expect(await k("get", "--raw", `/api/v1/nodes/${host.name}/proxy/healthz`)).toBe("ok");
    expect(await k("get", "--raw", `/api/v1/nodes/${host.name}/proxy/containerLogs/default/box/web?tailLines=1`)).toMatch(/^(started|warned)\n$/);
  });

  it("debug adds a container that sees the processes of the one it names", async () => {
    await withInput("kubectl", "", "debug", "box", "--image=mainstay.local/busybox:1", "--target=web", "-c", "looker", "--attach=false", "--", "ps");
    await k("wait", "--for=jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.exitCode}=0", "pod/box", "--timeout=20s");
    expect(await k("logs", "box", "-c", "looker")).toContain("httpd -f -p 8080");
    await expect(k("patch", "pod", "box", "--subresource=ephemeralcontainers", "--type=json", "--patch", '[{"op": "remove", "path": "/spec/ephemeralContainers"}]')).rejects.toThrow(
      "may not be removed",
    );
  });

  it("debug copies a pod, and makes one that sees the node's files", async () => {
    await withInput("kubectl", "", "debug", "box", "--image=mainstay.local/busybox:1", "--copy-to=copy", "-c", "beside", "--attach=false", "--", "sleep", "1000");
    await k("wait", "--for=condition=Ready", "pod/copy", "--timeout=20s");
    expect(await k("get", "pod", "copy", "-o", "jsonpath={.spec.containers[*].name}")).toBe("web beside");
    await withInput("kubectl", "", "debug", `node/${host.name}`, "--image=mainstay.local/busybox:1", "--attach=false", "--", "ls", "/host");
    const pod = (await k("get", "pods", "-o", "name")).split("\n").find((name) => name.includes("node-debugger")) ?? "";
    await k("wait", "--for=jsonpath={.status.phase}=Succeeded", pod, "--timeout=20s");
    expect((await k("logs", pod)).split("\n")).toEqual(expect.arrayContaining(["etc", "proc"]));
  });

  it("resize changes what a running container may use, and is refused where there can never be room", async () => {
    const limits = [
      "exec",
      "sized",
      "--",
      "sh",
      "-c",
      "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/memory.max",
    ];
    expect(await k(...limits)).toMatch(/^20000( 100000)?\n67108864\n$/);
    const resize = (resources: object, pod = "sized") => k("patch", "pod", pod, "--subresource=resize", "--patch", JSON.stringify({ spec: { containers: [{ name: "main", resources }] } }));
    await resize({ limits: { cpu: "500m", memory: "128Mi" } });
    await k("wait", "--for=jsonpath={.status.containerStatuses[0].resources.limits.cpu}=500m", "pod/sized", "--timeout=20s");
    expect(await k(...limits)).toMatch(/^50000( 100000)?\n134217728\n$/);
    expect(await k("get", "pod", "sized", "-o", "jsonpath={.status.containerStatuses[0].restartCount}")).toBe("0");
    await expect(resize({ requests: { cpu: "1000" }, limits: { cpu: "1000" } })).rejects.toThrow("node didn't have enough allocatable resources: cpu, requested: 1000000");
    await expect(resize({ requests: { cpu: "1", memory: "128Mi" }, limits: { cpu: "1", memory: "128Mi" } })).rejects.toThrow("Pod QOS Class may not change");

    await resize({ requests: { memory: "96Mi" }, limits: { memory: "96Mi" } }, "restarted");
    await k("wait", "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "pod/restarted", "--timeout=60s");
    await k("wait", "--for=jsonpath={.status.containerStatuses[0].resources.limits.memory}=96Mi", "pod/restarted", "--timeout=60s");
    // Nothing says that it goes on once it is done; what went on is in the events.
    await eventually(
      () => k("get", "pod", "restarted", "-o", "jsonpath={.status.conditions[*].type}"),
      (types) => !types.includes("Resize"),
    );
    const reasons = async (pod: string) =>
      (await k("get", "events", "--field-selector", `involvedObject.name=${pod}`, "-o", "jsonpath={.items[*].reason}"))
        .split(" ")
        .filter((reason) => reason.startsWith("Resize"))
        .sort();
    await eventually(
      () => reasons("restarted"),
      (seen) => String(seen) === "ResizeCompleted,ResizeStarted",
    );
    await eventually(
      () => reasons("sized"),
      (seen) => String(seen) === "ResizeCompleted,ResizeStarted",
    );
  }, 150_000);

  it("resize that cannot be done yet shows what is granted and what there is, also while a newer one waits for room", async () => {
    const used = () => k("exec", "full", "--", "sh", "-c", "wc -c < /memory/file");
    await eventually(used, (bytes) => bytes.trim() === String(40 * 2 ** 20));
    const resize = (resources: object) => k("patch", "pod", "full", "--subresource=resize", "--patch", JSON.stringify({ spec: { containers: [{ name: "main", resources }] } }));
    const told = async () => {
      const { metadata, status } = JSON.parse(await k("get", "pod", "full", "-o", "json")) as Pod;
      const { allocatedResources, resources } = status?.containerStatuses?.[0] ?? {};
      return {
        generation: metadata.generation ?? 0,
        allocated: allocatedResources?.["memory"],
        has: resources?.limits?.["memory"],
        conditions: (status?.conditions ?? []).filter(({ type }) => type.startsWith("PodResize")).map(({ type, reason, observedGeneration }) => `${type} ${reason ?? ""} ${observedGeneration}`),
      };
    };
    const { generation } = await told();
    await resize({ requests: { memory: "20Mi" }, limits: { memory: "30Mi" } });
    const inProgress = `PodResizeInProgress Error ${generation + 1}`;
    await eventually(told, ({ conditions }) => String(conditions) === inProgress);
    expect(await told()).toMatchObject({ allocated: "20Mi", has: "100Mi" });
    // All that the node has is more than it has left.
    const { allocatable } = (JSON.parse(await k("get", "node", host.name, "-o", "json")) as Node).status ?? {};
    const cpu = allocatable?.["cpu"] ?? "0";
    await resize({ requests: { cpu, memory: "20Mi" }, limits: { memory: "30Mi" } });
    await eventually(told, ({ conditions }) => String(conditions) === `PodResizePending Deferred ${generation + 2},${inProgress}`);
    await k("exec", "full", "--", "rm", "/memory/file");
    await eventually(told, ({ conditions, has }) => String(conditions) === `PodResizePending Deferred ${generation + 2}` && has === "30Mi", 60_000);
    const messages = (await k("get", "events", "--field-selector", "involvedObject.name=full", "-o", 'jsonpath={range .items[*]}{.reason}: {.message}{"\\n"}{end}'))
      .split("\n")
      .filter((line) => line.startsWith("ResizeError"));
    // What is used changes, and is told anew then.
    const summary = '{"containers":[{"name":"main","resources":{"limits":{"memory":"30Mi"},"requests":{"cpu":"10m","memory":"20Mi"}}}]';
    const error = 'cannot decrease memory limits: attempting to set container \\"main\\" memory limit (31457280) below current usage (N)';
    expect(new Set(messages.map((line) => line.replace(/usage \(\d+\)/, "usage (N)")))).toEqual(
      new Set([`ResizeError: Pod resize error: ${summary},"generation":${generation + 1},"error":"${error}"}`]),
    );
  }, 150_000);

  it("top shows what nodes and containers use", async () => {
    const table = async (...args: string[]) =>
      (await k("top", ...args, "--no-headers"))
        .trim()
        .split("\n")
        .map((line) => line.split(/\s+/));
    expect(
      await eventually(
        () => table("node"),
        ([row]) => row?.[0] === host.name,
      ),
    ).toEqual([[host.name, expect.stringMatching(/^\d+m$/), expect.stringMatching(/^\d+%$/), expect.stringMatching(/^\d+Mi$/), expect.stringMatching(/^\d+%$/)]]);
    expect(
      await eventually(
        () => table("pod", "talker", "--containers"),
        ([row]) => row?.[0] === "talker",
      ),
    ).toEqual([["talker", "main", expect.stringMatching(/^\d+m$/), expect.stringMatching(/^\d+Mi$/)]]);
  });

  it("the agent's own pages are for those whom the API server allows them", async () => {
    await k("create", "serviceaccount", "scraper");
    await k("create", "clusterrole", "scraper", "--verb=get", "--resource=nodes/metrics");
    await k("create", "clusterrolebinding", "scraper", "--clusterrole=scraper", "--serviceaccount=default:scraper");
    const token = (await k("create", "token", "scraper")).trim();
    const get = (page: string, ...headers: string[]) => host.exec("curl", "-sk", "-w", " %{http_code}", ...headers.flatMap((header) => ["-H", header]), `https://${host.address}:10250${page}`);
    expect(await get("/metrics/resource", `Authorization: Bearer ${token}`)).toMatch(/node_cpu_usage_seconds_total \d.* 200$/s);
    const cadvisor = await get("/metrics/cadvisor", `Authorization: Bearer ${token}`);
    expect(cadvisor).toMatch(/^container_memory_rss\{container="web",id="\/[^"]+",image="[^"]+",name="[0-9a-f]{64}",namespace="default",pod="box"\} [1-9]/m);
    expect(cadvisor).toMatch(/^container_network_receive_bytes_total\{container="",id="\/[^"]+",image="[^"]+",interface="eth0",name="[0-9a-f]{64}",namespace="default",pod="box"\} [1-9]/m);
    expect(await get("/pods", `Authorization: Bearer ${token}`)).toBe("Forbidden 403");
    expect(await get("/exec/default/box/web?command=id&output=1", `Authorization: Bearer ${token}`)).toBe("Forbidden 403");
    expect(await get("/metrics/resource")).toBe("Unauthorized 401");
    expect(await get("/metrics/resource", "Authorization: Bearer nonsense")).toBe("Unauthorized 401");
    const { items } = JSON.parse(await k("get", "--raw", `/api/v1/nodes/${host.name}/proxy/runningpods`)) as { items: { metadata: { name: string } }[] };
    expect(items.map((item) => item.metadata.name)).toContain("box");
  });

  it("drain evicts every pod of the node", async () => {
    expect(await k("drain", host.name, "--force", "--delete-emptydir-data", "--timeout=60s")).toContain(`node/${host.name} drained`);
    expect(await k("get", "pods", "-o", "name")).toBe("");
    await k("uncordon", host.name);
  });
});
