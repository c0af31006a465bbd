import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { deflateSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseRemoteAddress } from "../../../../engine/gitops/git/remote-address.ts";
import { openRemoteTransport } from "../../../../engine/gitops/git/remote-transport.ts";
import { limited } from "../../../../engine/gitops/git/native-git.ts";
import { installHooks } from "../../../../engine/gitops/push/hook-server.ts";
import { startGitServer } from "../../../../engine/gitops/push/git-server.ts";
import { NEVER } from "../../../../engine/lib/abort.ts";
import { describeError, silentLogger } from "../../../../engine/lib/log.ts";
import { createTestRepository, type TestRepository } from "../../../kit/git.ts";

let repository: TestRepository;
const cleanups: (() => Promise<unknown> | void)[] = [];
beforeEach(async () => {
  repository = await createTestRepository();
  cleanups.push(() => repository[Symbol.dispose]());
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const FOUR_GIB = 2 ** 32;
const line = (text: string) => `${(text.length + 4).toString(16).padStart(4, "0")}${text}`;
const TIP = "1".repeat(40);

function varint(value: number): number[] {
  const bytes = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

/** A pack of a hundred bytes whose second object, a delta, says that it is four gigabytes long. */
function hostilePack(): Buffer {
  const base = Buffer.concat([Buffer.from([(3 << 4) | 1]), deflateSync("x")]);
  const delta = Buffer.from([...varint(1), ...varint(FOUR_GIB), 1, 120]);
  const second = Buffer.concat([Buffer.from([(6 << 4) | delta.length, base.length]), deflateSync(delta)]);
  const pack = Buffer.concat([Buffer.from("PACK"), Buffer.from([0, 0, 0, 2, 0, 0, 0, 2]), base, second]);
  return Buffer.concat([pack, createHash("sha1").update(pack).digest()]);
}

test("a push whose objects take gigabytes to unpack is cut off, and hooks have the room that they need", async () => {
  const stop = new AbortController();
  const server = await startGitServer({ root: path.dirname(repository.gitDir), address: "127.0.0.1", port: 0, logger: silentLogger });
  const ended = server.run(stop.signal);
  cleanups.push(() => (stop.abort(), ended));
  await installHooks(repository.gitDir, path.join(repository.gitDir, "none"));
  const push = async (from: string, to: string, pack: Buffer) => {
    const answer = await fetch(`http://127.0.0.1:${server.port}/r.git/git-receive-pack`, {
      method: "POST",
      headers: { "content-type": "application/x-git-receive-pack-request" },
      body: Buffer.concat([Buffer.from(`${line(`${from} ${to} refs/heads/x\0report-status side-band-64k`)}0000`), pack]),
    });
    return answer.text();
  };
  const none = "0".repeat(40);
  expect(await push(none, TIP, hostilePack())).toContain("Out of memory");
  // An honest one gets as far as the hook, which says that nobody is there.
  const tip = await repository.commit({ "a.yaml": "a: 1\n" });
  const empty = Buffer.concat([Buffer.from("PACK"), Buffer.from([0, 0, 0, 2, 0, 0, 0, 0])]);
  expect(await push(none, tip, Buffer.concat([empty, createHash("sha1").update(empty).digest()]))).toContain("refused: ");
});

test("Git is run also where the machine itself bounds it lower", () => {
  const [program, args] = limited({ fileBytes: 2 ** 40, memoryBytes: 2 ** 41 }, "git", ["version"]);
  const bounded = 'ulimit -f 1000 && ulimit -v 4000000 && exec "$0" "$@"';
  // Root may raise what the machine bounds.
  const user = process.getuid?.() === 0 ? { uid: 65_534 } : {};
  const { stdout, stderr } = spawnSync("sh", ["-c", bounded, program, ...args], { encoding: "utf8", ...user });
  expect([stdout, stderr]).toEqual([expect.stringMatching(/^git version/), ""]);
});

test("hooks have that room also where whoever started the server has bounded it himself", async () => {
  await installHooks(repository.gitDir, path.join(repository.gitDir, "none"));
  const bounded = 'ulimit -S -v 100000 && ulimit -H -v 1000000000 && exec "$0" </dev/null';
  const { stdout, stderr } = spawnSync("sh", ["-c", bounded, path.join(repository.gitDir, "hooks", "pre-receive")], { encoding: "utf8" });
  expect([stdout, stderr]).toEqual([expect.stringContaining("refused: "), ""]);
});

test("a remote that sends such objects is told of in words", async () => {
  const server = http.createServer((request, response) => {
    request.resume();
    if (request.method === "GET")
      return void response
        .writeHead(200, { "content-type": "application/x-git-upload-pack-advertisement" })
        .end(`${line("# service=git-upload-pack\n")}0000${line(`${TIP} refs/heads/main\0agent=git/2\n`)}0000`);
    response.writeHead(200, { "content-type": "application/x-git-upload-pack-result" });
    response.end(Buffer.concat([Buffer.from(line("NAK\n")), hostilePack()]));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => (server.closeAllConnections(), new Promise((resolve) => server.close(resolve))));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/r.git`;
  const failure = await openRemoteTransport(repository.gitDir, parseRemoteAddress(url))
    .fetch("refs/heads/main", NEVER)
    .then(() => "no failure", describeError);
  expect(failure).toContain("fetch from the remote: the remote sends what takes more than 2 GiB of memory to unpack");
});
