import { FakeRuntime } from "../../../kit/fake-runtime.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";
import { describeRuntime } from "../../../node/runtime-contract.ts";

describeRuntime("the fake one", async () => {
  const clock = new VirtualClock();
  const image = "mainstay.local/busybox:1";
  const spareImage = "mainstay.local/web:1";
  return { runtime: new FakeRuntime({ clock, images: [image, spareImage] }), image, spareImage, until: (what, condition) => clock.runUntil(condition, 60_000, what), stop: async () => {} };
});
