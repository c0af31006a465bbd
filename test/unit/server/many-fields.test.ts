import { afterAll, beforeAll, expect, test } from "vitest";
import { startProcessorTime } from "../../kit/processor-time.ts";
import { adminUser, startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
beforeAll(async () => void (api = await startTestApi()));
afterAll(() => api.stop());

/** Milliseconds of processor time that it takes to find out that nobody knows these fields, and the warnings. */
async function ask(body: object): Promise<{ readonly ms: number; readonly warnings: readonly string[] }> {
  const took = startProcessorTime();
  const result = await api.server.handle({
    verb: "create",
    user: adminUser,
    userAgent: "test",
    resource: { group: "authorization.k8s.io", version: "v1", resource: "selfsubjectaccessreviews" },
    body,
    options: { fieldValidation: "Warn" },
  });
  return { ms: took(), warnings: "warnings" in result ? result.warnings : [] };
}

const unheard = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`field${index}`, {}]));
const nonResourceAttributes = { path: "/", verb: "get" };

test.each<[string, (count: number) => object]>([
  ["at the top", (count) => ({ ...unheard(count), spec: { nonResourceAttributes } })],
  ["further down", (count) => ({ spec: { ...unheard(count), nonResourceAttributes } })],
])("a body with fields without number that nobody knows is told of the first ones, %s, and holds up nobody", async (_where, bodyOf) => {
  await ask(bodyOf(20_000));
  const { ms: few } = await ask(bodyOf(20_000));
  const { ms, warnings } = await ask(bodyOf(200_000));
  expect(warnings[0]).toMatch(/^unknown field "(spec\.)?field0"$/);
  expect(warnings.length).toBeLessThanOrEqual(100);
  expect(ms / few).toBeLessThan(50); // their square is a hundred times as much
});
