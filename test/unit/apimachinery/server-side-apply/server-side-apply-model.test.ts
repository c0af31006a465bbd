import fc from "fast-check";
import { expect, test } from "vitest";
import { printPaths, decodeFieldSet } from "../../../../engine/apimachinery/server-side-apply/field-set.ts";
import type { KubeObject } from "../../../../engine/apimachinery/object-meta.ts";
import { applyServerSide, trackUpdate } from "../../../../engine/apimachinery/server-side-apply/server-side-apply.ts";
import { StatusError } from "../../../../engine/apimachinery/status-error.ts";
import { deepFreeze } from "../../../../engine/lib/freeze.ts";
import { loadSchema } from "../../../../engine/resources/load-schema.ts";

/**
 * Ownership as a small model: a map of values, and for each key who owns it. The real thing must agree with it over any history
 * of applies, forced applies and updates.
 */
const schema = loadSchema("core/v1/config-map.yaml");
const podSchema = loadSchema("core/v1/pod.yaml");

type Data = Readonly<Record<string, string>>;
type Step = { readonly do: "apply" | "force" | "update"; readonly manager: string; readonly data: Data };

const data = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.constantFrom("1", "2"), { noNullPrototype: true });
const step: fc.Arbitrary<Step> = fc.record({ do: fc.constantFrom("apply" as const, "force" as const, "update" as const), manager: fc.constantFrom("x", "y", "z"), data });

interface Model {
  values: Map<string, string>;
  owners: Map<string, Set<string>>;
}

const ownersOf = (model: Model, key: string): Set<string> => model.owners.get(key) ?? new Set();

function modelApply(model: Model, manager: string, wanted: Data, force: boolean): Model | undefined {
  const me = `Apply ${manager}`;
  const next: Model = { values: new Map(model.values), owners: new Map([...model.owners].map(([key, set]) => [key, new Set(set)])) };
  for (const [key, value] of Object.entries(wanted)) {
    const others = [...ownersOf(model, key)].filter((owner) => owner !== me);
    if (others.length > 0 && model.values.get(key) !== value) {
      if (!force) return undefined;
      next.owners.set(key, new Set());
    }
    next.values.set(key, value);
    next.owners.set(key, new Set([...ownersOf(next, key), me]));
  }
  for (const [key, owners] of next.owners) {
    if (key in wanted || !owners.delete(me) || owners.size > 0) continue;
    next.values.delete(key);
    next.owners.delete(key);
  }
  return next;
}

function modelUpdate(model: Model, manager: string, wanted: Data): Model {
  const next: Model = { values: new Map(Object.entries(wanted)), owners: new Map() };
  for (const [key, value] of next.values) next.owners.set(key, model.values.get(key) === value ? ownersOf(model, key) : new Set([`Update ${manager}`]));
  return next;
}

const object = (values: Data): KubeObject => deepFreeze({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" }, data: values } as KubeObject);

function observed(live: KubeObject): unknown {
  const owners: Record<string, string[]> = {};
  for (const entry of live.metadata.managedFields ?? []) {
    for (const path of printPaths(decodeFieldSet(entry.fieldsV1) ?? {})) {
      if (path !== ".data") (owners[path.slice(".data.".length)] ??= []).push(`${entry.operation} ${entry.manager}`);
    }
  }
  for (const names of Object.values(owners)) names.sort();
  return { values: (live as unknown as { data?: Data }).data ?? {}, owners };
}

function expected(model: Model): unknown {
  return { values: Object.fromEntries(model.values), owners: Object.fromEntries([...model.owners].map(([key, set]) => [key, [...set].sort()])) };
}

test("ownership follows the model over any history of applies and updates", () => {
  let conflicts = 0;
  fc.assert(
    fc.property(data, fc.array(step, { maxLength: 12 }), (first, steps) => {
      let time = 0;
      const nowText = (): string => new Date(Date.UTC(2026, 0, 1) + 1000 * time++).toISOString().replace(".000", "");
      const create = { schema, before: undefined, after: object({ ...first, base: "0" }), manager: "creator", apiVersion: "v1" };
      let live = deepFreeze(trackUpdate({ ...create, nowText: nowText() }));
      live = deepFreeze({ ...live, metadata: { ...live.metadata, uid: "u" } });
      let model = modelUpdate({ values: new Map(), owners: new Map() }, "creator", { ...first, base: "0" });
      for (const { do: action, manager, data: wanted } of steps) {
        if (action === "update") {
          // The key "base" stays, so that the object never becomes untracked.
          live = deepFreeze(trackUpdate({ schema, before: live, after: { ...live, data: { ...wanted, base: "0" } } as KubeObject, manager, apiVersion: "v1", nowText: nowText() }));
          model = modelUpdate(model, manager, { ...wanted, base: "0" });
        } else {
          const request = { schema, intent: object(wanted), manager, force: action === "force", apiVersion: "v1" };
          const next = modelApply(model, manager, wanted, action === "force");
          if (next === undefined) {
            conflicts += 1;
            const before = live;
            expect(() => applyServerSide({ ...request, live: before, nowText: nowText() })).toThrow(StatusError);
          } else {
            const applied = deepFreeze(applyServerSide({ ...request, live, nowText: nowText() }));
            expect(applyServerSide({ ...request, force: false, live: applied, nowText: nowText() })).toBe(applied);
            live = applied;
            model = next;
          }
        }
        expect(observed(live)).toEqual(expected(model));
      }
    }),
    { numRuns: 500 },
  );
  expect(conflicts).toBeGreaterThan(50); // or the histories would be too tame to mean anything
});

const name = fc.constantFrom("a", "b", "c");
/** Nobody owns an empty list, so that one may stay behind; Kubernetes' types do not tell it from an absent one. */
const someOf = <T>(item: fc.Arbitrary<T>, key: (item: T) => unknown) => fc.uniqueArray(item, { selector: key, minLength: 1 });
const containers = someOf(
  fc.record(
    {
      name,
      image: fc.constantFrom("x:1", "x:2"),
      env: someOf(fc.record({ name, value: fc.constantFrom("1", "2") }, { requiredKeys: ["name"] }), (item) => item.name),
      ports: someOf(
        fc.record({ containerPort: fc.constantFrom(80, 443), protocol: fc.constantFrom("TCP", "UDP"), name }, { requiredKeys: ["containerPort"] }),
        (item) => `${item.containerPort}${item.protocol ?? "TCP"}`,
      ),
      command: fc.array(fc.constantFrom("r", "s"), { maxLength: 2 }),
      resources: fc.record({ limits: fc.dictionary(fc.constantFrom("cpu", "memory"), fc.constantFrom("1", "2"), { noNullPrototype: true }) }, { requiredKeys: [] }),
    },
    { requiredKeys: ["name"] },
  ),
  (item) => item.name,
);
const map = fc.dictionary(name, fc.constantFrom("1", "2"), { noNullPrototype: true });
const pod = fc
  .record({ spec: fc.record({ containers, nodeSelector: map }, { requiredKeys: [] }), metadata: fc.record({ finalizers: someOf(name, String), labels: map, annotations: map }, { requiredKeys: [] }) })
  .map(({ spec, metadata }): KubeObject => deepFreeze({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", ...metadata }, spec } as KubeObject));

function apply(live: KubeObject | undefined, manager: string, intent: KubeObject): KubeObject {
  return deepFreeze(applyServerSide({ schema: podSchema, live, intent, manager, force: true, apiVersion: "v1", nowText: "2026-01-01T00:00:00Z" }));
}

/** Every field that somebody owns has to be there. (An empty spec is owned, but nobody's when it is created.) */
function expectOwnedFieldsExist(live: KubeObject): void {
  const values = new Set(printPaths(fieldsOfCreate(live)));
  for (const entry of live.metadata.managedFields ?? []) for (const path of printPaths(decodeFieldSet(entry.fieldsV1) ?? {})) if (path !== ".spec") expect(values).toContain(path);
}

function fieldsOfCreate(live: KubeObject) {
  const { managedFields: _, ...metadata } = live.metadata;
  const created = trackUpdate({ schema: podSchema, before: undefined, after: { ...live, metadata }, manager: "all", apiVersion: "v1", nowText: "2026-01-01T00:00:00Z" });
  return decodeFieldSet(created.metadata.managedFields?.[0]?.fieldsV1) ?? {};
}

test("what was forced is there, applying it again changes nothing, and what is owned exists", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom("x", "y"), pod), { minLength: 1, maxLength: 5 }), (steps) => {
      let live: KubeObject | undefined;
      for (const [manager, intent] of steps) {
        live = apply(live, manager, intent);
        expect(apply(live, manager, intent)).toBe(live);
        const spec = (live as unknown as { spec: { containers?: { name: string; image?: string }[] } }).spec;
        for (const wanted of (intent as unknown as { spec: { containers?: { name: string; image?: string }[] } }).spec.containers ?? []) {
          const actual = spec.containers?.find((container) => container.name === wanted.name);
          expect(actual).toBeDefined();
          if (wanted.image !== undefined) expect(actual?.image).toBe(wanted.image);
        }
        expectOwnedFieldsExist(live);
      }
    }),
    { numRuns: 300 },
  );
});

test("an object with one applier is that applier's last intent", () => {
  fc.assert(
    fc.property(pod, pod, (first, second) => {
      expect(apply(apply(undefined, "x", first), "x", second)).toEqual(apply(undefined, "x", second));
    }),
    { numRuns: 300 },
  );
});
