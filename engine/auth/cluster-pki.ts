import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "../lib/clock.ts";
import { KeyedLocks } from "../lib/keyed-locks.ts";
import {
  createAuthority,
  isFor,
  isSignedBy,
  issueCertificate,
  readCertificate,
  requireAuthority,
  signAsRequested,
  signRequest,
  type CertificateRequest,
  type KeyPair,
} from "./certificates.ts";
import { formatNodeToken } from "./node-token.ts";
import { generateTokenKey } from "./service-account-token.ts";

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
const CERTIFICATE_DAYS = 365;
/** Clocks of other machines may be behind ours. */
const BACKDATE_MS = 5 * 60_000;
/** A certificate is replaced when less than this part of its life is left. */
const RENEW_SHARE = 0.3;

const APPROVED_SECONDS_MIN = 600;
const SHORT_LIFE_MS = 8 * 3_600_000;

/** A certificate of one's own, by the name of its file. */
export type PkiRequest = Omit<CertificateRequest, "notBeforeMs" | "notAfterMs">;

export interface ApprovedSigning {
  readonly authority?: KeyPair;
  /** The longest life that a certificate gets. */
  readonly lifeMaxMs?: number;
}

/** The cluster's keys in one directory, readable by their owner alone. Whatever is missing is made, whatever ends soon is renewed. */
export class ClusterPki {
  readonly #directory: string;
  /** By name: two that make one pair at a time would leave the key of one beside the certificate of the other. */
  readonly #issuing = new KeyedLocks();
  readonly #clock: Clock;
  readonly #authority: KeyPair;

  private constructor(directory: string, clock: Clock, authority: KeyPair) {
    this.#directory = directory;
    this.#clock = clock;
    this.#authority = authority;
  }

  static async open(directory: string, clock: Clock): Promise<ClusterPki> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const nowMs = clock.now();
    const known = await readPair(directory, "ca");
    const authority = known ?? (await createAuthority(`mainstay-ca@${Math.floor(nowMs / 1000)}`, nowMs - BACKDATE_MS, nowMs + AUTHORITY_DAYS * DAY_MS));
    if (known === undefined) await writePair(directory, "ca", authority);
    else checkAuthority(known, directory);
    return new ClusterPki(directory, clock, authority);
  }

  /** The authority's certificate, PEM: what clients trust, and what clients' certificates are checked against. */
  get ca(): string {
    return this.#authority.certificate;
  }

  /** With its key: for servers that shall be authorities, too. */
  get authority(): KeyPair {
    return this.#authority;
  }

  /** The certificate kept under this name, or a new one when there is none that says this and lasts. Who asks at the same time gets the same. */
  certificate(name: string, request: PkiRequest): Promise<KeyPair> {
    return this.#issuing.run([name], () => this.#provide(name, request));
  }

  async #provide(name: string, request: PkiRequest): Promise<KeyPair> {
    const known = await readPair(this.#directory, name);
    if (known !== undefined && this.#isGood(known.certificate, request)) return known;
    const fresh = await issueCertificate(this.#authority, this.#dated(request));
    await writePair(this.#directory, name, fresh);
    return fresh;
  }

  /** Signs the key of somebody else's request; what the certificate says is ours to decide. */
  sign(requestPem: string, request: PkiRequest): Promise<string> {
    return signRequest(this.#authority, requestPem, this.#dated(request));
  }

  /** Signs what an approved request asks for, for so long or less, by the cluster's authority or one that an operator has given. */
  signApproved(
    requestPem: string,
    usages: readonly string[],
    seconds: number | undefined,
    { authority = this.#authority, lifeMaxMs = CERTIFICATE_DAYS * DAY_MS }: ApprovedSigning = {},
  ): Promise<string> {
    const nowMs = this.#clock.now();
    const lifeMs = Math.min(seconds === undefined ? Infinity : Math.max(seconds, APPROVED_SECONDS_MIN) * 1000, lifeMaxMs);
    // Who asks for a short life gets it: what lies before now is not added to it.
    return signAsRequested(authority, requestPem, usages, nowMs - BACKDATE_MS, lifeMs < SHORT_LIFE_MS ? nowMs + lifeMs : nowMs + lifeMs - BACKDATE_MS);
  }

  /** The key that signs service account tokens, PEM. */
  tokenKey(): Promise<string> {
    return this.#secret("service-account.key", generateTokenKey);
  }

  /** The secret by which machines join. */
  async joinToken(): Promise<string> {
    return (await this.#secret("join-token", () => randomBytes(24).toString("base64url"))).trim();
  }

  /** The secret by which servers join: with it they get the cluster's keys. */
  async serverSecret(): Promise<string> {
    return (await this.#secret("server-secret", () => randomBytes(32).toString("base64url"))).trim();
  }

  /** Both with the authority's hash before them, as people hand them to machines; kept in the files `node-token` and `server-token`. */
  async writeTokens(): Promise<{ readonly node: string; readonly server: string }> {
    return { node: await this.#token("node-token", await this.joinToken()), server: await this.#token("server-token", await this.serverSecret()) };
  }

  async #token(name: string, secret: string): Promise<string> {
    const token = formatNodeToken(this.ca, secret);
    const file = path.join(this.#directory, name);
    if ((await readIfThere(file))?.trim() !== token) await writePrivate(file, `${token}\n`);
    return token;
  }

  async #secret(file: string, make: () => string): Promise<string> {
    const full = path.join(this.#directory, file);
    const known = await readIfThere(full);
    if (known !== undefined) return known;
    const fresh = make();
    await writePrivate(full, fresh);
    return fresh;
  }

  #dated(request: PkiRequest): CertificateRequest {
    const nowMs = this.#clock.now();
    return { ...request, notBeforeMs: nowMs - BACKDATE_MS, notAfterMs: nowMs + CERTIFICATE_DAYS * DAY_MS };
  }

  #isGood(pem: string, request: PkiRequest): boolean {
    const nowMs = this.#clock.now();
    const { commonName, notBeforeMs, notAfterMs } = readCertificate(pem);
    const lasts = notAfterMs - nowMs > (notAfterMs - notBeforeMs) * RENEW_SHARE && notBeforeMs <= nowMs;
    return lasts && commonName === request.commonName && isFor(pem, request) && isSignedBy(this.#authority, pem);
  }
}

function checkAuthority(pair: KeyPair, directory: string): void {
  try {
    requireAuthority(pair);
  } catch (error) {
    throw new Error(
      `${path.join(directory, "ca.crt")} and ca.key cannot be used; put those of a backup in their place (new ones would be trusted by nobody who trusts these)`,
      { cause: error },
    );
  }
}

async function readPair(directory: string, name: string): Promise<KeyPair | undefined> {
  const certificate = await readIfThere(path.join(directory, `${name}.crt`));
  const key = await readIfThere(path.join(directory, `${name}.key`));
  return certificate === undefined || key === undefined ? undefined : { certificate, key };
}

async function writePair(directory: string, name: string, pair: KeyPair): Promise<void> {
  // The key first: a certificate without its key would look complete.
  await writePrivate(path.join(directory, `${name}.key`), pair.key);
  await writePrivate(path.join(directory, `${name}.crt`), pair.certificate);
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(`read ${file}`, { cause: error });
  }
}

/** Whole or not at all, and never readable by others, not even for a moment. */
export async function writePrivate(file: string, text: string): Promise<void> {
  const temporary = `${file}.new`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, file);
}
