import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { hasReason } from "../../apimachinery/status-error.ts";
import type { Client } from "../../client/client.ts";
import { formatMicroTime, sleep, type Clock } from "../../lib/clock.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { familyOf, hostAndPort } from "../../lib/net/ip-address.ts";
import { isLoopback } from "../../lib/net/loopback.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { service, type Service } from "../../lib/service.ts";
import { leaseResource } from "../../resources/coordination/lease.ts";
import { endpointsResource } from "../../resources/core/endpoints.ts";
import { endpointSliceResource } from "../../resources/discovery/endpoint-slice.ts";
import type { Endpoints, EndpointSlice, Lease } from "../../resources/types.ts";
import { serverIdentity } from "../server-identity.ts";

/** Where pods and agents reach a server: an address of its machine, not a loopback one, and the port it listens on. */
export interface ApiAddress {
  readonly address: string;
  readonly port: number;
}

export interface ApiPresenceOptions extends ApiAddress {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tells this server from the others of the cluster; the same at every start. */
  readonly name: string;
  /** No other server can be at its store: signs of life are for people only, and those of others are left from before. */
  readonly isAlone?: boolean;
  /** Whether somebody else says which servers stand behind the Service. */
  readonly isUnpublished?: boolean;
}

/** A server among the cluster's servers. */
export interface ApiPresence {
  /** Shows this server for the first time. */
  announce(): Promise<void>;
  /** Keeps it shown, takes those away that show no sign of life, and says goodbye at an orderly end. */
  readonly service: Service;
}

const NAMESPACE = "kube-system";
/** Upstream's label of the same meaning. */
const IDENTITY = { "apiserver.kubernetes.io/identity": "kube-apiserver" };
const ADDRESS = "mainstay.dev/api-address";
const SERVICE = "kubernetes";
const DURATION_SECONDS = 15;
const RENEW_MS = 5_000;
/** A server alone writes rarely: each renewal is a durable write that nobody waits for. */
const DURATION_ALONE_SECONDS = 3_600;
const RENEW_ALONE_MS = 600_000;

/**
 * The Service default/kubernetes has no selector: its endpoints are the servers, each of which renews a Lease with its address. A server
 * counts as gone when its Lease did not change for its duration by the observer's own clock; all servers come to the same slices.
 */
export function createApiPresence(options: ApiPresenceOptions): ApiPresence {
  const { client, clock, logger, name, address, port, isAlone = false, isUnpublished = false } = options;
  const leaseName = serverIdentity(name);
  const leases = client.for(leaseResource);
  const seen = new LeaseObserver(clock);

  const renew = async () => {
    const labels = { ...IDENTITY, "kubernetes.io/hostname": name };
    const metadata = { namespace: NAMESPACE, name: leaseName, labels, annotations: { [ADDRESS]: hostAndPort(address, port) } };
    const lease: Lease & KubeObject = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata,
      spec: { holderIdentity: name, leaseDurationSeconds: isAlone ? DURATION_ALONE_SECONDS : DURATION_SECONDS, renewTime: formatMicroTime(clock.now()) },
    };
    await leases.apply(lease, { fieldManager: "kube-apiserver", force: true });
  };
  const publish = async () => {
    const { items } = await leases.list(NAMESPACE, {
      labelSelector: Object.entries(IDENTITY)
        .map(([key, value]) => `${key}=${value}`)
        .join(","),
    });
    const { alive, gone } = isAlone ? judgeAlone(leaseName, items, clock.now()) : seen.judge(items);
    if (!isUnpublished) {
      const planned = planApiSlices(alive.map((lease) => parseAddress(lease.metadata.annotations?.[ADDRESS])).filter((found) => found !== undefined));
      await Promise.all([writeSlices(client, planned), writeEndpoints(client, planned)]);
    }
    for (const { metadata } of gone)
      await leases
        .delete(NAMESPACE, metadata.name ?? "", { preconditions: { resourceVersion: metadata.resourceVersion ?? "" } })
        .catch(ignoring("NotFound", "Conflict"));
  };
  const announce = async () => {
    await renew();
    await publish();
  };
  return {
    announce,
    service: service("api presence", async (signal) => {
      for (let renewedMs = clock.monotonic(); !signal.aborted;) {
        await sleep(clock, RENEW_MS, signal).catch(() => {});
        if (signal.aborted) break;
        const isDue = !isAlone || clock.monotonic() - renewedMs >= RENEW_ALONE_MS;
        if (isDue) renewedMs = clock.monotonic();
        await (isDue ? announce() : publish()).catch((error: unknown) =>
          logger.warn("this server's presence is not renewed, will retry", { error: describeError(error) }),
        );
      }
      // The others, or the next start, make the slices without it.
      await leases
        .delete(NAMESPACE, leaseName)
        .catch((error: unknown) => logger.debug("the lease of this server stays until it expires", { error: describeError(error) }));
    }),
  };
}

interface Judgement {
  readonly alive: readonly Lease[];
  readonly gone: readonly Lease[];
}

/** Of the others nobody is alive; what they left goes when its time is over, by the one clock that there is. */
function judgeAlone(name: string, leases: readonly Lease[], nowMs: number): Judgement {
  const isOver = ({ spec }: Lease) => !(Date.parse(spec?.renewTime ?? "") + (spec?.leaseDurationSeconds ?? 0) * 1000 >= nowMs);
  return { alive: leases.filter(({ metadata }) => metadata.name === name), gone: leases.filter((lease) => lease.metadata.name !== name && isOver(lease)) };
}

/** When each lease was last seen to change: clocks of machines differ. */
class LeaseObserver {
  readonly #clock: Clock;
  #changes = new Map<string, { readonly renewTime: string | undefined; readonly atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  judge(leases: readonly (Lease & KubeObject)[]): Judgement {
    const nowMs = this.#clock.monotonic();
    const before = this.#changes;
    this.#changes = new Map();
    for (const { metadata, spec } of leases) {
      const known = before.get(metadata.uid ?? "");
      this.#changes.set(metadata.uid ?? "", known !== undefined && known.renewTime === spec?.renewTime ? known : { renewTime: spec?.renewTime, atMs: nowMs });
    }
    const isAlive = ({ metadata, spec }: Lease & KubeObject) =>
      nowMs - (this.#changes.get(metadata.uid ?? "")?.atMs ?? nowMs) < (spec?.leaseDurationSeconds ?? DURATION_SECONDS) * 1000;
    return { alive: leases.filter(isAlive), gone: leases.filter((lease) => !isAlive(lease)) };
  }
}

function parseAddress(text: string | undefined): ApiAddress | undefined {
  const [, address, port] = /^\[?(.+?)\]?:(\d+)$/.exec(text ?? "") ?? [];
  return address === undefined ? undefined : { address, port: Number(port) };
}

/** The slices of the Service default/kubernetes: one for each port that servers listen on, the first under the Service's own name. Pure. */
export function planApiSlices(servers: readonly ApiAddress[]): readonly (EndpointSlice & KubeObject)[] {
  // An address of the machine alone would be each pod's own.
  const reachable = servers.filter(({ address }) => !isLoopback(address));
  const ports = [...new Set(reachable.map(({ port }) => port))].sort((a, b) => a - b);
  const addressesAt = (port: number) => [...new Set(reachable.filter((server) => server.port === port).map(({ address }) => address))].sort();
  return ports.map((port, index) => ({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: index === 0 ? SERVICE : `${SERVICE}-${port}`, namespace: "default", labels: { "kubernetes.io/service-name": SERVICE } },
    // All servers begin with the family of the cluster's Services.
    addressType: familyOf(addressesAt(port)[0] ?? "") ?? "IPv4",
    endpoints: addressesAt(port).map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: "https", port, protocol: "TCP" }],
  }));
}

/** Makes the slices so, unless they are. Who is faster among the servers does not matter: all write the same. */
async function writeSlices(client: Client, wanted: readonly (EndpointSlice & KubeObject)[]): Promise<void> {
  const slices = client.for<EndpointSlice & KubeObject>(endpointSliceResource);
  const { items } = await slices.list("default", { labelSelector: `kubernetes.io/service-name=${SERVICE}` });
  for (const slice of wanted) {
    const found = items.find(({ metadata }) => metadata.name === slice.metadata.name);
    if (found === undefined) await slices.create(slice).catch(ignoring("AlreadyExists"));
    else if (!jsonEqual(content(found), content(slice)))
      await slices
        .update({ ...slice, metadata: { ...slice.metadata, resourceVersion: found.metadata.resourceVersion } })
        .catch(ignoring("Conflict", "NotFound"));
  }
  for (const { metadata } of items)
    if (!wanted.some((slice) => slice.metadata.name === metadata.name)) await slices.delete("default", metadata.name ?? "").catch(ignoring("NotFound"));
}

/** The same once more in the older form, for clients that know no slices. */
async function writeEndpoints(client: Client, slices: readonly EndpointSlice[]): Promise<void> {
  const subsets = slices.map(({ endpoints, ports }) => ({
    addresses: (endpoints ?? []).flatMap(({ addresses }) => addresses.map((ip) => ({ ip }))),
    ports: (ports ?? []).map(({ name = "", port = 0, protocol = "TCP" }) => ({ name, port, protocol })),
  }));
  const metadata = { name: SERVICE, namespace: "default", labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } };
  const wanted: Endpoints & KubeObject = { apiVersion: "v1", kind: "Endpoints", metadata, subsets };
  const objects = client.for<Endpoints & KubeObject>(endpointsResource);
  const found = await objects.get("default", SERVICE).catch(ignoring("NotFound"));
  if (found === undefined && subsets.length > 0) await objects.create(wanted).catch(ignoring("AlreadyExists"));
  else if (found !== undefined && !jsonEqual(found.subsets ?? [], subsets))
    await objects.update({ ...wanted, metadata: { ...metadata, resourceVersion: found.metadata.resourceVersion } }).catch(ignoring("Conflict", "NotFound"));
}

function content({ endpoints, ports }: EndpointSlice): unknown {
  return { endpoints: (endpoints ?? []).map(({ addresses }) => addresses), ports: (ports ?? []).map(({ port }) => port) };
}

function ignoring(...reasons: Parameters<typeof hasReason>[1][]): (error: unknown) => void {
  return (error) => {
    if (!reasons.some((reason) => hasReason(error, reason))) throw error;
  };
}
