import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { PodVolumes } from "../../../../node-agent/pods/pod-volumes.ts";
import { FakeRuntime } from "../../../kit/fake-runtime.ts";
import { aPod } from "../../../kit/objects.ts";
import { aPodContext } from "../../../kit/pod-context.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

test("volumes are brought up to date in their time, also when the clock was set back", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "pod-volumes-"));
  const clock = new VirtualClock();
  try {
    const volumes = new PodVolumes(aPodContext(folder, clock, new FakeRuntime({ clock }), {}));
    const items = [{ path: "team", fieldRef: { fieldPath: "metadata.labels['team']" } }];
    const of = (team: string) =>
      aPod("web", { labels: { team }, spec: { containers: [{ name: "app", volumeMounts: [{ name: "info", mountPath: "/info" }] }], volumes: [{ name: "info", downwardAPI: { items } }] } });
    const shown = async (team: string) => {
      await volumes.provide(of(team));
      return readFileSync(path.join(volumes.places.get("info") ?? "", "team"), "utf8");
    };
    expect(await shown("a")).toBe("a");
    await clock.advance(59_000);
    expect(await shown("b")).toBe("a");
    clock.jump(-3_600_000);
    await clock.advance(2_000);
    expect(await shown("b")).toBe("b");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
