import { createPublicKey } from "node:crypto";
import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { JWTPayload } from "jose";
import { sleep, type Clock } from "../../lib/clock.ts";
import { GrpcError } from "../../lib/grpc/grpc-error.ts";
import { methodPath, openGrpcChannel, type GrpcChannel } from "../../lib/grpc/grpc.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import type { MetricsRegistry } from "../../lib/metrics.ts";
import { tokenKey, type TokenKey, type TokenSigner } from "../token-signer.ts";
import { ExternalJWTSigner, type FetchKeysResponse, type SignJWTResponse } from "./externaljwt_pb.ts";
import { SignerMetrics } from "./signer-metrics.ts";

export interface ExternalSignerParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
}

interface FetchedKey extends TokenKey {
  /** Good on tokens of former times, and not told to others. */
  readonly isHidden: boolean;
}

interface FetchedKeys {
  readonly keys: readonly FetchedKey[];
  /** Of when they are, in seconds since the epoch. */
  readonly dataSeconds: number;
  readonly refreshAtMs: number;
}

type Unary<I extends DescMessage, O extends DescMessage> = DescMethod & { methodKind: "unary"; input: I; output: O };

/** Upstream's times: what a question may take, and when keys are asked for again after a failure. */
const CALL_MS = 60_000;
const METADATA_MS = 10_000;
const REFRESH_RETRY_MS = 10_000;
/** While the socket is not there a call waits for it, as long as it may take. */
const READY_RETRY_MS = 100;
const KEY_ID_MAX = 1024;
const ALGORITHMS = ["RS256", "ES256", "ES384", "ES512"];
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/**
 * Tokens that a program beside the server signs (upstream's ExternalJWTSigner, version 1, gRPC over a unix socket), which alone has the private
 * key. Its public keys are fetched as often as it wants, and when a token names one that is not known.
 */
export class ExternalSigner implements TokenSigner {
  readonly #channel: GrpcChannel;
  readonly #parts: ExternalSignerParts;
  readonly #metrics: SignerMetrics;
  #fetched: FetchedKeys = { keys: [], dataSeconds: 0, refreshAtMs: 0 };
  #fetching: Promise<void> | undefined;
  #generation = 0;
  readonly #closing = new AbortController();

  /** `endpoint` is the path of a socket; with a leading `@`, a socket without a file. */
  constructor(endpoint: string, parts: ExternalSignerParts) {
    this.#channel = openGrpcChannel(endpoint.startsWith("@") ? `unix-abstract:${endpoint.slice(1)}` : `unix:${endpoint}`);
    this.#parts = parts;
    this.#metrics = new SignerMetrics(parts.metrics, parts.clock);
  }

  get generation(): number {
    return this.#generation;
  }

  get published(): readonly TokenKey[] {
    return this.#fetched.keys.filter(({ isHidden }) => !isHidden);
  }

  get publishedForSeconds(): number {
    return Math.max(0, Math.trunc((this.#fetched.refreshAtMs - this.#parts.clock.now()) / 1000));
  }

  async sign(claims: JWTPayload): Promise<string> {
    try {
      const token = await this.#sign(Buffer.from(JSON.stringify(claims)).toString("base64url"));
      this.#metrics.signed(undefined);
      return token;
    } catch (error) {
      this.#metrics.signed(error);
      throw error;
    }
  }

  /** A name that is not known is asked for; without an answer nothing is. */
  async keysOf(id: string | undefined): Promise<readonly FetchedKey[]> {
    const known = () => this.#fetched.keys.filter((key) => id === undefined || id === "" || key.id === id);
    if (known().length > 0) return known();
    await this.fetchKeys().catch((error: unknown) => this.#parts.logger.warn("the keys of tokens could not be fetched", { error: describeError(error) }));
    return known();
  }

  /** Fetches the keys; what was known before goes on being so when that fails. */
  fetchKeys(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  /** The longest life of the tokens that it signs, in seconds. */
  async secondsMax(): Promise<number> {
    return Number((await this.#ask(ExternalJWTSigner.method.metadata, {}, METADATA_MS)).maxTokenExpirationSeconds);
  }

  /** Keeps fetching the keys until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#parts;
    for (let retryMs = 0; !signal.aborted;) {
      await sleep(clock, retryMs || Math.max(0, this.#fetched.refreshAtMs - clock.now()), signal).catch(() => {}); // the loop ends by itself
      if (signal.aborted) break;
      retryMs = await this.fetchKeys().then(
        () => 0,
        (error: unknown) => {
          logger.warn("the keys of tokens could not be fetched, what held before goes on", { error: describeError(error) });
          return REFRESH_RETRY_MS;
        },
      );
    }
    this.close();
  }

  close(): void {
    this.#closing.abort();
    this.#channel.close();
  }

  async #sign(claims: string): Promise<string> {
    const answer = await this.#ask(ExternalJWTSigner.method.sign, { claims }, CALL_MS).catch((cause: unknown) =>
      Promise.reject(new Error("while signing jwt", { cause })),
    );
    await this.#requireGoodHeader(answer).catch((cause: unknown) => Promise.reject(new Error("while validating header", { cause })));
    if (answer.signature === "") throw new Error("empty signature returned");
    return `${answer.header}.${claims}.${answer.signature}`;
  }

  async #requireGoodHeader({ header }: SignJWTResponse): Promise<void> {
    const id = requireHeader(header);
    const hidden = (await this.keysOf(id)).some(({ isHidden }) => isHidden);
    if (hidden) throw new Error(`key used for signing JWT (kid: ${id}) is excluded from OIDC discovery docs`);
  }

  async #fetch(): Promise<void> {
    const { clock } = this.#parts;
    try {
      const answer = await this.#ask(ExternalJWTSigner.method.fetchKeys, {}, CALL_MS).catch((cause: unknown) =>
        Promise.reject(new Error("while getting externally supported jwt signing keys", { cause })),
      );
      const before = this.#fetched;
      this.#fetched = readKeys(answer, clock.now());
      if (areOther(before, this.#fetched)) this.#generation++;
    } catch (cause) {
      this.#metrics.fetched(cause);
      throw new Error("while fetching token verification keys", { cause });
    }
    this.#metrics.fetched(undefined);
    this.#metrics.dataOf(this.#fetched.dataSeconds);
  }

  async #ask<I extends DescMessage, O extends DescMessage>(method: Unary<I, O>, request: MessageInitShape<I>, timeoutMs: number): Promise<MessageShape<O>> {
    const { clock } = this.#parts;
    const beganMs = clock.monotonic();
    const note = (failure: unknown) => this.#metrics.asked(methodPath(method), failure, (clock.monotonic() - beganMs) / 1000);
    for (;;) {
      const leftMs = timeoutMs - (clock.monotonic() - beganMs);
      try {
        const answer = await this.#channel.unary(method, request, { timeoutMs: leftMs });
        note(undefined);
        return answer;
      } catch (error) {
        const isAway = error instanceof GrpcError && error.isUnsent && leftMs > READY_RETRY_MS;
        const goesOn =
          isAway &&
          (await sleep(clock, READY_RETRY_MS, this.#closing.signal).then(
            () => true,
            () => false,
          ));
        if (goesOn) continue;
        note(error);
        throw error;
      }
    }
  }
}

/** Reads what a signer tells of its keys. Throws in upstream's words for what cannot be. Pure. */
function readKeys({ keys, dataTimestamp, refreshHintSeconds }: FetchKeysResponse, nowMs: number): FetchedKeys {
  if (refreshHintSeconds <= 0n) throw new Error(`found invalid refresh hint (${refreshHintSeconds}s)`);
  if (keys.length === 0) throw new Error("found no keys");
  if (dataTimestamp === undefined) throw new Error("invalid data timestamp: proto: invalid nil Timestamp");
  const fetched = keys.map(({ keyId, key, excludeFromOidcDiscovery }): FetchedKey => {
    if (keyId === "" || Buffer.byteLength(keyId) > KEY_ID_MAX) throw new Error(`found invalid public key id ${JSON.stringify(keyId)}`);
    if (key.length === 0) throw new Error("found empty public key");
    try {
      return { ...tokenKey(createPublicKey({ key: Buffer.from(key), format: "der", type: "spki" }), keyId), isHidden: excludeFromOidcDiscovery };
    } catch (cause) {
      throw new Error("while parsing external public keys", { cause });
    }
  });
  return { keys: fetched, dataSeconds: Number(dataTimestamp.seconds) + dataTimestamp.nanos / 1e9, refreshAtMs: nowMs + Number(refreshHintSeconds) * 1000 };
}

function areOther(before: FetchedKeys, after: FetchedKeys): boolean {
  const text = ({ keys, dataSeconds }: FetchedKeys) => JSON.stringify([dataSeconds, keys.map(({ id, isHidden }) => [id, isHidden])]);
  return text(before) !== text(after);
}

/** The name of the key in a token's header. Throws in upstream's words for a header that no token here has. */
function requireHeader(header: string): string {
  if (!BASE64URL.test(header)) throw new Error("while unwrapping header: illegal base64 data");
  let fields: Readonly<Record<string, unknown>>;
  try {
    fields = Object(JSON.parse(Buffer.from(header, "base64url").toString())) as Readonly<Record<string, unknown>>; // of anything else the checks find nothing
  } catch (cause) {
    throw new Error("while parsing header JSON", { cause });
  }
  const unknown = Object.keys(fields).find((name) => name !== "alg" && name !== "kid" && name !== "typ");
  if (unknown !== undefined) throw new Error(`while parsing header JSON: json: unknown field ${JSON.stringify(unknown)}`);
  const { alg, kid, typ } = fields;
  if (typ !== "JWT") throw new Error("bad type");
  if (typeof kid !== "string" || kid === "") throw new Error("key id missing");
  if (Buffer.byteLength(kid) > KEY_ID_MAX) throw new Error("key id longer than 1 kb");
  if (typeof alg !== "string" || !ALGORITHMS.includes(alg)) throw new Error(`bad signing algorithm ${JSON.stringify(alg ?? "")}`);
  return kid;
}
