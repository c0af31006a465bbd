import { expect, it } from "vitest";
import { isBrokenOff } from "../../../../node-agent/cri/cri-runtime.ts";
import { ContainerState } from "../../../../node-agent/cri/runtime_pb.ts";
import { processorMs } from "../../../kit/processor-time.ts";

const { CONTAINER_EXITED, CONTAINER_CREATED } = ContainerState;

// The messages are containerd's, recorded with calls that were broken off after 3 to 60 ms.
it.each([
  ["failed to create containerd task: failed to start shim: start failed: : signal: killed: unknown", true],
  ["failed to create containerd task: failed to create shim task: context deadline exceeded: unknown", true],
  ["failed to create containerd task: failed to create shim task: context canceled: unknown", true],
  ['failed to create containerd task: failed to create shim task: OCI runtime create failed: exec: "none": executable file not found in $PATH: unknown', false],
])("a start that ended with %j was broken off: %j", (message, isSo) => {
  expect(isBrokenOff({ state: CONTAINER_EXITED, startedAt: 0n, message })).toBe(isSo);
  expect(isBrokenOff({ state: CONTAINER_EXITED, startedAt: 5n, message })).toBe(false);
  expect(isBrokenOff({ state: CONTAINER_CREATED, startedAt: 0n, message })).toBe(false);
});

it("what a pod's command says many times takes no longer for it", () => {
  const timeOf = (word: string) => {
    const message = word.repeat(20_000);
    return processorMs(() => isBrokenOff({ state: CONTAINER_EXITED, startedAt: 0n, message }));
  };
  timeOf("something else of it ");
  expect(timeOf("failed to start shim: ")).toBeLessThan(20 * timeOf("something else of it ") + 50);
});
