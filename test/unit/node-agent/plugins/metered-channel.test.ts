import { expect, test } from "vitest";
import { abortError } from "../../../../engine/lib/abort.ts";
import { GrpcCode, GrpcError } from "../../../../engine/lib/grpc/grpc-error.ts";
import type { GrpcChannel } from "../../../../engine/lib/grpc/grpc.ts";
import { DRAPlugin } from "../../../../node-agent/devices/dra_pb.ts";
import { withCallTimes } from "../../../../node-agent/plugins/metered-channel.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

test.each([
  ["OK", undefined],
  ["DeadlineExceeded", new GrpcError(GrpcCode.deadlineExceeded, "late")],
  ["Canceled", new GrpcError(GrpcCode.cancelled, "closed")],
  ["Canceled", abortError()],
  ["Unknown", new Error("no message at all")],
])("a call's time is told as %s, in upstream's spelling, and its outcome is left as it is", async (grpc_status_code, failure) => {
  const clock = new VirtualClock();
  const told: unknown[] = [];
  const unary = async () => {
    await clock.advance(1_500);
    if (failure !== undefined) throw failure;
    return "answer";
  };
  const channel = withCallTimes({ unary } as unknown as GrpcChannel, clock, (seconds, end) => told.push(seconds, end)); // nothing else of it is used
  const call: Promise<unknown> = channel.unary(DRAPlugin.method.nodePrepareResources, { claims: [] });
  expect(await call.catch((error: unknown) => error)).toBe(failure ?? "answer");
  expect(told).toEqual([1.5, { method_name: "/k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin/NodePrepareResources", grpc_status_code }]);
});
