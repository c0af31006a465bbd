import { openGrpcChannel } from "../../engine/lib/grpc/grpc.ts";
import { RuntimeService } from "./runtime_pb.ts";

/** Which of a process's streams somebody wants to be connected to. */
export interface StreamOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** Where the runtime serves streams: each call gives the address of one connection, good once and for about a minute. */
export interface StreamingRuntime {
  exec(containerId: string, command: readonly string[], options: StreamOptions): Promise<URL>;
  attach(containerId: string, options: StreamOptions): Promise<URL>;
  portForward(sandboxId: string, ports: readonly number[]): Promise<URL>;
  close(): void;
}

const CALL_MS = 30_000;

/** The streams of the container runtime behind a CRI socket. */
export function openStreamingRuntime(socket: string): StreamingRuntime {
  const channel = openGrpcChannel(`unix:${socket.replace(/^unix:\/\//, "")}`);
  const { exec, attach, portForward } = RuntimeService.method;
  return {
    close: () => channel.close(),
    exec: async (containerId, command, options) =>
      new URL((await channel.unary(exec, { containerId, cmd: [...command], ...options }, { timeoutMs: CALL_MS })).url),
    attach: async (containerId, options) => new URL((await channel.unary(attach, { containerId, ...options }, { timeoutMs: CALL_MS })).url),
    portForward: async (podSandboxId, port) => new URL((await channel.unary(portForward, { podSandboxId, port: [...port] }, { timeoutMs: CALL_MS })).url),
  };
}
