import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { writeWholeFile } from "../../engine/lib/whole-file.ts";

/** A device that a driver made ready. Without requests it is for all of the claim's. */
export interface PreparedDevice {
  readonly pool: string;
  readonly device: string;
  readonly shareId?: string;
  readonly requests: readonly string[];
  readonly cdiIds: readonly string[];
}

export interface PreparedClaim {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** By uid; those that need the claim on this node. */
  readonly pods: readonly string[];
  /** By driver; none before it has answered. */
  readonly drivers: Readonly<Record<string, readonly PreparedDevice[]>>;
}

/**
 * Which claims are prepared on this node, and for whom. Kept in a file, since only the agent knows: a driver must be told when a claim's
 * last pod is gone, also when that happened while no agent ran.
 */
export class PreparedClaims {
  readonly #file: string;
  readonly #claims: Map<string, PreparedClaim>;

  constructor(file: string) {
    this.#file = file;
    this.#claims = new Map(readClaims(file).map((claim) => [keyOf(claim.namespace, claim.name), claim]));
  }

  get(namespace: string, name: string): PreparedClaim | undefined {
    return this.#claims.get(keyOf(namespace, name));
  }

  all(): readonly PreparedClaim[] {
    return [...this.#claims.values()];
  }

  /** On the disk when it returns. */
  put(claim: PreparedClaim): void {
    this.#claims.set(keyOf(claim.namespace, claim.name), claim);
    this.#write();
  }

  remove({ namespace, name }: PreparedClaim): void {
    if (this.#claims.delete(keyOf(namespace, name))) this.#write();
  }

  #write(): void {
    mkdirSync(path.dirname(this.#file), { recursive: true, mode: 0o750 });
    writeWholeFile(this.#file, JSON.stringify(this.all()));
  }
}

const keyOf = (namespace: string, name: string) => `${namespace}/${name}`;

function readClaims(file: string): readonly PreparedClaim[] {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as PreparedClaim[]; // nobody else writes it
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new Error(`read ${file}, where the agent keeps which devices are prepared`, { cause: error });
  }
}
