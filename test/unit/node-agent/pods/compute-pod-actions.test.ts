import { describe, expect, it } from "vitest";
import { computePodActions, type PodState, type StartFailure } from "../../../../node-agent/pods/compute-pod-actions.ts";
import { nextBackoffBase, restartBackoffMs, restartsAfter } from "../../../../node-agent/pods/restart-policy.ts";
import type { Container, Pod } from "../../../../engine/resources/types.ts";
import { container, exited, init, none, NOW, pod, quiet, sandbox } from "../../../kit/pod-state.ts";

function actions(p: Pod, state: PodState, probes = quiet, failures: ReadonlyMap<string, StartFailure> = none) {
  return computePodActions(p, state, probes, failures, NOW).map((action) => {
    switch (action.do) {
      case "startContainer":
        return `start ${action.container.name} #${action.attempt}`;
      case "killContainer":
        return `kill ${action.state.name}`;
      case "wait":
        return `wait ${(action.untilMs - NOW) / 1000} s`;
      case "createSandbox":
        return `sandbox #${action.attempt}`;
      default:
        return `${action.do} ${action.id}`;
    }
  });
}

const ruled = (action: string): Container => ({ name: "c", image: "i", restartPolicy: "Never", restartPolicyRules: [{ action, exitCodes: { operator: "In", values: [42] } }] });

describe("computePodActions", () => {
  it.each<[string, Pod, PodState, string[]]>([
    ["begins with a sandbox", pod(), { sandboxes: [], containers: [] }, ["sandbox #0"]],
    ["starts containers once the sandbox is ready", pod(), { sandboxes: [sandbox()], containers: [] }, ["start c #0"]],
    ["does nothing when all runs", pod(), { sandboxes: [sandbox()], containers: [container()] }, []],
    ["makes another sandbox when it died, and ends what ran in it", pod(), { sandboxes: [sandbox({ isReady: false })], containers: [container()] }, ["kill c"]],
    ["does so when what ran in the old one has ended", pod(), { sandboxes: [sandbox({ isReady: false })], containers: [exited()] }, ["stopSandbox s", "sandbox #1"]],
    [
      "lets go of a sandbox that is of no use to anybody any more",
      pod(),
      { sandboxes: [sandbox({ id: "s2", attempt: 1 }), sandbox({ isReady: false })], containers: [container({ sandboxId: "s2" })] },
      ["removeSandbox s"],
    ],
    [
      "keeps one of which a container has ended last",
      pod(),
      { sandboxes: [sandbox({ id: "s2", attempt: 1 }), sandbox({ isReady: false })], containers: [container({ sandboxId: "s2", attempt: 1 }), exited()] },
      [],
    ],
    [
      "initialises the pod again in another sandbox",
      pod({ initContainers: [init("a")] }),
      { sandboxes: [sandbox({ id: "s2", attempt: 1 }), sandbox({ isReady: false })], containers: [exited({ name: "a", exitCode: 0 }), exited()] },
      ["start a #1"],
    ],
    [
      "ends and starts a container whose image was changed, whatever its policy",
      pod({ restartPolicy: "Never", containers: [{ name: "c", image: "i:2" }] }),
      { sandboxes: [sandbox()], containers: [container({ annotations: { "mainstay.dev/image": "i:1" } })] },
      ["kill c", "start c #1"],
    ],
    [
      "does not wait with a new image for the old one's back-off",
      pod({ containers: [{ name: "c", image: "i:2" }] }),
      { sandboxes: [sandbox()], containers: [exited({ attempt: 4, annotations: { "mainstay.dev/image": "i:1" } })] },
      ["start c #5"],
    ],
    [
      "starts a container again whose rule says so, though the pod never does",
      pod({ restartPolicy: "Never", containers: [ruled("Restart")] }),
      { sandboxes: [sandbox()], containers: [exited({ exitCode: 42 })] },
      ["start c #1"],
    ],
    [
      "leaves a container alone that no rule fits",
      pod({ restartPolicy: "Never", containers: [ruled("Restart")] }),
      { sandboxes: [sandbox()], containers: [exited({ exitCode: 1 })] },
      ["stopSandbox s"],
    ],
    [
      "lets a container's own policy win over the pod's",
      pod({
        containers: [
          { name: "c", image: "i", restartPolicy: "Never" },
          { name: "d", image: "i" },
        ],
      }),
      { sandboxes: [sandbox()], containers: [exited(), exited({ name: "d" })] },
      ["start d #1"],
    ],
    [
      "ends all containers when one's rule says that the pod begins again",
      pod({ initContainers: [init("a")], containers: [ruled("RestartAllContainers"), { name: "d", image: "i" }] }),
      { sandboxes: [sandbox()], containers: [exited({ exitCode: 42 }), exited({ name: "a", exitCode: 0 }), container({ name: "d" })] },
      ["kill d"],
    ],
    [
      "forgets them when none runs any more, the one that says so last",
      pod({ initContainers: [init("a")], containers: [ruled("RestartAllContainers"), { name: "d", image: "i" }] }),
      { sandboxes: [sandbox()], containers: [exited({ exitCode: 42 }), exited({ name: "a", exitCode: 0 }), exited({ name: "d" })] },
      ["removeContainer a-0", "removeContainer d-0", "removeContainer c-0"],
    ],
    [
      "forgets them also when only a sidecar says so and the others would never start again",
      pod({ restartPolicy: "Never", initContainers: [{ ...ruled("RestartAllContainers"), name: "side", restartPolicy: "Always" }] }),
      { sandboxes: [sandbox()], containers: [exited({ name: "side", exitCode: 42 }), exited({ exitCode: 137 })] },
      ["removeContainer c-0", "removeContainer side-0"],
    ],
    [
      "begins again with the first init container, and remembers how often it ran",
      { ...pod({ initContainers: [init("a")] }), status: { initContainerStatuses: [{ name: "a", image: "i", imageID: "", ready: true, restartCount: 2, containerID: "containerd://x" }] } },
      { sandboxes: [sandbox()], containers: [] },
      ["start a #3"],
    ],
    ["restarts at once after the first end", pod(), { sandboxes: [sandbox()], containers: [exited()] }, ["start c #1"]],
    ["backs off after the second", pod(), { sandboxes: [sandbox()], containers: [exited({ attempt: 1, startedAtMs: NOW - 2_000 })] }, ["wait 9 s"]],
    ["begins again with one that never ran, which is no restart", pod({ restartPolicy: "Never" }), { sandboxes: [sandbox()], containers: [container({ state: "created" })] }, ["start c #0"]],
    ["counts on from the last that ran", pod(), { sandboxes: [sandbox()], containers: [container({ state: "created", attempt: 1 }), exited()] }, ["start c #1"]],
    ["never restarts with Never", pod({ restartPolicy: "Never" }), { sandboxes: [sandbox()], containers: [exited()] }, ["stopSandbox s"]],
    ["restarts failures with OnFailure", pod({ restartPolicy: "OnFailure" }), { sandboxes: [sandbox()], containers: [exited()] }, ["start c #1"]],
    ["leaves successes with OnFailure", pod({ restartPolicy: "OnFailure" }), { sandboxes: [sandbox()], containers: [exited({ exitCode: 0 })] }, ["stopSandbox s"]],
    ["runs init containers one after another", pod({ initContainers: [init("a"), init("b")] }), { sandboxes: [sandbox()], containers: [] }, ["start a #0"]],
    ["goes on to the next when one succeeded", pod({ initContainers: [init("a"), init("b")] }), { sandboxes: [sandbox()], containers: [exited({ name: "a", exitCode: 0 })] }, ["start b #0"]],
    ["starts the containers after the last", pod({ initContainers: [init("a")] }), { sandboxes: [sandbox()], containers: [exited({ name: "a", exitCode: 0 })] }, ["start c #0"]],
    ["waits for a running init container", pod({ initContainers: [init("a")] }), { sandboxes: [sandbox()], containers: [container({ name: "a" })] }, []],
    ["goes on past a running sidecar", pod({ initContainers: [init("side", { restartPolicy: "Always" })] }), { sandboxes: [sandbox()], containers: [container({ name: "side" })] }, ["start c #0"]],
    [
      "keeps one dead container beside the running one",
      pod(),
      { sandboxes: [sandbox()], containers: [container({ attempt: 2 }), exited({ attempt: 1 }), exited({ attempt: 0 })] },
      ["removeContainer c-0"],
    ],
  ])("%s", (_name, p, state, expected) => {
    expect(actions(p, state)).toEqual(expected);
  });

  it("kills what failed its liveness probe", () => {
    expect(actions(pod(), { sandboxes: [sandbox()], containers: [container()] }, { ...quiet, failed: new Map([["c-0", { why: "failed liveness probe", graceSeconds: undefined }]]) })).toEqual([
      "kill c",
    ]);
  });

  it("starts again at once what failed a probe and would be over if it ended well", () => {
    const failed = { ...quiet, failed: new Map([["c-0", { why: "failed liveness probe", graceSeconds: undefined }]]) };
    const does = (restartPolicy: string) => actions(pod({ restartPolicy }), { sandboxes: [sandbox()], containers: [container()] }, failed);
    expect([does("OnFailure"), does("Never")]).toEqual([["kill c", "start c #1"], ["kill c"]]);
  });

  it("waits with the next container until a sidecar's startup probe succeeded", () => {
    const p = pod({ initContainers: [init("side", { restartPolicy: "Always", startupProbe: { tcpSocket: { port: 1 } } })] });
    const state = { sandboxes: [sandbox()], containers: [container({ name: "side" })] };
    expect(actions(p, state)).toEqual([]);
    expect(actions(p, state, { ...quiet, started: new Map([["side", true]]) })).toEqual(["start c #0"]);
  });

  describe("once a later container has begun, a sidecar that is not running", () => {
    const [side, other] = [init("side", { restartPolicy: "Always", startupProbe: { tcpSocket: { port: 1 } } }), init("other", { restartPolicy: "Always" })];
    const waiting = new Map([["side", { reason: "CreateContainerError", message: "no", failures: 1, retryAtMs: NOW + 10_000 }]]);
    const two = { containers: ["c", "d"].map((name) => ({ name, image: "i" })) };

    it.each<[string, Pod, PodState["containers"], string[]]>([
      ["holds up no main container while another one runs", pod({ ...two, initContainers: [side] }), [exited({ name: "side" }), container(), exited({ name: "d" })], ["wait 10 s", "start d #1"]],
      ["holds up no other sidecar, and none that comes after it", pod({ initContainers: [side, other] }), [exited({ name: "side" }), container({ name: "other" })], ["wait 10 s", "start c #0"]],
      ["is waited for when it is the last, and no main container runs", pod({ initContainers: [other, side] }), [container({ name: "other" }), exited({ name: "side" }), exited()], ["wait 10 s"]],
      ["is started with what comes after it", pod({ initContainers: [other, side] }), [exited({ name: "other" }), exited({ name: "side" })], ["start other #1", "wait 10 s"]],
    ])("%s", (_what, p, containers, expected) => {
      expect(actions(p, { sandboxes: [sandbox()], containers }, quiet, waiting)).toEqual(expected);
    });

    it("holds up no main container while another one runs, also when it runs again and its startup probe has yet to succeed", () => {
      const containers = [container({ name: "side", attempt: 1 }), container(), exited({ name: "d" })];
      expect(actions(pod({ ...two, initContainers: [side] }), { sandboxes: [sandbox()], containers })).toEqual(["start d #1"]);
    });
  });

  it("does not run an init container again whose record is gone, when a main one has run", () => {
    expect(actions(pod({ initContainers: [init("a")] }), { sandboxes: [sandbox()], containers: [exited()] })).toEqual(["start c #1"]);
  });

  it("waits before it tries a failed start again", () => {
    const failure = { reason: "ErrImagePull", message: "no", failures: 1, retryAtMs: NOW + 10_000 };
    expect(actions(pod(), { sandboxes: [sandbox()], containers: [] }, quiet, new Map([["c", failure]]))).toEqual(["wait 10 s"]);
  });

  it("tries at once with another image than the one that could not be had", () => {
    const failure = { reason: "ImagePullBackOff", message: "no", failures: 5, retryAtMs: NOW + 200_000, image: "typo" };
    expect(actions(pod(), { sandboxes: [sandbox()], containers: [] }, quiet, new Map([["c", failure]]))).toEqual(["start c #0"]);
  });

  it("doubles the back-off up to five minutes, and forgets it after ten good minutes", () => {
    expect([0, 1, 2, 3, 6, 20].map((attempt) => restartBackoffMs(exited({ attempt, startedAtMs: NOW - 2_000 })) / 1000)).toEqual([0, 10, 20, 40, 300, 300]);
    expect(restartBackoffMs(exited({ attempt: 6, startedAtMs: NOW - 700_000 }))).toBe(0);
    expect([1, 2, 3].map((attempt) => restartBackoffMs(exited({ attempt, startedAtMs: NOW - 2_000 }), 15_000))).toEqual([10_000, 15_000, 15_000]);
    const crashed = { sandboxes: [sandbox()], containers: [exited({ attempt: 3, startedAtMs: NOW - 2_000, finishedAtMs: NOW - 1_000 })] };
    expect(computePodActions(pod(), crashed, quiet, none, NOW, 4_000)).toEqual([{ do: "wait", untilMs: NOW + 3_000 }]);
    // The next back-off counts from where the last good run, or another image, began.
    const annotations = { "mainstay.dev/backoff-base": "5", "mainstay.dev/image": "i" };
    expect(restartBackoffMs(exited({ attempt: 6, startedAtMs: NOW - 2_000, annotations }))).toBe(10_000);
    expect([exited({ startedAtMs: NOW - 700_000, annotations }), exited({ startedAtMs: NOW - 2_000, annotations })].map((last) => nextBackoffBase({ name: "c", image: "i" }, last, 7))).toEqual([7, 5]);
    expect(nextBackoffBase({ name: "c", image: "j" }, exited({ startedAtMs: NOW - 2_000, annotations }), 7)).toBe(7);
  });

  it("waits no longer than any wait is when the clock was set back since", () => {
    const later = NOW + 3_600_000;
    const crashed = { sandboxes: [sandbox()], containers: [exited({ attempt: 3, startedAtMs: later - 1_000, finishedAtMs: later })] };
    expect(actions(pod(), crashed)).toEqual(["start c #4"]);
    const failure = { reason: "ErrImagePull", message: "", retryAtMs: later, failures: 1 };
    expect(actions(pod(), { sandboxes: [sandbox()], containers: [] }, quiet, new Map([["c", failure]]))).toEqual(["start c #0"]);
  });

  it("takes the first rule that fits an exit code, else the container's policy, else the pod's", () => {
    const container: Container = { name: "c", image: "i", restartPolicy: "OnFailure", restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "NotIn", values: [0, 1] } }] };
    expect([0, 1, 2].map((code) => restartsAfter(pod({ restartPolicy: "Never", containers: [container] }), container, code))).toEqual([false, true, true]);
    expect([0, 1].map((code) => restartsAfter(pod({ initContainers: [init("a")] }), init("a"), code))).toEqual([false, true]);
  });
});
