import { expect, test } from "vitest";
import type { ContainerState } from "../../../../node-agent/cri/runtime.ts";
import { chooseDeadContainers } from "../../../../node-agent/resources/dead-containers.ts";
import type { Pod, PodSpec } from "../../../../engine/resources/types.ts";

const container = (name: string, requests: Record<string, string> = {}, limits: Record<string, string> = {}) => ({ name, image: "i", resources: { requests, limits } });
const pod = (name: string, spec: Partial<PodSpec> = {}, qosClass = "Burstable"): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "n", uid: name },
  spec: { containers: [container("c")], ...spec },
  status: { phase: "Running", qosClass },
});

test("of containers that have ended, those of pods that go on are kept when disk space runs short", () => {
  const dead = (podUid: string, state: ContainerState["state"] = "exited") => ({ id: `${podUid}-${state}`, podUid, state }) as ContainerState; // all that is asked about
  const over: Pod = { ...pod("over"), status: { phase: "Failed" } };
  const chosen = chooseDeadContainers([dead("goes"), dead("over"), dead("gone"), dead("goes", "running"), dead("gone", "running")], [pod("goes"), over]);
  expect(chosen.map(({ id }) => id)).toEqual(["over-exited", "gone-exited"]);
});
