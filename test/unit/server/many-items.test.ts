import { afterAll, beforeAll, expect, test } from "vitest";
import type { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { requireStorable } from "../../../engine/storage/encoded-object.ts";
import { adminUser, startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
beforeAll(async () => void (api = await startTestApi()));
afterAll(() => api.stop());

/** Milliseconds of processor time that it takes to be answered, the code and what is said. */
async function create(resource: string, kind: string, object: object): Promise<{ readonly ms: number; readonly code: number | undefined; readonly message: string }> {
  const before = process.cpuUsage();
  const user = { ...adminUser, groups: ["system:authenticated"] };
  const asked = api.server.handle({
    verb: "create",
    user,
    isAuthorized: true,
    userAgent: "test",
    resource: { group: "", version: "v1", resource },
    ...(resource === "nodes" ? {} : { namespace: "default" }),
    body: { apiVersion: "v1", kind, metadata: { name: "many" }, ...object },
    options: { fieldValidation: "Warn", dryRun: true },
  });
  const { code, message } = await asked.then(
    ({ is, ...result }) => ({ code: "code" in result ? result.code : undefined, message: is }),
    ({ status }: StatusError) => ({ code: status.code, message: status.message ?? "" }),
  );
  return { ms: process.cpuUsage(before).user / 1000, code, message };
}

const times = <T>(count: number, item: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => item(index));
const pod = (container: object, spec: object = {}) => ({ spec: { containers: [{ name: "c", image: "a", ...container }], ...spec } });
const owner = (index: number) => ({ apiVersion: "v1", kind: "Pod", name: `pod${index}`, uid: `uid${index}`, controller: true });

test.each<[string, string, string, object, number]>([
  ["owners who all control", "configmaps", "ConfigMap", { metadata: { name: "many", ownerReferences: times(10_000, owner) } }, 422],
  ["owners of whom one controls", "configmaps", "ConfigMap", { metadata: { name: "many", ownerReferences: times(10_000, (index) => ({ ...owner(index), controller: index === 0 })) } }, 201],
  ["scopes that nobody knows", "resourcequotas", "ResourceQuota", { spec: { scopes: times(20_000, (index) => `s${index}`) } }, 422],
  ["ports of one number", "pods", "Pod", pod({ ports: times(8_000, () => ({ containerPort: 80 })) }), 201],
  ["claims of one name", "pods", "Pod", pod({ resources: { claims: times(20_000, () => ({ name: "x" })) } }), 422],
  ["constraints that are one", "pods", "Pod", pod({}, { topologySpreadConstraints: times(8_000, () => ({ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" })) }), 422],
  ["families of one name", "services", "Service", { spec: { ports: [{ port: 80 }], ipFamilies: times(50_000, () => "x") } }, 422],
  ["files in one place", "pods", "Pod", pod({}, { volumes: [{ name: "v", configMap: { name: "m", items: times(20_000, () => ({ key: "k", path: "a" })) } }] }), 201],
  ["labels that are none", "configmaps", "ConfigMap", { metadata: { name: "many", labels: Object.fromEntries(times(50_000, (index) => [`/${index}/`, " !"])) } }, 422],
  ["more labels than a store takes", "configmaps", "ConfigMap", { metadata: { name: "many", labels: Object.fromEntries(times(200_000, (index) => [`label${index}`, "v"])) } }, 413],
  ["images without names", "nodes", "Node", { status: { images: times(20_000, () => ({ names: [] })) } }, 201],
  ["beginnings of certificates", "secrets", "Secret", { type: "kubernetes.io/tls", data: { "tls.crt": Buffer.from("-----BEGIN ".repeat(2_000)).toString("base64"), "tls.key": "" } }, 201],
  ["parts that say nothing", "pods", "Pod", { spec: { containers: times(1_000_000, () => ({})) } }, 413],
  ["more containers than a store takes", "pods", "Pod", { spec: { containers: times(40_000, (index) => ({ name: `c${index}`, image: "a" })) } }, 413],
])("an object with many %s holds up nobody, and is told of in bounds", async (_what, resource, kind, object, code) => {
  const answer = await create(resource, kind, object);
  expect(answer).toMatchObject({ code });
  expect(answer.message.length).toBeLessThan(4 * 1024 * 1024);
  expect(answer.ms).toBeLessThan(2_000);
});

test("how many more problems there are is told where they are without number", async () => {
  const { message } = await create("configmaps", "ConfigMap", { metadata: { name: "many", labels: Object.fromEntries(times(50_000, (index) => [`/${index}/`, " !"])) } });
  expect(message).toMatch(/, and \d+ more problems\]$/);
});

test("a long text is not what makes an object too large to be looked at", async () => {
  expect((await create("configmaps", "ConfigMap", { data: { a: "x".repeat(2_000_000) } })).message).toContain("Too long: may not be more than 1048576 bytes");
});

test("small parts of what users define are as many as they take bytes", () => {
  const pairs = { data: times(150_000, () => [1, 2]) };
  expect(() => requireStorable({ group: "example.com", resource: "maps", content: {} as never }, "m", pairs)).not.toThrow();
  expect(() => requireStorable({ group: "", resource: "configmaps" }, "m", pairs)).toThrow('etcdserver: request is too large: configmaps "m" takes too many bytes');
  const managedFields = [{ fieldsV1: Object.fromEntries(times(150_000, (index) => [`f:${index}`, {}])) }];
  expect(() => requireStorable({ group: "", resource: "configmaps" }, "m", { metadata: { managedFields } })).not.toThrow();
});
