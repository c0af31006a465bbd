import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { unlessGone } from "../../apimachinery/status-error.ts";
import type { Client } from "../../client/client.ts";
import { Turns } from "../../lib/turns.ts";
import type { DesiredObject, DesiredState } from "../manifests/desired-state.ts";
import { objectsByUnit, perUnitInTurns } from "../manifests/objects-by-unit.ts";
import { mapConcurrently } from "../../lib/map-concurrently.ts";
import { identityOf, type ServedKinds } from "../manifests/served-kinds.ts";
import { referencesOf, type ObjectReference } from "./object-references.ts";
import { rankOf, WAVE_ANNOTATION } from "../manifests/object-order.ts";
import { actionsOf, type Refusal, type SyncPlan } from "./plan-sync.ts";

const CONCURRENCY = 16;
/** After so many, everything else in the process has its turn. */
const OBJECTS_PER_TURN = 1_000;
/** Made in every namespace by the system itself. */
const EVERYWHERE: ReadonlySet<string> = new Set(["ConfigMap/kube-root-ca.crt", "ServiceAccount/default"]);

/**
 * What the commit's objects refer to and what will not be there: held against the state as it will be, so that what comes with the commit
 * counts and what goes with it does not. Looks at objects that change, and at all others when the commit takes something away.
 */
export async function checkReferences(client: Client, kinds: ServedKinds, state: DesiredState, plan: SyncPlan): Promise<readonly Refusal[]> {
  const going = new Map(actionsOf(plan).flatMap((action) => (action.do === "prune" ? [[action.entry.identity, action] as const] : [])));
  const changing = actionsOf(plan).flatMap((action) => (action.do === "prune" ? [] : [action.desired]));
  const looked = new Set(changing);
  const made: ReadonlySet<string>[] = [];
  const turns = new Turns(OBJECTS_PER_TURN);
  for (const list of objectsByUnit(state.objects).values()) {
    for (const [identity, found] of going.size === 0 ? [] : await referrersIn(list, turns))
      if (going.has(identity)) for (const desired of found) looked.add(desired);
    const names = await namesInCustomObjects(list, turns);
    if (names.size > 0) made.push(names);
  }
  const open: { readonly desired: DesiredObject; readonly reference: ObjectReference }[] = [];
  for (const desired of looked) {
    await turns.next();
    for (const reference of referencesOf(desired.object)) if (!isExpected(reference, made)) open.push({ desired, reference });
  }
  const live = new Map<string, Promise<KubeObject | undefined>>();
  const find = (reference: ObjectReference, identity: string) => {
    const resource = kinds.ofGroupKind(reference.group, reference.kind);
    const before = live.get(identity);
    if (before !== undefined || resource === undefined) return before;
    const asked = unlessGone(client.for(resource).get(reference.namespace ?? "", reference.name));
    live.set(identity, asked);
    return asked;
  };
  const isNew = new Set(changing);
  const refusals = await mapConcurrently(open, CONCURRENCY, async ({ desired, reference }): Promise<Refusal | undefined> => {
    const identity = identityOfReference(reference);
    // Of kinds that are not served nothing is known.
    if (kinds.ofGroupKind(reference.group, reference.kind) === undefined) return undefined;
    if (going.has(identity)) return refuse(desired, reference, `${describe(reference)} leaves the repository with this commit`);
    // What was like this before the commit is not the commit's fault.
    if (!isNew.has(desired)) return undefined;
    const coming = state.objects.get(identity);
    const target = coming?.object ?? (await find(reference, identity));
    if (coming !== undefined && isLate(coming, desired) && (await find(reference, identity)) === undefined) return refuseLate(desired, reference, coming);
    if (target === undefined) return refuse(desired, reference, `there is no ${describe(reference)}, neither in the cluster nor in this commit`);
    return reference.key === undefined || hasKey(target, reference.key)
      ? undefined
      : refuse(desired, reference, `${describe(reference)} has no key ${reference.key}`);
  });
  return refusals.filter((refusal) => refusal !== undefined);
}

/** Whether the object would wait for what waits for it. Bindings are made whether or not there is their role. */
function isLate(coming: DesiredObject, { unit, order, object }: DesiredObject): boolean {
  return coming.unit === unit && rankOf(coming.order) > rankOf(order) && object.kind !== "RoleBinding" && object.kind !== "ClusterRoleBinding";
}

function isExpected(reference: ObjectReference, made: readonly ReadonlySet<string>[]): boolean {
  return EVERYWHERE.has(`${reference.kind}/${reference.name}`) || made.some((names) => names.has(`${reference.namespace ?? ""}/${reference.name}`));
}

function identityOfReference({ group, kind, namespace, name }: ObjectReference): string {
  return identityOf(group, kind, namespace, name);
}

/** By the identity of what is referred to: who refers to it. */
const referrersIn = perUnitInTurns(async (objects, turns) => {
  const referrers = new Map<string, DesiredObject[]>();
  for (const desired of objects) {
    await turns.next();
    for (const reference of referencesOf(desired.object)) {
      const identity = identityOfReference(reference);
      const known = referrers.get(identity);
      if (known === undefined) referrers.set(identity, [desired]);
      else known.push(desired);
    }
  }
  return referrers;
});

/** A custom object that names a Secret most likely makes it: certificates, sealed and external secrets are of this kind. */
const namesInCustomObjects = perUnitInTurns(async (objects, turns): Promise<ReadonlySet<string>> => {
  const names = new Set<string>();
  const walk = (namespace: string, value: unknown): void => {
    if (typeof value === "string") names.add(`${namespace}/${value}`);
    else if (typeof value === "object" && value !== null) for (const child of Object.values(value)) walk(namespace, child);
  };
  for (const { object, resource } of objects) {
    if (!resource.group.includes(".") || resource.group.endsWith(".k8s.io")) continue;
    await turns.next();
    walk(object.metadata.namespace ?? "", { name: object.metadata.name, spec: (object as KubeObject & { readonly spec?: unknown }).spec });
  }
  return names;
});

function hasKey(target: KubeObject, key: string): boolean {
  const { data, stringData, binaryData } = target as KubeObject &
    Readonly<Record<"data" | "stringData" | "binaryData", Readonly<Record<string, unknown>> | undefined>>; // ConfigMaps and Secrets only
  return [data, stringData, binaryData].some((values) => values !== undefined && Object.hasOwn(values, key));
}

function describe({ kind, namespace, name }: ObjectReference): string {
  return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

function refuse(desired: DesiredObject, reference: ObjectReference, message: string): Refusal {
  const isOptionalPossible = reference.kind === "ConfigMap" || reference.kind === "Secret";
  return {
    desired,
    complaint: {
      field: reference.field,
      message: `${message}; add it${isOptionalPossible ? ", make the reference optional" : ""}, or set references: warn in mainstay.yaml`,
      isImmutable: false,
    },
  };
}

function refuseLate(desired: DesiredObject, reference: ObjectReference, { file, line, order }: DesiredObject): Refusal {
  const earlier =
    desired.order.phase === order.phase ? `the annotation ${WAVE_ANNOTATION}: "${desired.order.wave}"` : `the annotations of this object's hook and wave`;
  return {
    desired,
    complaint: {
      field: reference.field,
      message: `${describe(reference)} is not there yet and comes only after this object, which cannot be ready without it; give ${file}:${line} ${earlier}, or set references: warn in mainstay.yaml`,
      isImmutable: false,
    },
  };
}
