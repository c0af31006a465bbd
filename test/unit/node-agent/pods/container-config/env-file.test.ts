import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Container, Pod } from "../../../../../engine/resources/types.ts";
import { parseEnvFile, readEnvFile } from "../../../../../node-agent/pods/container-config/env-file.ts";
import { computeEnvironment, type EnvironmentSources } from "../../../../../node-agent/pods/container-config/pod-environment.ts";
import { processorMs } from "../../../../kit/processor-time.ts";

describe("a file of variables", () => {
  it.each([
    ["A='1'\nB='2'\n", "2"],
    ["# no\n\n  B='x # y'  # comment\n", "x # y"],
    ["B='one\ntwo'\n", "one\ntwo"],
    ["B='first'\nB='second'\n", "first"],
    ["B='1'\nnonsense", "1"],
    ["A='B='\nB='$HOME'", "$HOME"],
    ["B= 'x'\n", undefined],
    ["B=''\n", undefined],
    ["A='1'\n", undefined],
    ["", undefined],
  ])("%j gives %j", (text, value) => expect(parseEnvFile(text).valueOf("B")).toBe(value));

  it.each([
    ["B=1", "line 1: value must be enclosed in single quotes"],
    ["\nB ='1'", "line 2: whitespace before '=' is not allowed"],
    ["B", "line 1: missing '='"],
    ["='1'", "line 1: empty variable name"],
    ["B='1' x", "line 1: unexpected content after closing quote"],
    ["B='1\n", "unclosed single quote"],
  ])("%j is refused: %s", (text, problem) => expect(() => parseEnvFile(text).valueOf("B")).toThrow(problem));

  it("takes no longer for a value of many lines than for many values", () => {
    const timeOf = (text: string) => {
      return processorMs(() => parseEnvFile(text));
    };
    const lines = "\n".repeat(60_000);
    timeOf(lines);
    expect(timeOf(`A='${lines}'`)).toBeLessThan(20 * timeOf(lines) + 20);
  });
});

describe("a volume's file of variables", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "mainstay-env-"));
    mkdirSync(path.join(folder, "volume"));
    writeFileSync(path.join(folder, "volume", "env"), "A='1'\n");
    writeFileSync(path.join(folder, "secret"), "A='2'\n");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("is read in the volume, and not where a link leads out of it", () => {
    symlinkSync(path.join(folder, "secret"), path.join(folder, "volume", "link"));
    symlinkSync("env", path.join(folder, "volume", "inner"));
    const read = (file: string) => readEnvFile(path.join(folder, "volume"), file)?.valueOf("A");
    expect([read("env"), read("inner"), read("none")]).toEqual(["1", "1", undefined]);
    expect(() => read("link")).toThrow("leads out of the volume");
    expect(() => read(".")).toThrow();
  });

  it("is not opened where something else is in its place, for that may wait, or act", async () => {
    const volume = path.join(folder, "volume");
    execFileSync("mkfifo", [path.join(volume, "pipe")]);
    // It goes on once somebody opens the other end.
    const writer = spawn("sh", ["-c", "echo begin; echo \"A='3'\" > pipe; echo opened"], { cwd: volume, stdio: ["ignore", "pipe", "ignore"] });
    let said = "";
    writer.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    try {
      await expect.poll(() => said).toBe("begin\n");
      expect(() => readEnvFile(volume, "pipe")).toThrow("is no file of at most 65536 bytes");
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(said).toBe("begin\n");
    } finally {
      writer.kill("SIGKILL");
    }
  });

  it("gives a container its variables, and keeps it waiting for one that it needs", async () => {
    const sources = { services: () => [] } as unknown as EnvironmentSources; // nothing else is asked
    const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "n" }, spec: { containers: [] } };
    const container = (key: string, optional?: boolean): Container => ({
      name: "c",
      env: [{ name: "X", valueFrom: { fileKeyRef: { volumeName: "v", path: "env", key, ...(optional === undefined ? {} : { optional }) } } }],
    });
    const compute = async (of: Container) => (await computeEnvironment(pod, of, sources, new Map([["v", path.join(folder, "volume")]]))).get("X");
    expect(await compute(container("A"))).toBe("1");
    expect(await compute(container("B", true))).toBeUndefined();
    await expect(compute(container("B"))).rejects.toThrow('environment variable key "B" not found');
  });
});
