import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { formatTime, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { writeWholeFile } from "../../engine/lib/whole-file.ts";
import type { Secret } from "../../engine/resources/types.ts";
import type { Runtime } from "../cri/runtime.ts";
import { repositoryOf } from "./image-name.ts";
import { asObject, parseObject } from "./json-object.ts";
import { chooseCredentials, type ChosenCredentials } from "./registry-credentials.ts";
import type { VerificationPolicy } from "./verification-policy.ts";

/** Secrets that are kept of an image, the newest ones; as upstream, no more are added without a pull. */
const SECRETS_MAX = 100;
const API_VERSION = "kubelet.config.k8s.io/v1beta1";

/** A Secret that a registry has taken for an image. */
interface PullSecret {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly credentialHash: string;
}

/** Who may have an image under one of its names. */
interface Access {
  readonly nodePodsAccessible?: boolean;
  readonly kubernetesSecrets?: readonly PullSecret[];
}

interface PulledRecord {
  readonly imageRef: string;
  readonly credentialMapping: Readonly<Record<string, Access>>;
}

export interface ImageAccessOptions {
  /** Kept as a kubelet keeps it: `pulled` has a file for each image, `pulling` one for each name that is being pulled. */
  readonly folder: string;
  readonly policy: VerificationPolicy;
  readonly runtime: Pick<Runtime, "imageStatus">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Which pods may have an image that is on the machine already. One that the agent pulled without credentials is everybody's; one that it pulled
 * with a Secret is for who has the same Secret or the same credentials, and all others have to ask the registry with their own. Images that came
 * without the agent are whose the policy says.
 */
export class ImageAccess {
  readonly #options: ImageAccessOptions;
  /** By the name of its file, which can be told from the image's id also where the file cannot be read. */
  readonly #records = new Map<string, PulledRecord>();
  /** When each was heard of last, counted. */
  readonly #heardAt = new Map<string, number>();
  #heard = 0;
  /** Those that are on the disk as they were before, or not at all. */
  readonly #unwritten = new Set<string>();
  /** The pulls under way of each name. */
  readonly #pulling = new Map<string, number>();
  /** Names that an agent was pulling when it died. */
  readonly #interrupted = new Set<string>();

  constructor(options: ImageAccessOptions) {
    this.#options = options;
    for (const file of this.#files("pulled")) this.#records.set(file, asRecord(this.#read("pulled", file)));
    for (const file of this.#files("pulling")) {
      const { image } = this.#read("pulling", file);
      if (typeof image === "string") this.#interrupted.add(image);
    }
  }

  /** Whether a pod with these Secrets may have the image of this full name and id without asking its registry. */
  async mayUse(image: string, id: string, secrets: () => Promise<readonly Secret[]>): Promise<boolean> {
    await this.#recordInterrupted();
    const record = this.#records.get(fileOf(id));
    const isOurs = record !== undefined || this.#pulling.has(image);
    if (!this.#options.policy.asks(image, isOurs)) return true;
    const { nodePodsAccessible, kubernetesSecrets: known = [] } = record?.credentialMapping[repositoryOf(image)] ?? {};
    if (nodePodsAccessible === true || known.length === 0) return nodePodsAccessible === true;
    for (const one of chooseCredentials(image, await secrets()).map(pullSecretOf)) {
      const isSame = known.some((other) => isOfSameSecret(one, other));
      if (!isSame && !known.some(({ credentialHash }) => credentialHash === one.credentialHash)) continue;
      if (known.length < SECRETS_MAX) this.#record(image, id, { kubernetesSecrets: [one] });
      return true;
    }
    return false;
  }

  /** A pull of the image begins. Throws where that cannot be written down: an agent that died meanwhile would leave the image to everybody. */
  begin(image: string): void {
    const count = this.#pulling.get(image) ?? 0;
    if (count === 0) this.#write("pulling", image, { kind: "ImagePullIntent", apiVersion: API_VERSION, image });
    this.#pulling.set(image, count + 1);
  }

  /** It is there, by these credentials if any were asked for. */
  pulled(image: string, id: string, credentials: ChosenCredentials | undefined): void {
    const isWritten = this.#record(image, id, credentials === undefined ? { nodePodsAccessible: true } : { kubernetesSecrets: [pullSecretOf(credentials)] });
    // While that is not on the disk, the note that it was being pulled tells a later agent that not everybody may have it.
    this.#end(image, isWritten);
  }

  /** It did not come. */
  failed(image: string): void {
    this.#end(image, true);
  }

  /** A moment from before the machine's images are listed, for `keepOnly`. */
  now(): number {
    return this.#heard;
  }

  /** Forgets images that the machine does not have any more; `since` is when they were listed. */
  keepOnly(ids: Iterable<string>, since: number): void {
    const files = new Set([...ids].map(fileOf));
    for (const file of this.#records.keys()) {
      if (files.has(file) || (this.#heardAt.get(file) ?? 0) > since) continue;
      this.#records.delete(file);
      this.#heardAt.delete(file);
      this.#unwritten.delete(file);
      this.#remove("pulled", file);
    }
  }

  /** What came in the last moments of an agent that died has been pulled, and nobody knows by whose credentials. */
  async #recordInterrupted(): Promise<void> {
    for (const image of this.#interrupted) {
      const found = await this.#options.runtime.imageStatus(image);
      if (!this.#interrupted.delete(image)) continue; // somebody else was faster
      const isWritten = found === undefined || this.#record(image, found.id, {});
      if (isWritten && !this.#pulling.has(image)) this.#remove("pulling", fileOf(image));
    }
  }

  /** Adds to what is known of an image; whether that is on the disk. */
  #record(image: string, id: string, access: Access): boolean {
    const file = fileOf(id);
    const { credentialMapping = {} } = this.#records.get(file) ?? {};
    const repository = repositoryOf(image);
    const merged = mergeAccess(credentialMapping[repository], access);
    this.#heardAt.set(file, ++this.#heard);
    if (this.#records.has(file) && merged === credentialMapping[repository] && !this.#unwritten.has(file)) return true;
    const record = { imageRef: id, credentialMapping: merged === undefined ? credentialMapping : { ...credentialMapping, [repository]: merged } };
    this.#records.set(file, record);
    try {
      this.#write("pulled", id, { kind: "ImagePulledRecord", apiVersion: API_VERSION, lastUpdatedTime: formatTime(this.#options.clock.now()), ...record });
      this.#unwritten.delete(file);
      return true;
    } catch (error) {
      this.#unwritten.add(file);
      this.#options.logger.warn("who may have an image cannot be written down", { image, error: describeError(error) });
      return false;
    }
  }

  #end(image: string, isWritten: boolean): void {
    const left = (this.#pulling.get(image) ?? 1) - 1;
    if (left > 0) return void this.#pulling.set(image, left);
    this.#pulling.delete(image);
    if (isWritten && !this.#interrupted.has(image)) this.#remove("pulling", fileOf(image));
  }

  /** Throws where they cannot be listed: images of which nothing is known pass for the machine's own, which are everybody's. */
  #files(part: string): readonly string[] {
    const folder = path.join(this.#options.folder, part);
    try {
      return readdirSync(folder).filter((name) => /^sha256-[0-9a-f]{64}$/.test(name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return []; // what the file system throws: none was ever written
      throw new Error(`read who may have which images from ${folder}`, { cause: error });
    }
  }

  /** Empty where it cannot be read. */
  #read(part: string, file: string): Readonly<Record<string, unknown>> {
    try {
      return parseObject(readFileSync(path.join(this.#options.folder, part, file), "utf8"));
    } catch {
      return {};
    }
  }

  #write(part: string, of: string, value: object): void {
    const folder = path.join(this.#options.folder, part);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeWholeFile(path.join(folder, fileOf(of)), JSON.stringify(value));
  }

  #remove(part: string, file: string): void {
    try {
      rmSync(path.join(this.#options.folder, part, file), { force: true });
    } catch (error) {
      this.#options.logger.warn("a note about an image cannot be removed", { file, error: describeError(error) });
    }
  }
}

function fileOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("hex")}`;
}

function pullSecretOf({ credentials, secret: { metadata } }: ChosenCredentials): PullSecret {
  const { uid = "", namespace = "", name = "" } = metadata;
  const { username, password, identityToken, registryToken } = credentials;
  const text = JSON.stringify([username, password, identityToken, registryToken]);
  return { uid, namespace, name, credentialHash: createHash("sha256").update(text).digest("hex") };
}

function isOfSameSecret(a: PullSecret, b: PullSecret): boolean {
  return a.uid === b.uid && a.namespace === b.namespace && a.name === b.name;
}

/** What is known with what is new; the same value where that adds nothing. A registry that asks for no credentials does so for everybody. */
function mergeAccess(known: Access | undefined, { nodePodsAccessible, kubernetesSecrets = [] }: Access): Access | undefined {
  if (known?.nodePodsAccessible === true) return known;
  if (nodePodsAccessible === true) return { nodePodsAccessible };
  const before = known?.kubernetesSecrets ?? [];
  const fresh = kubernetesSecrets.filter((one) => !before.some((other) => isOfSameSecret(one, other) && other.credentialHash === one.credentialHash));
  if (fresh.length === 0) return known;
  return { kubernetesSecrets: [...before.filter((one) => !fresh.some((other) => isOfSameSecret(one, other))), ...fresh].slice(-SECRETS_MAX) };
}

/** What is no such record says of nobody that he may have the image. */
function asRecord({ imageRef, credentialMapping }: Readonly<Record<string, unknown>>): PulledRecord {
  const mapping = Object.entries(asObject(credentialMapping)).map(([repository, value]) => {
    const { nodePodsAccessible, kubernetesSecrets } = asObject(value);
    const secrets = Array.isArray(kubernetesSecrets) ? kubernetesSecrets.map(asObject).map(asPullSecret) : [];
    return [repository, nodePodsAccessible === true ? { nodePodsAccessible } : { kubernetesSecrets: secrets }] as const;
  });
  return { imageRef: typeof imageRef === "string" ? imageRef : "", credentialMapping: Object.fromEntries(mapping) };
}

function asPullSecret(value: Readonly<Record<string, unknown>>): PullSecret {
  const text = (field: string) => (typeof value[field] === "string" ? value[field] : "");
  return { uid: text("uid"), namespace: text("namespace"), name: text("name"), credentialHash: text("credentialHash") };
}
