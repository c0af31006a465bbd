import type { ContainerState, Runtime } from "./runtime.ts";

/**
 * The containers that run, with what does not change of them while they do: their names, logs and starts. Each is asked for once, so that
 * looking often costs little however many there are.
 */
export class RunningContainers {
  readonly #runtime: Pick<Runtime, "glance" | "listContainers">;
  #known: ReadonlyMap<string, ContainerState> = new Map();

  constructor(runtime: Pick<Runtime, "glance" | "listContainers">) {
    this.#runtime = runtime;
  }

  async list(): Promise<readonly ContainerState[]> {
    const running = (await this.#runtime.glance()).containers.filter(({ state }) => state === "running");
    const pods = new Set(running.filter(({ id }) => !this.#known.has(id)).map(({ podUid }) => podUid));
    const found = await Promise.all([...pods].map((podUid) => this.#runtime.listContainers(podUid)));
    const states = new Map([
      ...this.#known,
      ...found
        .flat()
        .filter(({ state }) => state === "running")
        .map((state) => [state.id, state] as const),
    ]);
    // Not more than run: what has ended is forgotten.
    this.#known = new Map(running.flatMap(({ id }) => (states.has(id) ? [[id, states.get(id)!] as const] : [])));
    return [...this.#known.values()];
  }
}
