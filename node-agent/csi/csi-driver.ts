import type { CallOptions, GrpcChannel } from "../../engine/lib/grpc/grpc.ts";
import { GrpcCode, grpcCode, GrpcError } from "../../engine/lib/grpc/grpc-error.ts";
import { MountError } from "../volumes/volume-plugin.ts";
import {
  Node,
  NodeServiceCapability_RPC_Type,
  type NodeExpandVolumeRequest,
  type NodeGetInfoResponse,
  type NodePublishVolumeRequest,
  type NodeStageVolumeRequest,
  type VolumeUsage,
} from "./csi_pb.ts";

type Plain<M> = Omit<M, "$typeName" | "$unknown">;

/** What a driver can do beyond mounting. */
export type NodeCapability = Exclude<keyof typeof NodeServiceCapability_RPC_Type, "UNKNOWN">;

/** A driver on this machine, as CSI's Node service. What fails is a MountError with what the driver said, its cause the GrpcError. */
export interface CsiDriver {
  readonly name: string;
  capabilities(): Promise<ReadonlySet<NodeCapability>>;
  info(): Promise<Plain<NodeGetInfoResponse>>;
  stage(request: Plain<NodeStageVolumeRequest>): Promise<void>;
  unstage(volumeId: string, stagingTargetPath: string): Promise<void>;
  publish(request: Plain<NodePublishVolumeRequest>): Promise<void>;
  unpublish(volumeId: string, targetPath: string): Promise<void>;
  expand(request: Plain<NodeExpandVolumeRequest>): Promise<void>;
  usage(volumeId: string, volumePath: string, stagingTargetPath: string): Promise<readonly VolumeUsage[]>;
  close(): void;
}

/** Upstream's time for one call; what takes longer goes on in the driver, and is asked for again. */
const CALL_MS = 120_000;
/** Who reads the agent's pages waits for all volumes, and not as long as a pod. */
const USAGE_MS = 5_000;
const NAMES = new Map<number, string>(Object.entries(NodeServiceCapability_RPC_Type).map(([name, value]) => [value, name]));
/** The driver may still be at work on what was asked. */
const UNCERTAIN: readonly number[] = [GrpcCode.cancelled, GrpcCode.deadlineExceeded, GrpcCode.unavailable, GrpcCode.resourceExhausted, GrpcCode.aborted];

/** The driver at the other end of a channel; calls end when the signal fires. */
export function openCsiDriver(name: string, channel: GrpcChannel, signal: AbortSignal): CsiDriver {
  const { method } = Node;
  const options: CallOptions = { timeoutMs: CALL_MS, signal };
  const asked = async <T>(what: string, answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof GrpcError) throw new MountError(`${what} of driver ${name} failed: rpc error: ${error.details}`, { cause: error });
      throw error;
    }
  };
  let known: ReadonlySet<NodeCapability> | undefined;
  return {
    name,
    async capabilities() {
      if (known !== undefined) return known;
      const { capabilities } = await asked("NodeGetCapabilities", channel.unary(method.nodeGetCapabilities, {}, options));
      // Of numbers that are not known here, nothing is asked.
      known = new Set(capabilities.flatMap(({ type }) => (type.case === "rpc" ? [NAMES.get(type.value.type) as NodeCapability] : [])));
      return known;
    },
    info: () => asked("NodeGetInfo", channel.unary(method.nodeGetInfo, {}, options)),
    async stage(request) {
      await asked("NodeStageVolume", channel.unary(method.nodeStageVolume, request, options));
    },
    async unstage(volumeId, stagingTargetPath) {
      await asked("NodeUnstageVolume", channel.unary(method.nodeUnstageVolume, { volumeId, stagingTargetPath }, options));
    },
    async publish(request) {
      await asked("NodePublishVolume", channel.unary(method.nodePublishVolume, request, options));
    },
    async unpublish(volumeId, targetPath) {
      await asked("NodeUnpublishVolume", channel.unary(method.nodeUnpublishVolume, { volumeId, targetPath }, options));
    },
    async expand(request) {
      await asked("NodeExpandVolume", channel.unary(method.nodeExpandVolume, request, options));
    },
    async usage(volumeId, volumePath, stagingTargetPath) {
      return (
        await asked(
          "NodeGetVolumeStats",
          channel.unary(method.nodeGetVolumeStats, { volumeId, volumePath, stagingTargetPath }, { ...options, timeoutMs: USAGE_MS }),
        )
      ).usage;
    },
    close: () => channel.close(),
  };
}

/** The status that a driver failed with; undefined for other errors. */
export function driverCode(error: unknown): number | undefined {
  return error instanceof Error ? grpcCode(error.cause) : undefined;
}

/** Whether a failed call is over: nothing of it goes on in the driver. */
export function isFinal(error: unknown): boolean {
  const code = driverCode(error);
  return code !== undefined && !UNCERTAIN.includes(code);
}
