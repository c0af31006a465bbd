import { findCondition } from "../../engine/apimachinery/conditions.ts";
import { deploymentResource } from "../../engine/resources/apps/deployment.ts";
import { statefulSetResource } from "../../engine/resources/apps/stateful-set.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { podResource } from "../../engine/resources/core/pod.ts";
import { endpointSliceResource } from "../../engine/resources/discovery/endpoint-slice.ts";
import type { Pod } from "../../engine/resources/types.ts";
import type { SimCluster } from "./sim-cluster.ts";
import { DAEMON, isUnique, workloadOf, type SimHistory } from "./sim-history.ts";

/** What must hold at every moment, faults or not; the broken ones, in words. */
export async function breachesAlways(cluster: SimCluster): Promise<readonly string[]> {
  const breaches = [...cluster.failures, ...cluster.nodes.flatMap(({ failures }) => failures)];
  const places = new Map<string, readonly string[]>();
  for (const node of cluster.nodes) {
    const containers = await node.runtime.listContainers().catch(() => []);
    const running = new Map<string, number>();
    for (const { podUid, name, state } of containers) if (state === "running") running.set(`${podUid}/${name}`, (running.get(`${podUid}/${name}`) ?? 0) + 1);
    const active = new Set(containers.filter(({ state }) => state === "running").map(({ podUid }) => podUid));
    // A pod that lost its sandbox with the machine's power has the dead one beside the new one; it is one pod all the same.
    const pods = new Map((await node.runtime.listSandboxes().catch(() => [])).map(({ uid, name }) => [uid, name]));
    for (const [uid, name] of pods) if (isUnique(name) && active.has(uid)) places.set(name, [...(places.get(name) ?? []), node.name]);
    for (const [key, count] of running) if (count > 1) breaches.push(`${node.name} runs container ${key} ${count} times`);
  }
  for (const [name, nodes] of places) if (nodes.length > 1) breaches.push(`${name} runs on ${nodes.join(" and ")} at once`);
  return breaches;
}

/** What must hold when everything is mended and time has passed; the broken ones, in words. */
export async function breachesAtRest(cluster: SimCluster, history: SimHistory): Promise<readonly string[]> {
  const breaches: string[] = [];
  const { apps, daemonImage, commit } = history.wanted ?? { apps: {}, daemonImage: "", commit: "" };
  const { admin, git } = cluster;
  const workloads = [...(await admin.for(deploymentResource).list("")).items, ...(await admin.for(statefulSetResource).list("")).items];
  const pods = (await admin.for(podResource).list("")).items;
  const maps = (await admin.for(configMapResource).list("")).items;

  for (const [name, app] of Object.entries(apps)) {
    const deployment = workloads.find(({ metadata, kind }) => metadata.name === name && kind === workloadOf(name).kind);
    const image = deployment?.spec?.template.spec?.containers[0]?.image;
    if (deployment?.spec?.replicas !== app.replicas || image !== app.image) breaches.push(`${name} is ${deployment?.spec?.replicas}×${image}, and Git says ${app.replicas}×${app.image}`);
    const setting = maps.find(({ metadata }) => metadata.name === name)?.data?.["setting"];
    if (setting !== app.setting) breaches.push(`${name}'s setting is ${setting}, and Git says ${app.setting}`);
    breaches.push(
      ...(await podBreaches(
        cluster,
        name,
        app.replicas,
        app.image,
        pods.filter(({ metadata }) => metadata.labels?.["app"] === name),
      )),
    );
  }
  for (const { kind, metadata } of workloads) if (apps[metadata.name ?? ""] === undefined) breaches.push(`${kind} ${metadata.name} is in no commit any more`);
  const daemons = pods.filter(({ metadata }) => metadata.labels?.["app"] === DAEMON);
  for (const node of cluster.nodes) {
    const there = daemons.filter(({ spec }) => spec.nodeName === node.name).map(({ spec, status }) => `${spec.containers[0]?.image} ${findCondition(status?.conditions, "Ready")?.status}`);
    if (there.join() !== `${daemonImage} True`) breaches.push(`${node.name} should run one ready ${DAEMON} of ${daemonImage}, and has ${there.join(", ") || "none"}`);
  }
  if (daemons.length !== cluster.nodes.length) breaches.push(`${daemons.length} pods of ${DAEMON} for ${cluster.nodes.length} nodes`);
  for (const name of history.byHand) if (!maps.some(({ metadata }) => metadata.name === name)) breaches.push(`ConfigMap ${name} was made by hand, acknowledged, and is gone`);

  const known = new Set(pods.map(({ metadata }) => metadata.uid));
  for (const node of cluster.nodes)
    for (const sandbox of await node.runtime.listSandboxes()) if (!known.has(sandbox.uid)) breaches.push(`${node.name} still holds a sandbox of ${sandbox.name}, which the API does not know`);

  const page = JSON.parse((await git.read("status/local", "status.json")) ?? "{}") as {
    readonly commit?: { readonly id: string };
    readonly sync?: { readonly state: string };
    readonly applications?: readonly { readonly name: string; readonly health: string; readonly ready: string }[];
  };
  if (page.commit?.id !== commit || page.sync?.state !== "applied") breaches.push(`the status branch says ${page.sync?.state} ${page.commit?.id.slice(0, 7)}, and ${commit.slice(0, 7)} is what runs`);
  for (const [name, { replicas }] of Object.entries(apps)) {
    const told = page.applications?.find((application) => application.name === name);
    if (told?.health !== "Healthy" || told.ready !== `${replicas}/${replicas}`) breaches.push(`the status branch says ${name} is ${told?.health} ${told?.ready}`);
  }
  return breaches;
}

async function podBreaches(cluster: SimCluster, name: string, replicas: number, image: string, pods: readonly Pod[]): Promise<readonly string[]> {
  const breaches: string[] = [];
  const ready = pods.filter((pod) => pod.status?.phase === "Running" && findCondition(pod.status.conditions, "Ready")?.status === "True" && pod.metadata.deletionTimestamp === undefined);
  if (pods.length !== replicas || ready.length !== replicas)
    breaches.push(
      `${name} has ${pods.length} pods, ${ready.length} of them ready, instead of ${replicas}: ${pods.map((pod) => `${pod.metadata.name} on ${pod.spec.nodeName} ${pod.status?.phase}${pod.metadata.deletionTimestamp === undefined ? "" : ` ending since ${pod.metadata.deletionTimestamp}`} ${JSON.stringify(pod.status?.containerStatuses?.[0]?.state)}`).join("; ")}`,
    );
  for (const pod of ready) {
    const node = cluster.nodes.find((candidate) => candidate.name === pod.spec.nodeName);
    const running = (await node?.runtime.listContainers(pod.metadata.uid))?.filter(({ state }) => state === "running") ?? [];
    if (running.length !== 1 || running[0]?.image !== image)
      breaches.push(`the API says ${pod.metadata.name} runs ${image}; ${node?.name} runs ${running.map((container) => container.image).join(", ") || "nothing"} for it`);
  }
  const slices = (await cluster.admin.for(endpointSliceResource).list("default", { labelSelector: `kubernetes.io/service-name=${name}` })).items;
  const addresses = slices
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap((endpoint) => endpoint.addresses)
    .sort();
  const expected = ready.map((pod) => pod.status?.podIP ?? "").sort();
  if (addresses.join() !== expected.join()) breaches.push(`${name}'s endpoints are ${addresses.join() || "none"}, and its ready pods ${expected.join() || "none"}`);
  return breaches;
}
