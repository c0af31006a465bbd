import { describe, expect, test } from "vitest";
import { hasStatus } from "../../../engine/controllers/kept-status.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { statefulSetResource } from "../../../engine/resources/apps/stateful-set.ts";

const deployment = (status?: object) => ({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d" }, spec: {}, ...(status === undefined ? {} : { status }) }) as never;

describe("a status that a controller has worked out", () => {
  test.each<[string, object | undefined, object, boolean]>([
    ["is there already, but for zeros that are not kept", { observedGeneration: 1 }, { observedGeneration: 1, replicas: 0, readyReplicas: 0 }, true],
    ["is there already when nothing is said", undefined, { replicas: 0 }, true],
    ["is another one for a zero that had been more", { observedGeneration: 1, replicas: 2 }, { observedGeneration: 1, replicas: 0 }, false],
    ["is another one for a zero that is a value", { observedGeneration: 1 }, { observedGeneration: 1, terminatingReplicas: 0 }, false],
  ])("%s", (_what, kept, status, expected) => expect(hasStatus(deploymentResource, deployment(kept), status)).toBe(expected));

  test("keeps the zeros that are always there", () => {
    const set = { apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "s" }, spec: {}, status: { replicas: 0, availableReplicas: 0 } } as never;
    expect(hasStatus(statefulSetResource, set, { replicas: 0, availableReplicas: 0, readyReplicas: 0 })).toBe(true);
  });
});
