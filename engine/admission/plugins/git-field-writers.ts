import { BoundedCache } from "../../lib/bounded-cache.ts";

const OBJECTS_MAX = 10_000;

/** An object by what it is called. */
export interface ObjectName {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/**
 * Who changed, removed or deleted last what the repository states, by this server's own knowledge: managed fields tell the program that
 * set a field, but neither whose it was nor who took one away.
 */
export class GitFieldWriters {
  readonly #users = new BoundedCache<string>(OBJECTS_MAX);

  note(object: ObjectName, user: string): void {
    this.#users.set(keyOf(object), user);
  }

  /** Undefined: nobody did, through this server and since it started. */
  of(object: ObjectName): string | undefined {
    return this.#users.get(keyOf(object));
  }

  /** It was put back: who changes it next is another matter. */
  forget(object: ObjectName): void {
    this.#users.delete(keyOf(object));
  }
}

function keyOf({ group, kind, namespace, name }: ObjectName): string {
  return JSON.stringify([group, kind, namespace, name]);
}
