import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findMachineLog } from "../../../../node-agent/logs/machine-logs.ts";

const outside = mkdtempSync(path.join(os.tmpdir(), "machine-logs-"));
const logs = path.join(outside, "log");
mkdirSync(path.join(logs, "apt"), { recursive: true });
writeFileSync(path.join(logs, "syslog"), "hello\n");
writeFileSync(path.join(outside, "secret"), "no\n");
symlinkSync("syslog", path.join(logs, "latest"));
symlinkSync("../secret", path.join(logs, "way-out"));
afterAll(() => rmSync(outside, { recursive: true }));

describe("the machine's logs", () => {
  test("are listed, directories with a slash", async () => {
    expect(await findMachineLog(logs, "/")).toEqual({ is: "directory", names: ["apt/", "latest", "syslog", "way-out"] });
    expect(await findMachineLog(logs, "/apt/")).toEqual({ is: "directory", names: [] });
  });
  test("are found by name and through links among them", async () => {
    const syslog = { is: "file", file: path.join(logs, "syslog"), bytes: 6 };
    expect([await findMachineLog(logs, "/syslog"), await findMachineLog(logs, "/latest")]).toEqual([syslog, syslog]);
  });
  test.each(["/../secret", "/%2e%2e/secret", "/..%2fsecret", "/way-out", "/nothing", "/syslog/more", "/%00"])("have nothing at %s", async (pathname) => {
    expect(await findMachineLog(logs, pathname)).toEqual({ is: "missing" });
  });
});
