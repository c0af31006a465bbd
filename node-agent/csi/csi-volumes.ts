import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import type { Client } from "../../engine/client/client.ts";
import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import { NEVER } from "../../engine/lib/abort.ts";
import { formatTime, sleep, type Clock } from "../../engine/lib/clock.ts";
import { KeyedLocks } from "../../engine/lib/keyed-locks.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { secretResource } from "../../engine/resources/core/secret.ts";
import { attachmentName } from "../../engine/resources/storage/attachment-name.ts";
import type { CSIDriver, Pod, SecretReference } from "../../engine/resources/types.ts";
import { executeExpansion, planExpansion, type ClaimedVolume } from "../volumes/expand-volume.ts";
import { isMountPoint } from "../volumes/mounts.ts";
import { giveToGroupOnce } from "../volumes/ownership.ts";
import { MountError, type VolumeSources } from "../volumes/volume-plugin.ts";
import { isFinal, type CsiDriver, type NodeCapability } from "./csi-driver.ts";
import type { CsiDrivers } from "./csi-drivers.ts";
import type { VolumeUsage } from "./csi_pb.ts";
import { VolumesInUse } from "./volumes-in-use.ts";
import {
  allPodVolumes,
  deviceDataDir,
  deviceLink,
  devicePublishPath,
  deviceStagingPath,
  podVolumes,
  publishPath,
  removeEmpty,
  removeMountFolder,
  stagedVolumes,
  stagingPath,
  writeVolumeData,
  type PodVolume,
  type VolumeData,
} from "./volume-places.ts";
import { checkLifecycle, computeCapability, computeContext, givesToGroup, type CsiVolume } from "./volume-request.ts";

export interface CsiVolumesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly logger: Logger;
  readonly nodeName: string;
  /** Laid out as a kubelet's. */
  readonly rootDir: string;
  readonly drivers: CsiDrivers;
  readonly token: VolumeSources["token"];
}

/** A volume that this agent has provided to a pod. */
interface Held {
  readonly volume: CsiVolume;
  readonly target: string;
  readonly capabilities: ReadonlySet<NodeCapability>;
  readonly isRepublished: boolean;
  readonly size: string | undefined;
}

/** How often what is staged for nobody is looked for. */
const SWEEP_MS = 10_000;
const TOKEN_SECONDS = 3600;

/**
 * Volumes of CSI drivers: staged once for the node, published for each pod, and taken away again in the opposite order. What there is, is
 * known from kubelet's notes on the disk; nothing else has to survive the agent.
 */
export class CsiVolumes {
  readonly #options: CsiVolumesOptions;
  /** One thing at a time for each volume. */
  readonly #locks = new KeyedLocks();
  /** By the pod's uid and the name of its volume. */
  readonly #held = new Map<string, Held>();
  /** What pods have or wait for, by the same; they may still be without a note of it. */
  readonly #wanted = new Map<string, string>();
  readonly #staged = new Set<string>();
  /** Of the agent: until it ends, and before it has begun. */
  #signal: AbortSignal = NEVER;
  readonly uses: VolumesInUse;

  constructor(options: CsiVolumesOptions) {
    this.#options = options;
    this.uses = new VolumesInUse(options);
  }

  /** Provides a pod's volume, or brings it up to date: published anew if its driver wants that, grown if it has to. Gives its place. */
  async mount(pod: Pod, volumeName: string, volume: CsiVolume, podDir: string, claimed?: ClaimedVolume): Promise<string> {
    const { drivers, rootDir } = this.#options;
    const key = `${pod.metadata.uid}/${volumeName}`;
    const lock = [volumeKey(volume.driver, volume.handle)] as const;
    this.#wanted.set(key, lock[0]);
    const driver = drivers.get(volume.driver);
    const spec = await drivers.describe(volume.driver);
    const target = volume.isBlock ? devicePublishPath(rootDir, volume.name, pod.metadata.uid ?? "") : publishPath(podDir, volume.name);
    const capabilities = await driver.capabilities();
    const before = this.#held.get(key);
    const isRepublished = spec?.requiresRepublish === true;
    if (before === undefined || isRepublished) {
      checkLifecycle(volume, spec);
      const isAttachable = volume.lifecycle === "Persistent" && spec?.attachRequired !== false;
      const publishContext = isAttachable ? await this.uses.awaitAttachment(key, volume, this.#signal) : {};
      const request: Provision = { pod, volume, podDir, target, driver, spec, capabilities, publishContext, isAttachable, isRemount: before !== undefined };
      await this.#locks.run(lock, () => this.#provide(request));
      if (givesToGroup(volume, spec, capabilities)) await giveToGroupOnce(target, pod, podDir, volumeName);
    }
    const size = before?.size ?? claimed?.claim.status?.capacity?.["storage"];
    const held: Held = { volume, target, capabilities, isRepublished, size };
    const grown = claimed === undefined ? size : await this.#locks.run(lock, () => this.#grow(pod, held, driver, claimed));
    this.#held.set(key, { ...held, size: grown });
    this.uses.provided(key);
    return target;
  }

  /** Whether a pod's volume has to be looked at again from time to time. */
  follows(pod: Pod, volumeName: string): boolean {
    const held = this.#held.get(`${pod.metadata.uid}/${volumeName}`);
    return held !== undefined && (held.isRepublished || (held.volume.lifecycle === "Persistent" && held.capabilities.has("EXPAND_VOLUME")));
  }

  /** Takes away all that a pod has of drivers. Rejects when something of it stays, as while its driver is not there. */
  async unmountPod(podDir: string): Promise<void> {
    const uid = path.basename(podDir);
    this.uses.forgetPod(uid);
    deleteOfPod(this.#wanted, uid);
    const volumes = podVolumes(this.#options.rootDir, podDir);
    for (const volume of volumes) await this.#locks.run([keyOf(volume.data)], () => this.#withdraw(podDir, volume));
    deleteOfPod(this.#held, uid);
    if (volumes.length > 0) this.uses.changed();
  }

  /** What the driver says of the room in a volume; undefined for places that are not a driver's, and for drivers that do not say. */
  async usage(place: string): Promise<readonly VolumeUsage[] | undefined> {
    const held = [...this.#held.values()].find(({ target }) => target === place);
    if (held?.capabilities.has("GET_VOLUME_STATS") !== true) return undefined;
    return this.#options.drivers.get(held.volume.driver).usage(held.volume.handle, place, this.#stagingOf(held.volume, held.capabilities));
  }

  /** Takes away what is staged and no pod has: an agent that ended early left it, or a driver that was not there. */
  asService(): Service {
    return service("csi-volumes", async (signal) => {
      const { clock, logger } = this.#options;
      this.#signal = signal;
      while (!signal.aborted) {
        await sleep(clock, SWEEP_MS, signal).catch(() => {});
        for (const { data } of signal.aborted ? [] : this.#unused()) {
          await this.#locks
            .run([keyOf(data)], () => this.#unstage(data))
            .catch((error: unknown) => {
              if (!signal.aborted)
                logger.warn("volume not unstaged, will retry", { driver: data.driverName, volume: data.volumeHandle, error: describeError(error) });
            });
        }
      }
    });
  }

  /** The driver's part: stage, unless that was done for another pod, and publish. */
  async #provide(request: Provision): Promise<void> {
    const { volume, driver, capabilities, publishContext, pod, spec, target, isAttachable } = request;
    const { nodeName, rootDir } = this.#options;
    const capability = computeCapability(volume, capabilities, pod.spec.securityContext?.fsGroup);
    const attachmentID = isAttachable ? attachmentName(volume.handle, volume.driver, nodeName) : "";
    const data: VolumeData = { driverName: volume.driver, volumeHandle: volume.handle, attachmentID };
    const staging = this.#stagingOf(volume, capabilities);
    if (staging !== "") await this.#stage(request, data, staging, capability);
    const note = { ...data, specVolID: volume.name, nodeName, volumeLifecycleMode: volume.lifecycle };
    mkdirSync(path.dirname(target), { recursive: true, mode: 0o750 });
    writeVolumeData(volume.isBlock ? deviceDataDir(rootDir, volume.name) : path.dirname(target), note);
    if (volume.isBlock) linkDevice(deviceLink(request.podDir, volume.name), target);
    const tokens = await this.#tokens(pod, spec);
    const inSecrets = spec?.serviceAccountTokenInSecrets === true;
    try {
      await driver.publish({
        volumeId: volume.handle,
        publishContext: { ...publishContext },
        stagingTargetPath: staging,
        targetPath: target,
        volumeCapability: capability as never, // the generated client takes parts of messages
        readonly: volume.readOnly,
        secrets: { ...(await this.#secret(volume.secrets.publish)), ...(inSecrets ? tokens : {}) },
        volumeContext: { ...computeContext(volume, spec, pod), ...(inSecrets ? {} : tokens) },
      });
    } catch (error) {
      // A pod goes on with what it has; one that has nothing yet leaves nothing behind.
      if (!request.isRemount && isFinal(error) && !isMountPoint(target)) this.#forget(request.podDir, volume.name, volume.isBlock, target);
      throw error;
    }
  }

  async #stage({ volume, driver, publishContext }: Provision, data: VolumeData, staging: string, capability: object): Promise<void> {
    const key = keyOf(data);
    if (this.#staged.has(key)) return;
    mkdirSync(staging, { recursive: true, mode: 0o750 });
    writeVolumeData(volume.isBlock ? deviceDataDir(this.#options.rootDir, volume.name) : path.dirname(staging), { specVolID: volume.name, ...data });
    await driver.stage({
      volumeId: volume.handle,
      publishContext: { ...publishContext },
      stagingTargetPath: staging,
      volumeCapability: capability as never, // the generated client takes parts of messages
      secrets: await this.#secret(volume.secrets.stage),
      volumeContext: { ...volume.attributes },
    });
    this.#staged.add(key);
  }

  async #withdraw(podDir: string, { data, isBlock, target }: PodVolume): Promise<void> {
    await this.#options.drivers.get(data.driverName).unpublish(data.volumeHandle, target);
    this.#forget(podDir, data.specVolID ?? "", isBlock, target);
    await this.#unstage(data);
  }

  /** Takes away the pod's own trace of a volume. */
  #forget(podDir: string, name: string, isBlock: boolean, target: string): void {
    if (!isBlock) return removeMountFolder(target);
    if (isMountPoint(target)) throw new Error(`${target} is still there`);
    for (const place of [target, deviceLink(podDir, name)]) rmSync(place, { force: true });
    removeEmpty(path.dirname(target));
  }

  /** Unless somebody on the node uses it. */
  async #unstage(data: VolumeData): Promise<void> {
    const { drivers, rootDir } = this.#options;
    const staged = stagedVolumes(rootDir).find((candidate) => keyOf(candidate.data) === keyOf(data));
    if (staged === undefined || this.#used().has(keyOf(data))) return;
    const driver = drivers.get(data.driverName);
    const isStageable = (await driver.capabilities()).has("STAGE_UNSTAGE_VOLUME");
    // From here on it may be either: who comes to use it after a failure has it staged again, which drivers take for what it is.
    this.#staged.delete(keyOf(data));
    if (isStageable) await driver.unstage(data.volumeHandle, staged.place);
    if (staged.isBlock) {
      rmSync(path.dirname(deviceDataDir(rootDir, path.basename(staged.place))), { recursive: true, force: true });
      removeEmpty(staged.place);
    } else {
      removeMountFolder(staged.place);
    }
    this.uses.changed();
  }

  #unused() {
    const staged = stagedVolumes(this.#options.rootDir);
    const used = staged.length === 0 ? new Set<string>() : this.#used();
    return staged.filter(({ data }) => !used.has(keyOf(data)));
  }

  #used(): ReadonlySet<string> {
    return new Set([...allPodVolumes(this.#options.rootDir).map(keyOf), ...this.#wanted.values()]);
  }

  async #grow(pod: Pod, { volume, target, capabilities, size }: Held, driver: CsiDriver, claimed: ClaimedVolume): Promise<string | undefined> {
    const plan = planExpansion(claimed, size);
    if (plan.do === "nothing") return size;
    if (volume.readOnly) return size;
    // Whose step nobody waits for may have had nothing to do here.
    if (!capabilities.has("EXPAND_VOLUME") && plan.marks !== "steps") return plan.size;
    if (!capabilities.has("EXPAND_VOLUME")) throw new MountError(`NodeExpand is not supported by the CSI driver ${volume.driver}`);
    const secrets = await this.#secret(volume.secrets.expand);
    await executeExpansion(this.#options, pod, claimed, plan, (bytes) =>
      driver.expand({
        volumeId: volume.handle,
        volumePath: target,
        capacityRange: { requiredBytes: BigInt(bytes), limitBytes: 0n } as never,
        stagingTargetPath: this.#stagingOf(volume, capabilities),
        volumeCapability: computeCapability(volume, capabilities, undefined) as never,
        secrets,
      }),
    );
    return plan.size;
  }

  #stagingOf({ lifecycle, isBlock, name, driver, handle }: CsiVolume, capabilities: ReadonlySet<NodeCapability>): string {
    const { rootDir } = this.#options;
    if (lifecycle === "Ephemeral" || !capabilities.has("STAGE_UNSTAGE_VOLUME")) return "";
    return isBlock ? deviceStagingPath(rootDir, name) : stagingPath(rootDir, driver, handle);
  }

  async #secret(reference: SecretReference | undefined): Promise<Record<string, string>> {
    if (reference === undefined) return {};
    const { namespace = "", name = "" } = reference;
    try {
      const { data = {} } = await this.#options.client.for(secretResource).get(namespace, name);
      return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]));
    } catch (error) {
      throw new MountError(`fetching the driver's secret ${namespace}/${name} failed`, { cause: error });
    }
  }

  /** Tokens of the pod's account for those whom the driver speaks to, as it wants them: by audience, in one value. */
  async #tokens(pod: Pod, spec: CSIDriver["spec"] | undefined): Promise<Record<string, string>> {
    const requests = spec?.tokenRequests ?? [];
    if (requests.length === 0) return {};
    const tokens = await Promise.all(
      requests.map(async ({ audience, expirationSeconds = TOKEN_SECONDS }) => {
        const { token, expiresAtMs } = await this.#options.token(pod, audience === "" ? undefined : audience, expirationSeconds);
        return [audience, { token, expirationTimestamp: formatTime(expiresAtMs) }] as const;
      }),
    );
    return { "csi.storage.k8s.io/serviceAccount.tokens": JSON.stringify(Object.fromEntries(tokens)) };
  }
}

/** All that a volume is provided with. */
interface Provision {
  readonly pod: Pod;
  readonly volume: CsiVolume;
  readonly podDir: string;
  readonly target: string;
  readonly driver: CsiDriver;
  readonly spec: CSIDriver["spec"] | undefined;
  readonly capabilities: ReadonlySet<NodeCapability>;
  readonly publishContext: Readonly<Record<string, string>>;
  readonly isAttachable: boolean;
  /** The pod has it already. */
  readonly isRemount: boolean;
}

function volumeKey(driver: string, handle: string): string {
  return `${driver}^${handle}`;
}

function keyOf({ driverName, volumeHandle }: VolumeData): string {
  return volumeKey(driverName, volumeHandle);
}

function deleteOfPod(map: Map<string, unknown>, uid: string): void {
  for (const key of map.keys()) if (key.startsWith(`${uid}/`)) map.delete(key);
}

function linkDevice(link: string, target: string): void {
  mkdirSync(path.dirname(link), { recursive: true, mode: 0o750 });
  rmSync(link, { force: true });
  symlinkSync(target, link);
}
