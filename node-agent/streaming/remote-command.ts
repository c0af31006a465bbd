import type { WebSocket } from "ws";
import type { Clock } from "../../engine/lib/clock.ts";
import type { StreamOptions } from "../cri/streaming-runtime.ts";
import { V5_PROTOCOL } from "./choose-protocol.ts";
import { SpdyClient } from "./spdy-client.ts";
import { TerminalSizes } from "./terminal-sizes.ts";
import type { Duplex } from "node:stream";

/** The channels of a process's streams: the first byte of every message. */
const Channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
/** The last of them. */
const LAST_CHANNEL = Channel.resize;
/** The runtime is not read from while this much waits to be taken by the WebSocket. */
const WAITING_BYTES_MAX = 256 * 1024;
const NORMAL_CLOSURE = 1000;

/**
 * Connects a WebSocket that speaks v5 or v4 with the runtime's SPDY streams of one process, until the process has ended or either
 * side is gone. They differ in one thing: only v5 can say that stdin has ended while output goes on. Never rejects.
 */
export async function bridgeRemoteCommand(
  websocket: WebSocket,
  runtime: { readonly connection: Duplex; readonly head: Buffer },
  options: StreamOptions,
  clock: Clock,
): Promise<void> {
  const channels = new Map<number, number>(); // stream → channel
  const streams = new Map<number, number>(); // channel → stream
  let hasStatus = false;
  let finish: () => void = () => {};
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const send = (channel: number, bytes: Buffer): void => {
    if (websocket.readyState !== websocket.OPEN) return;
    websocket.send(Buffer.concat([Buffer.from([channel]), bytes]), () => {
      if (websocket.bufferedAmount < WAITING_BYTES_MAX) client.resume();
    });
    if (websocket.bufferedAmount >= WAITING_BYTES_MAX) client.pause();
  };
  const client = new SpdyClient(runtime.connection, runtime.head, {
    onData(streamId, bytes) {
      const channel = channels.get(streamId);
      if (channel === undefined) return;
      if (channel === Channel.error) hasStatus = true;
      send(channel, bytes);
    },
    onStreamEnd(streamId) {
      const channel = channels.get(streamId);
      channels.delete(streamId);
      // stdin and resize end when the process does; only what the runtime writes counts.
      const isOpen = [...channels.values()].some((open) => open === Channel.stdout || open === Channel.stderr || open === Channel.error);
      if (channel !== undefined && !isOpen) finish();
    },
    onEnd: () => finish(),
  });
  /** The client is not read from while the runtime does not take what it has sent. */
  const write = (channel: number, bytes: Buffer, isLast = false): void => {
    const streamId = streams.get(channel);
    if (streamId === undefined || client.write(streamId, bytes, isLast)) return;
    websocket.pause();
    void client.drained().then(() => websocket.resume());
  };
  const sizes = new TerminalSizes(clock, (size) => write(Channel.resize, size));
  websocket.on("message", (message: Buffer) => take(message));
  websocket.on("close", () => finish());
  websocket.on("error", () => finish());
  websocket.pause(); // nothing can be taken before the streams are open
  try {
    for (const [channel, type] of wantedStreams(options)) {
      const streamId = await client.open({ streamtype: type });
      channels.set(streamId, channel);
      streams.set(channel, streamId);
    }
    // Clients take the first message as the sign that all is connected.
    send(options.stdout ? Channel.stdout : options.stderr ? Channel.stderr : Channel.error, Buffer.alloc(0));
    websocket.resume();
    await finished;
    if (!hasStatus) send(Channel.error, failure("the runtime ended the connection without saying how the process ended"));
  } catch (error) {
    send(Channel.error, failure(error instanceof Error ? error.message : String(error)));
  } finally {
    sizes.end();
    websocket.resume();
    websocket.close(NORMAL_CLOSURE);
    client.destroy();
  }

  function take(message: Buffer): void {
    const channel = message[0];
    if (channel === Channel.close) {
      if (websocket.protocol === V5_PROTOCOL) close(message.subarray(1));
      return;
    }
    if (message.length < 2) return;
    if (channel === Channel.resize) sizes.take(message.subarray(1));
    else if (channel === Channel.stdin) write(Channel.stdin, message.subarray(1));
  }

  /** What the client closes it writes no more to. Who names no channel speaks another protocol, and is let go as upstream lets it go. */
  function close(named: Buffer): void {
    const [channel = Infinity] = named;
    if (named.length !== 1 || channel > LAST_CHANNEL) return finish();
    if (channel !== Channel.stdin) return;
    write(channel, Buffer.alloc(0), true);
    streams.delete(channel);
  }
}

/** In the order in which upstream opens them: the runtime waits for all of them before it begins. */
function wantedStreams({ stdin, stdout, stderr, tty }: StreamOptions): readonly (readonly [number, string])[] {
  return [
    [Channel.error, "error"] as const,
    ...(stdin ? [[Channel.stdin, "stdin"] as const] : []),
    ...(stdout ? [[Channel.stdout, "stdout"] as const] : []),
    ...(stderr && !tty ? [[Channel.stderr, "stderr"] as const] : []),
    ...(tty ? [[Channel.resize, "resize"] as const] : []),
  ];
}

function failure(message: string): Buffer {
  return Buffer.from(JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", reason: "InternalError", message, code: 500 }));
}
