import { randomBytes } from "node:crypto";
import { sleep, type Clock } from "../../lib/clock.ts";
import { ExpiringCache } from "../../lib/expiring-cache.ts";
import { GrpcCode, GrpcError } from "../../lib/grpc/grpc-error.ts";
import { openGrpcChannel, type GrpcChannel } from "../../lib/grpc/grpc.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import type { Random } from "../../lib/random.ts";
import { decodeEnvelope, DEK_SEED, encodeEnvelope, openWithSource, requireStorable, sealWithSeed, type SealedKey } from "./kms-envelope.ts";
import { KeyManagementService, type EncryptedObject } from "./kms_pb.ts";
import { SEALED_PREFIX, type Sealer } from "./sealers.ts";

export interface KmsSettings {
  readonly name: string;
  /** `unix:///run/kms.sock`; with a leading `@`, a socket without a file. */
  readonly endpoint: string;
  readonly timeoutMs: number;
}

/** Upstream's times: how often a plugin is asked how it is, and how long after its last good answer values are still sealed. */
const ASK_WELL_MS = 60_000;
const ASK_ILL_MS = 10_000;
/** The same for one that has not been well yet: nothing that it seals can be read or written before. */
const ASK_FIRST_MS = 1_000;
const SEED_LIFE_MS = 3 * 60_000;
const SEED_BYTES = 32;
const INFO_BYTES = 32;
/** How long a plugin that has not answered in time is not asked to open the same key again, and one that opened a wrong one. */
const ASK_AGAIN_MS = 10_000;
/** Opened keys that are remembered: one for each start of a server and key of the plugin. */
const OPENED_MAX = 1_000;
const VERSIONS = ["v2", "v2beta1"];

interface OpenedKey {
  readonly source: Uint8Array;
  readonly atMs: number;
  /** Whether it did not open a value: the plugin may have been wrong just then. */
  isDoubted: boolean;
}

interface Current extends SealedKey {
  readonly seed: Buffer;
  readonly expiresAtMs: number;
}

/**
 * Values sealed by keys that a key management plugin seals in turn (upstream's KMS version 2). The plugin sees a key once for each start
 * and whenever its own has changed; values never reach it. Reading needs it only for keys that are not remembered.
 */
export class KmsProvider implements Sealer {
  readonly prefix: string;
  readonly name: string;
  readonly #settings: KmsSettings;
  readonly #channel: GrpcChannel;
  readonly #parts: { readonly clock: Clock; readonly random: Random; readonly logger: Logger };
  readonly #opened = new Map<string, OpenedKey>();
  readonly #opening = new Map<string, Promise<void>>();
  /** What came of keys that the plugin was too slow for. */
  readonly #late: ExpiringCache<Error>;
  #current: Current | undefined;
  #illness: string | undefined = "the plugin has not been asked yet";

  constructor(settings: KmsSettings, parts: { readonly clock: Clock; readonly random: Random; readonly logger: Logger }) {
    this.name = settings.name;
    this.prefix = `${SEALED_PREFIX}kms:v2:${settings.name}:`;
    this.#settings = settings;
    this.#parts = parts;
    this.#late = new ExpiringCache(parts.clock, OPENED_MAX);
    this.#channel = openGrpcChannel(settings.endpoint.replace(/^unix:\/\/\/@/, "unix-abstract:").replace(/^unix:\/\//, "unix:"));
  }

  /** Throws while the plugin is not well. */
  requireWell(): void {
    if (this.#illness !== undefined) throw new Error(this.#illness);
  }

  /** Asks the plugin how it is and, when its key has changed, has it seal a new one of ours. Rejects when it is not well. */
  async ask(): Promise<void> {
    const expiresAtMs = this.#parts.clock.now() + SEED_LIFE_MS;
    try {
      const { version, healthz, keyId } = await this.#channel.unary(KeyManagementService.method.status, {}, { timeoutMs: this.#settings.timeoutMs });
      if (healthz !== "ok") throw new Error(`got unexpected healthz status: ${healthz}`);
      if (!VERSIONS.includes(version)) throw new Error(`expected KMSv2 API version v2, got ${version}`);
      this.#current = this.#current?.keyId === keyId ? { ...this.#current, expiresAtMs } : await this.#newKey(keyId, expiresAtMs);
      this.#illness = undefined;
    } catch (error) {
      this.#illness = `kmsv2 Provider ${this.name} is not healthy, error: ${describeError(error)}`;
      throw new Error(this.#illness, { cause: error });
    }
  }

  /** The same for who goes on without it. */
  async askOrWarn(): Promise<void> {
    const known = this.#illness;
    await this.ask().catch((error: unknown) => {
      if (this.#illness !== known) this.#parts.logger.warn("a key management plugin is not well", { provider: this.name, error: describeError(error) });
    });
  }

  /** Keeps asking until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = this.#illness === undefined ? ASK_WELL_MS : this.#current === undefined ? ASK_FIRST_MS : ASK_ILL_MS;
      await sleep(this.#parts.clock, waitMs, signal).catch(() => {}); // the loop ends by itself
      if (!signal.aborted) await this.askOrWarn();
    }
  }

  close(): void {
    this.#channel.close();
  }

  seal(place: string, plain: Buffer): Buffer {
    const { clock } = this.#parts;
    const current = this.#current;
    if (current === undefined) throw new Error(this.#illness ?? "there is no key to seal with");
    if (clock.now() > current.expiresAtMs) throw new Error(`encryptedDEKSource expired: ${this.#illness ?? "the plugin has not been asked in time"}`);
    return encodeEnvelope(current, sealWithSeed(current.seed, randomBytes(INFO_BYTES), place, plain));
  }

  open(place: string, sealed: Buffer): Buffer {
    const envelope = decodeEnvelope(sealed);
    const key = this.#opened.get(idOf(envelope));
    if (key === undefined) throw new Error("its key has not been opened");
    try {
      return openWithSource(envelope.encryptedDEKSourceType, key.source, place, Buffer.from(envelope.encryptedData));
    } catch (error) {
      key.isDoubted = this.#parts.clock.monotonic() - key.atMs >= ASK_AGAIN_MS;
      throw error;
    }
  }

  /**
   * Has the plugin open the key of a value; undefined when it is known. One that is in doubt goes on being used until there is a better one.
   * A plugin that has not been well since the start is not asked, as upstream does not: who reads need not wait to learn that.
   */
  prepare(sealed: Buffer): Promise<void> | undefined {
    if (this.#current === undefined) return Promise.reject(new Error(this.#illness));
    const envelope = decodeEnvelope(sealed);
    const id = idOf(envelope);
    const opened = this.#opened.get(id);
    if (opened?.isDoubted === false) return undefined;
    const late = this.#late.get(id);
    if (late !== undefined) return opened === undefined ? Promise.reject(late) : undefined;
    const opening = this.#opening.get(id) ?? this.#openKey(id, envelope).finally(() => this.#opening.delete(id));
    this.#opening.set(id, opening);
    return opened === undefined ? opening : opening.catch(() => {});
  }

  /** The plugin's own key is what a value counts as sealed by. */
  markOf(sealed: Buffer): string {
    return this.prefix + decodeEnvelope(sealed).keyID;
  }

  currentMark(): string {
    return this.prefix + (this.#current?.keyId ?? "");
  }

  async #newKey(statusKeyId: string, expiresAtMs: number): Promise<Current> {
    const seed = randomBytes(SEED_BYTES);
    const {
      ciphertext: source,
      keyId,
      annotations,
    } = await this.#channel.unary(
      KeyManagementService.method.encrypt,
      { plaintext: seed, uid: this.#parts.random.uuid() },
      { timeoutMs: this.#settings.timeoutMs },
    );
    const sealedKey: SealedKey = { keyId, source, annotations };
    requireStorable({ ...sealedKey, keyId: statusKeyId });
    requireStorable(sealedKey);
    this.#remember(idOf({ keyID: keyId, encryptedDEKSource: source }), seed);
    this.#parts.logger.info("values are sealed by a new key", { provider: this.name });
    return { ...sealedKey, seed, expiresAtMs };
  }

  async #openKey(id: string, { encryptedDEKSource, encryptedDEKSourceType, keyID, annotations }: EncryptedObject): Promise<void> {
    const { plaintext } = await this.#channel
      .unary(
        KeyManagementService.method.decrypt,
        { ciphertext: encryptedDEKSource, uid: this.#parts.random.uuid(), keyId: keyID, annotations },
        { timeoutMs: this.#settings.timeoutMs },
      )
      .catch((cause: unknown) => {
        const error = new Error("failed to decrypt DEK", { cause });
        if (cause instanceof GrpcError && cause.code === GrpcCode.deadlineExceeded) this.#late.set(id, error, ASK_AGAIN_MS);
        throw error;
      });
    if (encryptedDEKSourceType === DEK_SEED && plaintext.length !== SEED_BYTES)
      throw new Error(`failed to decrypt DEK: invalid seed length ${plaintext.length} used for key generation`);
    this.#remember(id, plaintext);
  }

  #remember(id: string, source: Uint8Array): void {
    this.#opened.set(id, { source, atMs: this.#parts.clock.monotonic(), isDoubted: false });
    if (this.#opened.size > OPENED_MAX) this.#opened.delete(this.#opened.keys().next().value ?? "");
  }
}

function idOf({ keyID, encryptedDEKSource }: Pick<EncryptedObject, "keyID" | "encryptedDEKSource">): string {
  return `${Buffer.from(encryptedDEKSource).toString("base64")} ${keyID}`;
}
