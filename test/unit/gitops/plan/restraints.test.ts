import { describe, expect, test } from "vitest";
import { changeHolds } from "../../../../engine/cli/hold-command.ts";
import { editManifest } from "../../../../engine/gitops/manifests/edit-manifest.ts";
import type { SyncWindow } from "../../../../engine/gitops/manifests/resolve-units.ts";
import { computeRestraints, computeWindow } from "../../../../engine/gitops/plan/restraints.ts";
import type { Application, ApplicationHold } from "../../../../engine/resources/types.ts";
import { desired, unit } from "../objects.ts";

const at = (text: string) => Date.parse(`2026-08-${text}Z`);
const window = (schedule: string, hours: number, kind: SyncWindow["kind"] = "allow", timeZone = "UTC"): SyncWindow => ({ kind, schedule, timeZone, durationMs: hours * 3_600_000 });

describe("sync windows", () => {
  const work = window("0 8 * * 1-5", 8);
  test.each<[string, readonly SyncWindow[], string, string | undefined, string | undefined]>([
    ["open within its hours", [work], "19T10:00", undefined, "19T16:00"],
    ["closed in the evening, until the next morning", [work], "19T17:00", "outside of its sync windows; the next opens at 2026-08-20 08:00 UTC", "20T08:00"],
    ["closed over the weekend", [work], "22T10:00", "outside of its sync windows; the next opens at 2026-08-24 08:00 UTC", "24T08:00"],
    ["open at its first moment and closed at its last", [work], "19T08:00", undefined, "19T16:00"],
    ["", [work], "19T16:00", "outside of its sync windows; the next opens at 2026-08-20 08:00 UTC", "20T08:00"],
    ["one that denies wins", [work, window("0 12 * * *", 1, "deny")], "19T12:30", "a sync window (0 12 * * *) is closed until 2026-08-19 13:00 UTC", "19T13:00"],
    ["denying alone leaves the rest open", [window("0 12 * * *", 1, "deny")], "19T11:00", undefined, "19T12:00"],
    ["in its own time zone", [window("0 8 * * *", 1, "allow", "America/New_York")], "19T12:30", undefined, "19T13:00"],
  ])("are %s", (_name, windows, now, why, changes) => {
    const state = computeWindow(windows, at(`${now}:00`));
    expect(state.closed?.why).toBe(why);
    expect(state.changesMs).toBe(changes === undefined ? undefined : at(`${changes}:00`));
  });
});

describe("holds", () => {
  const held = (...holds: readonly ApplicationHold[]): Application => ({ apiVersion: "mainstay.dev/v1alpha1", kind: "Application", metadata: { name: "web" }, spec: { holds } });
  const until = "2026-08-19T12:00:00Z";
  const now = at("19T10:00:00");

  test.each<[string, ApplicationHold, string, string | undefined]>([
    ["the whole application", { until }, "ConfigMap", "held until 2026-08-19 12:00 UTC"],
    ["one object", { until, object: "ConfigMap/a", by: "ada", reason: "incident" }, "ConfigMap", "ConfigMap/a held until 2026-08-19 12:00 UTC by ada: incident"],
    ["one object, named with its namespace", { until, object: "ConfigMap/web/a" }, "ConfigMap", "ConfigMap/web/a held until 2026-08-19 12:00 UTC"],
    ["not another kind", { until, object: "ConfigMap/a" }, "Secret", undefined],
    ["nothing, when it has run out", { until: "2026-08-19T09:00:00Z" }, "ConfigMap", undefined],
    ["nothing as a whole, when it is about a field", { until, field: "data.key" }, "ConfigMap", undefined],
  ])("keep %s", (_name, hold, kind, why) => {
    expect(computeRestraints([unit("web")], [held(hold)], now).ofObject("web", kind, "web", "a")?.why).toBe(why);
  });

  test("of a field, and ignored fields, keep the live value of the objects they name", () => {
    const restraints = computeRestraints(
      [
        unit("web", {
          ignore: [
            { kind: "Deployment", fields: ["spec.replicas", "/spec/template/spec/containers/0/image"] },
            { name: "b", fields: ["data"] },
          ],
        }),
      ],
      [held({ until, field: "data.key" })],
      now,
    );
    expect(restraints.liveFieldsOf(desired("Deployment", "a"))).toEqual([
      ["spec", "replicas"],
      ["spec", "template", "spec", "containers", 0, "image"],
      ["data", "key"],
    ]);
    expect(restraints.liveFieldsOf(desired("ConfigMap", "b"))).toEqual([["data"], ["data", "key"]]);
    expect(restraints.nextChangeMs).toBe(Date.parse(until));
  });

  test("are made, replaced and released by one command", () => {
    const made = changeHolds(
      [
        { until: "2026-08-19T09:00:00Z", by: "old" },
        { until, object: "Secret/s" },
      ],
      "90m",
      { by: "ada", reason: "looking" },
      now,
    );
    expect(made).toEqual({
      told: "held until 2026-08-19 11:30 UTC by ada: looking",
      holds: [
        { until, object: "Secret/s" },
        { until: "2026-08-19T11:30:00Z", by: "ada", reason: "looking" },
      ],
    });
    expect(changeHolds(made.holds, "", { by: "ada", release: true }, now).holds).toEqual([{ until, object: "Secret/s" }]);
    for (const duration of ["soon", "0s", "721h"]) expect(() => changeHolds([], duration, { by: "ada" }, now)).toThrow("must be a time such as");
  });
});

describe("an edit of a manifest", () => {
  const text = "# who\nkind: A\nspec:\n  replicas: 3 # few\n  list:\n  - {name: a, image: x:1}\n  - name: b\n    image: 'x:1'\n---\nkind: B\nspec: {replicas: 3}\n";
  test.each<[string, number, readonly (string | number)[], unknown, (after: string) => void]>([
    ["a value, and not a byte more", 0, ["spec", "replicas"], 5, (after) => expect(after).toBe(text.replace("replicas: 3 #", "replicas: 5 #"))],
    ["of the second document", 1, ["spec", "replicas"], 5, (after) => expect(after).toBe(text.replace("{replicas: 3}", "{replicas: 5}"))],
    ["of an item that is named", 0, ["spec", "list", "b", "image"], "x:2", (after) => expect(after).toBe(text.replace("'x:1'", "x:2"))],
    ["of text that looks like something else", 0, ["spec", "list", "a", "image"], "yes", (after) => expect(after).toBe(text.replace("image: x:1}", 'image: "yes"}'))],
    ["what is new, at the price of comments", 0, ["spec", "paused"], true, (after) => expect(after).toContain("  paused: true\n  replicas: 3\n---\nkind: B")],
    ["what goes", 0, ["spec", "list", "a"], undefined, (after) => expect(after).toContain("  list:\n  - image: x:1\n    name: b\n  replicas: 3")],
  ])("changes %s", (_name, document, steps, value, check) => {
    check(editManifest(text, document, [], steps, value));
  });
});
