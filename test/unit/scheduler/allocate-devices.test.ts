import { describe, expect, test } from "vitest";
import { seededRandom, randomInteger } from "../../../engine/lib/random.ts";
import type { AllocationResult, Device, DeviceClaim, DeviceClass, ExactDeviceRequest, Node, ResourceClaim, ResourceSlice } from "../../../engine/resources/types.ts";
import { allocateDevices } from "../../../engine/scheduler/devices/allocate-devices.ts";
import { indexSlices } from "../../../engine/scheduler/devices/device-pools.ts";
import { readWishes, type ClaimWishes } from "../../../engine/scheduler/devices/device-wish.ts";
import { DevicesInUse } from "../../../engine/scheduler/devices/devices-in-use.ts";
import { aDeviceClaim, aDeviceClass, aSlice, DRIVER, wants } from "../../kit/devices.ts";

const node: Node = { apiVersion: "v1", kind: "Node", metadata: { name: "n1", labels: { zone: "a" } } };
const CLASSES = [
  aDeviceClass("gpu"),
  aDeviceClass("big", {
    selectors: [{ cel: { expression: `device.capacity["${DRIVER}"].memory.compareTo(quantity("10Gi")) >= 0` } }],
    config: [{ opaque: { driver: DRIVER, parameters: { mode: "fast" } } }],
  }),
];
const NONE = "cannot allocate all claims";

interface World {
  readonly inUse?: readonly AllocationResult[];
  readonly on?: Node;
  readonly classes?: readonly DeviceClass[];
  readonly triesMax?: number;
}

function allocate(slices: readonly ResourceSlice[], claims: readonly ResourceClaim[], { inUse = [], on = node, classes = CLASSES, triesMax }: World = {}) {
  const used = new DevicesInUse();
  for (const [index, allocation] of inUse.entries()) used.set(`other-${index}`, allocation);
  const wishes = claims.map((claim) => readWishes(claim, (name) => classes.find(({ metadata }) => metadata.name === name)));
  return allocateDevices({ claims: wishes as ClaimWishes[], slices: indexSlices(slices), inUse: used, random: seededRandom(1), ...(triesMax === undefined ? {} : { triesMax }) }, on);
}
/** Per claim: `request=pool/device`. */
const given = (result: ReturnType<typeof allocate>) =>
  typeof result === "string" ? result : result.map(({ devices }) => (devices?.results ?? []).map(({ request, pool, device }) => `${request}=${pool}/${device}`).join(" ")).join("; ");
const exactly = (more: Partial<ExactDeviceRequest> = {}, name = "gpu") => ({ name, exactly: { deviceClassName: "gpu", allocationMode: "ExactCount", count: 1, ...more } });
const rule = (expression: string) => ({ selectors: [{ cel: { expression } }] });
const devices = (...names: readonly string[]): Device[] => names.map((name) => ({ name }));
const dedicated = (...names: readonly string[]): AllocationResult => ({ devices: { results: names.map((device) => ({ request: "r", driver: DRIVER, pool: "n1", device })) } });
const claim = (devicesWanted: DeviceClaim, name = "c") => aDeviceClaim(name, devicesWanted);
const numa = (name: string, int: number): Device => ({ name, attributes: { numa: { int } } });

describe("devices are given", () => {
  test.each<[string, readonly ResourceSlice[], readonly ResourceClaim[], World, string]>([
    ["in their order", [aSlice("s", devices("b", "a"))], [claim(wants(2))], {}, "gpu=n1/b gpu=n1/a"],
    ["only once, though by several claims", [aSlice("s", devices("a", "b"))], [claim(wants(), "c"), claim(wants(), "d")], {}, "gpu=n1/a; gpu=n1/b"],
    ["unless there are too few", [aSlice("s", devices("a", "b"))], [claim(wants(2), "c"), claim(wants(), "d")], {}, NONE],
    ["unless another claim has them", [aSlice("s", devices("a", "b"))], [claim(wants())], { inUse: [dedicated("a")] }, "gpu=n1/b"],
    ["to those who only look on, though others have them", [aSlice("s", devices("a"))], [claim({ requests: [exactly({ adminAccess: true })] })], { inUse: [dedicated("a")] }, "gpu=n1/a"],
    [
      "to all that fit, when all are wanted",
      [aSlice("s", [numa("a", 0), numa("b", 1), numa("c", 0)])],
      [claim({ requests: [exactly({ allocationMode: "All", ...rule(`device.attributes["${DRIVER}"].numa == 0`) })] })],
      {},
      "gpu=n1/a gpu=n1/c",
    ],
    ["to nobody who wants all, when one of them is taken", [aSlice("s", devices("a", "b"))], [claim({ requests: [exactly({ allocationMode: "All" })] })], { inUse: [dedicated("b")] }, NONE],
    ["to nobody who wants all, when there are none", [], [claim({ requests: [exactly({ allocationMode: "All" })] })], {}, NONE],
    [
      "by the rules of class and request together",
      [
        aSlice("s", [
          { name: "a", capacity: { memory: { value: "8Gi" } } },
          { name: "b", capacity: { memory: { value: "16Gi" } }, attributes: { model: { string: "x" } } },
          { name: "c", capacity: { memory: { value: "16Gi" } }, attributes: { model: { string: "y" } } },
        ]),
      ],
      [claim({ requests: [exactly({ deviceClassName: "big", ...rule(`device.attributes["${DRIVER}"].model == "y"`) })] })],
      {},
      "gpu=n1/c",
    ],
    [
      "from the node's own slices, from those for all nodes, and from those whose labels fit",
      [
        aSlice("all", devices("x"), { allNodes: true, pool: { name: "all", resourceSliceCount: 1 } }),
        aSlice("zone", devices("y"), { nodeSelector: { nodeSelectorTerms: [{ matchExpressions: [{ key: "zone", operator: "In", values: ["a"] }] }] }, pool: { name: "zone", resourceSliceCount: 1 } }),
        aSlice("s", devices("a")),
        aSlice("t", devices("z"), { nodeName: "n2", pool: { name: "n2", resourceSliceCount: 1 } }),
      ],
      [claim(wants(3))],
      {},
      "gpu=all/x gpu=n1/a gpu=zone/y",
    ],
    [
      "where the device itself says so",
      [
        aSlice(
          "s",
          [
            { name: "a", nodeName: "n2" },
            { name: "b", allNodes: true },
          ],
          { perDeviceNodeSelection: true },
        ),
      ],
      [claim(wants())],
      {},
      "gpu=n1/b",
    ],
    [
      "of the newest generation of a pool",
      [aSlice("old", devices("a")), aSlice("new", devices("b"), { pool: { name: "n1", generation: 2, resourceSliceCount: 1 } })],
      [claim(wants())],
      {},
      "gpu=n1/b",
    ],
    ["from no pool of which slices are missing", [aSlice("s", devices("a"), { pool: { name: "n1", generation: 1, resourceSliceCount: 2 } })], [claim(wants())], {}, NONE],
    ["from no pool with one name twice, which is told", [aSlice("s", devices("a", "a"))], [claim(wants())], {}, "invalid resource pools were encountered"],
    [
      "by the first alternative that can be had",
      [aSlice("s", [numa("a", 0)])],
      [
        claim({
          requests: [
            {
              name: "r",
              firstAvailable: [
                { name: "two", deviceClassName: "gpu", allocationMode: "ExactCount", count: 2 },
                { name: "one", deviceClassName: "gpu", allocationMode: "ExactCount", count: 1 },
              ],
            },
          ],
        }),
      ],
      {},
      "r/one=n1/a",
    ],
    [
      "by a lesser alternative where the better one would leave too little for others",
      [aSlice("s", devices("a", "b"))],
      [
        claim({
          requests: [
            {
              name: "r",
              firstAvailable: [
                { name: "two", deviceClassName: "gpu", allocationMode: "ExactCount", count: 2 },
                { name: "one", deviceClassName: "gpu", allocationMode: "ExactCount", count: 1 },
              ],
            },
            exactly(),
          ],
        }),
      ],
      {},
      "r/one=n1/a gpu=n1/b",
    ],
    [
      "by an alternative that is not too much for one claim",
      [aSlice("s", devices(...Array.from({ length: 40 }, (_, index) => `d${index}`)))],
      [
        claim({
          requests: [
            {
              name: "r",
              firstAvailable: [
                { name: "many", deviceClassName: "gpu", allocationMode: "ExactCount", count: 33 },
                { name: "one", deviceClassName: "gpu", allocationMode: "ExactCount", count: 1 },
              ],
            },
          ],
        }),
      ],
      {},
      "r/one=n1/d0",
    ],
    [
      "that are alike, going back for it",
      [aSlice("s", [numa("a", 0), numa("b", 1), numa("c", 1)])],
      [claim({ ...wants(2), constraints: [{ matchAttribute: `${DRIVER}/numa` }] })],
      {},
      "gpu=n1/b gpu=n1/c",
    ],
    ["that differ", [aSlice("s", [numa("a", 0), numa("b", 0), numa("c", 1)])], [claim({ ...wants(2), constraints: [{ distinctAttribute: `${DRIVER}/numa` }] })], {}, "gpu=n1/a gpu=n1/c"],
    [
      "that are alike for the requests that are named only",
      [aSlice("s", [numa("a", 0), numa("b", 1), numa("c", 1)])],
      [claim({ requests: [exactly({}, "x"), exactly({}, "y"), exactly({}, "z")], constraints: [{ requests: ["y", "z"], matchAttribute: `${DRIVER}/numa` }] })],
      {},
      "x=n1/a y=n1/b z=n1/c",
    ],
    [
      "without taints",
      [
        aSlice("s", [
          { name: "a", taints: [{ key: "k", effect: "NoSchedule" }] },
          { name: "b", taints: [{ key: "k", effect: "None" }] },
        ]),
      ],
      [claim(wants())],
      {},
      "gpu=n1/b",
    ],
    [
      "with taints that are tolerated",
      [aSlice("s", [{ name: "a", taints: [{ key: "k", value: "v", effect: "NoExecute" }] }])],
      [claim({ requests: [exactly({ tolerations: [{ key: "k", operator: "Equal", value: "v", effect: "NoExecute" }] })] })],
      {},
      "gpu=n1/a",
    ],
    [
      "last those that must be made ready",
      [aSlice("s", [{ name: "a", bindingConditions: ["x"], bindingFailureConditions: ["y"] }]), aSlice("t", devices("b"), { pool: { name: "z", resourceSliceCount: 1 } })],
      [claim(wants())],
      {},
      "gpu=z/b",
    ],
  ])("%s", (_name, slices, claims, world, expected) => {
    expect(given(allocate(slices, claims, world))).toBe(expected);
  });

  test("not beyond the counters that they draw from, whoever draws", () => {
    const counters = (value: string) => ({ consumesCounters: [{ counterSet: "board", counters: { memory: { value } } }] });
    const pool = { name: "n1", generation: 1, resourceSliceCount: 2 };
    const slices = [
      aSlice("counters", [], { pool, sharedCounters: [{ name: "board", counters: { memory: { value: "10Gi" } } }] }),
      aSlice(
        "parts",
        [
          { name: "whole", ...counters("10Gi") },
          { name: "half-0", ...counters("5Gi") },
          { name: "half-1", ...counters("5Gi") },
        ],
        { pool },
      ),
    ].map((slice) => (slice.spec.sharedCounters === undefined ? slice : { ...slice, spec: { ...slice.spec, devices: undefined } })) as ResourceSlice[];
    expect(given(allocate(slices, [claim(wants())]))).toBe("gpu=n1/whole");
    expect(given(allocate(slices, [claim(wants(2))]))).toBe("gpu=n1/half-0 gpu=n1/half-1");
    expect(given(allocate(slices, [claim(wants(3))]))).toBe(NONE);
    expect(given(allocate(slices, [claim(wants())], { inUse: [dedicated("half-1")] }))).toBe("gpu=n1/half-0");
    expect(given(allocate(slices, [claim(wants())], { inUse: [dedicated("whole")] }))).toBe(NONE);
  });

  test("in shares of their capacity, rounded up to what can be had", () => {
    const shared = (requestPolicy?: object): ResourceSlice[] => [
      aSlice("s", [{ name: "a", allowMultipleAllocations: true, capacity: { memory: { value: "10Gi", ...(requestPolicy === undefined ? {} : { requestPolicy }) } } }]),
    ];
    const asks = (memory: string, name = "c") => claim({ requests: [exactly({ capacity: { requests: { memory } } })] }, name);
    const policy = { default: "1Gi", validRange: { min: "1Gi", max: "8Gi", step: "1Gi" } };
    const result = allocate(shared(policy), [asks("2500Mi", "c"), asks("3Gi", "d")]);
    expect(typeof result === "string" ? result : result.map(({ devices: found }) => found?.results?.[0]?.consumedCapacity)).toEqual([{ memory: "3Gi" }, { memory: "3Gi" }]);
    expect(new Set((result as AllocationResult[]).map(({ devices: found }) => found?.results?.[0]?.shareID)).size).toBe(2);
    expect(given(allocate(shared(policy), [asks("5Gi"), asks("6Gi", "d")]))).toBe(NONE);
    expect(given(allocate(shared(policy), [asks("9Gi")]))).toBe(NONE);
    expect(
      given(allocate(shared(), [asks("4Gi")], { inUse: [{ devices: { results: [{ request: "r", driver: DRIVER, pool: "n1", device: "a", shareID: "one", consumedCapacity: { memory: "7Gi" } }] } }] })),
    ).toBe(NONE);
    expect(
      given(allocate(shared(), [asks("3Gi")], { inUse: [{ devices: { results: [{ request: "r", driver: DRIVER, pool: "n1", device: "a", shareID: "one", consumedCapacity: { memory: "7Gi" } }] } }] })),
    ).toBe("gpu=n1/a");
    expect(
      given(
        allocate(
          [
            aSlice("s", [
              { name: "a", capacity: { memory: { value: "4Gi" } } },
              { name: "b", capacity: { memory: { value: "8Gi" } } },
            ]),
          ],
          [asks("6Gi")],
        ),
      ),
    ).toBe("gpu=n1/b");
    expect(given(allocate([aSlice("s", devices("a"))], [asks("6Gi")]))).toBe(NONE);
  });
});

describe("an allocation", () => {
  test("names the settings of the class and those of the claim that are about what it got", () => {
    const opaque = (parameters: Record<string, unknown>) => ({ opaque: { driver: DRIVER, parameters } });
    const wanted = claim({
      requests: [
        {
          name: "r",
          firstAvailable: [
            { name: "big", deviceClassName: "big", allocationMode: "ExactCount", count: 1 },
            { name: "any", deviceClassName: "gpu", allocationMode: "ExactCount", count: 1 },
          ],
        },
      ],
      config: [{ requests: ["r/big"], ...opaque({ for: "big" }) }, { requests: ["r/any"], ...opaque({ for: "any" }) }, opaque({ for: "all" })],
    });
    const [result] = allocate([aSlice("s", [{ name: "a", capacity: { memory: { value: "16Gi" } } }])], [wanted]) as AllocationResult[];
    expect(result?.devices?.config).toEqual([
      { source: "FromClass", requests: ["r/big"], ...opaque({ mode: "fast" }) },
      { source: "FromClaim", requests: ["r/big"], ...opaque({ for: "big" }) },
      { source: "FromClaim", ...opaque({ for: "all" }) },
    ]);
  });

  test("says where the devices can be used: on their node, where their slices' labels fit, or everywhere", () => {
    const selectorOf = (slice: ResourceSlice) => (allocate([slice], [claim(wants())]) as AllocationResult[])[0]?.nodeSelector;
    const labels = { nodeSelectorTerms: [{ matchExpressions: [{ key: "zone", operator: "In", values: ["a"] }] }] };
    expect(selectorOf(aSlice("s", devices("a")))).toEqual({ nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }] }] });
    expect(selectorOf(aSlice("s", devices("a"), { nodeSelector: labels }))).toEqual(labels);
    expect(selectorOf(aSlice("s", devices("a"), { allNodes: true }))).toBeUndefined();
    expect(selectorOf(aSlice("s", [{ name: "a", bindsToNode: true }], { allNodes: true }))?.nodeSelectorTerms[0]?.matchFields?.[0]?.values).toEqual(["n1"]);
  });

  test("fails everywhere for what is wrong with a selector, with a pool that all is asked of, and for asking too much", () => {
    expect(() => allocate([aSlice("s", devices("a"))], [claim(wants(1, `device.attributes["${DRIVER}"].missing == 1`))])).toThrow(/request gpu: selector #0: CEL runtime error: no such key: missing/);
    expect(() => allocate([aSlice("s", devices("a"), { pool: { name: "n1", resourceSliceCount: 2 } })], [claim({ requests: [exactly({ allocationMode: "All" })] })])).toThrow(
      /resource pool gpu.example.com\/n1 is currently being updated/,
    );
    expect(() => allocate([], [claim(wants(33))])).toThrow(/number of requested devices 33 exceeds the claim limit of 32/);
  });

  test("is given up after a number of tries", () => {
    const many = [
      aSlice(
        "s",
        Array.from({ length: 60 }, (_, index) => numa(`d${index}`, index)),
      ),
    ];
    expect(() =>
      allocate(many, [claim({ ...wants(8), constraints: [{ matchAttribute: `${DRIVER}/other` }, { distinctAttribute: `${DRIVER}/numa` }] }), claim(wants(30), "d"), claim(wants(30), "e")], {
        triesMax: 50,
      }),
    ).toThrow(/node n1: timed out trying to allocate devices/);
  });
});

/** Whether any choice of devices fulfils the requests: every one is looked at. */
function existsByForce(all: readonly Device[], counts: readonly number[], attribute: string | undefined, colours: readonly (number | undefined)[], memory: number): boolean {
  const place = (request: number, had: number, from: number, chosen: readonly Device[]): boolean => {
    if (request === counts.length) {
      const values = new Set(chosen.map((device) => JSON.stringify(device.attributes?.[attribute ?? ""])));
      const used = chosen.reduce((sum, device) => sum + Number(device.consumesCounters?.[0]?.counters["memory"]?.value ?? 0), 0);
      return used <= memory && (attribute === undefined || chosen.length === 0 || values.size === 1);
    }
    if (had === counts[request]) return place(request + 1, 0, 0, chosen);
    return all.some(
      (device, index) =>
        index >= from &&
        !chosen.includes(device) &&
        (colours[request] === undefined || device.attributes?.["colour"]?.int === colours[request]) &&
        place(request, had + 1, index + 1, [...chosen, device]),
    );
  };
  return place(0, 0, 0, []);
}

test("finds devices exactly when a search through every choice does, and what it finds keeps every rule", () => {
  const random = seededRandom(42);
  let found = 0;
  for (let round = 0; round < 400; round++) {
    const all = Array.from({ length: 1 + randomInteger(random, 6) }, (_, index): Device => ({
      name: `d${index}`,
      attributes: { colour: { int: randomInteger(random, 2) }, numa: { int: randomInteger(random, 2) } },
      consumesCounters: [{ counterSet: "set", counters: { memory: { value: String(1 + randomInteger(random, 3)) } } }],
    }));
    const memory = 2 + randomInteger(random, 8);
    const counts = Array.from({ length: 1 + randomInteger(random, 3) }, () => 1 + randomInteger(random, 2));
    const colours = counts.map(() => (randomInteger(random, 2) === 0 ? undefined : randomInteger(random, 2)));
    const attribute = randomInteger(random, 2) === 0 ? undefined : "numa";
    const requests = counts.map((count, index) => exactly({ count, ...(colours[index] === undefined ? {} : rule(`device.attributes["${DRIVER}"].colour == ${colours[index]}`)) }, `r${index}`));
    const pool = { name: "n1", generation: 1, resourceSliceCount: 2 };
    const { devices: _none, ...counterSpec } = aSlice("c", [], { pool, sharedCounters: [{ name: "set", counters: { memory: { value: String(memory) } } }] }).spec;
    const slices = [{ ...aSlice("c", []), spec: counterSpec }, aSlice("s", all, { pool })];
    const result = allocate(slices, [claim({ requests, ...(attribute === undefined ? {} : { constraints: [{ matchAttribute: `${DRIVER}/${attribute}` }] }) })]);
    expect(typeof result !== "string", JSON.stringify({ all, counts, colours, attribute, memory })).toBe(existsByForce(all, counts, attribute, colours, memory));
    if (typeof result === "string") continue;
    found++;
    const results = result[0]?.devices?.results ?? [];
    const chosen = results.map(({ device }) => all.find(({ name }) => name === device) as Device);
    expect(new Set(chosen).size).toBe(chosen.length);
    expect(results.map(({ request }) => request)).toEqual(counts.flatMap((count, index) => Array.from({ length: count }, () => `r${index}`)));
    expect(chosen.every((device, index) => [undefined, device.attributes?.["colour"]?.int].includes(colours[Number(results[index]?.request.slice(1))]))).toBe(true);
    expect(existsByForce(chosen, [chosen.length], attribute, [undefined], memory)).toBe(true);
  }
  expect(found).toBeGreaterThan(50);
});
