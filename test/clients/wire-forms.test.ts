import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RawAnswer } from "../kit/raw-https.ts";
import { map, MAPS, startWire, type Wire } from "../kit/wire.ts";

let wire: Wire;
beforeAll(async () => {
  wire = await startWire();
});
afterAll(() => wire.stop());

describe("the form of answers", () => {
  test("warnings name unknown and duplicate fields, and the last duplicate counts", async () => {
    const answer = await wire.send(`POST ${MAPS}`, '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c4"},"data":{"a":"1","a":"2"},"foo":1}');
    expect(answer.code).toBe(201);
    expect(answer.headers["warning"]).toBe('299 - "duplicate field \\"data.a\\"", 299 - "unknown field \\"foo\\""');
    expect(JSON.parse(answer.text)).toMatchObject({ data: { a: "2" } });
  });

  describe("patches say what they hold that nobody knows", () => {
    const at = "PATCH /apis/apps/v1/namespaces/wire/deployments/odd";
    const container = '"name":"c","odd":1,"imagePullPolicy":"Always","imagePullPolicy":"Never"';
    const merge = `{"spec":{"zebra":1,"ape":1,"ape":2,"paused":true,"paused":false,"template":{"spec":{"containers":[{${container},"image":"i"}]}}}}`;
    const operations =
      '[{"op":"add","path":"/spec/zebra","value":1,"why":"x"},{"op":"add","path":"/spec/no","path":"/spec/ape","value":1},{"op":"add","path":"/spec/template/spec/containers/0/odd","value":1}]';
    const repeated = ['duplicate field "spec.ape"', 'duplicate field "spec.paused"', 'duplicate field "spec.template.spec.containers[0].imagePullPolicy"'];
    beforeAll(async () => {
      const labels = { app: "odd" };
      await wire.send("POST /apis/apps/v1/namespaces/wire/deployments", {
        metadata: { name: "odd" },
        spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }] } } },
      });
    });
    test.each([
      ["merge-patch", merge, [...repeated, 'unknown field "spec.ape"', 'unknown field "spec.template.spec.containers[0].odd"', 'unknown field "spec.zebra"']],
      ["strategic-merge-patch", merge, [...repeated, 'unknown field "spec.ape"', 'unknown field "spec.template.spec.containers[0].odd"', 'unknown field "spec.zebra"']],
      [
        "json-patch",
        operations,
        [
          'json patch unknown field "[0].why"',
          'json patch duplicate field "[1].path"',
          'unknown field "spec.ape"',
          'unknown field "spec.template.spec.containers[0].odd"',
          'unknown field "spec.zebra"',
        ],
      ],
      [
        "json-patch",
        '[{"op":"replace","path":"/spec/template/spec/containers/0","value":{"name":"c","zebra":1,"image":"i","ports":[{"lynx":1,"containerPort":80,"eel":1}],"ape":1}}]',
        ["zebra", "ports[0].lynx", "ports[0].eel", "ape"].map((field) => `unknown field "spec.template.spec.containers[0].${field}"`),
      ],
    ])("%s", async (type, body, problems) => {
      const headers = { "content-type": `application/${type}+json` };
      const strict = await wire.send(`${at}?fieldValidation=Strict`, body, headers);
      expect({ code: strict.code, says: (JSON.parse(strict.text) as { message: string }).message.endsWith(`: strict decoding error: ${problems.join(", ")}`) ? problems : strict.text }).toEqual({
        code: 422,
        says: problems,
      });
      const warned = await wire.send(at, body, headers);
      expect({ code: warned.code, warning: warned.headers["warning"] }).toEqual({ code: 200, warning: problems.map((problem) => `299 - ${JSON.stringify(problem)}`).join(", ") });
      const ignored = await wire.send(`${at}?fieldValidation=Ignore`, body, headers);
      expect({ code: ignored.code, warning: ignored.headers["warning"] }).toEqual({ code: 200, warning: undefined });
    });
    test("a patch of a scale, too", async () => {
      const answer = await wire.send(
        "PATCH /apis/apps/v1/namespaces/wire/deployments/odd/scale?fieldValidation=Strict",
        { spec: { replicas: 2, odd: 1 } },
        { "content-type": "application/merge-patch+json" },
      );
      expect({ code: answer.code, text: answer.text }).toEqual({ code: 422, text: expect.stringContaining('strict decoding error: unknown field \\"spec.odd\\"') as unknown });
    });
  });

  test("an address of the older form is a watch of the same place, and a watch ends though nobody asked it to", async () => {
    await wire.send(`POST ${MAPS}`, map("watched"));
    const answer = await wire.send("GET /api/v1/watch/namespaces/wire/configmaps/watched");
    expect(JSON.parse(answer.text.split("\n")[0] ?? "")).toMatchObject({ type: "ADDED", object: { metadata: { name: "watched" } } });
  });

  test("warnings about YAML are one for each line", async () => {
    const answer = await wire.send(`POST ${MAPS}?dryRun=All`, "metadata: {name: odd}\ndata:\n  a: v\n  a: w\n  b: v\n  b: w\n", { "content-type": "application/yaml" });
    expect(answer.headers["warning"]).toBe('299 - "line 4: key \\"a\\" already set in map", 299 - "line 6: key \\"b\\" already set in map"');
  });

  test("YAML goes both ways", async () => {
    const made = await wire.send(`POST ${MAPS}`, 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  a: "1"\n', { "content-type": "application/yaml", accept: "application/yaml" });
    expect(made.code).toBe(201);
    expect(made.headers["content-type"]).toBe("application/yaml");
    expect(made.text).toMatch(/^apiVersion: v1\ndata:\n {2}a: "1"\nkind: ConfigMap\n/);
  });

  test("a table has columns, cells and the metadata of its objects", async () => {
    const answer = await wire.send(`GET ${MAPS}/yaml`, undefined, { accept: "application/json;as=Table;g=meta.k8s.io;v=v1" });
    const { columnDefinitions, rows } = JSON.parse(answer.text) as { columnDefinitions: { name: string }[]; rows: { cells: unknown[]; object: object }[] };
    expect(columnDefinitions.map((column) => column.name)).toEqual(["Name", "Data", "Age"]);
    expect(rows[0]?.cells.slice(0, 2)).toEqual(["yaml", 1]);
    expect(rows[0]?.object).toMatchObject({ kind: "PartialObjectMetadata", metadata: { name: "yaml" } });
  });

  test("metadata alone, page by page", async () => {
    const answer = await wire.send(`GET ${MAPS}?limit=1`, undefined, { accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1" });
    const list = JSON.parse(answer.text) as { kind: string; metadata: { continue: string; remainingItemCount: number }; items: object[] };
    expect(list).toMatchObject({ kind: "PartialObjectMetadataList", items: [{ kind: "PartialObjectMetadata" }] });
    expect(list.metadata.remainingItemCount).toBeGreaterThan(0);
    const next = await wire.send(`GET ${MAPS}?limit=1&continue=${list.metadata.continue}`);
    expect((JSON.parse(next.text) as { items: object[] }).items).toHaveLength(1);
  });

  test("failures are protobuf for those who ask for it", async () => {
    const answer = await wire.send(`GET ${MAPS}/none`, undefined, { accept: "application/vnd.kubernetes.protobuf" });
    expect(answer.code).toBe(404);
    expect(answer.headers["content-type"]).toBe("application/vnd.kubernetes.protobuf");
    expect(answer.body.subarray(0, 4).toString("latin1")).toBe("k8s\0");
    expect(answer.text).toContain('configmaps "none" not found');
  });

  test("kinds of our own are never protobuf, and say so or fall back to JSON", async () => {
    expect((await wire.send("GET /apis/mainstay.dev/v1alpha1/applications", undefined, { accept: "application/vnd.kubernetes.protobuf" })).code).toBe(406);
    expect((await wire.send("GET /apis/mainstay.dev/v1alpha1/applications", undefined, { accept: "application/vnd.kubernetes.protobuf,application/json" })).headers["content-type"]).toBe(
      "application/json",
    );
  });

  test("large answers are compressed for those who can read it", async () => {
    await wire.send(`POST ${MAPS}`, map("large", { data: { a: "x".repeat(200_000) } }));
    const answer = await wire.send(`GET ${MAPS}/large`, undefined, { "accept-encoding": "gzip" });
    expect(answer.headers["content-encoding"]).toBe("gzip");
    expect(JSON.parse(gunzipSync(answer.body).toString("utf8"))).toMatchObject({ metadata: { name: "large" } });
    expect((await wire.send(`GET ${MAPS}/large`)).headers["content-encoding"]).toBeUndefined();
  });

  test("a body above three mebibytes is refused", async () => {
    const answer = await wire.send(`POST ${MAPS}`, map("huge", { data: { a: "x".repeat(3 << 20) } })).catch((error: unknown) => error);
    // Node may cut the connection before the client has sent everything.
    if (answer instanceof Error) expect(answer.message).toMatch(/ECONNRESET|EPIPE|socket hang up/);
    else expect((answer as RawAnswer).code).toBe(413);
  });
});

describe("watches on the wire", () => {
  test("a watch from no version begins with what there is", async () => {
    const answer = await wire.send(`GET ${MAPS}?watch=1&resourceVersion=0&timeoutSeconds=1&fieldSelector=metadata.name%3Dyaml`);
    expect(answer.code).toBe(200);
    expect(JSON.parse(answer.text.split("\n")[0] ?? "")).toMatchObject({ type: "ADDED", object: { kind: "ConfigMap", metadata: { name: "yaml" } } });
  });

  test.each(["sendInitialEvents=true&resourceVersionMatch=NotOlderThan", "resourceVersion=0", "resourceVersion="])("initial events end with a marked bookmark: %s", async (asked) => {
    const answer = await wire.send(`GET ${MAPS}?watch=1&${asked}&allowWatchBookmarks=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dyaml`);
    const events = answer.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; object: object });
    expect(events.map((event) => event.type)).toEqual(["ADDED", "BOOKMARK"]);
    expect(events[1]?.object).toMatchObject({ kind: "ConfigMap", apiVersion: "v1", metadata: { annotations: { "k8s.io/initial-events-end": "true" } } });
  });

  test("by an address of the older form a watch takes the options of a list", async () => {
    const older = MAPS.replace("/api/v1/", "/api/v1/watch/");
    const answer = await wire.send(`GET ${older}/yaml?resourceVersion=0&allowWatchBookmarks=true&timeoutSeconds=1`);
    expect(
      answer.text
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { readonly type: string }).type),
    ).toEqual(["ADDED"]);
    expect(await wire.send(`GET ${older}/yaml?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0`)).toMatchObject({ code: 422 });
    expect(await wire.send(`GET ${older}/yaml?fieldSelector=metadata.name%3Dother`)).toMatchObject({ code: 400 });
  });

  test("protobuf frames carry their length", async () => {
    const answer = await wire.send(`GET ${MAPS}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dyaml`, undefined, { accept: "application/vnd.kubernetes.protobuf;stream=watch" });
    expect(answer.headers["content-type"]).toBe("application/vnd.kubernetes.protobuf;stream=watch");
    expect(answer.body.readUInt32BE(0)).toBe(answer.body.length - 4);
    expect(answer.text).toContain("ADDED");
  });
});
