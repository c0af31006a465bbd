import { expect, test } from "vitest";
import type { Node } from "../../../../engine/resources/types.ts";
import { nodeEvents } from "../../../../node-agent/node/node-events.ts";
import { aNode } from "../../../kit/objects.ts";

const node = (conditions: Readonly<Record<string, string>>, more: { readonly cordoned?: true; readonly bootID?: string } = {}): Node => {
  const base = aNode("n1");
  const list = Object.entries(conditions).map(([type, status]) => ({ type, status }));
  return {
    ...base,
    spec: { ...base.spec, ...(more.cordoned ? { unschedulable: true } : {}) },
    status: { conditions: list, ...(more.bootID === undefined ? {} : { nodeInfo: { bootID: more.bootID } }) } as Node["status"],
  }; // no more of it is looked at
};
const reasons = (seen: Node | undefined, before: Node, after: Node) => nodeEvents(seen, before, after).map(({ reason }) => reason);
const well = { MemoryPressure: "False", DiskPressure: "False", PIDPressure: "False", Ready: "True" };

test("a node's first status tells what it has, and that it is ready", () => {
  expect(reasons(undefined, node({}), node(well))).toEqual(["NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeReady"]);
  expect(reasons(undefined, node({}), node({ ...well, Ready: "False" }))).toEqual(["NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID"]);
});

test("what changes is told once, in upstream's words", () => {
  expect(nodeEvents(node(well), node(well), node({ ...well, DiskPressure: "True" }))).toEqual([
    { type: "Normal", reason: "NodeHasDiskPressure", message: "Node n1 status is now: NodeHasDiskPressure" },
  ]);
  expect(reasons(node(well), node(well), node({ ...well, Ready: "False", MemoryPressure: "True", PIDPressure: "True" }))).toEqual([
    "NodeHasInsufficientMemory",
    "NodeHasInsufficientPID",
    "NodeNotReady",
  ]);
  expect(reasons(node(well), node({ ...well, Ready: "Unknown" }), node(well))).toEqual(["NodeReady"]);
  expect(reasons(node(well), node(well), node(well))).toEqual([]);
});

test("a node that is cordoned while the agent runs says so, and one that always was does not", () => {
  const cordoned = node(well, { cordoned: true });
  expect([reasons(node(well), cordoned, cordoned), reasons(cordoned, node(well), node(well)), reasons(undefined, cordoned, cordoned)]).toEqual([["NodeNotSchedulable"], ["NodeSchedulable"], []]);
});

test("a machine that was started again says so", () => {
  expect(nodeEvents(undefined, node(well, { bootID: "a" }), node(well, { bootID: "b" }))).toEqual([{ type: "Warning", reason: "Rebooted", message: "Node n1 has been rebooted, boot id: b" }]);
});
