import { afterEach, beforeEach, expect, test } from "vitest";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { replicaSetResource } from "../../../engine/resources/apps/replica-set.ts";
import { eventResource } from "../../../engine/resources/core/event.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { Deployment } from "../../../engine/resources/types.ts";
import { startControlPlane, type ControlPlane } from "./control-plane.ts";

let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
  await plane.kubelets.up("n1");
  await plane.kubelets.up("n2");
});
afterEach(() => plane.stop());

function deployment(replicas: number, image: string, spec: Partial<Deployment["spec"]> = {}): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "default" },
    spec: { replicas, selector: { matchLabels: { app: "web" } }, template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "app", image }] } }, ...spec },
  };
}
const web = () => plane.client.for(deploymentResource).get("default", "web");
const patch = (body: unknown) => plane.client.for(deploymentResource).patch("default", "web", "strategic", body);
const setImage = (image: string) => patch({ spec: { template: { spec: { containers: [{ name: "app", image }] } } } });

/** Revision, size and available pods of each set: `r1 3/3`. */
async function sets(): Promise<string> {
  const { items } = await plane.client.for(replicaSetResource).list("default");
  return items
    .map((set) => ({ revision: Number(set.metadata.annotations?.["deployment.kubernetes.io/revision"] ?? 0), text: `${set.status?.availableReplicas ?? 0}/${set.spec.replicas}` }))
    .sort((a, b) => a.revision - b.revision)
    .map(({ revision, text }) => `r${revision} ${text}`)
    .join(", ");
}
const condition = async (type: string) => (await web()).status?.conditions?.find((candidate) => candidate.type === type);

test("a new Deployment gets its pods and says when it is complete", async () => {
  await plane.client.for(deploymentResource).create(deployment(3, "app:1"));
  await plane.clock.settle();
  expect(await sets()).toBe("r1 0/3");
  expect(await condition("Progressing")).toMatchObject({ status: "True", reason: "ReplicaSetUpdated" });
  expect(await condition("Available")).toMatchObject({ status: "False", reason: "MinimumReplicasUnavailable" });
  await plane.clock.advance(1_500);
  expect(await sets()).toBe("r1 3/3");
  const { status, metadata } = await web();
  expect(status).toMatchObject({ observedGeneration: 1, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3, terminatingReplicas: 0 });
  expect(metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("1");
  expect(await condition("Progressing")).toMatchObject({ status: "True", reason: "NewReplicaSetAvailable", message: expect.stringMatching(/^ReplicaSet "web-\w{10}" has successfully progressed\.$/) });
  expect(await condition("Available")).toMatchObject({ status: "True", reason: "MinimumReplicasAvailable" });
  expect(await plane.stories("web")).toEqual([expect.stringMatching(/^ScalingReplicaSet: Scaled up replica set web-\w{10} from 0 to 3$/)]);
  expect(plane.warnings).toEqual([]);
  const { items } = await plane.client.for(eventResource).list("default");
  const reporters = items
    .filter(({ involvedObject }) => involvedObject.kind !== "Node")
    .map(({ involvedObject, source, reportingComponent }) => `${involvedObject.kind} ${source?.component} ${reportingComponent}`);
  expect(new Set(reporters)).toEqual(new Set(["Deployment deployment-controller deployment-controller", "ReplicaSet replicaset-controller replicaset-controller"]));
});

test("a rolling update keeps within surge and unavailability at every step", async () => {
  await plane.client.for(deploymentResource).create(deployment(4, "app:1"));
  await plane.clock.advance(5_000);
  await setImage("app:2");
  const steps: string[] = [];
  const note = async () => {
    const now = await sets();
    if (steps.at(-1) !== now) steps.push(now);
  };
  for (let i = 0; i < 60; i++) {
    await plane.clock.advance(100);
    await note();
    const { items } = await plane.client.for(podResource).list("default");
    const active = items.filter((pod) => pod.metadata.deletionTimestamp === undefined);
    expect(active.length).toBeLessThanOrEqual(5);
    expect(active.filter((pod) => pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True")).length).toBeGreaterThanOrEqual(3);
  }
  expect(steps).toEqual(["r1 3/3, r2 0/2", "r1 1/1, r2 2/4", "r1 0/0, r2 4/4"]);
  expect((await web()).metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("2");
  expect(await condition("Progressing")).toMatchObject({ reason: "NewReplicaSetAvailable" });
  expect((await plane.stories("web")).map((story) => story.replace(/web-\w{10}/, "SET"))).toEqual([
    "ScalingReplicaSet: Scaled up replica set SET from 0 to 4",
    "ScalingReplicaSet: Scaled up replica set SET from 0 to 1",
    "ScalingReplicaSet: Scaled down replica set SET from 4 to 3",
    "ScalingReplicaSet: Scaled up replica set SET from 1 to 2",
    "ScalingReplicaSet: Scaled down replica set SET from 3 to 2",
    "ScalingReplicaSet: Scaled up replica set SET from 2 to 3",
    "ScalingReplicaSet: Scaled down replica set SET from 2 to 1",
    "ScalingReplicaSet: Scaled up replica set SET from 3 to 4",
    "ScalingReplicaSet: Scaled down replica set SET from 1 to 0",
  ]);
  expect(plane.warnings).toEqual([]);
});

test("going back to an old template makes its set the newest revision and remembers the older one", async () => {
  await plane.client.for(deploymentResource).create(deployment(2, "app:1"));
  await plane.clock.advance(5_000);
  await setImage("app:2");
  await plane.clock.advance(10_000);
  await setImage("app:1");
  await plane.clock.advance(10_000);
  expect(await sets()).toBe("r2 0/0, r3 2/2");
  const { items } = await plane.client.for(replicaSetResource).list("default");
  expect(items.map((set) => set.metadata.annotations?.["deployment.kubernetes.io/revision-history"])).toContain("1");
});

test("a version that never becomes ready stops at the bounds, runs out of time, and the old one keeps serving", async () => {
  await plane.client.for(deploymentResource).create(deployment(4, "app:1", { progressDeadlineSeconds: 60 }));
  await plane.clock.advance(5_000);
  plane.kubelets.becomesReady = (pod) => pod.spec.containers[0]?.image !== "app:bad";
  await setImage("app:bad");
  await plane.clock.advance(30_000);
  expect(await sets()).toBe("r1 3/3, r2 0/2");
  expect(await condition("Progressing")).toMatchObject({ status: "True", reason: "ReplicaSetUpdated" });
  await plane.clock.advance(40_000);
  expect(await condition("Progressing")).toMatchObject({ status: "False", reason: "ProgressDeadlineExceeded" });
  expect(await condition("Available")).toMatchObject({ status: "True" });
  await setImage("app:1");
  await plane.clock.advance(10_000);
  expect(await sets()).toBe("r2 0/0, r3 4/4");
  expect(await condition("Progressing")).toMatchObject({ status: "True", reason: "NewReplicaSetAvailable" });
});

test("a paused Deployment scales but does not roll, and a resumed one goes on", async () => {
  await plane.client.for(deploymentResource).create(deployment(2, "app:1"));
  await plane.clock.advance(5_000);
  await patch({ spec: { paused: true, replicas: 3, template: { spec: { containers: [{ name: "app", image: "app:2" }] } } } });
  await plane.clock.advance(5_000);
  expect(await sets()).toBe("r1 3/3");
  expect(await condition("Progressing")).toMatchObject({ status: "Unknown", reason: "DeploymentPaused" });
  await patch({ spec: { paused: false } });
  await plane.clock.advance(20_000);
  expect(await sets()).toBe("r1 0/0, r2 3/3");
  expect(await condition("Progressing")).toMatchObject({ status: "True", reason: "NewReplicaSetAvailable" });
});

test("Recreate starts no new pod before the last old one has ended", async () => {
  await plane.client.for(deploymentResource).create(deployment(3, "app:1", { strategy: { type: "Recreate" } }));
  await plane.clock.advance(5_000);
  plane.kubelets.stopMs = 5_000;
  await setImage("app:2");
  const images = async () => new Set((await plane.client.for(podResource).list("default")).items.map((pod) => pod.spec.containers[0]?.image));
  for (let i = 0; i < 20; i++) {
    await plane.clock.advance(500);
    expect((await images()).size).toBeLessThanOrEqual(1);
  }
  expect(await sets()).toBe("r1 0/0, r2 3/3");
});

test("old revisions beyond the limit are forgotten", async () => {
  await plane.client.for(deploymentResource).create(deployment(1, "app:1", { revisionHistoryLimit: 1 }));
  for (const image of ["app:2", "app:3", "app:4"]) {
    await plane.clock.advance(10_000);
    await setImage(image);
  }
  await plane.clock.advance(10_000);
  expect(await sets()).toBe("r3 0/0, r4 1/1");
});

test("deleting a Deployment takes its sets and pods with it, and orphaning leaves them for the next one to adopt", async () => {
  await plane.client.for(deploymentResource).create(deployment(2, "app:1"));
  await plane.clock.advance(5_000);
  const before = (await plane.client.for(podResource).list("default")).items.map((pod) => pod.metadata.uid);
  await plane.client.for(deploymentResource).delete("default", "web", { propagationPolicy: "Orphan" });
  await plane.clock.advance(5_000);
  expect((await plane.client.for(podResource).list("default")).items.map((pod) => pod.metadata.uid)).toEqual(before);
  await plane.client.for(deploymentResource).create(deployment(2, "app:1"));
  await plane.clock.advance(5_000);
  expect((await plane.client.for(podResource).list("default")).items.map((pod) => pod.metadata.uid)).toEqual(before);
  expect(await sets()).toBe("r1 2/2");
  await plane.client.for(deploymentResource).delete("default", "web");
  await plane.clock.advance(5_000);
  expect((await plane.client.for(podResource).list("default")).items).toEqual([]);
  expect(await sets()).toBe("");
});
