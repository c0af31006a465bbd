import type { ConfigFields } from "../../apimachinery/config-fields.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { withoutReason } from "../../apimachinery/status-error.ts";
import { qosClass } from "../../resources/core/pod.ts";
import type { Pod, Toleration } from "../../resources/types.ts";
import { validateTolerations } from "../../resources/validation/scheduling.ts";
import { isKind, type AdmissionAttributes, type AdmissionPlugin, type AdmissionReader } from "../admission.ts";
import { covers, mergeTolerations } from "./merge-tolerations.ts";
import { requireNamespace } from "../request-matching.ts";

const DEFAULTS_ANNOTATION = "scheduler.alpha.kubernetes.io/defaultTolerations";
const WHITELIST_ANNOTATION = "scheduler.alpha.kubernetes.io/tolerationsWhitelist";
const MEMORY_PRESSURE: Toleration = { key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" };

/** What counts in namespaces that say nothing. */
export interface TolerationSettings {
  readonly defaults: readonly Toleration[];
  /** An empty one allows all. */
  readonly whitelist: readonly Toleration[];
}

/** Reads the plugin's Configuration. Throws with the field for what is wrong. */
export function tolerationSettingsOf(fields: ConfigFields): TolerationSettings {
  fields.requireKind("Configuration", ["podtolerationrestriction.admission.k8s.io/v1alpha1"]);
  fields.refuseOthers(["kind", "apiVersion", "default", "whitelist"]);
  return { defaults: tolerationsIn(fields, "default"), whitelist: tolerationsIn(fields, "whitelist") };
}

function tolerationsIn(fields: ConfigFields, name: string): readonly Toleration[] {
  const tolerations = fields.list(name).map((one): Toleration => {
    one.refuseOthers(["key", "operator", "value", "effect", "tolerationSeconds"]);
    const [key, operator, value, effect, tolerationSeconds] = [
      one.text("key"),
      one.text("operator"),
      one.text("value"),
      one.text("effect"),
      one.whole("tolerationSeconds", Number.MIN_SAFE_INTEGER),
    ];
    return {
      ...(key === undefined ? {} : { key }),
      ...(operator === undefined ? {} : { operator }),
      ...(value === undefined ? {} : { value }),
      ...(effect === undefined ? {} : { effect }),
      ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
    };
  });
  const [problem] = validateTolerations(tolerations, fields.path === "" ? name : `${fields.path}.${name}`);
  if (problem !== undefined) throw new Error(`${problem.field}: ${problem.message}`);
  return tolerations;
}

/** Gives pods the tolerations of their namespace, or of the cluster, and refuses those that neither lists. */
export function podTolerationRestriction(settings: TolerationSettings): AdmissionPlugin {
  const judge = async (attributes: AdmissionAttributes, { spec }: Pod, reader: AdmissionReader): Promise<void> => {
    const { tolerations = [] } = spec;
    if (tolerations.length === 0) return;
    const own = await annotated(attributes, WHITELIST_ANNOTATION, reader);
    const whitelist = own ?? settings.whitelist;
    if (whitelist.length === 0 || tolerations.every((one) => whitelist.some((listed) => covers(listed, one)))) return;
    throw withoutReason(
      `pod tolerations (possibly merged with namespace default tolerations) conflict with its ${own === undefined ? "cluster" : "namespace"} whitelist`,
    );
  };
  return {
    name: "PodTolerationRestriction",
    async mutate(attributes, reader) {
      if (!concerns(attributes)) return attributes.object;
      const pod = attributes.object as Pod; // concerns
      const defaults = attributes.operation === "CREATE" ? ((await annotated(attributes, DEFAULTS_ANNOTATION, reader)) ?? settings.defaults) : [];
      const added = qosClass(pod.spec) === "BestEffort" ? defaults : [...defaults, MEMORY_PRESSURE];
      const next = added.length === 0 ? pod : { ...pod, spec: { ...pod.spec, tolerations: mergeTolerations(pod.spec.tolerations ?? [], added) } };
      await judge(attributes, next, reader);
      return next as Pod & KubeObject;
    },
    validate: (attributes, reader) => (concerns(attributes) ? judge(attributes, attributes.object as Pod, reader) : undefined), // concerns
  };
}

function concerns(attributes: AdmissionAttributes): boolean {
  return isKind(attributes, "", "pods") && attributes.subresource === undefined && (attributes.operation === "CREATE" || attributes.operation === "UPDATE");
}

/** The list in an annotation of the pod's namespace; undefined when it has none. One that cannot be read lets nothing in. */
async function annotated(attributes: AdmissionAttributes, annotation: string, reader: AdmissionReader): Promise<readonly Toleration[] | undefined> {
  const text = (await requireNamespace(attributes, reader))?.metadata.annotations?.[annotation];
  if (text === undefined) return undefined;
  if (text === "") return [];
  try {
    const list: unknown = JSON.parse(text) ?? [];
    if (!Array.isArray(list) || !list.every((one) => typeof one === "object" && one !== null)) throw new Error("must be a list of tolerations");
    return list as readonly Toleration[]; // only compared, field by field, and validated once it is part of a pod
  } catch (error) {
    throw withoutReason(`annotation ${annotation} of namespace ${attributes.namespace}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
