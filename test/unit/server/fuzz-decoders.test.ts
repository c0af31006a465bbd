import { describe, expect, test } from "vitest";
import { decodeContinueToken, encodeContinueToken } from "../../../engine/apimachinery/continue-token.ts";
import { decodeFieldSet } from "../../../engine/apimachinery/server-side-apply/field-set.ts";
import { parseListOptions, validateListOptions } from "../../../engine/apimachinery/list-options.ts";
import { applyJsonPatch } from "../../../engine/apimachinery/patches/json-patch.ts";
import { applyMergePatch } from "../../../engine/apimachinery/patches/merge-patch.ts";
import { encodeProtobuf, wrapUnknown } from "../../../engine/apimachinery/protobuf/protobuf.ts";
import { canonicalQuantity, parseQuantity } from "../../../engine/apimachinery/quantity.ts";
import { parseFieldSelector, parseLabelSelector } from "../../../engine/apimachinery/selectors.ts";
import { applyServerSide } from "../../../engine/apimachinery/server-side-apply/server-side-apply.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { applyStrategicMergePatch } from "../../../engine/apimachinery/patches/strategic-merge-patch.ts";
import { compileExpression } from "../../../engine/cel/compile.ts";
import { CelCompileError, CelError } from "../../../engine/cel/cel-error.ts";
import { DYN } from "../../../engine/cel/types.ts";
import { seededRandom, type Random } from "../../../engine/lib/random.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { validateCreate } from "../../../engine/registry/validate-object.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import { KindSchemas } from "../../../engine/server/kind-schemas.ts";
import { ResourceIndex } from "../../../engine/server/resource-index.ts";
import { negotiate } from "../../../engine/server/http/negotiation.ts";
import { parseObjectBody, parseOptionsBody, parsePatchBody } from "../../../engine/server/http/request-body.ts";
import { parseRequestPath } from "../../../engine/server/http/request-info.ts";
import { SpdyReader, synStreamFrame, dataFrame } from "../../../node-agent/streaming/spdy-frames.ts";
import { mutateBytes, mutateText, mutateValue, pick } from "../../kit/fuzz.ts";

/** A failing round prints the seed that repeats it: FUZZ_SEED=… . */
const SEED = Number(process.env["FUZZ_SEED"] ?? 1);
const ROUNDS = Number(process.env["FUZZ_ROUNDS"] ?? 1500);

const POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: "web",
    namespace: "shop",
    labels: { app: "web" },
    annotations: { a: "b" },
    finalizers: ["example.com/f"],
    ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "u", controller: true }],
    managedFields: [
      {
        manager: "m",
        operation: "Update",
        apiVersion: "v1",
        fieldsType: "FieldsV1",
        time: "2026-01-01T00:00:00Z",
        fieldsV1: { "f:metadata": { "f:labels": { ".": {}, "f:app": {} } }, "f:spec": { "f:containers": { 'k:{"name":"c"}': { ".": {}, "f:image": {} } } } },
      },
    ],
  },
  spec: {
    containers: [
      {
        name: "c",
        image: "nginx",
        ports: [{ containerPort: 80, protocol: "TCP" }],
        env: [
          { name: "A", value: "b" },
          { name: "B", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
        ],
        resources: { requests: { cpu: "100m", memory: "1Gi" } },
        livenessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 5 },
      },
    ],
    volumes: [
      { name: "v", emptyDir: { sizeLimit: "1Mi" } },
      { name: "s", secret: { secretName: "x", items: [{ key: "k", path: "p", mode: 420 }] } },
    ],
    tolerations: [{ key: "k", operator: "Exists", effect: "NoExecute", tolerationSeconds: 3 }],
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: "k", operator: "In", values: ["v"] }] }] } } },
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", labelSelector: { matchLabels: { app: "web" } } }],
  },
};
const DEPLOYMENT = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: "web" } },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: 1 } },
    template: { metadata: { labels: { app: "web" } }, spec: POD.spec },
  },
};

const schemas = new KindSchemas(new ResourceIndex(catalog, []));
const lookUp = (apiVersion: string, kind: string) => schemas.find(apiVersion, kind);

/** What upstream tells as if it had failed itself, and is about what was sent all the same. */
const TOLD_AS_FAILURE =
  /^(failed to (create typed patch object|convert new object) |list element types are not identical|lists of lists are not supported|expected a \S+( \{\})?, but received a |map: map\[.*\] does not contain declared merge key|unknown patch type: |merging lists cannot yet|cannot merge lists without|The order in patch list:)/s;

function isTold(error: unknown): boolean {
  if (!(error instanceof StatusError)) return false;
  const { code } = error.status;
  return (code >= 400 && code < 500) || (code === 500 && TOLD_AS_FAILURE.test(error.message));
}

/** Runs a decoder over many spoilt inputs; it may refuse with what clients are told, and must not fail in any other way. */
function fuzz(name: string, round: (random: Random) => unknown, isRefusal: (error: unknown) => boolean = isTold, rounds = ROUNDS): void {
  test(name, () => {
    for (let index = 0; index < rounds; index++) {
      const seed = SEED * 1_000_003 + index;
      try {
        round(seededRandom(seed));
      } catch (error) {
        if (!isRefusal(error)) throw new Error(`round ${index} of ${name} (seed ${seed}): ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    }
  });
}

describe("whatever is sent, a decoder answers or refuses", () => {
  const text = (random: Random, valid: readonly string[]) => (random.next() < 0.1 ? pick(random, valid) : mutateText(random, pick(random, valid)));

  fuzz("JSON bodies", (random) => parseObjectBody("application/json", Buffer.from(mutateText(random, JSON.stringify(POD))), "Pod", lookUp));
  fuzz("JSON bytes", (random) => parseObjectBody("application/json", mutateBytes(random, Buffer.from(JSON.stringify(POD))), "Pod", lookUp));
  const YAML =
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: &n web\n  labels: {app: *n, x: !!str 1}\nspec:\n  containers:\n  - name: c\n    image: \"nginx\"\n    command: ['sh', -c, |-\n      echo\n      done\n    ]\n";
  fuzz("YAML bodies", (random) => parseObjectBody("application/yaml", Buffer.from(mutateText(random, YAML)), "Pod", lookUp));
  fuzz("YAML bytes", (random) => parsePatchBody("application/apply-patch+yaml", mutateBytes(random, Buffer.from(YAML))));
  const protobuf = wrapUnknown("v1", "Pod", encodeProtobuf(podResource.schema, POD));
  fuzz("protobuf bodies", (random) =>
    decodeObject(podResource as unknown as ResourceDefinition, parseObjectBody("application/vnd.kubernetes.protobuf", mutateBytes(random, protobuf), "Pod", lookUp).value),
  );
  fuzz("delete options", (random) =>
    parseOptionsBody(
      pick(random, ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]),
      Buffer.from(mutateText(random, '{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"x"}}')),
      lookUp,
    ),
  );
  fuzz("patch bodies", (random) =>
    parsePatchBody(
      pick(random, ["application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json"]),
      Buffer.from(mutateText(random, '[{"op":"add","path":"/a/b","value":{"c":1}}]')),
    ),
  );

  fuzz("objects of another shape", (random) => {
    const definition = pick(random, [podResource, deploymentResource] as unknown as readonly ResourceDefinition[]);
    const { object, schemaErrors } = decodeObject(definition, mutateValue(random, definition.kind === "Pod" ? POD : DEPLOYMENT), {
      fieldValidation: pick(random, ["Strict", "Warn", "Ignore"] as const),
    });
    if (schemaErrors.length === 0) validateCreate(definition, object);
  });

  fuzz(
    "quantities",
    (random) => {
      const quantity = text(random, ["100m", "1.5Gi", "12e6", "-3", "0", "1E3", "500Ki", ".5"]);
      return [parseQuantity(quantity), canonicalQuantity(quantity)];
    },
    (error) => error instanceof Error && /quantit|unable to parse/i.test(error.message),
  );
  fuzz("label selectors", (random) => parseLabelSelector(text(random, ["app=web,tier!=db", "env in (a,b),!legacy", "x notin (y), z", "a==b", "n>1,n<5"]))({ app: "web" }));
  fuzz("field selectors", (random) => parseFieldSelector(text(random, ["metadata.name=web", "status.phase!=Running,spec.nodeName==n1", "a=\\,b\\=c\\\\"])));
  fuzz("continue tokens", (random) => decodeContinueToken(text(random, [encodeContinueToken({ revision: 12, afterKey: "/registry/pods/shop/web" } as never)])));
  fuzz("list options", (random) => {
    const query = new URLSearchParams(
      text(random, [
        "limit=5&continue=abc&resourceVersion=12&resourceVersionMatch=Exact",
        "watch=1&timeoutSeconds=5&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
        "labelSelector=a%3Db&fieldSelector=metadata.name%3Dx",
      ]),
    );
    validateListOptions(parseListOptions(query), pick(random, ["list", "watch"] as const));
  });
  fuzz("Accept headers", (random) =>
    negotiate(
      text(random, [
        "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
        "application/vnd.kubernetes.protobuf, */*;q=0.5",
        "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
        "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
      ]),
      { protobuf: random.next() < 0.5, forms: random.next() < 0.5 },
    ),
  );
  fuzz("paths", (random) =>
    parseRequestPath(text(random, ["/api/v1/namespaces/shop/pods/web/log", "/apis/apps/v1/namespaces/a/deployments/b/scale", "/api/v1/nodes/n1/proxy/a//b", "/apis", "/openapi/v3/apis/apps/v1"])),
  );

  fuzz("JSON patches", (random) =>
    applyJsonPatch(
      POD,
      mutateValue(random, [
        { op: "add", path: "/spec/containers/-", value: { name: "x" } },
        { op: "test", path: "/kind", value: "Pod" },
        { op: "move", from: "/metadata/labels/app", path: "/metadata/annotations/x" },
        { op: "copy", from: "/spec", path: "/spec/containers/0/env" },
        { op: "remove", path: "/spec/volumes/0" },
      ]),
    ),
  );
  fuzz("merge patches", (random) => applyMergePatch(POD, mutateValue(random, { metadata: { labels: { app: null } }, spec: { containers: [{ name: "c" }] } })));
  const strategic = {
    metadata: { labels: { app: null }, $patch: "merge" },
    spec: {
      $retainKeys: ["containers"],
      "$setElementOrder/containers": [{ name: "c" }, { name: "d" }],
      containers: [
        { name: "c", $patch: "delete" },
        { name: "d", image: "x", env: [{ name: "A", value: null }] },
      ],
      "$deleteFromPrimitiveList/finalizers": ["a"],
    },
  };
  fuzz("strategic merge patches", (random) => decodeObject(podResource as unknown as ResourceDefinition, applyStrategicMergePatch(podResource.schema, POD, mutateValue(random, strategic))));
  fuzz("applied intents", (random) => {
    const content = mutateValue(random, { metadata: { name: "web", labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "x", ports: [{ containerPort: 80, protocol: "TCP" }] }] } });
    const { object: intent, schemaErrors } = decodeObject(podResource as unknown as ResourceDefinition, content);
    if (schemaErrors.length > 0) return;
    applyServerSide({ schema: podResource.schema, live: POD as never, intent, manager: "m2", force: random.next() < 0.5, apiVersion: "v1", nowText: "2026-01-01T00:00:00Z" });
  });
  fuzz("field sets", (random) => decodeFieldSet(mutateValue(random, POD.metadata.managedFields[0]?.fieldsV1)));
  fuzz(
    "SPDY frames",
    (random) => {
      const reader = new SpdyReader();
      const valid = Buffer.concat([synStreamFrame(1, { streamtype: "error" }, true), dataFrame(1, Buffer.from("hello"), true)]);
      for (const chunk of [mutateBytes(random, valid), mutateBytes(random, valid)]) reader.read(chunk);
    },
    (error) => error instanceof Error && error.message.startsWith("SPDY"),
  );
  fuzz(
    "expressions",
    (random) =>
      compileExpression(
        text(random, [
          "object.spec.replicas > 1 && object.metadata.name.startsWith('a')",
          "[1, 2].map(x, x * 2).exists(x, x == 4)",
          "has(object.a) ? object.a : 'b' + r'\\d'",
          "{'a': 1}.all(k, k.matches('^[a-z]+$'))",
        ]),
        { variables: { object: DYN } },
      ).evaluate({ object: POD }),
    (error) => error instanceof CelCompileError || error instanceof CelError,
  );
});

test("values that cannot become text are refused where text is asked for", () => {
  const odd = { toString: null };
  const pod = podResource as unknown as ResourceDefinition;
  expect(() => decodeObject(pod, { kind: odd })).toThrow("json: cannot unmarshal object into Go struct field .kind of type string");
  expect(() => decodeObject(pod, { kind: "Pod", apiVersion: [1] })).toThrow("json: cannot unmarshal array into Go struct field .apiVersion of type string");
  expect(() => applyStrategicMergePatch(podResource.schema, POD, { spec: { $patch: odd } })).toThrow("unknown patch type");
  expect(() => applyStrategicMergePatch(podResource.schema, POD, { spec: { containers: [{ name: "c", $patch: odd }] } })).toThrow("unknown patch type");
  expect(() => parseOptionsBody("application/json", Buffer.from('{"kind":{"toString":null}}'), lookUp)).toThrow(StatusError);
});

test("deep nesting is refused, not followed to the end of the stack", () => {
  const depth = 20_000;
  const nested = Buffer.from(`{"spec":${'{"a":'.repeat(depth)}1${"}".repeat(depth)}}`);
  for (const contentType of ["application/json", "application/yaml"]) expect(() => parseObjectBody(contentType, nested, "Pod", lookUp), contentType).toThrow(StatusError);
  for (const patchType of ["json-patch+json", "merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml"])
    expect(() => parsePatchBody(`application/${patchType}`, nested), patchType).toThrow(StatusError);
  const bombs = [
    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n",
  ];
  for (const bomb of bombs) expect(() => parseObjectBody("application/yaml", Buffer.from(bomb), "Pod", lookUp)).toThrow(StatusError);
});

test("every kind refuses spoilt objects by its own rules", () => {
  for (const [index, definition] of catalog.entries()) {
    const random = seededRandom(SEED * 7919 + index);
    const sample = {
      apiVersion: definition.group === "" ? definition.version : `${definition.group}/${definition.version}`,
      kind: definition.kind,
      metadata: { name: "x", ...(definition.namespaced ? { namespace: "shop" } : {}) },
      spec: {},
      data: {},
      webhooks: [],
      rules: [],
    };
    for (let round = 0; round < 40; round++) {
      try {
        const { object, schemaErrors } = decodeObject(definition, mutateValue(random, sample, 4), { fieldValidation: "Ignore" });
        if (schemaErrors.length === 0) validateCreate(definition, definition.strategy.prepareForCreate?.(object) ?? object);
      } catch (error) {
        if (!(error instanceof StatusError) || error.status.code >= 500) throw new Error(`${definition.kind}, round ${round}`, { cause: error });
      }
    }
  }
});
