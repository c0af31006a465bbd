import { podClaims } from "../../engine/resources/pod-claims.ts";
import type { Pod } from "../../engine/resources/types.ts";

/** Claims for one pod alone (ReadWriteOncePod), on this node: also of pods that came here without a scheduler, which sees to it otherwise. */
export class ExclusiveClaims {
  /** Uids of pods, by namespace and name of the claim. */
  readonly #holders = new Map<string, string>();
  readonly #users: () => readonly Pod[];

  /** `users`: the pods of this node that have volumes or wait for them. */
  constructor(users: () => readonly Pod[]) {
    this.#users = users;
  }

  /** Gives a claim to the pod, for as long as it is one of the users, unless another has it. */
  take(pod: Pod, claimName: string): boolean {
    const { namespace = "", uid = "" } = pod.metadata;
    const users = this.#users();
    for (const [key, holder] of this.#holders) if (!users.some(({ metadata }) => metadata.uid === holder)) this.#holders.delete(key);
    const key = `${namespace}/${claimName}`;
    const holder = this.#holders.get(key);
    const others = users.filter(
      (other) => other.metadata.uid !== uid && other.metadata.namespace === namespace && podClaims(other).some((use) => use.claimName === claimName),
    );
    // Who has started had it under an earlier agent, of which nothing else is remembered.
    if (others.some((other) => other.metadata.uid === holder || (holder === undefined && hasStarted(other)))) return false;
    this.#holders.set(key, uid);
    return true;
  }
}

function hasStarted({ status }: Pod): boolean {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].some(
    ({ containerID }) => containerID !== undefined && containerID !== "",
  );
}
