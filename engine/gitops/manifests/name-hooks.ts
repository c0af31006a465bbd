import { createHash } from "node:crypto";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { SOURCE_ANNOTATION, type DesiredObject } from "./desired-state.ts";
import { isRun } from "./hook-policies.ts";
import { identityOf } from "./served-kinds.ts";

/** A Job's pods carry its name in a label, which ends at 63 characters. */
const NAME_MAX = 63;

/**
 * Gives each hook that runs a name that is made from the unit's content: whatever changes in the unit makes it another one, which
 * runs, while the one before leaves the repository and is pruned. The same content, even after a restart, is the same hook, so that
 * nothing runs twice for it. A hook of several moments is one for each.
 */
export function nameHooks(objects: readonly DesiredObject[]): readonly DesiredObject[] {
  if (!objects.some(isRun)) return objects;
  const content = createHash("sha256");
  for (const text of objects
    .filter((desired) => !isRun(desired))
    .map((desired) => `${desired.identity} ${contentDigest(desired.object)}`)
    .sort())
    content.update(`${text}\n`);
  const base = content.digest("hex");
  return objects.flatMap((desired) =>
    isRun(desired)
      ? atEachMoment(desired).map((hook, index) =>
          renamed(
            hook,
            createHash("sha256")
              .update(`${base} ${contentDigest(hook.object)}${index === 0 ? "" : ` ${hook.order.phase}`}`)
              .digest("hex")
              .slice(0, 8),
          ),
        )
      : [desired],
  );
}

function atEachMoment(desired: DesiredObject): readonly DesiredObject[] {
  const { order } = desired;
  return (order.hook ?? []).map((phase) => ({ ...desired, order: { ...order, phase } }));
}

/** Of what an object says, not of where it says it: moving a manifest changes nothing. */
export function contentDigest(object: KubeObject): string {
  const { [SOURCE_ANNOTATION]: _source, ...annotations } = object.metadata.annotations ?? {};
  return createHash("sha1")
    .update(JSON.stringify({ ...object, metadata: { ...object.metadata, annotations } }))
    .digest("base64url");
}

function renamed(desired: DesiredObject, suffix: string): DesiredObject {
  const { object, resource } = desired;
  const name = `${(object.metadata.name ?? "").slice(0, NAME_MAX - suffix.length - 1).replace(/[^a-z0-9]+$/, "")}-${suffix}`;
  const intent: KubeObject = { ...object, metadata: { ...object.metadata, name } };
  return {
    ...desired,
    hookName: object.metadata.name ?? "",
    identity: identityOf(resource.group, resource.kind, object.metadata.namespace, name),
    object: Object.freeze(intent),
    digest: createHash("sha1").update(JSON.stringify(intent)).digest("base64"),
  };
}
