import https from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { customResourceDefinitionResource } from "../../engine/resources/apiextensions/custom-resource-definition.ts";
import type { ResourceReference } from "../../engine/resources/define-resource.ts";
import type { CustomResourceDefinition } from "../../engine/resources/types.ts";
import { cronTabs, establish, tabs, type CronTab } from "../kit/custom-kinds.ts";
import { rawClient } from "../kit/raw-https.ts";
import { recordSpans } from "../kit/recorded-spans.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

interface Review {
  readonly apiVersion: string;
  readonly request: { readonly uid: string; readonly desiredAPIVersion: string; readonly objects: readonly CronTab[] };
}

/** v1 keeps host and port apart, v2 as one address. */
function convert(object: CronTab, apiVersion: string): CronTab {
  const { host, port, address } = object.spec as { readonly host?: string; readonly port?: string; readonly address?: string };
  const [to = "", at = ""] = (address ?? "").split(":");
  return { ...object, apiVersion, spec: apiVersion.endsWith("v2") ? { address: `${host}:${port}` } : { host: to, port: at } };
}

const v2: ResourceReference<CronTab> = { ...tabs, version: "v2" };
const calls: Review["request"][] = [];
let answerOf: (review: Review) => unknown;
let traceparent: unknown;
const { tracer, spans } = recordSpans();
const converted = ({ apiVersion, request }: Review): object => ({
  apiVersion,
  kind: "ConversionReview",
  response: { uid: request.uid, result: { status: "Success" }, convertedObjects: request.objects.map((object) => convert(object, request.desiredAPIVersion)) },
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const review = JSON.parse(Buffer.concat(chunks).toString()) as Review;
  calls.push(review.request);
  traceparent = request.headers["traceparent"];
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answerOf(review)));
}

let server: https.Server;
let port: number;
let api: TestListener;
beforeAll(async () => {
  api = await startTestListener({ tracer });
  const { certificate, key } = await api.pki.certificate("webhook", { commonName: "webhook", organizations: [], usage: "serving", ipAddresses: ["127.0.0.1"] });
  server = https.createServer({ cert: certificate, key }, (request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await api.stop();
});

const text = { type: "string" };
const version = (name: string, properties: object, storage: boolean) => ({
  name,
  served: true,
  storage,
  schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties } } } },
  selectableFields: [{ jsonPath: name === "v1" ? ".spec.host" : ".spec.address" }],
});
function definition(caBundle: string): CustomResourceDefinition {
  const base = cronTabs({});
  const versions = [version("v1", { host: text, port: text }, true), version("v2", { address: text }, false)];
  const webhook = { conversionReviewVersions: ["v9", "v1"], clientConfig: { url: `https://127.0.0.1:${port}/convert`, caBundle } };
  return { ...base, spec: { ...base.spec, versions, conversion: { strategy: "Webhook", webhook } } } as CustomResourceDefinition;
}
const bundle = () => Buffer.from(api.pki.ca).toString("base64");
const old = () => api.client.for(tabs);
const fresh = () => api.client.for(v2);
const tab = (name: string, apiVersion: string, spec: object): CronTab => ({
  apiVersion: `stable.example.com/${apiVersion}`,
  kind: "CronTab",
  metadata: { name, namespace: "default" },
  spec: spec as Record<string, unknown>,
});

beforeEach(async () => {
  calls.length = 0;
  answerOf = converted;
  await establish(api.client, definition(bundle()));
});
afterEach(async () => {
  answerOf = converted;
  for (const { metadata } of (await old().list("default")).items) await old().delete("default", metadata.name ?? "");
  const definitions = api.client.for(customResourceDefinitionResource);
  await definitions.delete("", "crontabs.stable.example.com");
  await definitions.patch("", "crontabs.stable.example.com", "merge", { metadata: { finalizers: null } });
});

describe("a conversion webhook", () => {
  test("is asked by those who use another version than the stored one, and by nobody else", async () => {
    await old().create(tab("a", "v1", { host: "h", port: "1" }));
    expect(calls).toHaveLength(0);
    expect(await fresh().get("default", "a")).toMatchObject({ apiVersion: "stable.example.com/v2", spec: { address: "h:1" } });
    expect(calls).toEqual([expect.objectContaining({ desiredAPIVersion: "stable.example.com/v2" })]);
    await fresh().get("default", "a");
    expect(calls).toHaveLength(1);
    const made = await fresh().create(tab("b", "v2", { address: "x:2" }));
    expect(made).toMatchObject({ apiVersion: "stable.example.com/v2", spec: { address: "x:2" } });
    // Its writer is shown what was stored, as every reader will be.
    expect(calls.slice(1).map(({ desiredAPIVersion }) => desiredAPIVersion)).toEqual(["stable.example.com/v1", "stable.example.com/v2"]);
    expect(await old().get("default", "b")).toMatchObject({ apiVersion: "stable.example.com/v1", spec: { host: "x", port: "2" } });
    await fresh().patch("default", "b", "merge", { spec: { address: "y:3" } });
    expect((await old().get("default", "b")).spec).toEqual({ host: "y", port: "3" });
  });

  test("is told of the trace that a request belongs to, and its call is in it", async () => {
    await old().create(tab("a", "v1", { host: "h", port: "1" }));
    const admin = await rawClient(api.url, api.pki, { commonName: "boss", organizations: ["system:masters"] });
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    await admin.send("/apis/stable.example.com/v2/namespaces/default/crontabs/a", { headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } });
    admin.close();
    const [post, call, get] = ["HTTP POST", "Call conversion webhook", "Get"].map((name) => spans.find((span) => span.name === name));
    expect(call).toMatchObject({
      parentId: get?.context.spanId,
      attributes: { "custom-resource-definition": "crontabs.stable.example.com", "desired-api-version": "stable.example.com/v2", "object-count": 1, UID: calls[0]?.uid },
      events: [{ name: "Request completed" }],
    });
    expect(post).toMatchObject({ parentId: call?.context.spanId, attributes: { "http.response.status_code": 200 } });
    expect(traceparent).toBe(`00-${traceId}-${post?.context.spanId}-01`);
  });

  test("converts whole lists at once, and what watches and selectors are about", async () => {
    for (const name of ["a", "b", "c"]) await old().create(tab(name, "v1", { host: name, port: "1" }));
    expect((await fresh().list("default")).items.map(({ spec }) => spec?.["address"])).toEqual(["a:1", "b:1", "c:1"]);
    expect(calls.map(({ objects }) => objects.length)).toEqual([3]);
    expect((await fresh().list("default", { fieldSelector: "spec.address=b:1" })).items.map(({ metadata }) => metadata.name)).toEqual(["b"]);
    const seen: unknown[] = [];
    const stop = new AbortController();
    for await (const { type, object } of fresh().watch("default", { fieldSelector: "spec.address=b:1" }, stop.signal)) {
      seen.push([type, object.spec?.["address"]]);
      if (seen.length === 1) await old().patch("default", "b", "merge", { spec: { port: "2" } });
      if (seen.length === 2) await old().patch("default", "b", "merge", { spec: { port: "1" } });
      if (seen.length === 3) break;
    }
    stop.abort();
    expect(seen).toEqual([
      ["ADDED", "b:1"],
      ["DELETED", "b:2"],
      ["ADDED", "b:1"],
    ]);
  });

  test.each<[string, (review: Review) => unknown, string]>([
    [
      "fails",
      ({ apiVersion, request }) => ({ apiVersion, kind: "ConversionReview", response: { uid: request.uid, result: { status: "Failure", message: "no way" } } }),
      "conversion webhook for stable.example.com/v1, Kind=CronTab failed: no way",
    ],
    ["answers somebody else", ({ apiVersion }) => ({ apiVersion, kind: "ConversionReview", response: { uid: "other", result: { status: "Success" } } }), 'failed: expected response.uid="'],
    [
      "loses objects",
      ({ apiVersion, request }) => ({ apiVersion, kind: "ConversionReview", response: { uid: request.uid, result: { status: "Success" }, convertedObjects: [] } }),
      "returned 0 objects, expected 1",
    ],
    [
      "gives another version",
      ({ apiVersion, request }) => ({ apiVersion, kind: "ConversionReview", response: { uid: request.uid, result: { status: "Success" }, convertedObjects: request.objects } }),
      "invalid groupVersion (expected stable.example.com/v2, received stable.example.com/v1)",
    ],
    [
      "gives another object",
      ({ apiVersion, request }) => ({
        apiVersion,
        kind: "ConversionReview",
        response: {
          uid: request.uid,
          result: { status: "Success" },
          convertedObjects: request.objects.map((object) => ({ ...convert(object, request.desiredAPIVersion), metadata: { ...object.metadata, name: "z" } })),
        },
      }),
      "must have the same name: a != z",
    ],
    ["answers something else", () => ({ kind: "Pod" }), "expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got"],
  ])("that %s makes the request fail and says so", async (_what, broken, message) => {
    await old().create(tab("a", "v1", { host: "h", port: "1" }));
    answerOf = broken;
    await expect(fresh().get("default", "a")).rejects.toThrow(message);
    const told: unknown = await fresh()
      .list("default")
      .catch((error: unknown) => error);
    expect(told).toMatchObject({ status: { code: 500, message: expect.stringMatching(/^conversion webhook for stable\.example\.com\/v1, Kind=CronTab /) as string } });
    expect(told).not.toHaveProperty("status.reason");
    expect((await old().get("default", "a")).spec).toEqual({ host: "h", port: "1" });
  });

  test("with a certificate that nobody vouches for is not asked", async () => {
    await old().create(tab("a", "v1", { host: "h", port: "1" }));
    const { certificate } = await api.pki.certificate("stranger", { commonName: "stranger", organizations: [], usage: "serving" });
    const definitions = api.client.for(customResourceDefinitionResource);
    await definitions.patch("", "crontabs.stable.example.com", "merge", { spec: { conversion: { webhook: { clientConfig: { caBundle: Buffer.from(certificate).toString("base64") } } } } });
    await expect(fresh().get("default", "a")).rejects.toThrow(/conversion webhook for stable\.example\.com\/v1, Kind=CronTab failed: Post "https:\/\/127\.0\.0\.1:\d+\/convert\?timeout=30s": /);
    expect(calls).toHaveLength(0);
  });

  test("may change labels and annotations, and nothing else of who an object is", async () => {
    await old().create({ ...tab("a", "v1", { host: "h", port: "1" }), metadata: { name: "a", namespace: "default", labels: { a: "1" }, finalizers: ["example.com/x"] } });
    answerOf = (review) => {
      const { response } = converted(review) as { response: { convertedObjects: CronTab[] } };
      return {
        apiVersion: review.apiVersion,
        kind: "ConversionReview",
        response: { ...response, convertedObjects: response.convertedObjects.map((object) => ({ ...object, metadata: { ...object.metadata, labels: { b: "2" }, finalizers: [] } })) },
      };
    };
    expect((await fresh().get("default", "a")).metadata).toMatchObject({ labels: { b: "2" }, finalizers: ["example.com/x"] });
    await old().patch("default", "a", "merge", { metadata: { finalizers: null } });
  });
});

test("without a webhook only the version of objects changes, and each version has its own schema", async () => {
  const definitions = api.client.for(customResourceDefinitionResource);
  await definitions.patch("", "crontabs.stable.example.com", "merge", { spec: { conversion: { strategy: "None", webhook: null } } });
  await old().create(tab("a", "v1", { host: "h", port: "1" }));
  expect(await fresh().get("default", "a")).toMatchObject({ apiVersion: "stable.example.com/v2", spec: {} });
  expect((await old().get("default", "a")).spec).toEqual({ host: "h", port: "1" });
  expect(calls).toHaveLength(0);
  const moved = await definitions.get("", "crontabs.stable.example.com");
  const versions = moved.spec.versions.map((one) => ({ ...one, storage: one.name === "v2" }));
  const stored = await definitions.update({ ...moved, spec: { ...moved.spec, versions } });
  expect(stored.status?.storedVersions).toEqual(["v1", "v2"]);
  await expect(definitions.update({ ...stored, spec: { ...stored.spec, versions: versions.slice(1) } })).rejects.toThrow(
    'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version',
  );
});
