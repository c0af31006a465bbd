import { spawn } from "node:child_process";
import path from "node:path";
import { expect, test } from "vitest";
import { installHooks, runHookServer } from "../../../../engine/gitops/push/hook-server.ts";
import type { PushGate, PushSession } from "../../../../engine/gitops/push/push-gate.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { createTestRepository } from "../../../kit/git.ts";

const COMMIT = "a".repeat(40);

test("a push of very many refs reaches the gate, one of more than can be read says so", async () => {
  using repository = await createTestRepository();
  await using _ = await serve(repository.gitDir, async ({ updates, print }) => (print(`${updates.length} refs`), true));
  expect(await runHook(repository.gitDir, refs(50_000, "release-train"))).toEqual({ code: 0, text: "50000 refs\n" });
  const { code, text } = await runHook(repository.gitDir, refs(400_000, "release-train".repeat(10)));
  expect([code, text]).toEqual([1, expect.stringMatching(/^refused: these are too many branches and tags for one push; push some of them at a time/)]);
});

test("an engine that ends while it checks a push is not called one that does not run", async () => {
  using repository = await createTestRepository();
  const asked = Promise.withResolvers<void>();
  const server = await serve(repository.gitDir, ({ signal }) => (asked.resolve(), new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))));
  const ended = runHook(repository.gitDir, refs(1, "v"));
  await asked.promise;
  await server[Symbol.asyncDispose]();
  expect(await ended).toEqual({ code: 1, text: "refused: the engine ended before it had checked the push; push again once it runs\n" });
  expect(await runHook(repository.gitDir, refs(1, "v"))).toEqual({ code: 1, text: expect.stringMatching(/^refused: the engine is not running/) });
});

async function serve(gitDir: string, decide: (session: PushSession) => Promise<boolean>) {
  const socketPath = path.join(path.dirname(gitDir), "hooks.sock");
  await installHooks(gitDir, socketPath);
  const stop = new AbortController();
  const gateOf = () => ({ decide }) as unknown as PushGate; // what a pre-receive hook asks
  const running = runHookServer({ socketPath, gateOf, identityOf: () => undefined, logger: silentLogger }, stop.signal);
  return { [Symbol.asyncDispose]: () => (stop.abort(), running) };
}

function refs(count: number, name: string): string {
  return Array.from({ length: count }, (_, index) => `${"0".repeat(40)} ${COMMIT} refs/tags/${name}-${index}\n`).join("");
}

function runHook(gitDir: string, input: string): Promise<{ readonly code: number | null; readonly text: string }> {
  const child = spawn(path.join(gitDir, "hooks/pre-receive"), { env: { PATH: process.env["PATH"] } });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  child.stdin.end(input);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, text })));
}
