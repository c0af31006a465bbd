import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import { deploymentResource } from "../../../../engine/resources/apps/deployment.ts";
import { cronJobResource } from "../../../../engine/resources/batch/cron-job.ts";
import type { ApiRequest } from "../../../../engine/apimachinery/api-request.ts";
import type { ResourceDefinition } from "../../../../engine/resources/define-resource.ts";
import type { CronJob, Deployment } from "../../../../engine/resources/types.ts";
import { cronTab, cronTabs, establish, tabs } from "../../../kit/custom-kinds.ts";
import { failure } from "../../../kit/failure.ts";
import { sentConfigMap, sentDeployment } from "../../../kit/sent-objects.ts";
import { adminUser, createTestNamespace, startTestApi, type TestApi } from "../../../kit/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await createTestNamespace(api.client, "shop");
});
afterAll(() => api.stop());

describe("what is applied in another form than it is kept in", () => {
  test("is written once, and owned as it was said", async () => {
    const deployments = api.client.for(deploymentResource);
    const intent = sentDeployment("spelled");
    const container = { name: "c", image: "nginx:1", tty: false, resources: { limits: { cpu: "1000m", memory: "1024Mi" } } };
    const said = { ...intent, spec: { ...intent.spec, paused: false, template: { ...intent.spec.template, spec: { hostNetwork: false, containers: [container] } } } } as Deployment;
    const first = await deployments.apply(said, { fieldManager: "team" });
    expect(first.spec).not.toHaveProperty("paused");
    expect(first.spec.template.spec).not.toHaveProperty("hostNetwork");
    expect(first.spec.template.spec?.containers[0]).toMatchObject({ resources: { limits: { cpu: "1", memory: "1Gi" } } });
    const owned = JSON.stringify(first.metadata.managedFields);
    for (const field of ["f:paused", "f:hostNetwork", "f:tty"]) expect(owned).toContain(field);
    const second = await deployments.apply(said, { fieldManager: "team" });
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    // As upstream: another spelling of what somebody else owns is another value.
    const status = (await failure(deployments.apply(said, { fieldManager: "others" }))).status;
    expect(status.details?.causes?.map(({ field }) => field)).toEqual(expect.arrayContaining(['.spec.template.spec.containers[name="c"].resources.limits.cpu']));
  });
});

test("an object that was stored before its defaults were as they are is nothing new to who applies what is in it", async () => {
  const deployments = api.client.for(deploymentResource);
  const intent = sentDeployment("older");
  const said = { ...intent, spec: { ...intent.spec, template: { ...intent.spec.template, spec: { serviceAccountName: "now", containers: [{ name: "c", image: "nginx:1" }] } } } } as Deployment;
  await deployments.apply(said, { fieldManager: "team" });
  const { encoded } = await api.store.update(deploymentResource, "shop", "older", ({ object }) => {
    const { template } = object.spec;
    return { do: "write", object: { ...object, spec: { ...object.spec, template: { ...template, spec: { containers: [], ...template.spec, serviceAccount: "before" } } } } };
  });
  const again = await deployments.apply(said, { fieldManager: "team" });
  expect(again.metadata.resourceVersion).toBe(encoded.object.metadata.resourceVersion);
  const labelled = await deployments.patch("shop", "older", "merge", { metadata: { labels: { a: "1" } } });
  expect(labelled.spec.template.spec?.serviceAccount).toBe("now");
});

describe("patch", () => {
  test("writers that all change one object get their turn", async () => {
    const maps = api.client.for(configMapResource);
    await maps.create(sentConfigMap("crowded", {}));
    await Promise.all(Array.from({ length: 120 }, (_, index) => maps.patch("shop", "crowded", "merge", { data: { [`k${index}`]: "x" } })));
    expect(Object.keys((await maps.get("shop", "crowded")).data ?? {})).toHaveLength(120);
  });

  test("a null changes nothing as a strategic merge or JSON patch, and is no other patch", async () => {
    const maps = api.client.for(configMapResource);
    const made = await maps.create(sentConfigMap("null", {}));
    for (const type of ["strategic", "json"] as const) expect((await maps.patch("shop", "null", type, null)).metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    expect((await failure(maps.patch("shop", "null", "merge", null))).status).toMatchObject({ code: 400, message: "Invalid JSON Patch" });
    const applied = (body: unknown) => failure(maps.patch("shop", "null", "apply", body, { fieldManager: "m" }));
    expect((await applied(null)).status).toMatchObject({ code: 400, message: "invalid object type: /, Kind=" });
    expect((await applied([])).status).toMatchObject({
      code: 400,
      message: "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}",
    });
  });

  test("an apply with the uid of what is gone makes nothing new", async () => {
    const error = await failure(api.client.for(configMapResource).apply(sentConfigMap("replaced", {}, { uid: "u-0" }), { fieldManager: "m" }));
    expect(error.status).toMatchObject({ code: 409, message: expect.stringContaining("the provided object specified uid u-0, and no existing object was found") });
  });

  test("what is not there is said before what is wrong with a status that is applied to it", async () => {
    const intent = { ...sentDeployment("nowhere"), status: { bogus: 1 } } as unknown as Deployment;
    const error = await failure(api.client.for(deploymentResource).apply(intent, { fieldManager: "m", subresource: "status" }));
    expect(error.status).toMatchObject({ code: 404, message: 'deployments.apps "nowhere" not found' });
  });

  test("that somebody else owns a field is said before that its value cannot be read", async () => {
    const deployments = api.client.for(deploymentResource);
    await deployments.apply(sentDeployment("argued"), { fieldManager: "owner" });
    const intent = { ...sentDeployment("argued"), spec: { ...sentDeployment("argued").spec, replicas: 1.5 } };
    expect((await failure(deployments.apply(intent, { fieldManager: "other" }))).message).toBe('Apply failed with 1 conflict: conflict with "owner": .spec.replicas');
    expect((await failure(deployments.apply(intent, { fieldManager: "owner" }))).message).toMatch(/^failed to convert new object/);
  });

  test("nobody owns that there are no replicas by a Scale, and so nobody is in the way of who wants some", async () => {
    const deployments = api.client.for(deploymentResource);
    await deployments.apply(sentDeployment("rested"), { fieldManager: "owner" });
    const scale = (replicas: number) =>
      deployments.patch("shop", "rested", "merge", { spec: { replicas } }, { subresource: "scale", fieldManager: "scaler" } as object).then(() => deployments.get("shop", "rested"));
    const ownersOf = ({ metadata }: Deployment) => metadata.managedFields?.filter(({ fieldsV1 }) => JSON.stringify(fieldsV1).includes("f:replicas")).map(({ manager }) => manager);
    expect(ownersOf(await scale(3))).toEqual(["scaler"]);
    expect(ownersOf(await scale(0))).toEqual([]);
    expect((await deployments.apply(sentDeployment("rested"), { fieldManager: "owner" })).spec.replicas).toBe(2);
  });

  test("a Scale is applied to the number behind it, and conflicts with who owns that", async () => {
    const deployments = api.client.for(deploymentResource);
    await deployments.apply(sentDeployment("scaled"), { fieldManager: "owner" });
    const scaleTo = async (replicas: number, options: object) => {
      const body = { kind: "Scale", apiVersion: "autoscaling/v1", metadata: { name: "scaled" }, spec: { replicas } };
      const result = await api.server.handle({
        verb: "patch",
        patchType: "apply",
        user: { username: "a", groups: ["system:masters"] },
        userAgent: "t",
        resource: deploymentResource,
        namespace: "shop",
        subresource: "scale",
        name: "scaled",
        body,
        options,
      });
      return result.is === "object" ? result.encoded.object : undefined;
    };
    expect((await failure(scaleTo(7, { fieldManager: "scaler" }))).status).toMatchObject({ code: 409, message: 'Apply failed with 1 conflict: conflict with "owner": .spec.replicas' });
    expect(await scaleTo(7, { fieldManager: "scaler", force: true })).toMatchObject({ kind: "Scale", spec: { replicas: 7 } });
    const misshapen = (await failure(deployments.patch("shop", "scaled", "merge", { spec: { replicas: -1 } }, { subresource: "scale" }))).status;
    expect(misshapen.message).toBe('Scale.autoscaling "scaled" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0');
    const { spec, metadata } = await deployments.get("shop", "scaled");
    expect(spec.replicas).toBe(7);
    expect(metadata.managedFields?.find(({ manager }) => manager === "scaler")).toMatchObject({ subresource: "scale", apiVersion: "apps/v1", fieldsV1: { "f:spec": { "f:replicas": {} } } });
  });

  test("an empty list of managed fields ends the tracking, until somebody applies", async () => {
    const maps = api.client.for(configMapResource);
    await maps.create(sentConfigMap("untracked"));
    expect((await maps.patch("shop", "untracked", "merge", { metadata: { managedFields: [] } })).metadata.managedFields).toBeUndefined();
    expect((await maps.patch("shop", "untracked", "merge", { data: { b: "2" } })).metadata.managedFields).toBeUndefined();
  });

  test("the four kinds of patch do what they say", async () => {
    const deployments = api.client.for(deploymentResource);
    await deployments.create(sentDeployment("patched"));
    const strategic = await deployments.patch("shop", "patched", "strategic", { spec: { template: { spec: { containers: [{ name: "side", image: "busybox" }] } } } });
    expect(strategic.spec.template.spec?.containers.map((container) => container.name).sort()).toEqual(["c", "side"]);
    const json = await deployments.patch("shop", "patched", "json", [{ op: "replace", path: "/spec/replicas", value: 4 }]);
    expect(json.spec.replicas).toBe(4);
    const merged = await deployments.patch("shop", "patched", "merge", { metadata: { labels: { a: "b" } } });
    expect(merged.metadata.labels).toEqual({ a: "b" });
    const applied = await deployments.apply({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "patched", namespace: "shop", annotations: { note: "x" } } } as unknown as Deployment, {
      fieldManager: "m",
    });
    expect(applied.metadata.annotations).toMatchObject({ note: "x" });
    expect(applied.spec.replicas).toBe(4);
  });

  test("what leaves no object of the kind is refused in upstream's words", async () => {
    const maps = api.client.for(configMapResource);
    await maps.create(sentConfigMap("misfit"));
    const causeOf = async (type: "strategic" | "merge", body: object) => (await failure(maps.patch("shop", "misfit", type, body))).status;
    expect(await causeOf("strategic", { metadata: { labels: "invalid" } })).toMatchObject({
      code: 422,
      reason: "Invalid",
      message: ' "" is invalid: patch: Invalid value: "map[metadata:map[labels:invalid]]": cannot restore map from string',
    });
    expect((await causeOf("merge", { data: { a: [1] } })).message).toMatch(
      /^ "" is invalid: patch: Invalid value: "\{.*\}": json: cannot unmarshal array into Go struct field ConfigMap\.data of type string$/,
    );
    expect((await causeOf("merge", { kind: "Odd" })).message).toMatch(/": no kind "Odd" is registered for version "v1" in scheme/);
    expect(await causeOf("strategic", { kind: 5 })).toMatchObject({ code: 422 });
    for (const type of ["merge", "strategic"] as const)
      expect(await causeOf(type, { metadata: null })).toMatchObject({ code: 400, message: "the name of the object (misfit based on URL) was undeterminable: name must be provided" });
    // A strategic patch is put into a value that has its kind.
    expect((await maps.patch("shop", "misfit", "strategic", { kind: "Odd", apiVersion: "odd/v1", data: { k: "v" } })).data).toMatchObject({ k: "v" });
  });

  test("apply creates what is missing, reports conflicts, and takes over by force", async () => {
    const maps = api.client.for(configMapResource);
    const made = await maps.apply(sentConfigMap("ssa", { k: "1" }), { fieldManager: "m1" });
    expect(made.metadata.managedFields).toMatchObject([{ manager: "m1", operation: "Apply" }]);
    const error = await failure(maps.apply(sentConfigMap("ssa", { k: "2" }), { fieldManager: "m2" }));
    expect(error.status).toMatchObject({ code: 409, message: 'Apply failed with 1 conflict: conflict with "m1": .data.k' });
    expect((await maps.apply(sentConfigMap("ssa", { k: "2" }), { fieldManager: "m2", force: true })).data).toEqual({ k: "2" });
    const again = await maps.apply(sentConfigMap("ssa", { k: "2" }), { fieldManager: "m2", force: true });
    expect(again.metadata.resourceVersion).toBe((await maps.get("shop", "ssa")).metadata.resourceVersion);
  });

  test("an apply of what the kind cannot hold fails without a reason, as upstream's, which names what was sent", async () => {
    const problems: readonly (readonly [object, string])[] = [
      [{ metadata: { name: "ssa" }, bogus: 1 }, "failed to create typed patch object (/ssa; /v1, Kind=ConfigMap): .bogus: field not declared in schema"],
      [{ metadata: { namespace: "shop" }, data: 3 }, "failed to create typed patch object (shop/; /v1, Kind=ConfigMap): .data: expected map, got &{3}"],
      [
        { metadata: { name: "ssa", creationTimestamp: "x" } },
        'failed to convert new object (/ssa; /v1, Kind=ConfigMap) to proper version: unable to convert unstructured object to /v1, Kind=ConfigMap: parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"',
      ],
    ];
    const send = (body: object, resource: ResourceDefinition = configMapResource as never) =>
      api.server.handle({
        verb: "patch",
        user: adminUser,
        userAgent: "t",
        resource,
        namespace: "shop",
        name: "ssa",
        patchType: "apply",
        body: { apiVersion: "v1", kind: "ConfigMap", ...body },
        options: { fieldManager: "m1" },
      } as ApiRequest);
    for (const [body, message] of problems) expect((await failure(send(body))).status).toEqual({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, code: 500 });
    const misfits: readonly (readonly [object, string])[] = [
      [{ replicas: 1.5 }, "cannot convert float64 to int32"],
      [{ strategy: { rollingUpdate: { maxSurge: true } } }, "json: cannot unmarshal bool into Go value of type int32"],
      [{ template: { spec: { containers: [{ name: "a", resources: { requests: { cpu: "x" } } }] } } }, "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
      [{ template: { spec: { containers: [{ name: "a", resources: { requests: { cpu: "1kk" } } }] } } }, "unable to parse quantity's suffix"],
    ];
    for (const [spec, why] of misfits)
      expect((await failure(send({ apiVersion: "apps/v1", kind: "Deployment", spec }, deploymentResource as never))).message).toBe(
        `failed to convert new object (/; apps/v1, Kind=Deployment) to proper version: unable to convert unstructured object to apps/v1, Kind=Deployment: ${why}`,
      );
    expect((await failure(send({ kind: "Secret" }))).status).toMatchObject({ code: 400, message: "invalid object type: /v1, Kind=Secret" });
  });

  test("a null in a map of texts is applied as an empty text", async () => {
    const made = await api.client.for(configMapResource).apply(sentConfigMap("nulled", { a: null, b: "x" } as never), { fieldManager: "m1" });
    expect(made.data).toEqual({ a: "", b: "x" });
    expect(made.metadata.managedFields?.[0]?.fieldsV1).toEqual({ "f:data": { "f:a": {}, "f:b": {} } });
  });

  test("a field that is applied as null is its manager's, and has its default", async () => {
    const deployments = api.client.for(deploymentResource);
    const { spec, ...rest } = sentDeployment("nulls");
    const intent = {
      ...rest,
      metadata: { ...rest.metadata, creationTimestamp: null, uid: null },
      spec: { ...spec, replicas: null, paused: null, template: { ...spec?.template, metadata: { ...spec?.template.metadata, creationTimestamp: null } } },
    } as unknown as Deployment;
    const made = await deployments.apply(intent, { fieldManager: "m1" });
    expect([made.spec?.replicas, Object.keys(made.spec ?? {}).includes("paused")]).toEqual([1, false]);
    const fields = made.metadata.managedFields?.[0]?.fieldsV1 as { readonly "f:metadata"?: object; readonly "f:spec": { readonly "f:template": object } };
    expect(fields["f:metadata"]).toBeUndefined();
    expect(fields["f:spec"]).toMatchObject({ "f:replicas": {}, "f:paused": {}, "f:template": { "f:metadata": { "f:creationTimestamp": {} } } });
    expect((await deployments.apply(intent, { fieldManager: "m1" })).metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    const other = { ...rest, spec: { replicas: 3 } } as unknown as Deployment;
    expect((await failure(deployments.apply(other, { fieldManager: "m2" }))).status).toMatchObject({ code: 409, message: 'Apply failed with 1 conflict: conflict with "m1": .spec.replicas' });
  });

  test("a status of nothing but a null is owned", async () => {
    const cronJobs = api.client.for(cronJobResource);
    const name = { apiVersion: "batch/v1", kind: "CronJob", metadata: { name: "nightly", namespace: "shop" } };
    await cronJobs.create({ ...name, spec: { schedule: "0 0 * * *", jobTemplate: { spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } } } } } });
    const { metadata } = await cronJobs.apply({ ...name, status: { lastScheduleTime: null } } as unknown as CronJob, { fieldManager: "reporter", subresource: "status" });
    expect(metadata.managedFields?.find(({ manager }) => manager === "reporter")?.fieldsV1).toEqual({ "f:status": { "f:lastScheduleTime": {} } });
  });
});

test("a patch cannot make a custom object one of another version", async () => {
  await establish(api.client, cronTabs({ type: "object", "x-kubernetes-preserve-unknown-fields": true }));
  const kind = api.client.for(tabs);
  await kind.create(cronTab("versioned"));
  expect((await failure(kind.patch("default", "versioned", "merge", { apiVersion: "stable.example.com/v9" }))).status).toMatchObject({
    code: 422,
    message: 'CronTab.stable.example.com "versioned" is invalid: apiVersion: Invalid value: "stable.example.com/v9": must be stable.example.com/v1',
  });
});
