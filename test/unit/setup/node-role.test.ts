import { expect, test } from "vitest";
import { notFound } from "../../../engine/apimachinery/status-error.ts";
import type { Client } from "../../../engine/client/client.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { createNodeRole } from "../../../engine/setup/node-role.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

test("the Node of a server's machine bears its role as soon as it is there, and again when it was made anew", async () => {
  const clock = new VirtualClock();
  const patches: unknown[] = [];
  let node: { metadata: { labels?: Record<string, string> } } | undefined;
  const nodes = {
    get: async () => {
      if (node === undefined) throw notFound({ group: "", resource: "nodes" }, "n1");
      return node;
    },
    patch: async (_namespace: string, name: string, type: string, body: { metadata: { labels: Record<string, string> } }) => {
      patches.push([name, type, body]);
      node = { metadata: { labels: { ...node?.metadata.labels, ...body.metadata.labels } } };
    },
  };
  const stop = new AbortController();
  const running = createNodeRole({ client: { for: () => nodes } as unknown as Client, clock, logger: silentLogger, nodeName: "n1" }).run(stop.signal);
  await clock.advance(5_000);
  expect(patches).toEqual([]);
  const labelled = ["n1", "merge", { metadata: { labels: { "node-role.kubernetes.io/control-plane": "true" } } }];
  node = { metadata: {} };
  await clock.advance(5_000);
  expect(patches).toEqual([labelled]);
  await clock.advance(20_000);
  expect(patches).toHaveLength(1);
  node = { metadata: { labels: { "node-role.kubernetes.io/control-plane": "" } } }; // somebody's own value
  await clock.advance(5_000);
  expect(patches).toHaveLength(1);
  node = { metadata: { labels: { "kubernetes.io/hostname": "n1" } } };
  await clock.advance(5_000);
  expect(patches).toEqual([labelled, labelled]);
  stop.abort();
  await clock.advance(5_000);
  await running;
});
