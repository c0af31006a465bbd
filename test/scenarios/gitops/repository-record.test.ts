import { afterEach, beforeEach, expect, test } from "vitest";
import { RepositoryRecord } from "../../../engine/gitops/sync/repository-object.ts";
import { defaultRepositoryConfig } from "../../../engine/gitops/manifests/repository-config.ts";
import { repositoryResource } from "../../../engine/resources/mainstay/repository.ts";
import { startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
beforeEach(async () => {
  api = await startTestApi();
});
afterEach(() => api.stop());

const observed = { url: "https://git.example.org/home", branch: "main", time: "2026-01-01T00:00:00Z" };

test("what was admitted last, and its rules, outlive a start at which nothing can be admitted", async () => {
  const config = {
    ...defaultRepositoryConfig("home"),
    source: { apiVersion: "mainstay.dev/v1alpha1" as const, kind: "Repository" as const, metadata: {}, signatures: { require: true }, plans: { encrypted: "never" as const } },
  };
  await new RepositoryRecord(api.client, "home").write(config, { ...observed, result: "applied", commit: "a1" });
  const after = new RepositoryRecord(api.client, "home");
  await after.write(undefined, { ...observed, result: "unreachable", message: "no route" });
  expect(await new RepositoryRecord(api.client, "home").admissionBase()).toMatchObject({ commit: "a1", rule: { require: true }, plans: { encrypted: "never" } });
  // A commit without rules takes them away.
  await after.write(defaultRepositoryConfig("home"), { ...observed, result: "applied", commit: "b2" });
  expect(await after.admissionBase()).toMatchObject({ commit: "b2", rule: { require: false }, plans: {} });
});

test("the commit that was admitted before the last one is kept as long as that is the last one", async () => {
  const record = new RepositoryRecord(api.client, "home");
  const config = defaultRepositoryConfig("home");
  const admit = (commit: string, result = "applied") => record.write(config, { ...observed, result, commit });
  await admit("a1");
  expect(await record.admittedBefore()).toBeUndefined();
  await admit("b2");
  await admit("b2", "rejected");
  expect(await new RepositoryRecord(api.client, "home").admittedBefore()).toBe("a1");
  await new RepositoryRecord(api.client, "home").write(undefined, { ...observed, result: "unreachable" });
  expect(await new RepositoryRecord(api.client, "home").admittedBefore()).toBe("a1");
});

test("trouble with the forge is recorded beside what was seen last, from when it begins until it ends, and not beyond a start", async () => {
  const record = new RepositoryRecord(api.client, "home");
  const stored = async () => (await api.client.for(repositoryResource).get("", "home")).observed;
  const config = { ...defaultRepositoryConfig("home"), source: { apiVersion: "mainstay.dev/v1alpha1" as const, kind: "Repository" as const, metadata: {}, signatures: { require: true } } };
  await record.setForgeTrouble("first");
  await record.write(config, { ...observed, result: "applied", commit: "a1" });
  expect(await stored()).toEqual({ ...observed, result: "applied", commit: "a1", forge: "first" });
  await Promise.all([record.write(config, { ...observed, result: "applied", commit: "b2" }), record.setForgeTrouble("second")]);
  expect(await stored()).toEqual({ ...observed, result: "applied", commit: "b2", previous: "a1", forge: "second" });
  expect(await record.admissionBase()).toMatchObject({ commit: "b2", rule: { require: true } });
  await record.setForgeTrouble(undefined);
  expect(await stored()).toEqual({ ...observed, result: "applied", commit: "b2", previous: "a1" });
  await record.setForgeTrouble("third");
  await new RepositoryRecord(api.client, "home").write(undefined, { ...observed, result: "unreachable" });
  expect(await stored()).toEqual({ ...observed, result: "unreachable", commit: "b2", previous: "a1" });
});
