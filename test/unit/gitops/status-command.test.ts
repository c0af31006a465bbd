import { afterEach, expect, test, vi } from "vitest";
import { renderStatus } from "../../../engine/cli/status-command.ts";
import type { Application } from "../../../engine/resources/types.ts";

afterEach(() => vi.unstubAllEnvs());

test("mainstay status has its colours on a terminal, and brings no others there", () => {
  vi.stubEnv("FORCE_COLOR", "1");
  vi.stubEnv("NO_COLOR", undefined);
  const web = { apiVersion: "mainstay.dev/v1alpha1", kind: "Application", metadata: { name: "web" }, status: { health: "Degraded", ready: "0/1", message: "pull \u001b[2J image" } } as Application;
  expect(renderStatus([web], [], 0, true)).toContain("web           \u001b[31mDegraded\u001b[39m   0/1                      pull ?[2J image");
  expect(renderStatus([web], [], 0, false)).not.toContain("\u001b");
});

test("mainstay status tells of a forge that cannot be told anything, also of the only repository", () => {
  const repository = (name: string, forge?: string) =>
    ({ apiVersion: "mainstay.dev/v1alpha1", kind: "Repository", metadata: { name }, observed: { result: "applied", ...(forge === undefined ? {} : { forge }) } }) as const;
  expect(renderStatus([], [], 0, false, [repository("home", "the forge does not accept the \u001b[2Jtoken")])).toMatch(
    /^Repository home: the forge does not accept the \?\[2Jtoken\n\nNo applications yet/,
  );
  expect(renderStatus([], [], 0, false, [repository("home")])).toMatch(/^No applications yet/);
});
