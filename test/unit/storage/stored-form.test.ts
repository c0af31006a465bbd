import { describe, expect, test } from "vitest";
import { silentLogger } from "../../../engine/lib/log.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { withEncryption } from "../../../engine/storage/encryption/encrypted-storage.ts";
import { parseEncryptionConfig } from "../../../engine/storage/encryption/encryption-config.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { renewStoredForm } from "../../../engine/storage/stored-form.ts";

const template = { metadata: { labels: { a: "b" } }, spec: { hostNetwork: false, containers: [{ name: "c", image: "x", resources: { limits: { cpu: "1000m" } } }] } };
const renewedTemplate = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "x", resources: { limits: { cpu: "1" } } }] } };

async function renewed(key: string, object: object | string) {
  const storage = openMemoryStorage();
  const { revision } = await storage.commit([], [{ do: "put", key, value: Buffer.from(typeof object === "string" ? object : JSON.stringify(object)) }]);
  await renewStoredForm(storage, catalog, silentLogger);
  const entry = (await storage.get(key))!;
  return { storage, isUntouched: entry.modRevision === revision, text: entry.value.toString("utf8") };
}

describe("what an earlier release has stored", () => {
  test("is brought into today's form: quantities canonical, zeros that say nothing gone", async () => {
    const { text } = await renewed("/registry/apps/deployments/default/d", {
      kind: "Deployment",
      apiVersion: "apps/v1",
      metadata: { name: "d", namespace: "default" },
      spec: { replicas: 0, paused: false, selector: { matchLabels: { a: "b" } }, template },
    });
    expect(JSON.parse(text)).toEqual({
      kind: "Deployment",
      apiVersion: "apps/v1",
      metadata: { name: "d", namespace: "default" },
      spec: { replicas: 0, selector: { matchLabels: { a: "b" } }, template: renewedTemplate },
    });
  });

  test("and with the nulls that Go writes, also by the release that knew all but them", async () => {
    const storage = openMemoryStorage();
    const key = "/registry/rbac.authorization.k8s.io/roles/default/r";
    const role = { kind: "Role", apiVersion: "rbac.authorization.k8s.io/v1", metadata: { name: "r", namespace: "default" } };
    await storage.commit(
      [],
      [
        { do: "put", key, value: Buffer.from(JSON.stringify(role)) },
        { do: "put", key: "/mainstay/stored-form", value: Buffer.from("2") },
      ],
    );
    await renewStoredForm(storage, catalog, silentLogger);
    expect(JSON.parse((await storage.get(key))?.value.toString("utf8") ?? "")).toEqual({ ...role, rules: null });
  });

  test("and with a failure policy's null for no rules, which may not change, also by the release that knew all nulls but this one", async () => {
    const storage = openMemoryStorage();
    const key = "/registry/batch/jobs/default/j";
    const job = (rules: readonly object[] | null) => ({ kind: "Job", apiVersion: "batch/v1", metadata: { name: "j", namespace: "default" }, spec: { podFailurePolicy: { rules }, template } });
    await storage.commit(
      [],
      [
        { do: "put", key, value: Buffer.from(JSON.stringify(job([]))) },
        { do: "put", key: "/mainstay/stored-form", value: Buffer.from("3") },
      ],
    );
    await renewStoredForm(storage, catalog, silentLogger);
    expect(JSON.parse((await storage.get(key))?.value.toString("utf8") ?? "")).toMatchObject({ spec: { podFailurePolicy: { rules: null } } });
  });

  test("also the templates that revisions keep, with their keys in the order they had", async () => {
    const revision = (kept: object) => ({
      kind: "ControllerRevision",
      apiVersion: "apps/v1",
      metadata: { name: "r", namespace: "default" },
      data: { spec: { template: { $patch: "replace", ...kept } } },
      revision: 1,
    });
    const { text } = await renewed("/registry/apps/controllerrevisions/default/r", revision(template));
    expect(text).toBe(JSON.stringify(revision(renewedTemplate)));
  });

  test.each([
    ["what is in that form already", "/registry/core/configmaps/default/c", { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "c", namespace: "default" }, data: { cpu: "1000m" } }],
    ["what users define", "/registry/x.example/things/default/t", { kind: "Thing", apiVersion: "x.example/v1", metadata: { name: "t" }, spec: { cpu: "1000m", no: false } }],
    ["what is no object", "/registry/core/pods/default/p", "{"],
    ["what has no place in the API", "/registry/core/pods", "x"],
  ])("is left alone where it is %s", async (_what, key, object) => {
    const { isUntouched, text } = await renewed(key, object);
    expect(text).toBe(typeof object === "string" ? object : JSON.stringify(object));
    expect(isUntouched).toBe(true);
  });

  test("keeps numbers that a double cannot hold", async () => {
    const { text } = await renewed(
      "/registry/core/pods/default/p",
      '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","namespace":"default","generation":9007199254740993},"spec":{"hostNetwork":false,"containers":[]}}',
    );
    expect(text).toContain('"generation":9007199254740993');
    expect(text).not.toContain("hostNetwork");
  });

  test("is looked at once", async () => {
    const { storage } = await renewed("/registry/core/pods/default/p", { kind: "Pod", apiVersion: "v1", metadata: { name: "p", namespace: "default" }, spec: { containers: [] } });
    const revision = await storage.currentRevision();
    await renewStoredForm(storage, catalog, silentLogger);
    expect(await storage.currentRevision()).toBe(revision);
  });

  test("waits where it cannot be read, for a start that can", async () => {
    const inner = openMemoryStorage();
    const sealedBy = (key: number) =>
      withEncryption(
        inner,
        parseEncryptionConfig(
          `apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n  - aesgcm: {keys: [{name: k${key}, secret: ${Buffer.alloc(32, key).toString("base64")}}]}\n`,
          () => {
            throw new Error("there is no plugin");
          },
        ),
      );
    const stored = (kind: string, spec: object) => Buffer.from(JSON.stringify({ kind, apiVersion: "v1", metadata: { name: "x", namespace: "default" }, ...spec }));
    const [secret, pod] = ["/registry/core/secrets/default/x", "/registry/core/pods/default/x"];
    await sealedBy(1).commit(
      [],
      [
        { do: "put", key: secret, value: stored("Secret", { immutable: false, data: null }) },
        { do: "put", key: pod, value: stored("Pod", { spec: { hostNetwork: false, containers: [] } }) },
      ],
    );
    const before = (await inner.get(secret))?.modRevision;
    await renewStoredForm(sealedBy(2), catalog, silentLogger);
    expect((await inner.get(secret))?.modRevision).toBe(before);
    expect((await inner.get(pod))?.value.toString("utf8")).not.toContain("hostNetwork");
    await renewStoredForm(sealedBy(1), catalog, silentLogger);
    expect((await sealedBy(1).get(secret))?.value.toString("utf8")).not.toContain('"data":null');
    const revision = await inner.currentRevision();
    await renewStoredForm(sealedBy(2), catalog, silentLogger);
    expect(await inner.currentRevision()).toBe(revision);
  });

  test("waits where it cannot be sealed, for a start that can", async () => {
    const inner = openMemoryStorage();
    const key = "/registry/core/secrets/default/x";
    await inner.commit([], [{ do: "put", key, value: Buffer.from('{"kind":"Secret","apiVersion":"v1","metadata":{"name":"x","namespace":"default"},"data":null}') }]);
    const before = await inner.currentRevision();
    let isWell = false;
    const seal = (_place: string, plain: Buffer) => {
      if (!isWell) throw new Error("the plugin is not well");
      return plain;
    };
    const rules = parseEncryptionConfig(
      "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n  - kms: {apiVersion: v2, name: a, endpoint: 'unix:///k'}\n  - identity: {}\n",
      () => ({ prefix: "k8s:enc:kms:v2:a:", seal, open: (_place, sealed) => sealed }),
    );
    await renewStoredForm(withEncryption(inner, rules), catalog, silentLogger);
    expect(await inner.currentRevision()).toBe(before);
    isWell = true;
    await renewStoredForm(withEncryption(inner, rules), catalog, silentLogger);
    expect((await inner.get(key))?.value.toString("utf8")).toMatch(/^k8s:enc:kms:v2:a:.*"name":"x","namespace":"default"}}$/);
  });

  test("is found beyond the first page", async () => {
    const storage = openMemoryStorage();
    const key = (index: number) => `/registry/core/resourcequotas/default/q${index}`;
    const quota = (index: number, cpu: string) => ({ kind: "ResourceQuota", apiVersion: "v1", metadata: { name: `q${index}`, namespace: "default" }, spec: { hard: { cpu } } });
    await storage.commit(
      [],
      Array.from({ length: 1_100 }, (_, index) => ({ do: "put" as const, key: key(index), value: Buffer.from(JSON.stringify(quota(index, "2000m"))) })),
    );
    await renewStoredForm(storage, catalog, silentLogger);
    const { entries } = await storage.list("/registry/");
    expect(entries.map(({ value }) => value.toString("utf8"))).not.toContainEqual(expect.stringContaining("2000m"));
  });

  test("is told from a store that is new, into which nobody has ever written an object", async () => {
    const storage = openMemoryStorage();
    expect(await renewStoredForm(storage, catalog, silentLogger)).toBe(true);
    expect(await renewStoredForm(storage, catalog, silentLogger)).toBe(false);
    const earlier = openMemoryStorage();
    await earlier.commit([], [{ do: "put", key: "/registry/core/configmaps/default/c", value: Buffer.from("{}") }]);
    expect(await renewStoredForm(earlier, catalog, silentLogger)).toBe(false);
  });
});
