import path from "node:path";
import { expect, test } from "vitest";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { repositoryResource } from "../../../engine/resources/mainstay/repository.ts";
import { configMapYaml } from "../../kit/git.ts";
import { eventually, startGitCluster } from "../../kit/git-cluster.ts";

test("what an earlier commit of a push allows to be deleted is deleted also when the engine ends before it has begun", async () => {
  await using cluster = await startGitCluster();
  const copy = await cluster.clone();
  const maps = Array.from({ length: 8 }, (_, index) => configMapYaml(`m${index}`)).join("---\n");
  await copy.commit({ "apps/a/a.yaml": configMapYaml("a"), "apps/a/maps.yaml": maps });
  expect((await copy.push("origin", "HEAD:main")).code).toBe(0);
  const names = async () => (await cluster.client.for(configMapResource).list("default")).items.map(({ metadata }) => metadata.name).sort();
  await eventually("all of them", async () => (await names()).length === 9);
  const record = () => cluster.client.for(repositoryResource).get("", "local");
  const before = await copy.head();
  await eventually("the record of it", async () => (await record()).observed?.commit === before);
  await cluster.stopGitOps();
  await copy.commit({ "apps/a/maps.yaml": undefined }, "less\n\nAllow-Delete: a");
  await copy.commit({ "apps/a/b.yaml": configMapYaml("b") }, "and something else");
  const fetched = await cluster.git(".", "--git-dir", path.join(cluster.folder, "data/git/cluster.git"), "fetch", "-q", copy.folder, "+HEAD:refs/heads/main");
  expect(fetched).toEqual({ code: 0, text: "" });
  // It was admitted, and nothing more.
  const { observed, ...rest } = await record();
  await cluster.client.for(repositoryResource).update({ ...rest, observed: { ...observed, commit: await copy.head(), previous: before } });
  await cluster.startGitOps();
  await expect.poll(names).toEqual(["a", "b"]);
});
