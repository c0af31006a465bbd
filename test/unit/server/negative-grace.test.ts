import { expect, test } from "vitest";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { startTestApi } from "../../kit/test-api.ts";

test("a pod may ask for less than no time to end, and gets one second, as upstream has it for manifests of old", async () => {
  const { client } = await startTestApi();
  const pods = client.for(podResource);
  const made = await pods.create({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "default" },
    spec: { nodeName: "n1", terminationGracePeriodSeconds: -1, containers: [{ name: "c", image: "i" }] },
  });
  expect(made.spec.terminationGracePeriodSeconds).toBe(1);
  await pods.delete("default", "p");
  expect((await pods.get("default", "p")).metadata.deletionGracePeriodSeconds).toBe(1);
});
