import { expect, test } from "vitest";
import type { ContainerStatus, Pod, PodSpec } from "../../../../../engine/resources/types.ts";
import type { ContainerState, SandboxState } from "../../../../../node-agent/cri/runtime.ts";
import { computePodActions } from "../../../../../node-agent/pods/compute-pod-actions.ts";
import { lostContainers } from "../../../../../node-agent/pods/status/lost-containers.ts";
import { computePodStatus } from "../../../../../node-agent/pods/status/pod-status.ts";
import { aContainerState } from "../../../../kit/pod-context.ts";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const quiet = { ready: new Map(), started: new Map(), failed: new Map() };
const at = "2026-01-01T11:00:00Z";
const running: ContainerStatus = { name: "c", image: "i", imageID: "sha", restartCount: 2, ready: true, containerID: "containerd://abc", state: { running: { startedAt: at } } };
const ended = (exitCode: number): ContainerStatus => ({
  ...running,
  ready: false,
  state: { terminated: { exitCode, reason: "Error", message: "bye", startedAt: at, finishedAt: at, containerID: "containerd://abc" } },
});

function podWith(spec: Partial<PodSpec>, containerStatuses: readonly ContainerStatus[]): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "n", uid: "u" },
    spec: { restartPolicy: "Always", containers: [{ name: "c", image: "i" }], ...spec },
    status: { phase: "Running", containerStatuses: [...containerStatuses] },
  };
}

/** What is shown, and what is done, when the runtime has nothing of such a pod's containers. */
function look(pod: Pod) {
  const sandbox: SandboxState = { id: "s", uid: "u", name: "p", namespace: "n", attempt: 0, isReady: true, ips: [], createdAtMs: 0 };
  const state = { sandboxes: [sandbox], containers: [...lostContainers(pod, [])] };
  const status = computePodStatus({ pod, state, probes: quiet, failures: new Map(), hostIps: ["192.0.2.1"], nowMs: NOW, terminationMessages: new Map() });
  return {
    phase: status.phase,
    state: status.containerStatuses?.[0]?.state,
    does: computePodActions(pod, state, quiet, new Map(), NOW).map((action) => (action.do === "startContainer" ? `start #${action.attempt}` : action.do)),
  };
}

test("what was running and is unknown to the runtime has ended, nobody knows how: what may run only once has failed", () => {
  const unknown = {
    terminated: {
      exitCode: 137,
      reason: "ContainerStatusUnknown",
      message: "The container could not be located when the pod was deleted.  The container used to be Running",
      startedAt: at,
      containerID: "containerd://abc",
    },
  };
  expect(look(podWith({ restartPolicy: "Never" }, [running]))).toEqual({ phase: "Failed", state: unknown, does: ["stopSandbox"] });
  expect(look(podWith({}, [running]))).toEqual({ phase: "Running", state: unknown, does: ["start #3"] });
});

test("what had ended has ended as it is said: a success is not repeated", () => {
  expect(look(podWith({ restartPolicy: "OnFailure" }, [ended(0)]))).toMatchObject({
    phase: "Succeeded",
    state: { terminated: { exitCode: 0, message: "bye", finishedAt: at } },
    does: ["stopSandbox"],
  });
  expect(look(podWith({ restartPolicy: "OnFailure" }, [ended(3)]))).toMatchObject({ phase: "Running", does: ["start #3"] });
});

test("what the runtime knows is what the runtime says, and what never ran is not lost", () => {
  expect(lostContainers(podWith({}, [running]), [{ name: "c" } as ContainerState])).toEqual([]);
  expect(lostContainers(podWith({}, [{ ...running, containerID: "", state: { waiting: {} } }]), [])).toEqual([]);
  expect(lostContainers(podWith({}, []), [])).toEqual([]);
});

test("containers that were forgotten because their pod begins again are not lost", () => {
  const again = { restartPolicyRules: [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [42] } }] };
  const pod = podWith(
    {
      restartPolicy: "Never",
      containers: [
        { name: "c", image: "i", ...again },
        { name: "d", image: "i" },
      ],
    },
    [ended(42), { ...ended(137), name: "d" }],
  );
  expect(lostContainers(pod, [])).toEqual([]);
});

test("of containers that ended because their pod begins again it is said so, and what made it begin keeps its own end", () => {
  const again = { restartPolicyRules: [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [42] } }] };
  const containers = ["first", "c", "d"].map((name) => ({ name, image: "i", ...(name === "c" ? again : {}) }));
  const exited = (name: string, exitCode: number, finishedAtMs: number) => aContainerState({ id: name, name, state: "exited", startedAtMs: 1, finishedAtMs, exitCode, image: "i" });
  const statusOf = (pod: Pod, ran: readonly ContainerState[]) =>
    computePodStatus({ pod, state: { sandboxes: [], containers: ran }, probes: quiet, failures: new Map(), hostIps: [], nowMs: NOW, terminationMessages: new Map() });
  const pod = podWith({ containers }, []);
  const ending = statusOf(pod, [exited("first", 3, 1_000), exited("c", 42, 2_000), exited("d", 137, 3_000)]);
  const reasons = (status: typeof ending) => status.containerStatuses?.map(({ name, state, lastState }) => [name, state?.terminated?.reason ?? state?.waiting?.reason, lastState?.terminated?.reason]);
  expect(reasons(ending)).toEqual([
    ["c", "Error", undefined],
    ["d", "RestartingAllContainers", undefined],
    ["first", "Error", undefined],
  ]);
  const gone = statusOf({ ...pod, status: ending }, []);
  expect(reasons(gone)).toEqual([
    ["c", "RestartingAllContainers", "Error"],
    ["d", "RestartingAllContainers", "RestartingAllContainers"],
    ["first", "RestartingAllContainers", "Error"],
  ]);
  const ahead = statusOf({ ...pod, status: gone }, [{ ...exited("d", 0, 0), id: "d2", attempt: 1, state: "running" }]);
  expect(reasons(ahead)?.[1]).toEqual(["d", undefined, "RestartingAllContainers"]);
});
