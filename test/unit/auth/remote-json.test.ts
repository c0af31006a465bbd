import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { expect, test } from "vitest";
import { createAuthority, issueCertificate } from "../../../engine/auth/certificates.ts";
import { fetchRemoteJson } from "../../../engine/auth/remote-json.ts";

test("an answer that goes over to another protocol is a failure, and not waited for any longer", async () => {
  const times = [Date.now() - 60_000, Date.now() + 3_600_000] as const;
  const authority = await createAuthority("somebody else", ...times);
  const { certificate: cert, key } = await issueCertificate(authority, { commonName: "other", usage: "serving", ipAddresses: ["127.0.0.1"], notBeforeMs: times[0], notAfterMs: times[1] });
  const server = tls.createServer({ cert, key }, (socket) => {
    socket.on("error", () => {}).once("data", () => socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await expect(fetchRemoteJson({ url, ca: authority.certificate, timeoutMs: 1_000 })).rejects.toMatchObject({
      cause: { message: "the answer is a change of protocol (101), which was not asked for" },
    });
  } finally {
    server.close();
  }
});
