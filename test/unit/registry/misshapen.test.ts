import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { FeatureGates } from "../../../engine/apimachinery/feature-gates.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { refuseMisshapen } from "../../../engine/registry/validate-object.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { cronJobResource } from "../../../engine/resources/batch/cron-job.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { loadSchema } from "../../../engine/resources/load-schema.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import { rawTypes } from "../resources/schema-files.ts";

/** What is said of the body of a new object, or of what is to replace `old`; nothing if its shape is right. */
function causesOf(definition: ResourceDefinition, body: object, old?: KubeObject, disabled: FeatureGates = new Set()): readonly string[] {
  try {
    const { object, schemaErrors } = decodeObject(definition, body);
    if (schemaErrors.length > 0) refuseMisshapen(definition, object, schemaErrors, disabled, old);
    return [];
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return error.status.details?.causes?.map(({ field, message }) => `${field}: ${message}`) ?? [];
  }
}

describe("an object whose shape is wrong is refused with everything else that is wrong with it", () => {
  test("a Deployment without a selector, with its replicas, its name and its containers", () => {
    const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "Web", image: "web", ports: [{ containerPort: 80, name: "too-long-a-name-for-a-port" }] }, {}], restartPolicy: "Never" } };
    expect(causesOf(deploymentResource as never, { metadata: { name: "Web", namespace: "shop" }, spec: { replicas: -1, template } })).toEqual([
      expect.stringMatching(/^metadata\.name: Invalid value: "Web"/),
      "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
      "spec.selector: Required value",
      expect.stringMatching(/^spec\.template\.metadata\.labels: Invalid value: {"app":"web"}: `selector` does not match/),
      expect.stringMatching(/^spec\.template\.spec\.containers\[0\]\.name: Invalid value: "Web"/),
      expect.stringMatching(/^spec\.template\.spec\.containers\[0\]\.ports\[0\]\.name: Invalid value/),
      "spec.template.spec.containers[1].name: Required value",
      "spec.template.spec.containers[1].image: Required value",
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ]);
  });

  test("of a field, the rules' words count, which know Go's zero where nothing is; what they repeat is told as often", () => {
    const spec = (more: object) => ({ metadata: { name: "p", namespace: "shop" }, spec: { containers: [{ name: "c", image: "i" }], ...more } });
    expect(causesOf(podResource as never, spec({ tolerations: [{}, {}], topologySpreadConstraints: [{}] }))).toEqual([
      "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
      "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
      'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "": supported values: "DoNotSchedule", "ScheduleAnyway"',
      "spec.tolerations[0].operator: Invalid value: \"\": operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
      "spec.tolerations[1].operator: Invalid value: \"\": operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
    ]);
  });

  test("what is missing is asked for by its innermost fields, as of Go's empty structs", () => {
    expect(causesOf(cronJobResource as never, { metadata: { name: "c", namespace: "shop" } })).toEqual([
      "spec.schedule: Required value",
      "spec.jobTemplate.spec.template.spec.containers: Required value",
      'spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ]);
    expect(causesOf(podResource as never, { metadata: { namespace: "shop" } })).toEqual(["metadata.name: Required value: name or generateName is required", "spec.containers: Required value"]);
  });

  test("what would replace another is judged against it", () => {
    const old = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "shop", uid: "u" }, spec: { containers: [{ name: "c", image: "web" }], nodeName: "n" } };
    expect(causesOf(podResource as never, { ...old, spec: { containers: [{ name: "c", image: "web" }], nodeName: "n", hostAliases: [{ ip: "x" }], dnsPolicy: "no" } }, old)).toEqual(
      expect.arrayContaining([expect.stringContaining('spec.dnsPolicy: Unsupported value: "no"'), expect.stringContaining("spec.hostAliases[0].ip"), expect.stringContaining("pod updates may not change fields other than")]),
    );
  });

  test("what is wrong only where a feature is on is not told where it is off", () => {
    const service = { metadata: { name: "s", namespace: "shop" }, spec: { externalIPs: ["192.000.2.1"], ports: [{}] } };
    const addresses = (disabled?: FeatureGates) => causesOf(serviceResource as never, service, undefined, disabled).filter((cause) => cause.startsWith("spec.externalIPs"));
    expect(addresses()).toEqual([expect.stringContaining("leading 0s")]);
    expect(addresses(new Set(["StrictIPCIDRValidation"]))).toEqual([]);
  });

  test("whatever must be there and is left out of a full object of any kind, the rules can do with what there is", () => {
    const required = new Set(rawTypes().flatMap(({ file, name }) => loadSchema(file, name).required ?? []));
    expect(catalog.filter(goldenOf).length).toBeGreaterThan(50);
    for (const definition of catalog) {
      const golden = goldenOf(definition);
      if (golden === undefined) continue;
      for (const path of pathsOf(golden)) {
        // Those of a pod are tried in pods; in templates there is nothing else. A status is judged by rules of its own.
        if (!required.has(path.at(-1) ?? "") || path.length > (path.includes("template") ? 4 : 6) || path[0] === "status") continue;
        const body = without(golden, path) as object;
        expect(() => [causesOf(definition, body), causesOf(definition, body, golden)], `${definition.kind} without ${path.join(".")}`).not.toThrow();
      }
    }
  });
});

function goldenOf({ group, version, kind }: ResourceDefinition): KubeObject | undefined {
  const file = new URL(`../resources/golden/${group === "" ? "core" : group}.${version}.${kind}.json`, import.meta.url);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as KubeObject) : undefined; // written by Kubernetes itself
}

function pathsOf(value: unknown): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => [[key], ...pathsOf(child).map((path) => [key, ...path])]);
}

function without(value: unknown, [key = "", ...rest]: readonly string[]): unknown {
  if (Array.isArray(value)) return rest.length === 0 ? value.filter((_item, index) => String(index) !== key) : value.map((item: unknown, index) => (String(index) === key ? without(item, rest) : item));
  const { [key]: child, ...others } = value as Readonly<Record<string, unknown>>; // a path leads through lists and objects only
  return rest.length === 0 ? others : { ...others, [key]: without(child, rest) };
}
