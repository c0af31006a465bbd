import { afterAll, beforeAll, expect, test } from "vitest";
import { adminUser, startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
beforeAll(async () => void (api = await startTestApi()));
afterAll(() => api.stop());

/** Milliseconds that it takes to find out that nobody knows these fields, and the warnings. */
async function ask(body: object): Promise<{ readonly ms: number; readonly warnings: readonly string[] }> {
  const beganMs = performance.now();
  const result = await api.server.handle({
    verb: "create",
    user: adminUser,
    userAgent: "test",
    resource: { group: "authorization.k8s.io", version: "v1", resource: "selfsubjectaccessreviews" },
    body,
    options: { fieldValidation: "Warn" },
  });
  return { ms: performance.now() - beganMs, warnings: "warnings" in result ? result.warnings : [] };
}

const unheard = Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`field${index}`, {}]));
const nonResourceAttributes = { path: "/", verb: "get" };

test.each<[string, object]>([
  ["at the top", { ...unheard, spec: { nonResourceAttributes } }],
  ["further down", { spec: { ...unheard, nonResourceAttributes } }],
])("a body with fields without number that nobody knows is told of the first ones, %s, and holds up nobody", async (_where, body) => {
  const { ms, warnings } = await ask(body);
  expect(warnings[0]).toMatch(/^unknown field "(spec\.)?field0"$/);
  expect(warnings.length).toBeLessThanOrEqual(100);
  expect(ms).toBeLessThan(4_000);
});
