import { GrpcCode, grpcCode } from "../../engine/lib/grpc/grpc-error.ts";
import type { GrpcChannel } from "../../engine/lib/grpc/grpc.ts";
import { IN_CRI_NAMESPACE } from "./containerd-namespace.ts";
import { Tasks } from "./tasks_pb.ts";

const SIGKILL = 9;

/**
 * Ends what containerd has made of a container whose start was broken off, or whose caller died: its process may wait for ever for the word to begin,
 * while CRI takes the container for one that was never started, which can then be neither stopped nor removed. Rejects where the runtime has no such interface.
 */
export async function endLeakedTask(channel: GrpcChannel, containerId: string): Promise<void> {
  const { kill, wait, delete: remove } = Tasks.method;
  try {
    await channel.unary(kill, { containerId, signal: SIGKILL, all: true }, IN_CRI_NAMESPACE).catch(unlessEnded);
    await channel.unary(wait, { containerId }, IN_CRI_NAMESPACE);
    await channel.unary(remove, { containerId }, IN_CRI_NAMESPACE);
  } catch (error) {
    unlessEnded(error);
  }
}

function unlessEnded(error: unknown): void {
  if (grpcCode(error) !== GrpcCode.notFound) throw error;
}
