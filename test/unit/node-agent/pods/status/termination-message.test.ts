import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readTerminationMessage } from "../../../../../node-agent/pods/status/termination-message.ts";
import { readTail } from "../../../../../node-agent/pods/status/read-tail.ts";
import type { ContainerState } from "../../../../../node-agent/cri/runtime.ts";
import type { PodContext } from "../../../../../node-agent/pods/pod-context.ts";
import type { Pod } from "../../../../../engine/resources/types.ts";

function temporary(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), "tail-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("of a file the end is read, or all of it", () => {
  const file = path.join(temporary(), "f");
  for (const [text, max, expected] of [
    ["", 4, ""],
    ["abc", 4, "abc"],
    ["abcdef", 4, "cdef"],
  ] as const) {
    writeFileSync(file, text);
    expect(readTail(file, max)).toBe(expected);
  }
});

test("a container's last words are read however much it has left there", () => {
  const podsDir = temporary();
  const folder = path.join(podsDir, "u", "containers", "web");
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, "0.message");
  writeFileSync(file, "");
  truncateSync(file, 8 * 2 ** 30); // more than a string or a buffer can hold, and no block of it on the disk
  writeFileSync(file, "the end", { flag: "a" });
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web", uid: "u" }, spec: { containers: [] } };
  const message = readTerminationMessage({ podsDir } as PodContext, pod, undefined, { name: "web", attempt: 0 } as ContainerState); // all that is looked at
  expect(message.replaceAll("\0", "")).toBe("the end");
});

test.each<[string, string | undefined, string, string]>([
  ["what it wrote, letter by letter", "all done\n", "x stdout F ignored\n", "all done\n"],
  ["the end of its log, when it wrote nothing", "", "t stdout F one\nt stderr F two\n", "one\ntwo\n"],
  ["lines of a log that were written in parts as one", "", "t stdout P on\nt stdout F e\nt stdout P end\n", "one\nend"],
  ["the end of its log, when its file is gone", undefined, "t stdout F one\n", "one\n"],
])("a container that failed is said to have left %s", (_what, message, log, expected) => {
  const podsDir = temporary();
  const folder = path.join(podsDir, "u", "containers", "web");
  mkdirSync(folder, { recursive: true });
  if (message !== undefined) writeFileSync(path.join(folder, "0.message"), message);
  const logPath = path.join(podsDir, "log");
  writeFileSync(logPath, log);
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web", uid: "u" }, spec: { containers: [] } };
  const state = { name: "web", attempt: 0, exitCode: 1, logPath } as ContainerState; // all that is looked at
  expect(readTerminationMessage({ podsDir }, pod, { name: "web", terminationMessagePolicy: "FallbackToLogsOnError" }, state)).toBe(expected);
});
