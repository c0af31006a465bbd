import { EventEmitter } from "node:events";
import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import type { WebSocket } from "ws";
import { bridgeRemoteCommand } from "../../../../node-agent/streaming/remote-command.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const STDIN = 0;
const RESIZE = 4;
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** What a client is to the bridge. */
class Client extends EventEmitter {
  readonly OPEN = 1;
  readonly readyState = 1;
  readonly bufferedAmount = 0;
  isPaused = false;
  send(_bytes: Buffer, sent: () => void): void {
    sent();
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  close(): void {}
}

/** A runtime that accepts every stream, and takes what is sent when it is told to. */
class Runtime {
  readonly #waiting: (() => void)[] = [];
  readonly connection: Duplex = new Duplex({
    read() {},
    write: (frame: Buffer, _encoding, done) => {
      if (frame.readUInt32BE(0) !== 0x8003_0001) return void this.#waiting.push(done);
      this.connection.push(Buffer.concat([Buffer.from("8003000200000004", "hex"), frame.subarray(8, 12)]));
      done();
    },
  });
  take(): void {
    for (const done of this.#waiting.splice(0)) done();
  }
}

test.each([
  ["stdin", STDIN, Buffer.alloc(1 << 20, "x")],
  ["what is no size of a terminal", RESIZE, Buffer.alloc(1 << 20, "x")],
  ["a size of a terminal", RESIZE, Buffer.from(JSON.stringify({ Width: 80, Height: 24, more: "x".repeat(1 << 20) }))],
])("a client whose runtime does not take %s is not read from meanwhile", async (_what, channel, bytes) => {
  const client = new Client();
  const runtime = new Runtime();
  const options = { stdin: true, stdout: true, stderr: false, tty: true };
  const bridged = bridgeRemoteCommand(client as unknown as WebSocket, { connection: runtime.connection, head: Buffer.alloc(0) }, options, new VirtualClock()); // as much of one as is used
  expect(client.isPaused).toBe(true);
  while (client.isPaused) await settled();
  client.emit("message", Buffer.concat([Buffer.from([channel]), bytes]));
  expect(client.isPaused).toBe(true);
  runtime.take();
  await settled();
  expect(client.isPaused).toBe(false);
  runtime.connection.destroy();
  await bridged;
});
