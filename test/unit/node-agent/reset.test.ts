import { expect, test } from "vitest";
import { removeSandboxes } from "../../../node-agent/reset.ts";
import { FakeRuntime } from "../../kit/fake-runtime.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

test("a pod that the runtime cannot remove keeps none of the others", async () => {
  const clock = new VirtualClock();
  const runtime = new FakeRuntime({ clock });
  for (const name of ["one", "two", "three"]) void runtime.runSandbox({ metadata: { name, namespace: "shop", uid: name, attempt: 0 }, labels: {}, annotations: {} } as never); // nothing else of it is looked at
  await clock.advance(10_000);
  const stopSandbox = runtime.stopSandbox.bind(runtime);
  const [first] = await runtime.listSandboxes();
  runtime.stopSandbox = async (id) => {
    if (id === first?.id) throw new Error("no network today");
    await new Promise((resolve) => setImmediate(resolve));
    await stopSandbox(id);
  };
  const said: string[] = [];
  const removal = removeSandboxes(runtime, (line) => said.push(line)).catch(String);
  await clock.advance(10_000);
  expect(await removal).toBe("Error: 1 of 3 did not go: shop/one: no network today");
  expect([said, (await runtime.listSandboxes()).map(({ name }) => name)]).toEqual([["removing 3 pods"], ["one"]]);
});
