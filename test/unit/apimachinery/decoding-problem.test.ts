import { describe, expect, test } from "vitest";
import { decodingProblem } from "../../../engine/apimachinery/decoding-problem.ts";
import { timeProblem } from "../../../engine/apimachinery/time-problem.ts";
import { horizontalPodAutoscalerResource } from "../../../engine/resources/autoscaling/horizontal-pod-autoscaler.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";

const said = ({ schema, version }: Pick<ResourceDefinition, "schema" | "version">, value: unknown) => decodingProblem(schema, value, version);
const template = (spec: unknown) => ({ spec: { template: { spec } } });

// What kube-apiserver 1.36.2 answered to each.
test.each([
  [{ spec: { replicas: "x" } }, "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"],
  [{ spec: { replicas: 1.5 } }, "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32"],
  [{ spec: { replicas: 2147483648 } }, "json: cannot unmarshal number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32"],
  [{ spec: [] }, "json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec"],
  [{ metadata: { labels: { a: 1 } } }, "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string"],
  [{ metadata: { labels: true } }, "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type map[string]string"],
  [{ metadata: { ownerReferences: ["a"] } }, "json: cannot unmarshal string into Go struct field ObjectMeta.metadata.ownerReferences of type v1.OwnerReference"],
  [{ metadata: { creationTimestamp: 5 } }, "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string"],
  [{ spec: { strategy: { rollingUpdate: { maxSurge: true } } } }, "json: cannot unmarshal bool into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32"],
  [template({ containers: "x" }), "json: cannot unmarshal string into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container"],
  [template({ containers: [{ name: "a" }, { name: {} }] }), "json: cannot unmarshal object into Go struct field Container.spec.template.spec.containers.name of type string"],
  [
    template({ containers: [{ resources: { limits: [] } }] }),
    "json: cannot unmarshal array into Go struct field ResourceRequirements.spec.template.spec.containers.resources.limits of type v1.ResourceList",
  ],
  [template({ containers: [{ resources: { limits: { cpu: "x" } } }] }), "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
  [template({ containers: [{ resources: { limits: { cpu: "1mm" } } }] }), "unable to parse quantity's suffix"],
  [template({ containers: [{ resources: { limits: { cpu: 0.5, memory: "1Gi" } } }] }), undefined],
  // The first in the text is told, whatever is unknown or null before it.
  [{ odd: 1, spec: { replicas: null, paused: "no", minReadySeconds: "x" } }, "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool"],
])("a Deployment %j", (value, expected) => expect(said(deploymentResource as never, value)).toBe(expected));

test("types of other versions than the first are named by theirs, those of metadata are not", () => {
  expect(said(horizontalPodAutoscalerResource as never, { spec: { metrics: [5] } })).toBe(
    "json: cannot unmarshal number into Go struct field HorizontalPodAutoscalerSpec.spec.metrics of type v2.MetricSpec",
  );
  expect(said(horizontalPodAutoscalerResource as never, { metadata: 5 })).toBe("json: cannot unmarshal number into Go struct field HorizontalPodAutoscaler.metadata of type v1.ObjectMeta");
});

test.each([
  ["YWJj", undefined],
  ["YWJ\nj", undefined],
  ["YQ==", undefined],
  ["YWI=", undefined],
  ["x", 0],
  ["YW_j", 2],
  ["YWJjZ", 4],
  ["YQ=", 3],
  ["Y===", 1],
])("bytes %j", (data, at) => {
  expect(said(secretResource as never, { data: { a: data } })).toBe(at === undefined ? undefined : `illegal base64 data at input byte ${at}`);
});

test("bytes that are no text", () => expect(said(secretResource as never, { data: { a: 5 } })).toBe("json: cannot unmarshal number into Go struct field Secret.data of type []uint8"));

describe("moments, as Go's parser reads them", () => {
  const layout = '"2006-01-02T15:04:05Z07:00"';
  test.each([
    ["2026-01-31T12:00:00Z", undefined],
    ["2026-01-31T12:00:00.123456789+05:30", undefined],
    ["2024-02-29T00:00:00Z", undefined],
    ["x", `parsing time "x" as ${layout}: cannot parse "x" as "2006"`],
    ["", `parsing time "" as ${layout}: cannot parse "" as "2006"`],
    ["2026-01-31", `parsing time "2026-01-31" as ${layout}: cannot parse "" as "T"`],
    ["2026-13-01T00:00:00Z", 'parsing time "2026-13-01T00:00:00Z": month out of range'],
    ["2026-02-29T00:00:00Z", 'parsing time "2026-02-29T00:00:00Z": day out of range'],
    ["2026-01-01T24:00:00Z", 'parsing time "2026-01-01T24:00:00Z": hour out of range'],
    ["2026-01-01T00:00:00", `parsing time "2026-01-01T00:00:00" as ${layout}: cannot parse "" as "Z07:00"`],
    ["2026-01-01T00:00:00Zx", 'parsing time "2026-01-01T00:00:00Zx": extra text: "x"'],
  ])("%j", (text, expected) => expect(timeProblem(text, false)).toBe(expected));

  test("to the microsecond have six digits of it", () => {
    expect(timeProblem("2026-01-31T12:00:00.000001Z", true)).toBeUndefined();
    expect(timeProblem("2026-01-31T12:00:00+24:00", false)).toContain('as "Z07:00"'); // nobody else could read it
    expect(timeProblem("2031-01-01T00:00:00Z", true)).toBe('parsing time "2031-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"');
    expect(timeProblem("2031-01-01T00:00:00.1234567Z", true)).toBe('parsing time "2031-01-01T00:00:00.1234567Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "7Z" as "Z07:00"');
  });
});

describe("a body is refused", () => {
  const refusal = (definition: ResourceDefinition, body: unknown) => {
    try {
      decodeObject(definition, body);
    } catch (error) {
      if (error instanceof StatusError) return error.status;
      throw error;
    }
    return undefined;
  };

  test("in the decoder's words, with causes that name the place and the remedy", () => {
    const status = refusal(deploymentResource as never, { metadata: { labels: { a: 1 } } });
    expect(status).toMatchObject({
      code: 400,
      message: 'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    });
    expect(status?.details?.causes).toEqual([{ reason: "FieldValueTypeInvalid", field: "metadata.labels[a]", message: "Invalid value: 1: must be a string; put it in quotes" }]);
  });

  test("by what says its kind: no text, no kind, or another's", () => {
    expect(refusal(configMapResource as never, { apiVersion: "v1", kind: 5 })?.message).toBe(
      'the object provided is unrecognized (must be of type ConfigMap): couldn\'t get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string ({"apiVersion":"v1","kind":5} ...)',
    );
    expect(refusal(configMapResource as never, { kind: "Odd" })?.message).toBe(
      'Odd in version "v1" cannot be handled as a ConfigMap: no kind "Odd" is registered for version "v1" in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"',
    );
    expect(refusal(configMapResource as never, { apiVersion: "v1", kind: "Secret" })?.message).toBe(
      'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
    );
    expect(refusal(configMapResource as never, { apiVersion: "", kind: "", metadata: { name: "a" } })).toBeUndefined();
  });

  test("not for nulls in lists, where Go has its zeros, but for numbers that nothing holds", () => {
    const { object } = decodeObject(podResource, { metadata: { name: "p" }, spec: { containers: [null], supplementalGroups: [], hostAliases: [{ ip: "1.2.3.4", hostnames: [null] }] } });
    expect(object.spec).toMatchObject({ containers: [{ name: "" }], hostAliases: [{ hostnames: [""] }] });
    expect(refusal(deploymentResource as never, { spec: { strategy: { rollingUpdate: { maxSurge: 1e30 } } } })?.message).toContain(
      "json: cannot unmarshal number 1e+30 into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32",
    );
  });
});
