import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseYamlEvents } from "../../../../engine/apimachinery/yaml/yaml.ts";
import { describeRepeatedKeys } from "../../../../engine/apimachinery/yaml/yaml-duplicates.ts";
import { orderOfCustom, strictProblems } from "../../../../engine/registry/strict-problems.ts";
import { findRepeatedFields } from "../../../../engine/apimachinery/json-duplicates.ts";
import { requireDepth } from "../../../../engine/lib/json-depth.ts";
import { isPretty, negotiate, requireStreamType, tryNegotiate } from "../../../../engine/server/http/negotiation.ts";
import type { StatusError } from "../../../../engine/apimachinery/status-error.ts";
import { parseObjectBody, parsePatchBody } from "../../../../engine/server/http/request-body.ts";
import { isLongRunning, parseRequestPath } from "../../../../engine/server/http/request-info.ts";
import { verbOf } from "../../../../engine/server/http/http-request.ts";
import { attributesOfAddress } from "../../../../engine/server/request-attributes.ts";
import { parseDeleteOptions } from "../../../../engine/server/delete-options.ts";

describe("paths", () => {
  test.each([
    ["/api/v1/pods", { group: "", version: "v1", resource: "pods", namespace: "" }],
    ["/api/v1/namespaces", { resource: "namespaces", namespace: "" }],
    ["/api/v1/namespaces/shop", { resource: "namespaces", namespace: "", name: "shop" }],
    ["/api/v1/namespaces/shop/finalize", { resource: "namespaces", name: "shop", subresource: "finalize" }],
    ["/api/v1/namespaces/shop/status", { resource: "namespaces", name: "shop", subresource: "status" }],
    ["/api/v1/namespaces/shop/pods", { resource: "pods", namespace: "shop" }],
    ["/api/v1/namespaces/shop/pods/web/log", { resource: "pods", namespace: "shop", name: "web", subresource: "log" }],
    ["/apis/apps/v1/namespaces/shop/deployments/web/scale", { group: "apps", version: "v1", resource: "deployments", namespace: "shop", name: "web", subresource: "scale" }],
    ["/api/v1/nodes/n1/proxy/a/b", { resource: "nodes", name: "n1", subresource: "proxy", rest: ["a", "b"] }],
    ["/api/v1/namespaces/shop/configmaps/a%2Eb", { resource: "configmaps", name: "a.b" }],
    ["/api/v1/watch/namespaces/shop", { resource: "namespaces", name: "shop", isWatch: true }],
    ["/apis/apps/v1/watch/namespaces/shop/deployments/web", { group: "apps", resource: "deployments", namespace: "shop", name: "web", isWatch: true }],
  ])("%s addresses a resource", (path, expected) => {
    expect(parseRequestPath(path)).toMatchObject({ is: "resource", ...expected });
  });

  test.each(["//api/v1/pods", "/api/v1//pods", "/api/v1/namespaces/shop//pods", "/", "/version", "/api", "/api/v1", "/apis/apps/v1", "/openapi/v3", "/healthz/ping"])("%s addresses none", (path) => {
    expect(parseRequestPath(path)).toEqual({ is: "path", path });
  });

  test("a path of slashes takes no longer than another one of its length", () => {
    const path = `/api/v1/${"/".repeat(900_000)}x`;
    expect(parseRequestPath(path)).toEqual({ is: "path", path });
    expect(parseRequestPath(`/api/v1/pods${"/".repeat(900_000)}`)).toMatchObject({ is: "resource", resource: "pods" });
  });
});

describe("the verb that a method and an address mean", () => {
  test.each([
    ["GET", "/api/v1/pods", "list"],
    ["GET", "/api/v1/pods?watch=1", "watch"],
    ["HEAD", "/api/v1/pods", "list"],
    ["GET", "/api/v1/namespaces/shop/pods/web", "get"],
    ["GET", "/api/v1/namespaces/shop/pods/web?watch=true", "get"],
    ["GET", "/api/v1/watch/namespaces/shop/pods/web", "watch"],
    ["GET", "/api/v1/namespaces/shop/pods/web/log?watch=true", "get"],
    ["POST", "/api/v1/namespaces/shop/pods/web/proxy/a", "create"],
    ["PUT", "/api/v1/namespaces/shop/pods/web", "update"],
    ["PATCH", "/api/v1/namespaces/shop/pods/web", "patch"],
    ["DELETE", "/api/v1/namespaces/shop/pods/web", "delete"],
    ["DELETE", "/api/v1/namespaces/shop/pods", "deletecollection"],
  ])("%s %s: %s", (method, address, verb) => {
    const { pathname, searchParams } = new URL(address, "https://x");
    const info = parseRequestPath(pathname);
    if (info.is !== "resource") throw new Error("must address a resource");
    expect(verbOf(method, info, searchParams)).toBe(verb);
    expect(isLongRunning(info, searchParams)).toBe(verb === "watch" || ["log", "proxy"].includes(info.subresource ?? ""));
    expect(attributesOfAddress(method, { pathname, searchParams }, { username: "ada", groups: [] }).verb).toBe(verb);
  });

  // Rights are asked about first, in upstream's words for what will not be done.
  test.each([
    ["PUT", "/api/v1/namespaces/shop/pods", "update"],
    ["PATCH", "/api/v1/namespaces/shop/pods", "patch"],
    ["OPTIONS", "/api/v1/namespaces/shop/pods", ""],
    ["POST", "/api/v1/watch/namespaces/shop/pods", "watch"],
    ["DELETE", "/api/v1/watch/namespaces/shop/pods/web", "watch"],
  ])("%s %s is not done, and who asks needs the right to %s", (method, address, verb) => {
    const { pathname, searchParams } = new URL(address, "https://x");
    const info = parseRequestPath(pathname);
    if (info.is !== "resource") throw new Error("must address a resource");
    expect(() => verbOf(method, info, searchParams)).toThrow("the server does not allow this method on the requested resource");
    expect(attributesOfAddress(method, { pathname, searchParams }, { username: "ada", groups: [] })).toMatchObject({ verb, resource: "pods", namespace: "shop" });
  });
});

test.each([
  ["/api/v1/pods", "curl/8.0", true],
  ["/api/v1/pods?pretty=false", "curl/8.0", false],
  ["/apis/apps/v1/deployments?pretty=true", "kubectl/v1.36", true],
  ["/api/v1/pods", "Mozilla/5.0 (X11)", true],
  ["/api/v1/pods", "kubectl/v1.36", false],
  ["/openapi/v2", "curl/8.0", false],
])("%s is indented for %s: %s", (target, agent, expected) => {
  const { pathname, searchParams } = new URL(target, "https://x");
  expect(isPretty({ path: pathname, query: searchParams, headers: { "user-agent": agent } })).toBe(expected);
});

describe("accept", () => {
  const all = { protobuf: true, forms: true };
  test.each([
    [undefined, "json", "object"],
    ["*/*", "json", "object"],
    ["application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "json", "table"],
    ["application/vnd.kubernetes.protobuf,application/json", "protobuf", "object"],
    ["application/yaml", "yaml", "object"],
    ["application/json;as=Unknown;g=x;v=v1, application/yaml", "yaml", "object"],
    ["application/yaml;q=0.1, application/json;q=0.9", "json", "object"],
    ["*/*;q=0.9, application/yaml;q=0.1", "yaml", "object"],
    ["application/json;q=0", "json", "object"],
    ["application/yaml;q=x, application/json;q=0.1", "json", "object"],
    ["application/json;as=;q=", "json", "object"],
    ["application/yaml;stream=watch, application/json;stream=watch", "json", "object"],
    ["application/yaml;stream=other, application/json", "json", "object"],
    ["application/yaml/x, application/json", "json", "object"],
    ["application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1,application/json;as=Table;g=meta.k8s.io;v=v1", "json", "table"],
  ])("%s is answered with %s as %s", (accept, encoding, form) => {
    expect(negotiate(accept, all)).toEqual({ encoding, form });
  });

  test("says whose metadata is meant, and whether a person reads it", () => {
    const list = negotiate("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", all);
    expect(list).toEqual({ encoding: "json", form: "partial", isOfList: true });
    expect(negotiate("application/json;pretty=1", all)).toEqual({ encoding: "json", form: "object", isPretty: true });
    const asked = { path: "/api/v1/pods", query: new URLSearchParams(), headers: { accept: "application/json;pretty=1" } };
    expect([isPretty(asked), isPretty({ ...asked, headers: { accept: "application/json;pretty=0" } })]).toEqual([true, false]);
  });

  test.each(["application/*", "APPLICATION/JSON", "*", "*/json", "application", ","])("%s is none of the types by name, which a router wants, and custom kinds do not", (accept) => {
    expect(() => negotiate(accept, { ...all, isList: true })).toThrow(
      "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch",
    );
    expect(tryNegotiate(accept, { protobuf: "partial", forms: true })?.encoding).toBe(["application/*", "*"].includes(accept) ? "json" : undefined);
  });

  test("what cannot be met is a 406 with what there is", () => {
    expect(() => requireStreamType(negotiate("application/yaml, application/json", all), all)).toThrow(
      "only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch",
    );
    expect(() => negotiate("text/html", all)).toThrow("Available representations: application/json, application/yaml, application/vnd.kubernetes.protobuf");
    expect(() => negotiate("application/json;as=Table", all)).toThrow("only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf");
    expect(() => negotiate("text/html", { protobuf: "partial", forms: true })).toThrow(
      "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf",
    );
    expect(() => negotiate("application/vnd.kubernetes.protobuf", { protobuf: false, forms: true })).toThrow("406");
    expect(tryNegotiate("application/json;as=Table;g=meta.k8s.io;v=v1", { protobuf: true, forms: false })).toBeUndefined();
  });

  test("a header without end is looked at as far as any client needs", () => {
    expect(tryNegotiate(`${"text/html,".repeat(400)}application/yaml`, all)).toEqual({ encoding: "yaml", form: "object" });
    expect(tryNegotiate(`${"text/html,".repeat(100_000)}application/yaml`, all)).toBeUndefined();
    expect(tryNegotiate(`application/yaml${";a=b".repeat(250_000)};q=0`, all)).toEqual({ encoding: "yaml", form: "object" });
  });
});

describe("duplicate keys", () => {
  test.each([
    ['{"a":1,"a":2}', ["a"]],
    ['{"a":{"b":1,"b":2}}', ["a.b"]],
    ['{"l":[{"x":1},{"x":1,"x":2,"x":3}]}', ["l[1].x"]],
    ['{"a":"a\\"a","b":["a","a"],"c":{"a":1}}', []],
    ['{"\\u0061":1,"a":2}', ["a"]],
  ])("%s has %j", (text, expected) => {
    const found = findRepeatedFields(text);
    expect(found?.is === "json" ? found.fields.map(({ field }) => field) : []).toEqual(expected);
  });

  test("what JSON.stringify writes never has any", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => findRepeatedFields(JSON.stringify(value)) === undefined),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe("what strict decoding finds", () => {
  const text = '{"spec":{"odd":1,"replicas":2,"odd":3,"replicas":3,"paused":true,"later":{"x":1,"x":2}},"last":1}';
  const unknown = ["spec.odd", "spec.later", "last"];

  test("is told in the order of the text, and nothing of what is in unknown fields", () => {
    expect(strictProblems(unknown, findRepeatedFields(text), false)).toEqual(['unknown field "spec.odd"', 'duplicate field "spec.replicas"', 'unknown field "spec.later"', 'unknown field "last"']);
  });

  test("is first what is repeated and then what is unknown where users define the kind", () => {
    expect(strictProblems(["last"], findRepeatedFields('{"last":1,"a":1,"a":2}'), true)).toEqual(['duplicate field "a"', 'unknown field "last"']);
  });

  test("is in kinds that users define by name: what is of the object itself, of its schema, and of objects within", () => {
    const schema = {
      type: "object" as const,
      properties: { spec: { type: "object" as const, properties: { list: { type: "array" as const, items: { type: "object" as const, "x-kubernetes-embedded-resource": true } } } } },
    };
    expect(orderOfCustom(schema, ["spec.z", "spec.list[1].metadata.a", "spec.list[0].b", "metadata.y", "kinds.metadata.c", "metadata.x"])).toEqual([
      "metadata.x",
      "metadata.y",
      "kinds.metadata.c",
      "spec.list[0].b",
      "spec.z",
      "spec.list[1].metadata.a",
    ]);
  });

  test("names lines of YAML, also behind anchors, lists and brackets", () => {
    const yaml = "\na: &x\n  - b: 1\n    c: {d: 1, d: 2}\n  - b: 1\n    b: 2\ne: *x\na: 3\n";
    expect(describeRepeatedKeys(parseYamlEvents(yaml))).toEqual(['line 4: key "d" already set in map', 'line 6: key "b" already set in map', 'line 8: key "a" already set in map']);
    expect(() => requireDepth(`${"[".repeat(1_000)}"${"[".repeat(10)}\\""${"]".repeat(1_000)}`)).not.toThrow();
    expect(() => requireDepth("[{".repeat(600))).toThrow("exceeded max depth");
    expect(describeRepeatedKeys(parseYamlEvents("a: {b: 1}\nb: [1, 1]\n"))).toEqual([]);
  });

  test("of YAML is for the request to judge: the last of equal keys counts", () => {
    const apply = parsePatchBody("application/apply-patch+yaml", Buffer.from("a: 1\na: 2\n"));
    expect(apply).toEqual({ patchType: "apply", value: { a: 2 }, repeated: { is: "yaml", problems: ['line 2: key "a" already set in map'] } });
  });
});

describe("bodies", () => {
  const none = () => undefined;
  test("broken JSON is described as Go would", () => {
    expect(() => parseObjectBody("application/json", Buffer.from('{"a":'), "Pod", none)).toThrow("couldn't get version/kind; json parse error: unexpected end of JSON input");
    expect(() => parseObjectBody("application/json", Buffer.from("hello"), "Pod", none)).toThrow("invalid character 'h' looking for beginning of value");
    expect(() => parseObjectBody("application/json", Buffer.from(`{"kind":"Secret","stringData":{"password":"swordfish"`), "Secret", none)).toThrow(/\(\{"kind":"Secret","stringData": \.\.\.\)$/);
  });

  test("types that nobody understands are a 415, parameters are none of our business", () => {
    expect(parseObjectBody("application/json; charset=utf-8", Buffer.from("{}"), "Pod", none).value).toEqual({});
    expect(() => parseObjectBody("text/plain", Buffer.from("{}"), "Pod", none)).toThrow("accepted media types include");
    for (const type of ["application/json", "constructor"]) expect(() => parsePatchBody(type, Buffer.from("{}"))).toThrow("415: Unsupported Media Type");
  });

  test.each([
    ['{"a":', "unexpected end of JSON input"],
    ['{"a":1}x', "invalid character 'x' after top-level value"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ["[1 2]", "invalid character '2' after array element"],
    ["{x:1}", "invalid character 'x' looking for beginning of object key string"],
    ["x", "invalid character 'x' looking for beginning of value"],
  ])("%s is no JSON, and why not is told in the words of Go's parser", (text, why) => {
    const said = (form: string) => {
      try {
        return parsePatchBody(`application/${form}-patch+json`, Buffer.from(text));
      } catch (error) {
        return (error as StatusError).message; // what it throws
      }
    };
    expect([said("merge"), said("strategic-merge")]).toEqual([`error decoding patch: ${why}`, why]);
  });

  test("YAML may be as long as any body", () => {
    const long = `data: ${"x".repeat(2 << 20)}\n`;
    expect(parsePatchBody("application/apply-patch+yaml", Buffer.from(long)).value).toEqual({ data: "x".repeat(2 << 20) });
  });

  test("protobuf that is none, or of an unknown kind, is a 400", () => {
    expect(() => parseObjectBody("application/vnd.kubernetes.protobuf", Buffer.from("{}"), "Pod", none)).toThrow("expected prefix k8s");
  });
});

test("a patch of a type that custom kinds do not take is told which they take", () => {
  const types = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
  for (const type of ["application/json", "application/strategic-merge-patch+json"]) expect(() => parsePatchBody(type, Buffer.from("{}"), true)).toThrow(types);
  expect(parsePatchBody("application/strategic-merge-patch+json", Buffer.from("{}")).patchType).toBe("strategic");
});

test("delete options come from the body, or from the query where there is none", () => {
  expect(parseDeleteOptions({ gracePeriodSeconds: 5, propagationPolicy: "Orphan" }, new URLSearchParams("gracePeriodSeconds=9&propagationPolicy=Foo"))).toEqual({
    gracePeriodSeconds: 5,
    propagationPolicy: "Orphan",
  });
  expect(parseDeleteOptions(undefined, new URLSearchParams("uid=u&resourceVersion=7&gracePeriodSeconds=-3&dryRun=All"))).toEqual({
    preconditions: { uid: "u", resourceVersion: "7" },
    gracePeriodSeconds: 1,
    dryRun: true,
  });
  expect(parseDeleteOptions(undefined, new URLSearchParams("orphanDependents=true"))).toEqual({ propagationPolicy: "Orphan" });
  expect(() => parseDeleteOptions({ dryRun: ["x"] }, undefined)).toThrow('dryRun: Unsupported value: ["x"]: supported values: "All"');
  expect(() => parseDeleteOptions({ gracePeriodSeconds: "soon" }, undefined)).toThrow("gracePeriodSeconds");
});
