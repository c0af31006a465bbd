import type { ApiHandler } from "../../apimachinery/api-request.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { unlessGone } from "../../apimachinery/status-error.ts";
import { IMMORTAL_NAMESPACES } from "../../admission/plugins/namespace-lifecycle.ts";
import type { Client } from "../../client/client.ts";
import { API_SERVER_USER } from "../../apimachinery/known-users.ts";
import { createLocalClient } from "../../client/local-client.ts";
import type { Clock } from "../../lib/clock.ts";
import { ensureDnsService } from "./dns-service.ts";
import { ensureServiceRange } from "./service-range.ts";
import { ensureFlowControl } from "../fairness/maintain-flow-control.ts";
import { localApiServices } from "../aggregation/local-api-services.ts";
import { bootstrapRoles } from "./bootstrap-roles.ts";
import { ensureTokenTracking } from "../tokens/token-tracking.ts";
import { virtualResources } from "../virtual-resources/virtual-resources.ts";
import { dnsAddress, firstAddress, parseServiceRanges } from "../../registry/ip-range.ts";
import { apiServiceResource } from "../../resources/apiregistration/api-service.ts";
import { catalog } from "../../resources/catalog.ts";
import { configMapResource } from "../../resources/core/config-map.ts";
import { namespaceResource } from "../../resources/core/namespace.ts";
import { serviceResource } from "../../resources/core/service.ts";
import { localPathClass } from "../../resources/storage/local-path.ts";
import { storageClassResource } from "../../resources/storage/storage-class.ts";
import { priorityClassResource, systemPriorityClasses } from "../../resources/scheduling/priority-class.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import type { ConfigMap, Service } from "../../resources/types.ts";

export interface BootstrapOptions {
  readonly serviceCidr: string;
  /** The port that the Service of the API leads to. */
  readonly apiPort: number;
  /** How callers prove who they are, for API servers that are called through this one: the data of a ConfigMap. */
  readonly authenticationFacts?: Readonly<Record<string, string>>;
  /** The clock by which the objects of priority and fairness, that of the Services' range and that of the use of tokens are made; without one they are not. */
  readonly flowControlClock?: Clock;
  /**
   * Whether a machine is about to run pods; if none is, the class for their volumes and the Service of their names wait for the first that
   * joins. Absent means yes.
   */
  readonly hasMachines?: boolean;
  /** Whether every group and version that is served gets its APIService. */
  readonly registersApis?: boolean;
}

const KUBERNETES = "kubernetes";

/**
 * What every cluster has from the beginning: the system's namespaces, and the API itself as a Service; `api-presence.ts` gives it its
 * endpoints. Harmless to repeat.
 */
export async function bootstrapCluster(handler: ApiHandler, options: BootstrapOptions): Promise<void> {
  const client = createLocalClient(handler, API_SERVER_USER, "kube-apiserver");
  await ensureNamespaces(client);
  const { authenticationFacts: facts, flowControlClock: clock } = options;
  // Together: the store commits at once what is written at the same time.
  await Promise.all([
    ensureCommonObjects(client, options),
    ...(facts === undefined ? [] : [publishFacts(client, facts)]),
    ...(options.hasMachines === false ? [] : [ensureStorageClass(client), ensureDnsService(client, parseServiceRanges(options.serviceCidr).map(dnsAddress))]),
    ...(clock === undefined ? [] : [ensureServiceRange(client, options.serviceCidr, clock), ensureTokenTracking(client, clock)]),
    ensure<Service & KubeObject>(client, serviceResource, kubernetesService(options)),
  ]);
}

/** What is the same in every cluster, however its servers are started; the system's namespaces are there before. */
export async function ensureCommonObjects(
  client: Client,
  { flowControlClock: clock, registersApis = false }: Pick<BootstrapOptions, "flowControlClock" | "registersApis">,
): Promise<void> {
  await Promise.all([
    bootstrapRoles(client),
    ensureAll(client, priorityClassResource, systemPriorityClasses),
    ...(registersApis ? [ensureAll(client, apiServiceResource, localApiServices([...catalog, ...virtualResources.map(({ definition }) => definition)]))] : []),
    ...(clock === undefined ? [] : [ensureFlowControl(client, clock)]),
  ]);
}

function kubernetesService({ serviceCidr, apiPort }: BootstrapOptions): Service & KubeObject {
  const clusterIP = firstAddress(parseServiceRanges(serviceCidr)[0]);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: KUBERNETES, namespace: "default", labels: { component: "apiserver", provider: KUBERNETES } },
    spec: { type: "ClusterIP", clusterIP, ports: [{ name: "https", port: 443, protocol: "TCP", targetPort: apiPort }] },
  };
}

/** A cluster with machines has a class for claims that name none, unless somebody has said otherwise by making one. */
export async function ensureStorageClass(client: Client): Promise<void> {
  const classes = await client.for(storageClassResource).list("", { limit: 1 });
  if (classes.items.length === 0) await ensure(client, storageClassResource, localPathClass);
}

/** Kept true at every start; other facts in it are left alone. */
export async function publishFacts(client: Client, data: Readonly<Record<string, string>>): Promise<void> {
  const metadata = { name: "extension-apiserver-authentication", namespace: "kube-system" };
  const found = await ensure<ConfigMap & KubeObject>(client, configMapResource, { apiVersion: "v1", kind: "ConfigMap", metadata, data });
  if (Object.entries(data).some(([key, value]) => found.data?.[key] !== value))
    await client.for(configMapResource).patch(metadata.namespace, metadata.name, "merge", { data });
}

/** The namespaces of the system, of which that of the nodes' leases may be deleted. */
export function ensureNamespaces(client: Client): Promise<void> {
  const names = [...IMMORTAL_NAMESPACES, "kube-node-lease"];
  return ensureAll(
    client,
    namespaceResource,
    names.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
  );
}

/**
 * Creates those that are missing. What the server has heard of is enough to tell: the newest state of a new store begins with keys that are no
 * objects, and over etcd it takes seconds until a watch of objects has heard that there is nothing to hear of them.
 */
async function ensureAll<T extends KubeObject>(client: Client, resource: ResourceReference<T>, objects: readonly NoInfer<T>[]): Promise<void> {
  const known = new Set((await client.for(resource).list("", { resourceVersion: "0" })).items.map(({ metadata }) => metadata.name));
  await Promise.all(objects.filter(({ metadata }) => !known.has(metadata.name)).map((object) => create(client, resource, object)));
}

/** The object as it is, or is created. It is looked for first: all starts but one find it, and a creation that is refused costs as much as one that is not. */
async function ensure<T extends KubeObject>(client: Client, resource: ResourceReference<T>, object: T): Promise<T> {
  return (await find(client, resource, object)) ?? (await create(client, resource, object));
}

/** Creates an object unless it is there; answers what is there. */
async function create<T extends KubeObject>(client: Client, resource: ResourceReference<T>, object: T): Promise<T> {
  try {
    return await client.for(resource).create(object);
  } catch (error) {
    // A second server may have been first, and a taken address says so before the name does. A store that is away says nothing about the
    // object; told as what was wrong first, it would end the start for good.
    const found = await find(client, resource, object);
    if (found === undefined) throw error;
    return found;
  }
}

function find<T extends KubeObject>(client: Client, resource: ResourceReference<T>, { metadata: { namespace = "", name = "" } }: T): Promise<T | undefined> {
  return unlessGone(client.for(resource).get(namespace, name));
}
