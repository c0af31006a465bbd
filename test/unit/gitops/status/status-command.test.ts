import { afterEach, expect, test, vi } from "vitest";
import { renderStatus } from "../../../../engine/cli/status-command.ts";
import type { Application } from "../../../../engine/resources/types.ts";

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
    /^Repository home: the forge does not accept the \?\[2Jtoken\n\nNo applications yet\.\n/,
  );
  expect(renderStatus([], [], 0, false, [repository("home")])).toMatch(/^No applications yet: push manifests to the repository\.\n/);
});

test("mainstay status says why the newest state of the only repository is not what runs, and among several beside each", () => {
  const repository = (observed: object, name = "home") => ({ apiVersion: "mainstay.dev/v1alpha1", kind: "Repository", metadata: { name }, observed }) as const;
  const status = (...observed: readonly object[]) =>
    renderStatus(
      [],
      [],
      0,
      false,
      observed.map((one, index) => repository(one, index === 0 ? "home" : "tools")),
    ).split("\n")[0];
  const commit = "0123456789abcdef";
  expect(status({ result: "unreachable", commit, message: "the remote does not\u001b answer" })).toBe("Repository home: it cannot be reached; what runs is of 0123456789: the remote does not? answer");
  expect(status({ result: "unreachable", message: "no route" })).toBe("Repository home: it cannot be reached: no route");
  expect(status({ result: "rejected", commit, message: "89abcdef01: a.yaml:4 data: must be an object" })).toBe(
    "Repository home: its newest commit cannot be applied; what runs is of 0123456789: 89abcdef01: a.yaml:4 data: must be an object",
  );
  expect(status({ result: "deleted", commit, message: "branch main was deleted" })).toBe("Repository home: branch main was deleted; what runs is of 0123456789");
  expect(status({ result: "applied", commit })).toMatch(/^No applications yet: /);
  expect(status({ result: "unreachable", message: "no route" }, { result: "applied" })).toMatch(/^REPOSITORY /);
});
