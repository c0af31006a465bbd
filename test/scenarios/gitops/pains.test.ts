import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { configMapYaml, deploymentYaml } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";

/** Pains that no other scenario here is about; README.md says where each of the others is. */
let cluster: GitCluster;
let copy: WorkingCopy;
beforeEach(async () => {
  cluster = await startGitCluster();
  copy = await cluster.clone();
});
afterEach(() => cluster[Symbol.asyncDispose]());

const push = async (files: Readonly<Record<string, string | undefined>>, ...args: readonly string[]) => {
  await copy.commit(files);
  return copy.push(...args);
};
const app = (name: string) => cluster.gitops.applications().find((one) => one.name === name);

describe("pains of the field that are none here", () => {
  test("pain 2: a rollout that never succeeds does not hold up the next commit", async () => {
    cluster.setRollouts(false);
    expect((await push({ "apps/web/d.yaml": deploymentYaml("web", 1) }, "-o", "no-wait")).code).toBe(0);
    await eventually("the rollout to hang", () => app("web")?.health === "Progressing");
    expect((await push({ "apps/maps/a.yaml": configMapYaml("a") }, "-o", "no-wait")).code).toBe(0);
    await eventually("the next commit", async () => (await cluster.client.for(configMapResource).list("default")).items.some((map) => map.metadata.name === "a"));
    expect(app("web")?.health).toBe("Progressing");
  });

  test("pain 13: an object described by two applications is refused, with both places", async () => {
    const refused = await push({ "apps/one/a.yaml": configMapYaml("a"), "apps/two/a.yaml": configMapYaml("a", { key: "2" }) });
    expect(refused.code).not.toBe(0);
    expect(refused.text).toContain("apps/two/a.yaml:1 ConfigMap default/a of application two is already described by application one in apps/one/a.yaml:1; keep one of them");
  });

  test("pain 16: an object that is larger than any annotation may be is applied, and no annotation holds it", async () => {
    const text = "x".repeat(400_000);
    const pushed = await push({ "a.yaml": configMapYaml("big", { text }) });
    expect(pushed.code, pushed.text.slice(0, 500)).toBe(0);
    const stored = await cluster.client.for(configMapResource).get("default", "big");
    expect(stored.data?.["text"]).toHaveLength(400_000);
    expect(Object.keys(stored.metadata.annotations ?? {})).toEqual(["mainstay.dev/source"]);
  });

  test("pain 19: a Service that nobody gives a load balancer does not keep its application waiting, and says so", async () => {
    const pushed = await push({ "s.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {type: LoadBalancer, selector: {app: x}, ports: [{port: 80}]}\n" });
    expect(pushed.text).toContain("healthy after");
    expect((await cluster.client.for(serviceResource).get("default", "s")).status?.loadBalancer?.ingress ?? []).toEqual([]);
    expect(app("root")?.objects[0]?.reason).toContain("no controller gives it a load balancer address");
  });

  test("pain 24: a rollout that takes too long is degraded by its deadline, without anybody asking", async () => {
    cluster.setRollouts(false);
    const config = "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: web, deadline: 1s}]\n";
    expect((await push({ "mainstay.yaml": config, "web/d.yaml": deploymentYaml("web", 1) }, "-o", "no-wait")).code).toBe(0);
    await eventually("the deadline", () => app("web")?.health === "Degraded" && app("web")?.reason.startsWith("not healthy within 1 s"));
  });
});
