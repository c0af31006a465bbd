import { forbidden } from "../../apimachinery/status-error.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { featuresOfUpdate } from "../../resources/declared-features.ts";
import type { Pod } from "../../resources/types.ts";
import { isKind, requestName, type AdmissionPlugin } from "../admission.ts";

/** A pod that runs is changed only into what its node can do. */
export const nodeDeclaredFeatureValidator: AdmissionPlugin = {
  name: "NodeDeclaredFeatureValidator",
  async validate(attributes, reader) {
    if (attributes.operation !== "UPDATE" || !isKind(attributes, "", "pods") || (attributes.subresource !== undefined && attributes.subresource !== "resize"))
      return;
    const [{ spec }, old] = [attributes.object as unknown as Pod, attributes.old as unknown as Pod]; // isKind, an update
    const wanted = spec.nodeName ? featuresOfUpdate(spec, old.spec) : [];
    if (wanted.length === 0) return;
    const node = await reader.get(nodeResource, "", spec.nodeName ?? "");
    const name = JSON.stringify(spec.nodeName);
    if (node === undefined) throw forbidden(attributes.definition, requestName(attributes), `node ${name} not found`);
    const lacking = wanted.filter((feature) => node.status?.declaredFeatures?.includes(feature) !== true);
    if (lacking.length > 0)
      throw forbidden(
        attributes.definition,
        requestName(attributes),
        `pod update requires features ${lacking.join(", ")} which are not available on node ${name}`,
      );
  },
};
