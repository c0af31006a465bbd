import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { beforeCreate } from "../../../engine/registry/before-create.ts";
import { beforeUpdate } from "../../../engine/registry/before-update.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { daemonSetResource } from "../../../engine/resources/apps/daemon-set.ts";
import { statefulSetResource } from "../../../engine/resources/apps/stateful-set.ts";
import { cronJobResource } from "../../../engine/resources/batch/cron-job.ts";
import { formatIndexSet, hasIndex, parseIndexSet, withIndexes } from "../../../engine/resources/batch/index-set.ts";
import { jobResource } from "../../../engine/resources/batch/job.ts";
import { replicationControllerResource } from "../../../engine/resources/core/replication-controller.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import { podDisruptionBudgetResource } from "../../../engine/resources/policy/pod-disruption-budget.ts";
import type { StatefulSet } from "../../../engine/resources/types.ts";
import { priorityClassResource } from "../../../engine/resources/scheduling/priority-class.ts";

const stamp = { nowText: "2030-01-01T00:00:00Z", random: seededRandom(1), disabled: new Set<never>() };

/** As the API would store it; throws what the API would answer. */
function create<T extends KubeObject>(definition: ResourceDefinition<T>, body: object): T {
  const metadata = { name: "web", ...(definition.namespaced ? { namespace: "shop" } : {}), ...(body as { metadata?: object }).metadata };
  const { object, schemaErrors } = decodeObject(definition, { ...body, metadata });
  if (schemaErrors.length > 0) throw new StatusError("Invalid", "", { causes: schemaErrors.map(({ field, message }) => ({ field, message })) });
  return beforeCreate(definition, object, stamp);
}

function update<T extends KubeObject>(definition: ResourceDefinition<T>, old: T, change: object): T {
  const stored = { ...old, metadata: { ...old.metadata, resourceVersion: "7" } };
  const { object } = decodeObject(definition, { ...stored, ...change });
  return beforeUpdate(definition, object, stored, undefined);
}

/** The fields at fault. */
function faults(run: () => unknown): readonly string[] {
  try {
    run();
    return [];
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return (error.status.details?.causes ?? []).map(({ field }) => field ?? "");
  }
}

const selector = { matchLabels: { app: "web" } };
const containers = [{ name: "main", image: "web:1" }];
const template = { metadata: { labels: { app: "web" } }, spec: { containers } };
const once = { spec: { restartPolicy: "Never", containers } };
const set = (spec: object = {}) => ({ spec: { selector, template, ...spec } });
const claim = { metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } };
const mounting = { ...template, spec: { containers: [{ name: "main", image: "web:1", volumeMounts: [{ name: "data", mountPath: "/data" }] }] } };
const job = (spec: object = {}) => ({ spec: { template: once, ...spec } });
const cron = (spec: object = {}) => ({ spec: { schedule: "@daily", jobTemplate: { spec: { template: once } }, ...spec } });
const indexed = { completionMode: "Indexed", completions: 3 };

describe("a workload is accepted or refused for", () => {
  test.each<[string, ResourceDefinition, object, readonly string[]]>([
    ["a StatefulSet as it should be", statefulSetResource as never, set({ volumeClaimTemplates: [claim], template: mounting }), []],
    [
      "a StatefulSet whose claims are none",
      statefulSetResource as never,
      set({ volumeClaimTemplates: [{ metadata: { name: "data" }, spec: {} }] }),
      ["spec.volumeClaimTemplates[0].spec.accessModes", "spec.volumeClaimTemplates[0].spec.resources[storage]"],
    ],
    ["a StatefulSet that mounts nothing", statefulSetResource as never, set({ template: mounting }), ["spec.template.spec.containers[0].volumeMounts[0].name"]],
    ["a StatefulSet whose claim cannot be a volume", statefulSetResource as never, set({ volumeClaimTemplates: [{ ...claim, metadata: { name: "a.b" } }] }), ["spec.template.spec.volumes[0].name"]],
    ["a StatefulSet's names of pods, which it gives itself", statefulSetResource as never, set({ template: { ...template, spec: { ...template.spec, hostname: "A", subdomain: "B" } } }), []],
    ["a StatefulSet's service", statefulSetResource as never, set({ serviceName: "A" }), ["spec.serviceName"]],
    ["a StatefulSet's name", statefulSetResource as never, { ...set(), metadata: { name: "a.b" } }, ["metadata.name"]],
    [
      "a StatefulSet's numbers",
      statefulSetResource as never,
      set({ replicas: -1, minReadySeconds: -1, ordinals: { start: -1 }, revisionHistoryLimit: -1, updateStrategy: { rollingUpdate: { partition: -1 } } }),
      ["spec.updateStrategy.rollingUpdate.partition", "spec.replicas", "spec.minReadySeconds", "spec.ordinals.start"],
    ],
    [
      "what becomes of a StatefulSet's claims",
      statefulSetResource as never,
      set({ persistentVolumeClaimRetentionPolicy: { whenDeleted: "Sell" } }),
      ["spec.persistentVolumeClaimRetentionPolicy.whenDeleted"],
    ],
    ["a StatefulSet's policy", statefulSetResource as never, set({ podManagementPolicy: "Random" }), ["spec.podManagementPolicy"]],
    ["a StatefulSet whose pods end", statefulSetResource as never, set({ template: { ...template, spec: { ...template.spec, restartPolicy: "Never" } } }), ["spec.template.spec.restartPolicy"]],
    [
      "a StatefulSet's bounds",
      statefulSetResource as never,
      set({ updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0 } } }),
      ["spec.updateStrategy.rollingUpdate.maxUnavailable"],
    ],
    ["a StatefulSet that selects others", statefulSetResource as never, set({ selector: { matchLabels: { app: "db" } } }), ["spec.template.metadata.labels"]],
    ["a DaemonSet as it should be", daemonSetResource as never, set(), []],
    [
      "a DaemonSet that neither lacks nor surges",
      daemonSetResource as never,
      set({ updateStrategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 0 } } }),
      ["spec.updateStrategy.rollingUpdate.maxUnavailable"],
    ],
    ["a DaemonSet that lacks and surges", daemonSetResource as never, set({ updateStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } } }), ["spec.updateStrategy.rollingUpdate.maxSurge"]],
    ["a ReplicationController that is told its selector", replicationControllerResource as never, { spec: { template } }, []],
    ["a Job as it should be", jobResource as never, job(), []],
    ["a Job whose pods go on for ever", jobResource as never, job({ template: { spec: { containers } } }), ["spec.template.spec.restartPolicy"]],
    ["an indexed Job without a number", jobResource as never, job({ completionMode: "Indexed", parallelism: 2 }), ["spec.completions"]],
    ["limits per index below nothing", jobResource as never, job({ ...indexed, backoffLimitPerIndex: 1, maxFailedIndexes: -1 }), ["spec.maxFailedIndexes"]],
    [
      "a selector that is none, which is compared with nothing",
      jobResource as never,
      job({ selector: { matchExpressions: [{ key: "a", operator: "In" }] } }),
      ["spec.selector.matchExpressions[0].values"],
    ],
    ["limits per index of a Job that has none", jobResource as never, job({ backoffLimitPerIndex: 1 }), ["spec.backoffLimitPerIndex"]],
    ["failed indexes without a limit per index", jobResource as never, job({ ...indexed, maxFailedIndexes: 1 }), ["spec.backoffLimitPerIndex"]],
    [
      "a policy about failures of pods that start again",
      jobResource as never,
      job({ template: { spec: { restartPolicy: "OnFailure", containers } }, podFailurePolicy: { rules: [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget" }] }] } }),
      ["spec.template.spec.restartPolicy"],
    ],
    ["a rule without a reason", jobResource as never, job({ podFailurePolicy: { rules: [{ action: "FailJob" }] } }), ["spec.podFailurePolicy.rules[0]"]],
    [
      "failing an index that is not counted",
      jobResource as never,
      job({ podFailurePolicy: { rules: [{ action: "FailIndex", onExitCodes: { operator: "In", values: [1] } }] } }),
      ["spec.podFailurePolicy.rules[0].action"],
    ],
    ["success by indexes that do not exist", jobResource as never, job({ ...indexed, successPolicy: { rules: [{ succeededIndexes: "5" }] } }), ["spec.successPolicy.rules[0].succeededIndexes"]],
    ["success of a Job without indexes", jobResource as never, job({ successPolicy: { rules: [{ succeededCount: 1 }] } }), ["spec.successPolicy"]],
    ["a manager without a domain", jobResource as never, job({ managedBy: "me" }), ["spec.managedBy"]],
    ["a CronJob as it should be", cronJobResource as never, cron({ timeZone: "Europe/Berlin" }), []],
    ["a CronJob's schedule", cronJobResource as never, cron({ schedule: "daily" }), ["spec.schedule"]],
    ["a CronJob's zone", cronJobResource as never, cron({ timeZone: "Moon/Tycho" }), ["spec.timeZone"]],
    ["a zone inside of a schedule", cronJobResource as never, cron({ schedule: "TZ=UTC 0 * * * *" }), ["spec.schedule"]],
    ["a CronJob with too long a name", cronJobResource as never, { metadata: { name: "x".repeat(53) }, ...cron() }, ["metadata.name"]],
    ["a CronJob's selector", cronJobResource as never, cron({ jobTemplate: { spec: { template: once, selector } } }), ["spec.jobTemplate.spec.selector"]],
    ["a budget as it should be", podDisruptionBudgetResource as never, { spec: { selector, minAvailable: "50%" } }, []],
    ["a budget with two bounds", podDisruptionBudgetResource as never, { spec: { selector, minAvailable: 1, maxUnavailable: 1 } }, ["spec"]],
    ["a budget of too much", podDisruptionBudgetResource as never, { spec: { selector, maxUnavailable: "101%" } }, ["spec.maxUnavailable"]],
    ["a priority as it should be", priorityClassResource as never, { value: 1_000_000_000 }, []],
    ["a priority above the users' own", priorityClassResource as never, { value: 1_000_000_001 }, ["value"]],
    ["a name of the system's", priorityClassResource as never, { metadata: { name: "system-mine" }, value: 1 }, ["metadata.name"]],
  ])("%s", (_name, definition, body, expected) => {
    expect([...new Set(faults(() => create(definition, body)))]).toEqual(expected);
  });
});

describe("what is stored cannot change in", () => {
  test.each<[string, ResourceDefinition, object, (old: KubeObject) => object, readonly string[]]>([
    ["a StatefulSet's service", statefulSetResource as never, set(), () => set({ serviceName: "other" }), ["spec"]],
    [
      "a StatefulSet's size, template and strategy, which may",
      statefulSetResource as never,
      set(),
      () => set({ replicas: 7, template: { ...template, spec: { containers: [{ name: "main", image: "web:2" }] } }, updateStrategy: { type: "OnDelete" } }),
      [],
    ],
    ["a StatefulSet's template to a bad one", statefulSetResource as never, set(), () => set({ template: mounting }), ["spec.template.spec.containers[0].volumeMounts[0].name"]],
    [
      "a DaemonSet's selector",
      daemonSetResource as never,
      set(),
      () => set({ selector: { matchLabels: { app: "web", tier: "a" } }, template: { ...template, metadata: { labels: { app: "web", tier: "a" } } } }),
      ["spec.selector"],
    ],
    ["a Job's completions", jobResource as never, job({ completions: 2 }), (old) => ({ spec: { ...(old as never as { spec: object }).spec, completions: 3 } }), ["spec.completions"]],
    ["a Job's parallelism, which may", jobResource as never, job({ completions: 2 }), (old) => ({ spec: { ...(old as never as { spec: object }).spec, parallelism: 3 } }), []],
    ["a priority", priorityClassResource as never, { value: 1 }, () => ({ value: 2 }), ["value"]],
  ])("%s", (_name, definition, body, change, expected) => {
    const old = create(definition, body);
    expect(faults(() => update(definition, old, change(old)))).toEqual(expected);
  });

  test("a StatefulSet that was bad already may stay so", () => {
    const good: StatefulSet = create(statefulSetResource, set({ volumeClaimTemplates: [{ ...claim, metadata: { name: "other" } }] }));
    const claims = (good.spec.volumeClaimTemplates ?? []).map((one) => ({ ...one, spec: { volumeMode: "Filesystem" } }));
    const bad: StatefulSet = { ...good, spec: { ...good.spec, template: mounting, serviceName: "A", volumeClaimTemplates: claims } };
    expect(faults(() => update(statefulSetResource, bad, { spec: { ...bad.spec, replicas: 2 } }))).toEqual([]);
  });

  test("a DaemonSet counts changes of its template alone", () => {
    const generation = (object: KubeObject) => object.metadata.annotations?.["deprecated.daemonset.template.generation"];
    const first = create(daemonSetResource, set());
    const same = update(daemonSetResource, first, set({ minReadySeconds: 5 }));
    const next = update(daemonSetResource, same, set({ template: { ...template, spec: { containers: [{ name: "main", image: "web:2" }] } } }));
    expect([first, same, next].map(generation)).toEqual(["1", "1", "2"]);
  });
});

describe("a set of indexes", () => {
  test("is read, added to and written as intervals", () => {
    const set = parseIndexSet("1,3-5,9", 10);
    expect([hasIndex(set, 4), hasIndex(set, 6)]).toEqual([true, false]);
    expect(formatIndexSet(withIndexes(set, [2, 6, 0]))).toBe("0-6,9");
    expect(formatIndexSet(parseIndexSet("0-1,3", 10))).toBe("0,1,3");
    expect(withIndexes(set, [3])).toBe(set);
  });
  test.each(["5-3", "1,1", "3,2", "a", "1-2-3", "10"])("is refused: %s", (text) => expect(() => parseIndexSet(text, 10)).toThrow());
});
