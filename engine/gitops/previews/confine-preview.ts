import { createHash } from "node:crypto";
import { withAnnotations, withLabels, withMetadata } from "../../apimachinery/object-copy.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { deepFreeze, jsonEqual } from "../../lib/freeze.ts";
import {
  APPLICATION_LABEL,
  describeDesired,
  DRIFT_ANNOTATION,
  INTENT_ANNOTATION,
  PREVIEW_LABEL,
  SOURCE_ANNOTATION,
  type DesiredObject,
  type DesiredState,
} from "../manifests/desired-state.ts";
import { globExpression } from "../manifests/ignore-patterns.ts";
import type { AdaptUnits } from "../manifests/load-manifests.ts";
import type { PreviewRules } from "../manifests/preview-rules.ts";
import type { Problem } from "../manifests/problem.ts";
import type { Unit } from "../manifests/resolve-units.ts";
import { identityOf } from "../manifests/served-kinds.ts";
import { hostsOf, withoutPlaces } from "./preview-objects.ts";
import { PREVIEW_ACCOUNT, previewApplication, type PreviewIdentity } from "./preview-identity.ts";

const NOT_FOR_PREVIEWS = "previews.encrypted in mainstay.yaml does not let previews read it";

/** The units of a preview: some of a commit's, under names and in a namespace of their own, with the rights of the preview's account. */
export function previewUnits(rules: PreviewRules, preview: PreviewIdentity): AdaptUnits {
  const { namespace } = preview;
  const patterns = rules.applications?.map((pattern) => globExpression(pattern.replace(/\/$/, "")));
  const isChosen = ({ path }: Unit) =>
    patterns === undefined ? path !== "infra" && !path.startsWith("infra/") : patterns.some((pattern) => pattern.test(path === "" ? "." : path));
  const given = Object.fromEntries(
    Object.entries(rules.variables).map(([name, value]) => [
      name,
      typeof value === "string" ? value.replaceAll("{name}", preview.name).replaceAll("{namespace}", namespace) : value,
    ]),
  );
  return (units) => {
    const chosen = units.filter(isChosen);
    const names = new Map(chosen.map((unit) => [unit.name, previewApplication(unit.name, namespace)]));
    return chosen.map(({ name, path, dependsOn, deadlineMs, replace, ignore, bounds, variables, helm }): Unit => ({
      name: names.get(name) ?? name,
      path,
      namespace,
      deadlineMs,
      prune: true,
      serviceAccount: PREVIEW_ACCOUNT,
      // What runs of the repository itself is there already.
      dependsOn: dependsOn.flatMap((other) => names.get(other) ?? []),
      ...(replace === undefined ? {} : { replace }),
      ...(ignore === undefined ? {} : { ignore }),
      ...(bounds?.kinds === undefined ? {} : { bounds: { kinds: bounds.kinds } }),
      // Only what a unit declares is replaced in its files.
      ...(variables === undefined
        ? {}
        : { variables: { ...variables, ...Object.fromEntries(Object.entries(given).filter(([key]) => Object.hasOwn(variables, key))) } }),
      ...(helm === undefined ? {} : { helm }),
    }));
  };
}

/**
 * A commit that was read with the units of a preview, as it may be applied: every object in the preview's namespace, whatever namespace it
 * was written for; nothing of the whole cluster, nothing that belongs to what `base` runs. Objects of the whole cluster that are the same
 * in both are shared; others, and encrypted ones where that is not allowed, are problems. Pure.
 */
export function confineToPreview(state: DesiredState, base: DesiredState, rules: PreviewRules, { namespace }: PreviewIdentity): DesiredState {
  const problems: Problem[] = [...state.problems];
  const notices: string[] = [...state.notices];
  if (!rules.encrypted) problems.push(...findSealedInputs(state));
  const objects = new Map<string, DesiredObject>();
  const served = new Map([...base.objects.values()].flatMap((desired) => hostsOf(desired.object).map((host) => [host, desired] as const)));
  const spaces = new Set([...state.objects.values()].map(({ object }) => object.metadata.namespace).filter((space) => space !== undefined));
  for (const desired of state.objects.values()) {
    const at = { file: desired.file, line: desired.line };
    const shared = base.objects.get(desired.identity);
    if (desired.object.kind === "Namespace" && desired.resource.group === "")
      notices.push(`${desired.file}:${desired.line} ${describeDesired(desired)} is left out: all of a preview is in ${namespace}`);
    else if (!desired.resource.namespaced && shared !== undefined && isSame(shared.object, desired.object)) continue;
    else if (!desired.resource.namespaced)
      problems.push({
        ...at,
        message: `${describeDesired(desired)} belongs to the whole cluster, and ${shared === undefined ? "is not there yet" : "is another one there"}: a preview cannot make or change it; merge it first`,
      });
    else if (desired.isConfidential === true && !rules.encrypted)
      problems.push({ ...at, message: `${describeDesired(desired)} is encrypted, and ${NOT_FOR_PREVIEWS}` });
    else {
      const host = hostsOf(desired.object).find((one) => served.has(one));
      const owner = host === undefined ? undefined : served.get(host);
      if (host !== undefined && owner !== undefined)
        problems.push({
          ...at,
          message: `${host} is served by ${describeDesired(owner)} (${owner.file}:${owner.line}): make the name a variable, and give previews another one with previews.variables in mainstay.yaml`,
        });
      const moved = intoNamespace(desired, namespace, spaces);
      const other = objects.get(moved.identity);
      if (other === undefined) objects.set(moved.identity, moved);
      else
        problems.push({
          ...at,
          message: `${describeDesired(desired)} and that of ${other.file}:${other.line} would be one object in a preview, which has one namespace`,
        });
    }
  }
  // Whole previews go with their namespace, and nothing in them is dear.
  const config = { ...base.config, deletes: { maxPercent: 100, protectedKinds: new Set<string>() } };
  return { ...state, config, objects, problems, notices };
}

/** Encrypted files of which no object is there to be refused: what they are for would be missing, or made of something else. */
function findSealedInputs(state: DesiredState): readonly Problem[] {
  const shown = new Set([...state.objects.values()].map(({ file }) => file));
  const files = new Set([...state.encrypted.values()].flat().map(({ file }) => file));
  return [...files].filter((file) => !shown.has(file)).map((file) => ({ file, line: 1, message: `is encrypted, and ${NOT_FOR_PREVIEWS}` }));
}

function intoNamespace(desired: DesiredObject, namespace: string, spaces: ReadonlySet<string>): DesiredObject {
  const { object, resource, order } = desired;
  const intent = deepFreeze(withLabels(withMetadata(withoutPlaces(object, namespace, spaces), { namespace }), { [PREVIEW_LABEL]: namespace }));
  return {
    ...desired,
    identity: identityOf(resource.group, resource.kind, namespace, object.metadata.name ?? ""),
    object: intent,
    order: {
      ...order,
      dependsOn: order.dependsOn.map((name) => name.split("/")).map((parts) => (parts.length === 3 ? `${parts[0]}/${namespace}/${parts[2]}` : parts.join("/"))),
    },
    digest: createHash("sha1").update(JSON.stringify(intent)).digest("base64"),
  };
}

/** Whether two objects say the same, wherever and for whichever application they say it. */
function isSame(a: KubeObject, b: KubeObject): boolean {
  const plain = (object: KubeObject) =>
    withAnnotations(withLabels(object, { [APPLICATION_LABEL]: undefined }), {
      [SOURCE_ANNOTATION]: undefined,
      [DRIFT_ANNOTATION]: undefined,
      [INTENT_ANNOTATION]: undefined,
    });
  return jsonEqual(plain(a), plain(b));
}
