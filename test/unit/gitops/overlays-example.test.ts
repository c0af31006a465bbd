import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { ManifestLoader } from "../../../engine/gitops/manifests/load-manifests.ts";
import { formatProblem } from "../../../engine/gitops/manifests/problem.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { createTestRepository } from "../../kit/git.ts";

const folder = path.resolve(import.meta.dirname, "../../../examples/overlays");

test("the overlays of the examples are two applications of one base", async () => {
  using repository = await createTestRepository();
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
  const id = await repository.commit(Object.fromEntries(names.map((name) => [name, readFileSync(path.join(folder, name), "utf8")])));
  const loader = new ManifestLoader({ catalog, cluster: "local", basePath: "." });
  const state = await loader.load(repository.store.objects, await repository.store.objects.commit(id));
  expect(state.problems.map(formatProblem)).toEqual([]);
  expect(state.notices).toEqual([]);
  expect(state.units).toMatchObject([{ name: "production", dependsOn: ["staging"] }, { name: "staging", dependsOn: [] }]);
  const objects = [...state.objects.keys()].map((identity) => identity.replace(/-[a-z0-9]{10}$/, "-HASH")).sort();
  expect(objects).toEqual([
    "/ConfigMap/production/pages-HASH", "/ConfigMap/production/settings", "/ConfigMap/staging/pages-HASH", "/Namespace//production", "/Namespace//staging",
    "/Service/production/web", "/Service/staging/web", "apps/Deployment/production/web", "apps/Deployment/staging/web",
  ]);
  expect(state.objects.get("apps/Deployment/production/web")?.object).toMatchObject({ spec: { replicas: 3, template: { metadata: { labels: { app: "web", stage: "production" } }, spec: { containers: [{ image: "mainstay.local/web:1" }] } } } });
  const { data } = state.objects.get("/ConfigMap/production/settings")?.object as unknown as { data: Record<string, string> };
  expect(data["address"]).toBe("https://www.example.org/");
  expect(data["start.sh"]).toContain('"${host}"');
});
