import { randomBytes } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm } from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { GitAccess } from "../../../../engine/gitops/push/git-access.ts";
import { gitText, runGit } from "../../../../engine/gitops/git/native-git.ts";
import { startGitServer } from "../../../../engine/gitops/push/git-server.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { seededRandom } from "../../../../engine/lib/random.ts";
import { createTestRepository, type TestRepository } from "../../../kit/git.ts";

describe("a request to the Git server that is broken off", () => {
  let repository: TestRepository;
  beforeEach(async () => {
    repository = await createTestRepository();
  });
  afterEach(() => repository[Symbol.dispose]());

  test.each([
    ["git-receive-pack", "content-length: 1000", "0123"],
    ["git-upload-pack", "transfer-encoding: chunked", "4\r\n0123\r\n"],
  ])("leaves no Git behind: %s with %s", async (service, length, body) => {
    await using server = await serve();
    const socket = send(server.port, service, length, body);
    await expect.poll(backends).toHaveLength(1);
    socket.destroy();
    await expect.poll(backends).toEqual([]);
  });

  test("while it is asked who may leaves none either", async () => {
    const [asked, allowed] = [Promise.withResolvers<void>(), Promise.withResolvers<boolean>()];
    const identity = { name: "jane", may: () => (asked.resolve(), allowed.promise) };
    await using server = await serve({ authenticate: async () => ({ is: "known", identity }) });
    const before = sockets();
    const socket = send(server.port, "git-receive-pack", "content-length: 1000", "0123");
    await asked.promise;
    socket.destroy();
    // Connections of tests before this one may end meanwhile as well.
    await expect.poll(sockets).toBeLessThanOrEqual(before);
    allowed.resolve(true);
    await new Promise((resolve) => setImmediate(resolve));
    await expect.poll(backends).toEqual([]);
  });

  test("a push that Git stops reading, for it is too large, is told so and not cut off", async () => {
    await using server = await serve();
    await gitText({ gitDir: repository.gitDir, args: ["config", "receive.maxInputSize", "1m"] });
    await repository.commit({ "large.bin": randomBytes(30 << 20) }, "large", "elsewhere");
    // Of the same objects, to a repository that lacks them.
    const source = path.join(path.dirname(repository.gitDir), "source.git");
    await cp(repository.gitDir, source, { recursive: true });
    await rm(path.join(repository.gitDir, "refs/heads/elsewhere"));
    await rm(path.join(repository.gitDir, "objects"), { recursive: true });
    await mkdir(path.join(repository.gitDir, "objects"));
    const { stderr } = await runGit({ gitDir: source, args: ["push", `http://127.0.0.1:${server.port}/r.git`, "elsewhere:main"] });
    expect(stderr).toContain("remote: fatal: pack exceeds maximum allowed size (1024.00 KiB)");
    expect(stderr).toContain("! [remote rejected] elsewhere -> main");
    expect(stderr).not.toContain("RPC failed");
  });

  async function serve(users?: GitAccess) {
    const stop = new AbortController();
    const access = users === undefined ? {} : { access: { users, random: seededRandom(1) } };
    const server = await startGitServer({ root: path.dirname(repository.gitDir), address: "127.0.0.1", port: 0, logger: silentLogger, ...access });
    const running = server.run(stop.signal);
    return { port: server.port, [Symbol.asyncDispose]: () => (stop.abort(), running) };
  }
});

function send(port: number, service: string, length: string, body: string): net.Socket {
  const socket = net.connect(port, "127.0.0.1");
  socket.write(`POST /r.git/${service} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-${service}-request\r\n${length}\r\n\r\n${body}`);
  return socket;
}

function sockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
}

/** Processes of Git's that this one has started. */
async function backends(): Promise<readonly string[]> {
  const all = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(all.map((pid) => readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")));
  return lines.filter((line) => /^\d+ \(git/.test(line) && line.replace(/^.*\) /s, "").split(" ")[1] === String(process.pid));
}
