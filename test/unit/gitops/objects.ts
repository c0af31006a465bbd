import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import type { DesiredObject } from "../../../engine/gitops/manifests/desired-state.ts";
import { toDesiredObject, isLeftOut, isProblem } from "../../../engine/gitops/manifests/desired-state.ts";
import type { Unit } from "../../../engine/gitops/manifests/resolve-units.ts";
import { catalog } from "../../../engine/resources/catalog.ts";

/** Builders for plans: only what matters is given. */
export const unit = (name: string, more: Partial<Unit> = {}): Unit => ({ name, path: `apps/${name}`, namespace: name, prune: true, dependsOn: [], deadlineMs: 300_000, ...more });

export function desired(kind: string, name: string, fields: Record<string, unknown> = {}, owner = unit("web")): DesiredObject {
  const resource = catalog.find((candidate) => candidate.kind === kind);
  if (resource === undefined) throw new Error(`no kind ${kind}`);
  const object = { apiVersion: resource.group === "" ? resource.version : `${resource.group}/${resource.version}`, kind, metadata: { name }, ...fields } as KubeObject;
  const made = toDesiredObject({ object, resource, line: 1, place: { document: 0, prefix: [] } }, owner, `${owner.path}/${name}.yaml`, "b".repeat(40));
  if (isLeftOut(made)) throw new Error(made.leftOut);
  if (isProblem(made)) throw new Error(made.message);
  return made;
}

/** The object as the server would keep it. */
export function stored(from: DesiredObject, fields: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}): KubeObject {
  return { ...from.object, ...fields, metadata: { ...from.object.metadata, uid: `uid-${from.object.metadata.name}`, resourceVersion: "10", ...metadata } } as KubeObject;
}
