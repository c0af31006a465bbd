import type { Client } from "../../engine/client/client.ts";
import { KeyedLocks } from "../../engine/lib/keyed-locks.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import { sleep } from "../../engine/lib/clock.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { claimsOfPod, deviceClaimNames, hasDeviceClaims, isClaimOf, isReservedFor } from "../../engine/resources/device/pod-device-claims.ts";
import { resourceClaimResource } from "../../engine/resources/device/resource-claim.ts";
import type { Container, Pod, ResourceClaim } from "../../engine/resources/types.ts";
import type { AgentMetrics } from "../stats/agent-metrics.ts";
import type { DeviceDrivers } from "./device-drivers.ts";
import type { DeviceHealthBook, HeldDevice } from "./device-health.ts";
import type { NodePrepareResourceResponse } from "./dra_pb.ts";
import type { PreparedClaim, PreparedClaims, PreparedDevice } from "./prepared-claims.ts";

/** How often claims of pods that are gone are looked for. */
const SWEEP_MS = 60_000;

export interface DeviceManagerOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<AgentMetrics, "draSeconds">;
  readonly drivers: Pick<DeviceDrivers, "get">;
  readonly claims: PreparedClaims;
  readonly health: Pick<DeviceHealthBook, "of">;
}

/** Has drivers prepare the devices of pods, and take that back. */
export class DeviceManager {
  readonly #options: DeviceManagerOptions;
  /** Claims that this agent had prepared; what an earlier one had is asked for again, which drivers expect. */
  readonly #isPrepared = new Set<string>();
  /** One thing at a time for each claim, for pods may share them; a driver that takes its time holds up no other pods. */
  readonly #locks = new KeyedLocks();

  constructor(options: DeviceManagerOptions) {
    this.#options = options;
  }

  /** Makes the pod's devices ready. Rejects with what a driver, or the API, has against it; to be tried again. */
  prepare(pod: Pod): Promise<void> {
    if (!hasDeviceClaims(pod)) return Promise.resolve();
    return this.#timed("PrepareResources", () =>
      this.#locks.run(
        deviceClaimNames(pod).map((name) => keyOf(pod.metadata.namespace, name)),
        () => this.#prepare(pod),
      ),
    );
  }

  /** The pod runs no more: what nobody else uses is taken back. Rejects when a driver cannot; to be tried again. */
  unprepare({ metadata: { uid = "" } }: Pod): Promise<void> {
    return this.#claimsFor(uid).length === 0 ? Promise.resolve() : this.#timed("UnprepareResources", () => this.#takeBack(uid));
  }

  /** The CDI names of what a container may use. Throws when it has not been prepared. */
  cdiDevices(pod: Pod, container: Container): readonly string[] {
    const found = [...this.#ownRequests(pod, container), ...extendedRequests(pod, container)].flatMap(({ claim: name, request }) => {
      const claim = this.#options.claims.get(pod.metadata.namespace ?? "", name);
      if (claim === undefined) throw new Error(`the devices of ResourceClaim ${name} are not prepared`);
      return devicesFor(claim, request).flatMap(({ device }) => device.cdiIds);
    });
    return [...new Set(found)];
  }

  /** What the pod has of one of its claims, for its status. */
  held(pod: Pod, entryName: string, request: string | undefined): readonly HeldDevice[] {
    const { claims, health, clock } = this.#options;
    const claim = claims.get(pod.metadata.namespace ?? "", nameOfEntry(pod, entryName) ?? "");
    return claim === undefined
      ? []
      : devicesFor(claim, request).map(({ driver, device }) => ({
          id: device.cdiIds[0] ?? `${driver}/${device.pool}/${device.device}`,
          ...health.of(driver, device.pool, device.device, clock.now()),
        }));
  }

  /** Takes back what was prepared for pods that are no longer on this node; `alive` gives the uids of those that are, once it is known. */
  asService(alive: () => ReadonlySet<string> | undefined): Service {
    return service("device-manager", async (signal) => {
      const { clock, claims, logger } = this.#options;
      while (!signal.aborted) {
        await sleep(clock, SWEEP_MS, signal).catch(() => {});
        if (signal.aborted) break;
        const here = alive();
        if (here === undefined) continue;
        const gone = new Set(claims.all().flatMap(({ pods }) => pods.filter((uid) => !here.has(uid))));
        await Promise.all(
          [...gone].map((uid) =>
            this.#takeBack(uid).catch((error: unknown) =>
              logger.warn("devices of a pod that is gone not given back, will retry", { pod: uid, error: describeError(error) }),
            ),
          ),
        );
      }
    });
  }

  async #timed(operation_name: string, work: () => Promise<void>): Promise<void> {
    const { clock, metrics } = this.#options;
    const startMs = clock.monotonic();
    const ended = (is_error: "true" | "false") => metrics.draSeconds.observe((clock.monotonic() - startMs) / 1000, { operation_name, is_error });
    await work().then(
      () => ended("false"),
      (error: unknown) => {
        ended("true");
        throw error;
      },
    );
  }

  #takeBack(podUid: string): Promise<void> {
    return this.#locks.run(
      this.#claimsFor(podUid).map(({ namespace, name }) => keyOf(namespace, name)),
      () => this.#unprepare(podUid),
    );
  }

  async #prepare(pod: Pod): Promise<void> {
    const { claims, drivers } = this.#options;
    const { namespace = "", uid: podUid = "" } = pod.metadata;
    const found = await Promise.all(deviceClaimNames(pod).map((name) => this.#fetch(pod, name)));
    for (const claim of found) for (const driver of driversOf(claim)) drivers.get(driver);
    const todo: ResourceClaim[] = [];
    for (const claim of found) {
      const { name = "", uid = "" } = claim.metadata;
      const known = claims.get(namespace, name);
      if (known !== undefined && known.uid !== uid)
        throw new Error(`old ResourceClaim with same name ${name} and different UID ${known.uid} still exists (previous pod force-deleted?!)`);
      const pods = [...new Set([...(known?.pods ?? []), podUid])];
      // Written before a driver is asked: whatever comes of it, it must be taken back some day.
      if (known?.pods.includes(podUid) !== true)
        claims.put({ namespace, name, uid, pods, drivers: known?.drivers ?? Object.fromEntries(driversOf(claim).map((driver) => [driver, []])) });
      if (!this.#isPrepared.has(uid)) todo.push(claim);
    }
    const byDriver = Map.groupBy(
      todo.flatMap((claim) => driversOf(claim).map((driver) => ({ driver, claim }))),
      ({ driver }) => driver,
    );
    for (const [driver, wanted] of byDriver) {
      const answer = await drivers.get(driver).prepare(wanted.map(({ claim }) => identityOf(claim)));
      for (const { claim } of wanted) this.#note(driver, claim, answer.claims[claim.metadata.uid ?? ""]);
    }
    for (const { metadata } of todo) this.#isPrepared.add(metadata.uid ?? "");
  }

  #note(driver: string, { metadata: { namespace = "", name = "" } }: ResourceClaim, answer: NodePrepareResourceResponse | undefined): void {
    const { claims } = this.#options;
    if (answer === undefined) throw new Error(`NodePrepareResources skipped ResourceClaim ${name}`);
    if (answer.error !== "") throw new Error(`NodePrepareResources failed for ResourceClaim ${name}: ${answer.error}`);
    const known = claims.get(namespace, name);
    if (known === undefined) return;
    const devices = answer.devices.map((device): PreparedDevice => ({
      pool: device.poolName,
      device: device.deviceName,
      ...(device.shareId === undefined ? {} : { shareId: device.shareId }),
      requests: device.requestNames,
      cdiIds: device.cdiDeviceIds,
    }));
    claims.put({ ...known, drivers: { ...known.drivers, [driver]: devices } });
  }

  async #unprepare(podUid: string): Promise<void> {
    const { claims, drivers } = this.#options;
    const lastUses: PreparedClaim[] = [];
    for (const claim of this.#claimsFor(podUid)) {
      if (claim.pods.length === 1) lastUses.push(claim);
      else claims.put({ ...claim, pods: claim.pods.filter((uid) => uid !== podUid) });
    }
    // Whatever the drivers answer: who needs them next has them asked again.
    for (const { uid } of lastUses) this.#isPrepared.delete(uid);
    const byDriver = Map.groupBy(
      lastUses.flatMap((claim) => Object.keys(claim.drivers).map((driver) => ({ driver, claim }))),
      ({ driver }) => driver,
    );
    for (const [driver, wanted] of byDriver) {
      const answer = await drivers.get(driver).unprepare(wanted.map(({ claim: { namespace, name, uid } }) => ({ namespace, name, uid })));
      for (const { claim } of wanted) {
        const told = answer.claims[claim.uid];
        if (told === undefined) throw new Error(`NodeUnprepareResources skipped ResourceClaim ${claim.name}`);
        if (told.error !== "") throw new Error(`NodeUnprepareResources failed for ResourceClaim ${claim.name}: ${told.error}`);
      }
    }
    for (const claim of lastUses) claims.remove(claim);
  }

  async #fetch(pod: Pod, name: string): Promise<ResourceClaim> {
    const { namespace = "", name: podName, uid } = pod.metadata;
    const claim = await this.#options.client
      .for(resourceClaimResource)
      .get(namespace, name)
      .catch((error: unknown) => {
        throw new Error(`fetch ResourceClaim ${name}`, { cause: error });
      });
    const isGenerated = claimsOfPod(pod).some((entry) => entry.is === "named" && entry.name === name && entry.isGenerated);
    if (isGenerated && !isClaimOf(claim, pod))
      throw new Error(`ResourceClaim ${namespace}/${name} was not created for Pod ${namespace}/${podName} (Pod is not owner)`);
    if (!isReservedFor(claim, pod)) throw new Error(`pod ${podName} (${uid}) is not allowed to use ResourceClaim ${name} (${claim.metadata.uid})`);
    if (claim.status?.allocation === undefined) throw new Error(`ResourceClaim ${name}: not allocated`);
    return claim;
  }

  #claimsFor(podUid: string): readonly PreparedClaim[] {
    return this.#options.claims.all().filter(({ pods }) => pods.includes(podUid));
  }

  #ownRequests(pod: Pod, container: Container): readonly { readonly claim: string; readonly request: string | undefined }[] {
    return (container.resources?.claims ?? []).flatMap(({ name, request }) => {
      const claim = nameOfEntry(pod, name);
      return claim === undefined ? [] : [{ claim, request }];
    });
  }
}

function keyOf(namespace = "", name: string): string {
  return `${namespace}/${name}`;
}

function driversOf({ status }: ResourceClaim): readonly string[] {
  return [...new Set((status?.allocation?.devices?.results ?? []).map(({ driver }) => driver))];
}

function identityOf({ metadata: { namespace = "", name = "", uid = "" } }: ResourceClaim) {
  return { namespace, name, uid };
}

function nameOfEntry(pod: Pod, entryName: string): string | undefined {
  const found = claimsOfPod(pod).find(({ entry }) => entry.name === entryName);
  return found?.is === "named" ? found.name : undefined;
}

function extendedRequests({ status }: Pod, container: Container): readonly { readonly claim: string; readonly request: string }[] {
  const { resourceClaimName = "", requestMappings } = status?.extendedResourceClaimStatus ?? {};
  return (requestMappings ?? [])
    .filter(({ containerName, resourceName }) => containerName === container.name && container.resources?.requests?.[resourceName] !== undefined)
    .map(({ requestName }) => ({ claim: resourceClaimName, request: requestName }));
}

/** The devices for a request, or for all. An alternative that was chosen is for the request that it is one of. */
function devicesFor({ drivers }: PreparedClaim, request: string | undefined): readonly { readonly driver: string; readonly device: PreparedDevice }[] {
  const isFor = ({ requests }: PreparedDevice) =>
    request === undefined || request === "" || requests.length === 0 || requests.some((name) => name === request || name.startsWith(`${request}/`));
  return Object.entries(drivers).flatMap(([driver, devices]) => devices.filter(isFor).map((device) => ({ driver, device })));
}
