import { expect, test } from "vitest";
import { Indexer } from "../../../engine/client/indexer.ts";
import { podsOf, servicesOf } from "../../../engine/controllers/endpoints/service-pods.ts";
import { selectedPods } from "../../../engine/controllers/selected-pods.ts";
import type { Pod, Service } from "../../../engine/resources/types.ts";
import { aPod, aService } from "../../kit/objects.ts";

const names = (objects: readonly { readonly metadata: { readonly name?: string } }[]) => objects.map(({ metadata }) => metadata.name).sort();

function indexed<T extends Pod | Service>(objects: readonly T[]): Indexer<T> {
  const indexer = new Indexer<T>();
  for (const object of objects) indexer.put(object);
  return indexer;
}

test("of the pods of a namespace only those with the rarest label are looked at", () => {
  const pods = indexed(Array.from({ length: 300 }, (_, at) => aPod(`p${at}`, { labels: { all: "x", app: `a${at % 100}` } })));
  let looks = 0;
  const select = (labels: Record<string, string>) =>
    selectedPods(pods)("default", labels, (pod) => {
      looks++;
      return pod.metadata.name !== "p107";
    });
  expect(names(select({ all: "x", app: "a7" }))).toEqual(["p207", "p7"]);
  expect(looks).toBe(3);
  expect(select({ app: "nobody" })).toEqual([]);
  expect(looks).toBe(3);
  expect(select({})).toHaveLength(299);
});

test("a Service's pods are those with all of its labels, in its namespace, as they are now", () => {
  const pods = indexed([
    aPod("both", { labels: { app: "web", tier: "front" } }),
    aPod("one", { labels: { app: "web" } }),
    aPod("elsewhere", { namespace: "other", labels: { app: "web", tier: "front" } }),
  ]);
  const service = aService("web", { spec: { selector: { app: "web", tier: "front" } } });
  const of = podsOf(pods);
  expect(names(of(service))).toEqual(["both"]);
  pods.put(aPod("both", { labels: { app: "web" } }));
  pods.put(aPod("one", { labels: { app: "web", tier: "front" } }));
  expect(names(of(service))).toEqual(["one"]);
  pods.remove("default/one");
  expect(of(service)).toEqual([]);
  expect(of(aService("none", { spec: { selector: {} } }))).toEqual([]);
});

test("a pod's Services are those whose selectors choose it, whichever of its labels they begin with, as they are now", () => {
  const selecting = (name: string, selector: Record<string, string>, namespace = "default") => aService(name, { namespace, spec: { selector } });
  const services = indexed([
    selecting("app", { app: "web" }),
    selecting("tier", { tier: "front", app: "web" }),
    selecting("more", { app: "web", track: "canary" }),
    selecting("none", {}),
    selecting("elsewhere", { app: "web" }, "other"),
  ]);
  const of = servicesOf(services);
  const pod = aPod("p", { labels: { app: "web", tier: "front" } });
  expect([...of(pod)].sort()).toEqual(["default/app", "default/tier"]);
  services.put(selecting("app", { app: "db" }));
  services.put(selecting("none", { tier: "front" }));
  expect([...of(pod)].sort()).toEqual(["default/none", "default/tier"]);
});
