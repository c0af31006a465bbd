import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { NEVER } from "../../../../../engine/lib/abort.ts";
import { startSandbox } from "../../../../../node-agent/pods/start/start-sandbox.ts";
import { FakeRuntime } from "../../../../kit/fake-runtime.ts";
import { aPod } from "../../../../kit/objects.ts";
import { aPodContext, nodeSettings } from "../../../../kit/pod-context.ts";
import { VirtualClock } from "../../../../kit/virtual-clock.ts";

test("a pod is told that nothing bounds its bandwidth, until there is a plugin that does", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "start-sandbox-"));
  const clock = new VirtualClock();
  let boundsBandwidth = false;
  const events: string[] = [];
  const context = aPodContext(folder, clock, new FakeRuntime({ clock, images: [] }), {
    settings: nodeSettings(folder, { boundsBandwidth: () => boundsBandwidth }),
    events: { record: (_pod: unknown, { reason, message }: { readonly reason: string; readonly message: string }) => events.push(`${reason}: ${message}`) },
  });
  const plain = aPod("web");
  const pod = { ...plain, metadata: { ...plain.metadata, annotations: { "kubernetes.io/egress-bandwidth": "1M" } } };
  const start = async (attempt: number) => {
    const started = startSandbox(context, pod, attempt, NEVER);
    await clock.advance(5_000);
    await started;
  };
  try {
    await start(0);
    expect(events).toEqual(['BandwidthNotBounded: kubernetes.io/egress-bandwidth: the node has no CNI plugin "bandwidth"']);
    boundsBandwidth = true;
    await start(1);
    expect(events).toHaveLength(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
