import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { runCommandLine } from "../../../engine/cli/command-line.ts";

describe("the exit status, by which scripts go on", () => {
  let told = "";
  const before = process.exitCode;
  beforeEach(() => {
    told = "";
    process.exitCode = 0;
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      told += String(text);
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = before;
  });

  // 1 is an answer of these: it would be refused, no commit broke it, something differs.
  test.each([
    [["plan", "--kubeconfig", "/nowhere/kubeconfig.yaml"], 2],
    [["plan", "/nowhere", "--kubeconfig", "/nowhere/kubeconfig.yaml"], 2],
    [["bisect", "web", "--dir", "/nowhere"], 2],
    [["diff", "HEAD", "--exit-code", "--dir", "/nowhere"], 2],
    [["status", "--kubeconfig", "/nowhere/kubeconfig.yaml"], 1],
    [["nosuch"], 2],
  ])("%s that cannot be is %i", async (args, status) => {
    await runCommandLine(args);
    expect(process.exitCode).toBe(status);
    expect(told).not.toBe("");
  });

  test("what went wrong reaches the terminal without what would steer it", async () => {
    await runCommandLine(["status", "--kubeconfig", "/nowhere/\u001b[31m\u009b31m"]);
    expect(told).toContain("/nowhere/?[31m?31m");
  });
});
