import { hasReason } from "../../engine/apimachinery/status-error.ts";
import type { Client } from "../../engine/client/client.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import { attachedVolumeName, attachmentName } from "../../engine/resources/storage/attachment-name.ts";
import { volumeAttachmentResource } from "../../engine/resources/storage/volume-attachment.ts";
import type { Node } from "../../engine/resources/types.ts";
import { MountError } from "../volumes/volume-plugin.ts";
import { nodeVolumes } from "./volume-places.ts";
import type { CsiVolume } from "./volume-request.ts";

export interface VolumesInUseOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly nodeName: string;
  readonly rootDir: string;
}

/** Attaching takes its time; who waits longer than this waits as for any other obstacle, and says so. */
const ATTACH_WAIT_MS = 10_000;
const ATTACH_LOOK_MS = 500;
const REPORT_WAIT_MS = 10_000;

/** The node's half of attaching: it says what it uses, before it does, so that none of that is detached meanwhile; then it waits for the attachment. */
export class VolumesInUse {
  readonly #options: VolumesInUseOptions;
  /** Wanted by pods, and not there yet: by the pod's uid and the name of its volume. */
  readonly #awaited = new Map<string, string>();
  #reported: ReadonlySet<string> = new Set();
  readonly #listeners = new Set<() => void>();
  readonly #reports = new Set<() => void>();

  constructor(options: VolumesInUseOptions) {
    this.#options = options;
  }

  /** For the Node's status: what pods have and what they wait for, and what is staged. */
  names(): readonly string[] {
    const attachable = nodeVolumes(this.#options.rootDir).filter(({ attachmentID }) => attachmentID);
    return [...new Set([...attachable.map(({ driverName, volumeHandle }) => attachedVolumeName(driverName, volumeHandle)), ...this.#awaited.values()])].sort();
  }

  /** Calls back when `names` may have changed. Gives the function that ends it. */
  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** The Node as the API has it. */
  nodeSeen({ status }: Node): void {
    this.#reported = new Set(status?.volumesInUse ?? []);
    for (const report of this.#reports) report();
  }

  /** Resolves with what the driver is told of the attachment. Throws a MountError when it does not come, or failed. */
  async awaitAttachment(key: string, { driver, handle }: CsiVolume, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const { client, clock, nodeName } = this.#options;
    const name = attachedVolumeName(driver, handle);
    this.#awaited.set(key, name);
    if (!this.#reported.has(name)) await this.#report(name, signal);
    const attachment = attachmentName(handle, driver, nodeName);
    for (const endMs = clock.monotonic() + ATTACH_WAIT_MS; ; await sleep(clock, ATTACH_LOOK_MS, signal)) {
      const found = await client
        .for(volumeAttachmentResource)
        .get("", attachment)
        .catch((error: unknown) => {
          // One that is not there yet is nobody's, which for a node looks the same as another's.
          if (hasReason(error, "NotFound", "Forbidden")) return undefined;
          throw error;
        });
      const { attached, attachError, attachmentMetadata } = found?.status ?? {};
      if (attached === true && (await this.#isListed(name))) return attachmentMetadata ?? {};
      if (attached !== true && attachError?.message) throw new MountError(attachError.message);
      if (clock.monotonic() >= endMs) throw new MountError(`volume ${handle} is not attached for volume attachment ${attachment}`);
    }
  }

  /** It is there, and on the disk's record from now on. */
  provided(key: string): void {
    this.#awaited.delete(key);
  }

  /** The pod waits for nothing any more. */
  forgetPod(uid: string): void {
    const keys = [...this.#awaited.keys()].filter((key) => key.startsWith(`${uid}/`));
    for (const key of keys) this.#awaited.delete(key);
    if (keys.length > 0) this.changed();
  }

  /** What is about to be detached is taken off the list first. Read fresh, after the node has said what it uses. */
  async #isListed(name: string): Promise<boolean> {
    const { status } = await this.#options.client.for(nodeResource).get("", this.#options.nodeName);
    return status?.volumesAttached?.some((listed) => listed.name === name) === true;
  }

  async #report(name: string, signal: AbortSignal): Promise<void> {
    const said = new AbortController();
    const look = () => this.#reported.has(name) && said.abort();
    this.#reports.add(look);
    this.changed();
    await sleep(this.#options.clock, REPORT_WAIT_MS, AbortSignal.any([signal, said.signal])).catch(() => {});
    this.#reports.delete(look);
    if (!this.#reported.has(name)) throw new MountError(`volume ${name} has not been reported in use yet`);
  }
}
