import { describe, expect, it } from "vitest";
import { computePodActions, deadlineExceeded, type PodState, type StartFailure } from "../../../../../node-agent/pods/compute-pod-actions.ts";
import { computePodStatus } from "../../../../../node-agent/pods/status/pod-status.ts";
import type { Container, Pod } from "../../../../../engine/resources/types.ts";
import { container, exited, init, none, NOW, pod, quiet, sandbox } from "../../../../kit/pod-state.ts";

describe("computePodStatus", () => {
  it("says the agent's conditions in upstream's order, behind those of others", () => {
    const p = {
      ...pod(),
      status: {
        conditions: [
          { type: "PodScheduled", status: "True" },
          { type: "example.com/gate", status: "True" },
        ],
      },
    };
    expect(status(p, { sandboxes: [sandbox()], containers: [container()] }).conditions?.map(({ type }) => type)).toEqual([
      "example.com/gate",
      "PodReadyToStartContainers",
      "Initialized",
      "Ready",
      "ContainersReady",
      "PodScheduled",
    ]);
  });
  const status = (p: Pod, state: PodState, probes = quiet, failures: ReadonlyMap<string, StartFailure> = none) =>
    computePodStatus({ pod: p, state, probes, failures, hostIps: ["10.0.0.1"], nowMs: NOW, terminationMessages: new Map() });
  const ready = (s: ReturnType<typeof status>) => s.conditions?.find((condition) => condition.type === "Ready")?.status;

  it.each<[string, Pod, readonly string[], readonly string[]]>([
    ["of the network, the machine's family first", pod(), ["10.42.0.2", "fd00::2"], ["fd00::2", "10.42.0.2"]],
    ["of the only family that it has", pod(), ["10.42.0.2"], ["10.42.0.2"]],
    ["one of each family", pod(), ["fd00::2", "fd00::3", "10.42.0.2"], ["fd00::2", "10.42.0.2"]],
    ["the machine's on its network", pod({ hostNetwork: true }), [], ["fd01::1", "10.0.0.1"]],
  ])("has the addresses %s", (_what, p, ips, expected) => {
    const { podIP, podIPs, hostIP, hostIPs } = computePodStatus({
      pod: p,
      state: { sandboxes: [sandbox({ ips })], containers: [] },
      probes: quiet,
      failures: none,
      hostIps: ["fd01::1", "10.0.0.1"],
      nowMs: NOW,
      terminationMessages: new Map(),
    });
    expect({ podIP, podIPs: podIPs?.map(({ ip }) => ip), hostIP, hostIPs: hostIPs?.map(({ ip }) => ip) }).toEqual({
      podIP: expected[0],
      podIPs: expected,
      hostIP: "fd01::1",
      hostIPs: ["fd01::1", "10.0.0.1"],
    });
  });

  it.each<[string, Pod, object, object | undefined]>([
    [
      "what its containers ask for together",
      pod({
        containers: [
          { name: "a", resources: { requests: { cpu: "250m", memory: "64Mi" }, limits: { memory: "1Gi" } } },
          { name: "b", resources: { requests: { cpu: "1750m" } } },
        ],
      }),
      { requests: { cpu: "2", memory: "64Mi" }, limits: { memory: "1Gi" } },
      { cpu: "2", memory: "64Mi" },
    ],
    ["what it asks for itself", pod({ containers: [{ name: "a", resources: { requests: { cpu: "1" } } }], resources: { requests: { cpu: "3" } } }), { requests: { cpu: "3" } }, { cpu: "3" }],
    ["nothing, where nothing is asked for", pod(), {}, undefined],
  ])("says of the pod as a whole that it has %s", (_what, p, resources, allocated) => {
    const { resources: shown = {}, allocatedResources } = status(p, { sandboxes: [], containers: [] });
    expect([shown, allocatedResources]).toEqual([resources, allocated]);
  });

  it("says what it was granted and what it has, which differ while that is being done; both conditions then", () => {
    const sized = (cpu: string) => pod({ containers: [{ name: "c", image: "i", resources: { requests: { cpu, memory: cpu === "1" ? "1Gi" : "2Gi" } } }] });
    const state = { sandboxes: [sandbox()], containers: [container({ resources: { cpuShares: 1024, cpuQuota: 0, memoryLimitBytes: 0 } })] };
    const before = { ...sized("1"), status: status(sized("1"), state) };
    const resize = { pending: { reason: "Deferred", message: "no room", observedGeneration: 3 }, inProgress: { observedGeneration: 2 } };
    const inputs = { pod: { ...sized("2"), status: before.status }, state, probes: quiet, failures: none, hostIps: ["10.0.0.1"], nowMs: NOW, terminationMessages: new Map<string, string>() };
    const between = computePodStatus({ ...inputs, resize });
    expect(between).toMatchObject({
      allocatedResources: { cpu: "2", memory: "2Gi" },
      resources: { requests: { cpu: "1", memory: "1Gi" } },
      containerStatuses: [{ allocatedResources: { cpu: "2", memory: "2Gi" }, resources: { requests: { cpu: "1", memory: "1Gi" } } }],
    });
    expect(between.conditions?.filter(({ type }) => type.startsWith("PodResize")).map(({ type, observedGeneration }) => [type, observedGeneration])).toEqual([
      ["PodResizePending", 3],
      ["PodResizeInProgress", 2],
    ]);
    const after = computePodStatus({ ...inputs, state: { ...state, containers: [container({ resources: { cpuShares: 2048, cpuQuota: 0, memoryLimitBytes: 0 } })] } });
    expect(after).toMatchObject({ resources: { requests: { cpu: "2", memory: "2Gi" } }, containerStatuses: [{ resources: { requests: { cpu: "2", memory: "2Gi" } } }] });
    // What has ended waits for nothing.
    const ended = computePodStatus({ ...inputs, resize, refusal: { reason: "Evicted", message: "" } });
    expect(ended.conditions?.filter(({ type }) => type.startsWith("PodResize"))).toEqual([]);
  });

  it("has its containers by name, and the init containers in the order in which they run", () => {
    const p = pod({
      initContainers: [init("z"), init("y")],
      containers: [
        { name: "b", image: "i" },
        { name: "a", image: "i" },
      ],
    });
    const { containerStatuses, initContainerStatuses } = status(p, { sandboxes: [], containers: [] });
    expect([containerStatuses, initContainerStatuses].map((list) => list?.map(({ name }) => name))).toEqual([
      ["a", "b"],
      ["z", "y"],
    ]);
  });

  it("has the agent's conditions in upstream's order behind those of others", () => {
    const again: Container = { name: "c", image: "i", restartPolicy: "Never", restartPolicyRules: [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [1] } }] };
    const others = { ...pod({ containers: [again] }), status: { conditions: [{ type: "example.com/other", status: "True" }] } };
    expect(status(others, { sandboxes: [sandbox()], containers: [container()] }).conditions?.map(({ type }) => type)).toEqual([
      "example.com/other",
      "PodReadyToStartContainers",
      "Initialized",
      "Ready",
      "ContainersReady",
      "PodScheduled",
      "AllContainersRestarting",
    ]);
  });

  it("says what a container has mounted, and how", () => {
    const volumeMounts = [
      { name: "v", mountPath: "/v" },
      { name: "r", mountPath: "/r", readOnly: true, subPath: "x" },
    ];
    expect(status(pod({ containers: [{ name: "c", image: "i", volumeMounts }] }), { sandboxes: [], containers: [] }).containerStatuses?.[0]?.volumeMounts).toEqual([
      { name: "v", mountPath: "/v" },
      { name: "r", mountPath: "/r", readOnly: true, recursiveReadOnly: "Disabled" },
    ]);
  });

  it("says of an end what the runtime and the container say, as far as there is room for all containers", () => {
    const two = pod({
      restartPolicy: "Never",
      containers: [
        { name: "c", image: "i" },
        { name: "d", image: "i" },
      ],
    });
    const state = { sandboxes: [sandbox()], containers: [exited({ message: "killed" }), exited({ name: "d" })] };
    const { containerStatuses } = computePodStatus({
      pod: two,
      state,
      probes: quiet,
      failures: none,
      hostIps: ["10.0.0.1"],
      nowMs: NOW,
      terminationMessages: new Map([
        ["c-0", "bye\n"],
        ["d-0", "é".repeat(4096)],
      ]),
    });
    expect(containerStatuses?.map(({ state: its }) => its?.terminated?.message)).toEqual(["killed: bye\n", "é".repeat(3072)]);
  });

  it("tells first that a container could not be started, then that it backs off like one that crashed", () => {
    const state = { sandboxes: [sandbox()], containers: [exited({ attempt: 1, exitCode: 128, reason: "StartError" })] };
    const waiting = (retryAtMs: number) =>
      status(pod(), state, quiet, new Map([["c", { reason: "RunContainerError", message: "no such file", failures: 0, retryAtMs }]])).containerStatuses?.[0]?.state?.waiting?.reason;
    expect([waiting(NOW + 1), waiting(NOW)]).toEqual(["RunContainerError", "CrashLoopBackOff"]);
  });

  it("shows how a container ended that could not be started and is not tried again: others judge by its exit code", () => {
    const state = { sandboxes: [sandbox()], containers: [exited({ exitCode: 128, reason: "StartError", message: "no such file" })] };
    const failures = new Map([["c", { reason: "RunContainerError", message: "no such file", failures: 0, retryAtMs: NOW + 1 }]] as const);
    const shown = (of: Pod) => status(of, state, quiet, failures).containerStatuses?.[0]?.state;
    expect(shown(pod({ restartPolicy: "Never" }))).toMatchObject({ terminated: { exitCode: 128, reason: "StartError", message: "no such file" } });
    const going = pod();
    expect(shown({ ...going, metadata: { ...going.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } })).toHaveProperty("terminated.exitCode", 128);
    expect(shown(going)).toHaveProperty("waiting.reason", "RunContainerError");
  });

  it.each<[string, Pod, PodState, string]>([
    ["Pending before anything runs", pod(), { sandboxes: [], containers: [] }, "Pending"],
    ["Pending while init containers run", pod({ initContainers: [init("a")] }), { sandboxes: [sandbox()], containers: [container({ name: "a" })] }, "Pending"],
    ["Running", pod(), { sandboxes: [sandbox()], containers: [container()] }, "Running"],
    ["Running between restarts", pod(), { sandboxes: [sandbox()], containers: [exited()] }, "Running"],
    ["Succeeded", pod({ restartPolicy: "Never" }), { sandboxes: [sandbox()], containers: [exited({ exitCode: 0 })] }, "Succeeded"],
    ["Failed", pod({ restartPolicy: "Never" }), { sandboxes: [sandbox()], containers: [exited()] }, "Failed"],
    [
      "Running while a sidecar outlives its containers",
      pod({ restartPolicy: "Never", initContainers: [init("side", { restartPolicy: "Always" })] }),
      { sandboxes: [sandbox()], containers: [container({ name: "side" }), exited({ exitCode: 0 })] },
      "Running",
    ],
    [
      "Succeeded once the sidecar has ended too",
      pod({ restartPolicy: "Never", initContainers: [init("side", { restartPolicy: "Always" })] }),
      { sandboxes: [sandbox()], containers: [exited({ name: "side", exitCode: 137 }), exited({ exitCode: 0 })] },
      "Succeeded",
    ],
    [
      "Failed when it is deleted, whatever its policy",
      { ...pod(), metadata: { ...pod().metadata, deletionTimestamp: "2026-01-01T12:00:00Z" } },
      { sandboxes: [sandbox()], containers: [exited()] },
      "Failed",
    ],
    [
      "Succeeded when it is deleted and ends well",
      { ...pod(), metadata: { ...pod().metadata, deletionTimestamp: "2026-01-01T12:00:00Z" } },
      { sandboxes: [sandbox()], containers: [exited({ exitCode: 0 })] },
      "Succeeded",
    ],
    ["Running while it ends", { ...pod(), metadata: { ...pod().metadata, deletionTimestamp: "2026-01-01T12:00:00Z" } }, { sandboxes: [sandbox()], containers: [container()] }, "Running"],
    ["Failed by an init container", pod({ restartPolicy: "Never", initContainers: [init("a")] }), { sandboxes: [sandbox()], containers: [exited({ name: "a" })] }, "Failed"],
  ])("is %s", (_name, p, state, phase) => {
    expect(status(p, state).phase).toBe(phase);
  });

  it("is ready when all containers are, and says which are not", () => {
    const probed = pod({ containers: [{ name: "c", image: "i", readinessProbe: { tcpSocket: { port: 1 } } }] });
    const state = { sandboxes: [sandbox()], containers: [container()] };
    expect(ready(status(pod(), state))).toBe("True");
    const unready = status(probed, state);
    expect(ready(unready)).toBe("False");
    expect(unready.conditions?.find((condition) => condition.type === "Ready")?.message).toBe("containers with unready status: [c]");
    expect(ready(status(probed, state, { ...quiet, ready: new Map([["c", true]]) }))).toBe("True");
  });

  it("shows a crash loop with its last end", () => {
    const crashed = status(pod(), { sandboxes: [sandbox()], containers: [exited({ attempt: 2, startedAtMs: NOW - 2_000, exitCode: 7 })] });
    expect(crashed.containerStatuses?.[0]).toMatchObject({ restartCount: 2, state: { waiting: { reason: "CrashLoopBackOff" } }, lastState: { terminated: { exitCode: 7, reason: "Error" } } });
  });

  it("is not ready while a sidecar is not", () => {
    const sided = pod({ initContainers: [init("side", { restartPolicy: "Always", readinessProbe: { tcpSocket: { port: 1 } } })] });
    const state = { sandboxes: [sandbox()], containers: [container(), container({ name: "side" })] };
    expect(ready(status(sided, state))).toBe("False");
    expect(ready(status(sided, state, { ...quiet, ready: new Map([["side", true]]) }))).toBe("True");
  });

  it("remembers how containers ended of which the runtime has nothing any more", () => {
    const before: Pod = { ...pod(), status: status(pod(), { sandboxes: [sandbox()], containers: [exited({ attempt: 1, exitCode: 42 })] }) };
    const forgotten = status(before, { sandboxes: [sandbox()], containers: [] });
    expect(forgotten.containerStatuses?.[0]).toMatchObject({ restartCount: 1, state: { waiting: {} }, lastState: { terminated: { exitCode: 42 } } });
    const after = status({ ...before, status: forgotten }, { sandboxes: [sandbox()], containers: [container({ attempt: 2 })] });
    expect(after.containerStatuses?.[0]).toMatchObject({ restartCount: 2, state: { running: {} }, lastState: { terminated: { exitCode: 42 } } });
    // A pod that ends and is kept in the API goes on showing how its containers ended.
    const kept = {
      ...pod({ restartPolicy: "Never" }),
      metadata: { ...pod().metadata, deletionTimestamp: "2026-01-01T12:00:00Z" },
      status: status(pod({ restartPolicy: "Never" }), { sandboxes: [sandbox()], containers: [exited()] }),
    };
    expect(status(kept, { sandboxes: [], containers: [] }).containerStatuses).toEqual(kept.status.containerStatuses);
  });

  it("was initialized and is still so when it has failed and the runtime has nothing of it any more", () => {
    const p = pod({ restartPolicy: "Never", initContainers: [init("a")] });
    const failed = { ...p, status: status(p, { sandboxes: [sandbox()], containers: [exited({ name: "a", exitCode: 0 }), exited()] }) };
    const left = status(failed, { sandboxes: [], containers: [] });
    expect(left).toMatchObject({
      phase: "Failed",
      initContainerStatuses: [{ state: { terminated: { exitCode: 0 } } }],
      conditions: expect.arrayContaining([expect.objectContaining({ type: "Initialized", status: "True" })]) as unknown,
    });
  });

  it("says of an init container that it has started while it runs, and not any more when it has ended", () => {
    const of = (containers: PodState["containers"]) => status(pod({ initContainers: [init("a")] }), { sandboxes: [sandbox()], containers }).initContainerStatuses?.[0];
    expect(of([container({ name: "a" })])).toMatchObject({ started: true, ready: false });
    expect(of([exited({ name: "a", exitCode: 0 })])).toMatchObject({ started: false, ready: true });
  });

  it("says of whatever waits in a pod with init containers that the pod is initializing", () => {
    const waiting = status(pod({ initContainers: [init("a"), init("b")] }), { sandboxes: [sandbox()], containers: [exited({ name: "a" })] });
    expect([waiting.initContainerStatuses?.[1]?.state, waiting.containerStatuses?.[0]?.state]).toEqual([{ waiting: { reason: "PodInitializing" } }, { waiting: { reason: "PodInitializing" } }]);
  });

  it("shows why a container cannot be started", () => {
    const failure = { reason: "ErrImagePull", message: "no such image", failures: 1, retryAtMs: NOW };
    expect(status(pod(), { sandboxes: [sandbox()], containers: [] }, quiet, new Map([["c", failure]])).containerStatuses?.[0]?.state).toEqual({
      waiting: { reason: "ErrImagePull", message: "no such image" },
    });
  });

  it("that was refused goes on having no containers: words about them would be shown in place of the reason", () => {
    const refused: Pod = { ...pod({ initContainers: [init("a")] }), status: { phase: "Failed", reason: "OutOfcpu", message: "no room" } };
    expect(status(refused, { sandboxes: [], containers: [] })).toMatchObject({ phase: "Failed", reason: "OutOfcpu" });
    for (const field of ["containerStatuses", "initContainerStatuses"]) expect(status(refused, { sandboxes: [], containers: [] })).not.toHaveProperty(field);
  });

  it("that was active for too long is over, and its status keeps saying why", () => {
    const late: Pod = { ...pod({ activeDeadlineSeconds: 30 }), status: { phase: "Running", startTime: "2026-01-01T11:59:30Z" } };
    const refusal = deadlineExceeded(late, NOW);
    expect(refusal).toMatchObject({ reason: "DeadlineExceeded" });
    expect(deadlineExceeded(late, NOW - 1)).toBeUndefined();
    const state = { sandboxes: [sandbox({ isReady: false })], containers: [exited({ exitCode: 137 })] };
    const failed = computePodStatus({
      pod: late,
      state,
      probes: quiet,
      failures: none,
      hostIps: ["10.0.0.1"],
      nowMs: NOW,
      terminationMessages: new Map(),
      ...(refusal === undefined ? {} : { refusal }),
    });
    expect(failed).toMatchObject({ phase: "Failed", reason: "DeadlineExceeded", containerStatuses: [{ state: { terminated: { exitCode: 137 } } }] });
    const over = { ...late, status: failed };
    expect(deadlineExceeded(over, NOW)).toBeUndefined();
    expect(status(over, state)).toMatchObject({ phase: "Failed", reason: "DeadlineExceeded" });
    expect(computePodActions(over, state, quiet, none, NOW)).toEqual([]);
  });

  it("keeps the time of a condition's last change", () => {
    const state = { sandboxes: [sandbox()], containers: [container()] };
    const first = status(pod(), state);
    const later = computePodStatus({ pod: { ...pod(), status: first }, state, probes: quiet, failures: none, hostIps: ["10.0.0.1"], nowMs: NOW + 60_000, terminationMessages: new Map() });
    expect(later).toEqual(first);
  });
});
