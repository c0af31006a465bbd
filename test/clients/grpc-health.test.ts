import net, { type AddressInfo } from "node:net";
import { once } from "node:events";
import { Server, ServerCredentials, status, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkGrpcHealth } from "../../engine/lib/grpc/grpc-health.ts";

/** A server of the health protocol, in the bytes of its messages: `ok` serves, `down` does not, others are unknown, `slow` never answers. */
function serve(call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void {
  const service = call.request.length === 0 ? "" : call.request.subarray(2).toString("utf8");
  const answers: Readonly<Record<string, number>> = { "": 1, ok: 1, down: 2 };
  if (service === "slow") return;
  const answer = answers[service];
  if (answer === undefined) callback({ code: status.NOT_FOUND, details: "unknown service" });
  else callback(null, Buffer.from([0x08, answer]));
}

describe("a gRPC health check", () => {
  const server = new Server();
  const bare = new Server();
  let port = 0;
  let barePort = 0;
  const bytes = (buffer: Buffer) => buffer;
  const bind = (on: Server) =>
    new Promise<number>((resolve, reject) => on.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error))));
  beforeAll(async () => {
    server.addService(
      {
        Check: {
          path: "/grpc.health.v1.Health/Check",
          requestStream: false,
          responseStream: false,
          requestSerialize: bytes,
          requestDeserialize: bytes,
          responseSerialize: bytes,
          responseDeserialize: bytes,
        },
      },
      { Check: serve },
    );
    [port, barePort] = await Promise.all([bind(server), bind(bare)]);
  });
  afterAll(() => {
    server.forceShutdown();
    bare.forceShutdown();
  });

  test.each([
    ["", "SERVING"],
    ["ok", "SERVING"],
    ["down", "NOT_SERVING"],
  ])('of service "%s" gives %s', async (service, expected) => expect(await checkGrpcHealth("127.0.0.1", port, service, 2_000)).toBe(expected));

  test("fails with what the server says", async () => {
    await expect(checkGrpcHealth("127.0.0.1", port, "other", 2_000)).rejects.toThrow("unknown service");
    await expect(checkGrpcHealth("127.0.0.1", barePort, "", 2_000)).rejects.toThrow("does not implement the gRPC health protocol");
  });

  test("fails when nobody answers in time, or listens", async () => {
    await expect(checkGrpcHealth("127.0.0.1", port, "slow", 200)).rejects.toThrow("no answer within 0.2 s");
    const probe = net.createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port: free } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, "close");
    await expect(checkGrpcHealth("127.0.0.1", free, "", 1_000)).rejects.toThrow(/ECONNREFUSED|No connection|no answer/);
  });
});
