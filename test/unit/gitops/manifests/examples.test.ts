import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import type { DesiredState } from "../../../../engine/gitops/manifests/desired-state.ts";
import { ManifestLoader } from "../../../../engine/gitops/manifests/load-manifests.ts";
import { formatProblem } from "../../../../engine/gitops/manifests/problem.ts";
import { catalog } from "../../../../engine/resources/catalog.ts";
import { createTestRepository } from "../../../kit/git.ts";

const folder = path.resolve(import.meta.dirname, "../../../../examples");

async function load(example: string): Promise<DesiredState> {
  using repository = await createTestRepository();
  const root = path.join(folder, example);
  const names = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
  const id = await repository.commit(Object.fromEntries(names.map((name) => [name, readFileSync(path.join(root, name), "utf8")])));
  const loader = new ManifestLoader({ catalog, cluster: "local", basePath: "." });
  return await loader.load(repository.store.objects, await repository.store.objects.commit(id));
}

test("the overlays of the examples are two applications of one base", async () => {
  const state = await load("overlays");
  expect(state.problems.map(formatProblem)).toEqual([]);
  expect(state.notices).toEqual([]);
  expect(state.units).toMatchObject([
    { name: "production", dependsOn: ["staging"] },
    { name: "staging", dependsOn: [] },
  ]);
  const objects = [...state.objects.keys()].map((identity) => identity.replace(/-[a-z0-9]{10}$/, "-HASH")).sort();
  expect(objects).toEqual([
    "/ConfigMap/production/pages-HASH",
    "/ConfigMap/production/settings",
    "/ConfigMap/staging/pages-HASH",
    "/Namespace//production",
    "/Namespace//staging",
    "/Service/production/web",
    "/Service/staging/web",
    "apps/Deployment/production/web",
    "apps/Deployment/staging/web",
  ]);
  expect(state.objects.get("apps/Deployment/production/web")?.object).toMatchObject({
    spec: { replicas: 3, template: { metadata: { labels: { app: "web", stage: "production" } }, spec: { containers: [{ image: "mainstay.local/web:1" }] } } },
  });
  const { data } = state.objects.get("/ConfigMap/production/settings")?.object as unknown as { data: Record<string, string> };
  expect(data["address"]).toBe("https://www.example.org/");
  expect(data["start.sh"]).toContain('"${host}"');
});

test("the teams of the examples are infrastructure, and an application that waits for it within its bounds", async () => {
  const state = await load("teams");
  expect(state.problems.map(formatProblem)).toEqual([]);
  expect(state.notices).toEqual([]);
  const unit = (name: string) => state.units.find((candidate) => candidate.name === name);
  expect(unit("data")).toMatchObject({ drift: "refuse", dependsOn: [] });
  expect(unit("shop")).toMatchObject({ dependsOn: ["access", "data"], bounds: { namespaces: ["shop", "shop-*"] }, windows: [{ kind: "allow", timeZone: "Europe/Zurich", durationMs: 9 * 3_600_000 }] });
  const objects = [...state.objects.keys()].map((identity) => identity.replace(/prepare-[a-z0-9]+$/, "prepare-HASH")).sort();
  expect(objects).toEqual([
    "/Namespace//data",
    "/Namespace//shop",
    "/Service/data/store",
    "/Service/shop/web",
    "apps/Deployment/shop/web",
    "apps/StatefulSet/data/store",
    "autoscaling/HorizontalPodAutoscaler/shop/web",
    "batch/Job/shop/prepare-HASH",
    "rbac.authorization.k8s.io/ClusterRole//repository-proposer",
    "rbac.authorization.k8s.io/ClusterRoleBinding//repository-proposer",
  ]);
});
