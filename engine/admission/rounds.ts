import type { KubeObject } from "../apimachinery/object-meta.ts";

/** Which of a plugin's webhooks or policies run a second time: those that wish it, and after which somebody changed the object. */
export class Rounds {
  /** Run so far, if they wish to see later changes. */
  readonly #done = new Set<string>();
  readonly #again = new Set<string>();
  /** The object as the plugin left it. */
  last: KubeObject | undefined;

  remember(id: string): void {
    this.#done.add(id);
  }

  changed(): void {
    for (const id of this.#done) this.#again.add(id);
    this.#done.clear();
  }

  isAgain(id: string): boolean {
    return this.#again.has(id);
  }
}
