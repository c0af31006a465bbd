import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { mutatingAdmissionPolicyBindingResource } from "../../resources/admissionregistration/mutating-admission-policy-binding.ts";
import { mutatingAdmissionPolicyResource } from "../../resources/admissionregistration/mutating-admission-policy.ts";
import { validatingAdmissionPolicyBindingResource } from "../../resources/admissionregistration/validating-admission-policy-binding.ts";
import { validatingAdmissionPolicyResource } from "../../resources/admissionregistration/validating-admission-policy.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type {
  MatchCondition,
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from "../../resources/types.ts";
import type { ObjectStore } from "../../storage/object-store.ts";

/** What all policies have, of whichever kind. */
export interface PolicyLike extends KubeObject {
  readonly spec: {
    readonly failurePolicy?: string;
    readonly paramKind?: ParamKind;
    readonly matchConstraints?: MatchResources;
    readonly matchConditions?: readonly MatchCondition[];
  };
}

export interface BindingLike extends KubeObject {
  readonly spec: { readonly policyName?: string; readonly paramRef?: ParamRef; readonly matchResources?: MatchResources };
}

/** A policy and what puts it into effect. */
export interface BoundPolicy<P extends PolicyLike, B extends BindingLike> {
  readonly policy: P;
  readonly bindings: readonly B[];
}

/** The policies of one kind that have bindings, by name, each with its bindings by name. */
class PolicyList<P extends PolicyLike, B extends BindingLike> {
  readonly policies = new NamedObjects<P>(() => this.#forget());
  readonly bindings = new NamedObjects<B>(() => this.#forget());
  #bound: readonly BoundPolicy<P, B>[] | undefined;

  get bound(): readonly BoundPolicy<P, B>[] {
    this.#bound ??= this.#compute();
    return this.#bound;
  }

  #compute(): readonly BoundPolicy<P, B>[] {
    const byPolicy = Map.groupBy(this.bindings.sorted(), ({ spec }) => spec.policyName ?? "");
    return this.policies.sorted().flatMap((policy) => {
      const bindings = byPolicy.get(policy.metadata.name ?? "");
      return bindings === undefined ? [] : [{ policy, bindings }];
    });
  }

  #forget(): void {
    this.#bound = undefined;
  }
}

class NamedObjects<T extends KubeObject> {
  readonly #byName = new Map<string, T>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get(name: string): T | undefined {
    return this.#byName.get(name);
  }

  sorted(): readonly T[] {
    return [...this.#byName].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, object]) => object);
  }

  follow(store: Pick<ObjectStore, "follow">, definition: ResourceDefinition<T>): void {
    const set = (object: T) => this.#byName.set(object.metadata.name ?? "", object);
    store.follow(definition, {
      replaced: (objects) => {
        this.#byName.clear();
        objects.forEach(set);
        this.#changed();
      },
      changed: (object, wasDeleted) => {
        if (wasDeleted) this.#byName.delete(object.metadata.name ?? "");
        else set(object);
        this.#changed();
      },
    });
  }
}

export type ValidatingPolicies = PolicyList<ValidatingAdmissionPolicy & KubeObject, ValidatingAdmissionPolicyBinding & KubeObject>;
export type MutatingPolicies = PolicyList<MutatingAdmissionPolicy & KubeObject, MutatingAdmissionPolicyBinding & KubeObject>;

export interface PolicyIndex {
  readonly validating: ValidatingPolicies;
  readonly mutating: MutatingPolicies;
}

/** The policies in effect, always as new as the store's cache. */
export function followPolicies(store: Pick<ObjectStore, "follow">): PolicyIndex {
  const index: PolicyIndex = { validating: new PolicyList(), mutating: new PolicyList() };
  index.validating.policies.follow(store, validatingAdmissionPolicyResource);
  index.validating.bindings.follow(store, validatingAdmissionPolicyBindingResource);
  index.mutating.policies.follow(store, mutatingAdmissionPolicyResource);
  index.mutating.bindings.follow(store, mutatingAdmissionPolicyBindingResource);
  return index;
}
