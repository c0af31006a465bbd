import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { createAuthority, issueCertificate } from "../../engine/auth/certificates.ts";

const COUNT = 300;
const AT_ONCE = 50;
/** What a certificate says of its holder so many times takes some 20 KB. */
const ORGANIZATIONS = Array.from({ length: 300 }, (_, index) => `organization-${index}-${"x".repeat(40)}`);

/** Answers with the memory of the process, in KiB, where somebody asks for it, after it has been collected. */
const SERVER = `
  const server = require("node:tls").createServer({ ...JSON.parse(process.argv[1]), requestCert: true, rejectUnauthorized: false });
  server.on("secureConnection", (socket) => socket.on("error", () => {}).resume());
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1", () => process.send(server.address().port));
  process.on("message", () => { gc(); setTimeout(() => { gc(); process.send(process.memoryUsage.rss() / 1024); }, 200); });
`;

/** Node 24.21 keeps the chain of every client for ever, whoever he is: whoever may connect could take all memory. */
test("the Node that Mainstay runs under gives back what clients' chains of certificates took", async () => {
  const times = { notBeforeMs: Date.now() - 3_600_000, notAfterMs: Date.now() + 3_600_000 };
  const authority = await createAuthority("chains", times.notBeforeMs, times.notAfterMs);
  const serving = await issueCertificate(authority, { commonName: "server", usage: "serving", ipAddresses: ["127.0.0.1"], ...times });
  const own = await issueCertificate(authority, { commonName: "client", organizations: ORGANIZATIONS, usage: "client", ...times });
  const options = JSON.stringify({ key: serving.key, cert: serving.certificate, ca: authority.certificate });
  const server = spawn(process.execPath, ["--expose-gc", "-e", SERVER, options], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  onTestFinished(() => void server.kill());
  const [port] = (await once(server, "message")) as [number];
  const come = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, ca: authority.certificate, key: own.key, cert: `${own.certificate}${authority.certificate}` }, () => socket.end());
      socket.on("close", () => resolve()).on("error", reject);
      socket.resume();
    });
  const residentKiB = async () => {
    server.send("memory");
    return ((await once(server, "message")) as [number])[0];
  };
  const rounds: number[] = [];
  for (let round = 0; round < 4; round++) {
    for (let at = 0; at < COUNT; at += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, come));
    rounds.push(await residentKiB());
  }
  // What it kept would be more than 20 KiB for each, in every round; what a process takes for so many at once it takes in one of them.
  const [, median] = [1, 2, 3].map((round) => (rounds[round]! - rounds[round - 1]!) / COUNT).sort((a, b) => a - b);
  expect(median).toBeLessThan(10);
});
