import { expect, test } from "vitest";
import type { ContainerState } from "../../../../node-agent/cri/runtime.ts";
import { RunningContainers } from "../../../../node-agent/cri/running-containers.ts";

test("each running container is asked for once, and forgotten when it has ended", async () => {
  const containers: ContainerState[] = [];
  const asked: (string | undefined)[] = [];
  const run = (id: string, podUid: string) => containers.push({ id, podUid, name: id, state: "running", startedAtMs: 1 } as ContainerState); // what is looked at
  const running = new RunningContainers({
    glance: async () => ({ sandboxes: [], containers: containers.map(({ id, podUid, state, image, imageId }) => ({ id, podUid, state, image, imageId })) }),
    listContainers: async (podUid) => {
      asked.push(podUid);
      return containers.filter((container) => container.podUid === podUid);
    },
  });
  const names = async () => (await running.list()).map(({ name }) => name);
  run("a", "u1");
  run("b", "u2");
  expect([await names(), await names(), asked]).toEqual([
    ["a", "b"],
    ["a", "b"],
    ["u1", "u2"],
  ]);
  run("c", "u2");
  containers.shift();
  expect([await names(), await names(), asked]).toEqual([
    ["b", "c"],
    ["b", "c"],
    ["u1", "u2", "u2"],
  ]);
});
