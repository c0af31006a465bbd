import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GrpcCode } from "../../../../engine/lib/grpc/grpc-error.ts";
import { openCriRuntime } from "../../../../node-agent/cri/cri-runtime.ts";
import { RuntimeService } from "../../../../node-agent/cri/runtime_pb.ts";
import { Tasks } from "../../../../node-agent/cri/tasks_pb.ts";
import { GrpcFailure, serveGrpc, served, type GrpcServed } from "../../../kit/grpc-server.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(os.tmpdir(), "cri-"))));
afterEach(() => rmSync(folder, { recursive: true }));

/** A runtime whose CRI does not remove a container while there is a task of it, and what it was asked. */
async function aRuntime(hasEnded: boolean, hasTasks: boolean) {
  const asked: string[] = [];
  let hasTask = true;
  const cri = served(RuntimeService, {
    removeContainer: () => {
      asked.push("remove");
      if (hasTask) throw new GrpcFailure(GrpcCode.failedPrecondition, "cannot delete running task");
      return {};
    },
  });
  const tasks = served(Tasks, {
    kill: ({ containerId, signal, all }) => {
      asked.push(`kill ${containerId} ${signal} ${all}`);
      if (hasEnded) throw new GrpcFailure(GrpcCode.notFound, "process already finished");
      return {};
    },
    wait: () => (asked.push("wait"), {}),
    delete: ({ containerId }) => {
      asked.push(`delete ${containerId}`);
      hasTask = false;
      return {};
    },
  });
  const socket = path.join(folder, "c.sock");
  const services: readonly GrpcServed[] = hasTasks ? [cri, tasks] : [cri];
  const close = await serveGrpc(socket, ...services);
  const runtime = openCriRuntime(socket);
  return { asked, runtime, close: () => (runtime.close(), close()) };
}

test.each([
  ["waits to begin", false],
  ["has ended", true],
])("a container whose process %s, and which CRI takes for one that was never started, is removed with it", async (_what, hasEnded) => {
  const { asked, runtime, close } = await aRuntime(hasEnded, true);
  try {
    await runtime.removeContainer("c");
    expect(asked).toEqual(["remove", "kill c 9 true", "wait", "delete c", "remove"]);
  } finally {
    close();
  }
});

test("what another runtime says of a container that cannot be removed is told", async () => {
  const { asked, runtime, close } = await aRuntime(false, false);
  try {
    await expect(runtime.removeContainer("c")).rejects.toThrow("cannot delete running task");
    expect(asked).toEqual(["remove"]);
  } finally {
    close();
  }
});
