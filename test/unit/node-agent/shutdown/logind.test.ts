import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../../engine/lib/clock.ts";
import { systemLoginManager } from "../../../../node-agent/shutdown/logind.ts";

const usual = process.env["PATH"];
let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(os.tmpdir(), "logind-"))));
afterEach(() => {
  process.env["PATH"] = usual;
  rmSync(folder, { recursive: true });
});

/** systemd's programs as they behave on a machine whose login manager allows half a minute, and says this of shutdowns before the bus goes. */
function provide(...said: readonly boolean[]): void {
  const program = (name: string, script: string) => writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const messages = path.join(folder, "messages");
  writeFileSync(messages, said.map((data) => `${JSON.stringify({ type: "signal", member: "PrepareForShutdown", payload: { type: "b", data: [data] } })}\n`).join(""));
  program("busctl", `case "$*" in *get-property*) echo "t 30000000";; *monitor) cat ${messages}; echo "the bus went away" >&2; exit 1;; esac`);
  program("systemd-inhibit", `while [ "\${1#--}" != "$1" ]; do shift; done; "$@"; touch ${folder}/released`);
  process.env["PATH"] = `${folder}:${usual}`;
}

test("a shutdown is held up until that is released", async () => {
  provide();
  const login = systemLoginManager(systemClock);
  await login.allowDelay(30);
  const lock = await login.holdUp();
  const isReleased = () => existsSync(path.join(folder, "released"));
  expect(isReleased()).toBe(false);
  lock.release();
  await expect.poll(isReleased).toBe(true);
});

test("each shutdown that begins or is called off is told, and that no more is heard when the bus goes", async () => {
  provide(true, false);
  const heard: boolean[] = [];
  const follow = async () => {
    for await (const begins of systemLoginManager(systemClock).shutdowns(new AbortController().signal)) heard.push(begins);
  };
  await expect(follow()).rejects.toThrow("hear of shutdowns: busctl ended: the bus went away");
  expect(heard).toEqual([true, false]);
});

test("a machine without systemd is told apart", async () => {
  process.env["PATH"] = folder;
  await expect(systemLoginManager(systemClock).allowDelay(30)).rejects.toThrow("busctl");
  await expect(systemLoginManager(systemClock).holdUp()).rejects.toThrow("hold up shutdowns");
});
