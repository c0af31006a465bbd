import { forbiddenField, invalid } from "../../apimachinery/field-error.ts";
import type { PodSpec } from "../../resources/types.ts";
import { requestName, type AdmissionPlugin } from "../admission.ts";
import { podTemplateOf } from "../pod-templates.ts";

const LISTS = ["initContainers", "containers", "ephemeralContainers"] as const;

/** No privileged containers in the whole cluster, whatever namespaces say. Upstream's validation does this; here it is asked for by a switch. */
export const privilegeBan: AdmissionPlugin = {
  name: "AllowPrivileged",
  validate(attributes) {
    if (attributes.operation !== "CREATE" && attributes.operation !== "UPDATE") return;
    const found = podTemplateOf(attributes, attributes.object);
    if (found === undefined) return;
    const errors = LISTS.flatMap((list) =>
      privilegedIn(found.spec, list).map((index) =>
        forbiddenField(`${found.path}.${list}[${index}].securityContext.privileged`, "disallowed by cluster policy"),
      ),
    );
    if (errors.length > 0) throw invalid(attributes.definition.group, attributes.definition.kind, requestName(attributes), errors);
  },
};

function privilegedIn(spec: PodSpec, list: (typeof LISTS)[number]): readonly number[] {
  return (spec[list] ?? []).flatMap(({ securityContext }, index) => (securityContext?.privileged === true ? [index] : []));
}
