import type { KubeObject } from "../apimachinery/object-meta.ts";
import { conform } from "../apimachinery/structural-schema.ts";
import { parseJson } from "../lib/json.ts";
import type { Logger } from "../lib/log.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import { controllerRevisionResource } from "../resources/apps/controller-revision.ts";
import { loadSchema } from "../resources/load-schema.ts";
import type { ControllerRevision } from "../resources/types.ts";
import { encodeForStorage } from "./encoded-object.ts";
import { prefixOfKey, resourcePrefix, ROOT } from "./keys.ts";
import { UnsealedValueError, type Entry, type Storage } from "./storage.ts";

/** Beside the objects of the API: the form that all of them are in. */
const FORM_KEY = "/mainstay/stored-form";
/**
 * 1 (and no entry): fields as their writers gave them. 2: quantities canonical, and what Go leaves out when it is zero left out. 3: null
 * where Go has nothing and writes it. 4: so also for no rules in a Job's failure policy.
 */
const FORM = "4";
const PAGE = 500;

/**
 * Brings what an earlier release has stored into the form that this one writes. Otherwise a workload whose manifest is applied again would
 * differ from its old template by nothing but spelling, and be rolled out; and rules on what may not change would refuse what has not
 * changed. Looks at one key when there is nothing to do; safe to repeat, and to be broken off. What cannot be read, or sealed anew, stays as
 * it is; the next start looks again then. Resolves with whether the store is new: no object was ever in it.
 */
export async function renewStoredForm(storage: Storage, definitions: readonly ResourceDefinition[], logger: Logger): Promise<boolean> {
  const found = await storage.get(FORM_KEY);
  if (found?.value.toString("utf8") === FORM) return false;
  const kinds = new Map(definitions.filter(({ storedAs }) => storedAs === undefined).map((definition) => [resourcePrefix(definition), definition]));
  let renewed = 0;
  let left = 0;
  let isNew = found === undefined;
  for (let afterKey: string | undefined; ;) {
    const { entries, remaining } = await storage.list(ROOT, { limit: PAGE, marksUnreadable: true, ...(afterKey === undefined ? {} : { afterKey }) });
    isNew &&= entries.length === 0;
    const readable = entries.filter((entry) => entry.unreadable === undefined);
    const outcomes = await Promise.all(readable.map((entry) => renewEntry(storage, kinds.get(prefixOfKey(entry.key)), entry)));
    renewed += outcomes.filter((outcome) => outcome === "renewed").length;
    left += entries.length - readable.length + outcomes.filter((outcome) => outcome === "unsealed").length;
    afterKey = entries.at(-1)?.key;
    if (remaining === 0 || afterKey === undefined) break;
  }
  if (left === 0) await storage.commit([], [{ do: "put", key: FORM_KEY, value: Buffer.from(FORM) }]);
  else logger.warn("what cannot be read or sealed in the store stays in the form of an earlier release until a start that can", { values: left });
  if (renewed > 0) logger.info("brought what an earlier release had stored into today's form", { objects: renewed });
  return isNew;
}

/** Whoever writes the object meanwhile has written it in today's form, or is a server of the earlier release, whose turn is over soon. */
async function renewEntry(
  storage: Storage,
  definition: ResourceDefinition | undefined,
  { key, value, modRevision }: Entry,
): Promise<"renewed" | "kept" | "unsealed"> {
  const object = definition === undefined ? undefined : parse(value);
  const renewed = definition === undefined || object === undefined ? undefined : inForm(definition, object);
  if (renewed === undefined || renewed === object) return "kept";
  try {
    const result = await storage.commit([{ key, modRevision }], [{ do: "put", key, value: encodeForStorage(renewed) }]);
    return result.is === "committed" ? "renewed" : "kept";
  } catch (error) {
    if (error instanceof UnsealedValueError) return "unsealed";
    throw error;
  }
}

/** What somebody wrote into the store past the API may be anything; it stays as it is. */
function parse(value: Buffer): KubeObject | undefined {
  try {
    return parseJson(value.toString("utf8")) as KubeObject; // the store holds objects of this kind, or nobody can read them
  } catch {
    return undefined;
  }
}

function inForm(definition: ResourceDefinition, object: KubeObject): KubeObject {
  const conformed = conform(definition.schema, object, { defaults: false, prune: true }).value as KubeObject; // conforming keeps an object what it is
  return definition.kind === controllerRevisionResource.kind ? withTemplateInForm(conformed as ControllerRevision & KubeObject) : conformed;
}

/** A revision keeps a set's template as a patch, of which the schema of revisions knows nothing. Its keys stay in their order. */
function withTemplateInForm(revision: ControllerRevision & KubeObject): KubeObject {
  const data = revision.data as { readonly spec?: { readonly template?: { readonly $patch?: string } } } | undefined;
  const template = data?.spec?.template;
  if (template === undefined) return revision;
  const { $patch, ...plain } = template;
  const { value } = conform(loadSchema("core/v1/pod.yaml", "PodTemplateSpec"), plain, { defaults: false, prune: true });
  if (value === plain) return revision;
  const renewed: ControllerRevision = {
    ...revision,
    data: { ...data, spec: { ...data?.spec, template: { ...($patch === undefined ? {} : { $patch }), ...(value as object) } } },
  };
  return renewed as ControllerRevision & KubeObject; // what it was
}
